//! The reader of invariants itself: it must notice whatever is missing, doubled or different.

use serde_json::json;

use crate::support::invariants::{Item, Key};
use crate::support::{Options, PASSWORD, TOKEN, Table, TestApp, is_entry};

/// A table with something of every kind, and nothing wrong.
async fn sound() -> Table {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    let admin = app.admin().await;
    let organization = admin.post("/api/v1/users/organization/", &json!({"name": "Crew", "slug": "crew"})).await.json();
    admin.post("/api/v1/users/group/", &json!({"name": "Watch", "permissions": [1]})).await;
    let fields = json!({
        "email_verified": false, "phone_number": "+4915112345678", "groups": [1, 3], "is_superuser": true, "expiration_date": app.day(30),
        "organization_users": {"organization": organization["id"], "is_admin": true},
    });
    admin.create_user("jane", &fields).await;
    admin
        .create_user("joe", &json!({"organization_users": {"organization": organization["id"], "is_admin": false}}))
        .await;
    let both = admin.post("/api/v1/users/organization/", &json!({"name": "Both", "slug": "both"})).await.json();
    let joe = admin.get("/api/v1/users/user/").await.json()["results"][0]["id"].as_str().expect("an id").to_owned();
    let membership = json!({"organization_users": {"organization": both["id"]}});
    admin.patch(&format!("/api/v1/users/user/{joe}/"), &membership).await;
    app.anonymous().post(TOKEN, &json!({"username": "joe", "password": "wrong"})).await;
    app.anonymous().post(TOKEN, &json!({"username": "joe", "password": PASSWORD})).await;
    let table = Table::read(&app.engine);
    table.assert_sound();
    table
}

/// Items that nothing else calls for.
fn stands_alone((pk, sk): &Key) -> bool {
    ["OUTBOX", "RETRIES", "INSTALLATION"].contains(&pk.as_str())
        || (pk == "RECENT" && sk == "STATE")
        || pk.starts_with("THROTTLE#")
        || pk.starts_with("PENDING#")
}

#[tokio::test]
async fn every_kind_of_item_is_there() {
    let table = sound().await;
    let kinds = [
        "USER",
        "USERNAME",
        "EMAIL",
        "ADDRESS",
        "PHONE",
        "EDGE",
        "NUMBERS",
        "SUPERUSERS",
        "EXPIRY",
        "ORGANIZATION",
        "SLUG",
        "MEMBERS",
        "MANAGERS",
        "SHARED",
        "MEMBERCOUNT",
        "MEMBERSHIP",
        "GROUPS",
        "GROUPNAME",
        "GROUP",
        "USERS",
        "ORGANIZATIONS",
        "PLACES",
        "COUNT",
        "SEQUENCE",
        "OUTBOX",
        "THROTTLE",
        "INSTALLATION",
    ];
    for kind in kinds {
        assert!(table.items.keys().any(|(pk, _)| pk.split('#').next() == Some(kind)), "{kind}");
    }
}

#[tokio::test]
async fn a_missing_item_is_noticed() {
    let table = sound().await;
    for key in table.items.keys().filter(|key| !stands_alone(key)) {
        let mut damaged = table.clone();
        let item = damaged.items.remove(key).expect("the item");
        // A counter that has counted to nothing is as good as none.
        let counts_nothing = |(name, value): (&String, &serde_json::Value)| name == "epoch" || *value == 0;
        if !item.is_empty() && item.iter().all(counts_nothing) {
            continue;
        }
        assert_ne!(damaged.complaints(), [""; 0], "without {key:?}");
    }
}

#[tokio::test]
async fn a_second_item_is_noticed() {
    let table = sound().await;
    // One too many in the search index harms nobody: the rows of a page are checked.
    for (key, item) in table.items.iter().filter(|(key, _)| !stands_alone(key) && !is_entry(&key.0)) {
        let mut damaged = table.clone();
        let elsewhere = (format!("{}#x", key.0), key.1.clone());
        damaged.items.insert(elsewhere, item.clone());
        assert_ne!(damaged.complaints(), [""; 0], "with another {key:?}");
    }
}

#[tokio::test]
async fn a_different_item_is_noticed() {
    let table = sound().await;
    let alike = |key: &Key| {
        let kind = key.0.split('#').next().unwrap_or_default();
        [
            "GROUP",
            "PLACES",
            "SUPERUSERS",
            "EXPIRY",
            "MANAGERS",
            "SHARED",
            "USERS",
            "ORGANIZATIONS",
            "MEMBERS",
            "MEMBERSHIP",
            "SLUG",
            "PHONE",
        ]
        .contains(&kind)
    };
    let mut seen = 0;
    for key in table.items.keys().filter(|key| alike(key)) {
        let mut damaged = table.clone();
        damaged.items.insert(key.clone(), Item::from_iter([("user".to_owned(), json!("nobody"))]));
        assert_ne!(damaged.complaints(), [""; 0], "with another content of {key:?}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[tokio::test]
async fn a_mail_to_a_verified_address_is_noticed() {
    let mut table = sound().await;
    let address = json!("joe@mail.example");
    let mail = table.items.iter_mut().find(|((pk, _), _)| pk == "OUTBOX").expect("a mail").1;
    mail["to"] = address;
    assert_eq!(table.complaints().len(), 1);
}
