//! Subscriptions: what is accepted, shown, recorded and removed.

use http::StatusCode;
use serde_json::{Value, json};

use super::{DAY, WEBHOOKS, change, client, deliver, deliveries, path, subscribe};
use crate::support::receiver::Receiver;
use crate::support::{Options, Table, TestApp};

#[tokio::test]
async fn a_secret_is_shown_once_and_nowhere_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let webhook = subscribe(&admin, &receiver.url(), &[]).await;
    let secret = webhook["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "{secret}");
    let rotated = admin.post(&format!("{}secret/", path(&webhook)), &json!({})).await;
    assert_eq!(rotated.status, StatusCode::OK);
    let second = rotated.json()["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(second, secret);
    deliver(&app, &client()).await;
    let mut told = Vec::new();
    for address in [WEBHOOKS, &path(&webhook), &format!("{}deliveries/", path(&webhook)), "/api/rollcall/v1/events/"] {
        told.push(admin.get(address).await.text());
    }
    told.push(admin.patch(&path(&webhook), &json!({"active": false})).await.text());
    told.extend(receiver.take().iter().map(|request| String::from_utf8_lossy(&request.body).into_owned()));
    assert_eq!(told.len(), 4 + 1 + 2, "creation and rotation were sent");
    for text in told {
        assert!(!text.contains("whsec_") && !text.contains(&secret[6..]) && !text.contains(&second[6..]), "{text}");
    }
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let webhook = subscribe(&admin, "https://hooks.example/", &["user.created"]).await;
    let before = app.items();
    let unsafe_url =
        "Webhooks send to public addresses by https, and to others only in the networks that the operator has named.";
    for (body, field, sentence) in [
        (json!({}), "url", "This field is required."),
        (json!({"url": ""}), "url", "This field may not be blank."),
        (json!({"url": null}), "url", "This field may not be null."),
        (json!({"url": 7}), "url", "Enter a valid URL."),
        (json!({"url": "hooks.example"}), "url", "Enter a valid URL."),
        (json!({"url": "ftp://hooks.example/"}), "url", "Enter a valid URL."),
        (json!({"url": "https://user:password@hooks.example/"}), "url", "Enter a valid URL."),
        (json!({"url": "https://10.0.0.1/"}), "url", unsafe_url),
        (json!({"url": "https://169.254.169.254/latest/meta-data/"}), "url", unsafe_url),
        (json!({"url": "https://[::1]/"}), "url", unsafe_url),
        (json!({"url": "http://8.8.8.8/"}), "url", unsafe_url),
        (
            json!({"url": format!("https://hooks.example/{}", "x".repeat(500))}),
            "url",
            "Ensure this field has no more than 500 characters.",
        ),
        (
            json!({"url": "https://hooks.example/", "actions": ["user.exploded"]}),
            "actions",
            "\"user.exploded\" is not a valid choice.",
        ),
        (json!({"url": "https://hooks.example/", "active": "perhaps"}), "active", "Must be a valid boolean."),
    ] {
        let made = admin.post(WEBHOOKS, &body).await;
        assert_eq!((made.status, &made.json()), (StatusCode::BAD_REQUEST, &json!({field: [sentence]})), "{body}");
        if body["url"].is_string() {
            let changed = admin.patch(&path(&webhook), &body).await;
            assert_eq!((changed.status, &changed.json()), (StatusCode::BAD_REQUEST, &json!({field: [sentence]})));
        }
    }
    for missing in ["7", "00000000-0000-0000-0000-000000000000", "x"] {
        assert_eq!(admin.get(&format!("{WEBHOOKS}{missing}/")).await.status, StatusCode::NOT_FOUND);
    }
    let redelivery = format!("{}deliveries/1.0/redeliver/", path(&webhook));
    assert_eq!(admin.post(&redelivery, &json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.get(&format!("{}deliveries/?before=x", path(&webhook))).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.items(), before);
    let without = TestApp::with(Options { webhook_networks: shared::model::Networks::default(), ..Options::default() });
    let plain = without.await.admin().await.post(WEBHOOKS, &json!({"url": "http://hooks.example/"})).await;
    assert_eq!(plain.json(), json!({"url": [unsafe_url]}));
}

#[tokio::test]
async fn there_are_at_most_twenty() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for number in 0..20 {
        subscribe(&admin, &format!("https://hooks.example/{number}"), &[]).await;
    }
    let more = admin.post(WEBHOOKS, &json!({"url": "https://hooks.example/"})).await;
    assert_eq!(more.status, StatusCode::BAD_REQUEST);
    assert_eq!(more.json(), json!({"detail": "There are 20 webhooks, which is the most. Delete one first."}));
    assert_eq!(admin.get(WEBHOOKS).await.json()["count"], 20);
}

#[tokio::test]
async fn every_change_is_an_event_without_the_url() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let webhook = subscribe(&admin, "https://hooks.example/s3cret", &["user.created"]).await;
    let changes =
        [json!({"active": false}), json!({"active": true}), json!({"url": "https://hooks.example/0ther"}), json!({})];
    for body in changes {
        assert_eq!(admin.patch(&path(&webhook), &body).await.status, StatusCode::OK);
    }
    assert_eq!(admin.post(&format!("{}secret/", path(&webhook)), &json!({})).await.status, StatusCode::OK);
    assert_eq!(admin.delete(&path(&webhook)).await.status, StatusCode::NO_CONTENT);
    let target =
        format!("/api/rollcall/v1/events/?order=oldest&target=webhook:{}", webhook["id"].as_str().expect("an id"));
    let answer = admin.get(&target).await;
    assert!(!answer.text().contains("s3cret") && !answer.text().contains("0ther"));
    let events = answer.json()["results"].as_array().expect("events").clone();
    let told: Vec<(&str, &Value)> =
        events.iter().map(|event| (event["action"].as_str().expect("an action"), &event["changes"])).collect();
    let owner = json!({"new": webhook["owner"]});
    assert_eq!(
        told,
        [
            ("webhook.created", &json!({"actions": {"new": ["user.created"]}, "owner": owner, "url": {}})),
            ("webhook.paused", &json!({"paused": {"new": "requested"}})),
            ("webhook.resumed", &json!({"paused": {"old": "requested"}})),
            ("webhook.updated", &json!({"url": {}})),
            ("webhook.secret_rotated", &json!({})),
            ("webhook.deleted", &json!({})),
        ]
    );
    assert_eq!(events[0]["target"], json!({"type": "webhook", "id": webhook["id"], "name": "hooks.example"}));
}

#[tokio::test]
async fn deleting_leaves_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let webhook = subscribe(&admin, &receiver.url(), &[]).await;
    let failing = subscribe(&admin, "http://127.0.0.1:1/", &[]).await;
    deliver(&app, &client()).await;
    assert!(!deliveries(&admin, &webhook).await.is_empty() && !deliveries(&admin, &failing).await.is_empty());
    for webhook in [&webhook, &failing] {
        assert_eq!(admin.delete(&path(webhook)).await.status, StatusCode::NO_CONTENT);
        assert_eq!(admin.delete(&path(webhook)).await.status, StatusCode::NOT_FOUND);
    }
    let table = Table::read(&app.engine);
    let left: Vec<_> = table.items.keys().filter(|(pk, _)| pk.starts_with("WEBHOOK")).collect();
    assert!(left.is_empty(), "{left:?}");
    receiver.take();
    deliver(&app, &client()).await;
    assert_eq!(receiver.take(), []);
}

#[tokio::test]
async fn a_webhook_of_somebody_who_is_no_superuser_any_more_is_paused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let other = admin.create_user("other", &json!({"is_superuser": true})).await;
    let webhook = subscribe(&app.signed_in("other").await, &receiver.url(), &["user.updated"]).await;
    let other_path = format!("{}{}/", crate::support::USERS, other["id"].as_str().expect("an id"));
    assert_eq!(admin.patch(&other_path, &json!({"is_superuser": false})).await.status, StatusCode::OK);
    deliver(&app, &client()).await;
    assert_eq!(receiver.take(), [], "not even what happened before");
    let paused = admin.get(&path(&webhook)).await.json();
    assert_eq!((&paused["active"], &paused["paused"]), (&json!(false), &json!("owner_left")));
    // Whoever resumes it owns it.
    let resumed = admin.patch(&path(&webhook), &json!({"active": true})).await.json();
    assert_ne!(resumed["owner"], webhook["owner"]);
    deliver(&app, &client()).await;
    assert_eq!(receiver.take().len(), 1);
}

#[tokio::test]
async fn what_happens_while_it_is_paused_is_sent_later() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let user = admin.create_user("jane", &json!({})).await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.updated"]).await;
    admin.patch(&path(&webhook), &json!({"active": false})).await;
    for bio in ["one", "two"] {
        change(&admin, &user, bio).await;
        deliver(&app, &client()).await;
    }
    assert_eq!(receiver.take(), []);
    app.environment.advance(3 * DAY);
    admin.patch(&path(&webhook), &json!({"active": true})).await;
    deliver(&app, &client()).await;
    let bios: Vec<Value> =
        receiver.take().iter().map(|request| request.json()["changes"]["bio"]["new"].clone()).collect();
    assert_eq!(bios, ["one", "two"]);
}
