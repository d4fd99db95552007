//! Users: what is kept, what is refused, and versions.

use http::header::{IF_MATCH, IF_NONE_MATCH};

use super::*;
use crate::support::Table;

/// A user with everything that is published.
fn whole() -> Value {
    json!({
        "schemas": [USER_URN, ENTERPRISE_URN], "userName": "Babs.Jensen@mail.example", "externalId": "701984",
        "name": {
            "familyName": "Jensen", "givenName": "Barbara", "middleName": "Jane", "honorificPrefix": "Ms.",
            "honorificSuffix": "III",
        },
        "displayName": "Babs Jensen", "nickName": "Babs", "profileUrl": "https://login.example.com/bjensen",
        "emails": [
            {"value": "Babs@mail.example", "type": "work", "primary": true},
            {"value": "babs@home.example", "type": "home", "display": "at home"},
        ],
        "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "country": "US", "primary": true}],
        "phoneNumbers": [{"value": "555-555-5555", "type": "work"}, {"value": "tel:+39-333-1234567", "type": "mobile"}],
        "userType": "Employee", "title": "Tour Guide", "preferredLanguage": "en-US", "locale": "en-US",
        "timezone": "America/Los_Angeles", "active": true, "roles": [{"value": "admin", "display": "Boss"}],
        ENTERPRISE_URN: {
            "employeeNumber": "701984", "costCenter": "4130", "organization": "Universal Studios",
            "division": "Theme Park", "department": "Tour Operations",
            "manager": {"value": "26118915", "displayName": "John Smith"},
        },
        ROLLCALL_URN: {"expirationDate": "2099-12-31"},
    })
}

#[tokio::test]
async fn everything_that_is_published_comes_back_as_it_was_sent() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let answer = provider.post(USERS, &whole()).await;
    assert_eq!(answer.status.as_u16(), 201);
    let made = answer.json();
    assert_eq!(answer.header("location"), made["meta"]["location"].as_str());
    assert_eq!(answer.header("etag"), made["meta"]["version"].as_str());
    assert_eq!(made["meta"]["version"], "W/\"1\"");
    for (name, value) in whole().as_object().expect("a user") {
        match name.as_str() {
            "schemas" => assert_eq!(made[name], json!([USER_URN, ENTERPRISE_URN, ROLLCALL_URN])),
            "name" => {
                assert_eq!(&made[name], value);
            }
            _ => assert_eq!(&made[name], value, "{name}"),
        }
    }
    assert_eq!(provider.read(&at(&made)).await, made);
    let formatted = provider.read(&format!("{}?attributes=name.formatted", at(&made))).await;
    assert_eq!(formatted["name"], json!({"formatted": "Barbara Jensen"}));
    let listed = provider.read(&format!("{USERS}?attributes=meta.lastModified,meta.version,userName&count=1")).await;
    assert_eq!(listed["Resources"][0]["meta"]["lastModified"], made["meta"]["lastModified"]);
    // The list shows all of it too, whether it fits into a row or not.
    assert_eq!(provider.read(USERS).await["Resources"][0]["addresses"], made["addresses"]);
    // OpenWISP sees what it has names for.
    let id = made["id"].as_str().expect("an id");
    let seen = app.admin().await.get(&format!("{}{id}/", crate::support::USERS)).await.json();
    assert_eq!((&seen["email"], &seen["phone_number"]), (&json!("Babs@mail.example"), &json!("+393331234567")));
    assert_eq!((&seen["url"], &seen["expiration_date"]), (&whole()["profileUrl"], &json!("2099-12-31")));
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn what_it_reads_can_be_sent_back_and_changes_nothing() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    for user in [whole(), json!({"schemas": [USER_URN], "userName": "x"})] {
        let made = provider.post(USERS, &user).await.json();
        let again = provider.put(&at(&made), &made).await;
        assert_eq!(again.json(), made, "the same version");
    }
}

#[tokio::test]
async fn a_replacement_clears_what_it_leaves_out_but_whether_the_user_is_active() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let mut user = whole();
    user["active"] = json!(false);
    let made = provider.post(USERS, &user).await.json();
    let bare = provider.put(&at(&made), &json!({"userName": "Babs.Jensen@mail.example"})).await.json();
    let names: Vec<&String> = bare.as_object().expect("a user").keys().collect();
    assert_eq!(names, ["schemas", "id", "userName", "active", "meta"]);
    assert_eq!(bare["active"], false);
    assert_eq!(told(&provider.put(&at(&made), &json!({"active": true})).await), (400, "invalidValue".to_owned()));
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn names_are_unique_and_found_in_any_letter_case() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    for (name, others) in [
        ("O'Brien", &["o'brien", "O'BRIEN"][..]),
        ("x_y#EXT#@tenant.example", &["X_Y#ext#@Tenant.example"]),
        ("jane", &["Jane", "JANE"]),
        ("Élodie Ümit & Co!", &["élodie ümit & co!"]),
    ] {
        let made = provider.create(name, json!({})).await;
        assert_eq!(made["userName"], name);
        for other in others.iter().chain([&name]) {
            let again = provider.post(USERS, &json!({"userName": other})).await;
            assert_eq!(told(&again), (409, "uniqueness".to_owned()), "{other}");
            let found = provider.find(USERS, &format!("userName eq {}", json!(other))).await;
            assert_eq!(ids(&found.iter().collect::<Vec<_>>()), ids(&[&made]), "{other}");
        }
    }
    let jane = provider.find(USERS, "userName eq \"JANE\"").await.remove(0);
    let renamed = provider.patch(&at(&jane), json!([{"op": "replace", "path": "userName", "value": "o'BRIEN"}])).await;
    assert_eq!(told(&renamed), (409, "uniqueness".to_owned()));
    let renamed = provider.patch(&at(&jane), json!([{"op": "replace", "path": "userName", "value": "Jane"}])).await;
    assert_eq!(renamed.json()["userName"], "Jane");
    Table::read(&app.engine).assert_sound();
}

/// OpenWISP and earlier releases distinguish case, so both are there and a filter finds both.
#[tokio::test]
async fn users_that_differ_by_case_alone_are_both_found() {
    let app = TestApp::start().await;
    let (provider, admin) = (Provider::of(&app, "admin").await, app.admin().await);
    for (number, name) in ["Robin", "robin", "ROBIN"].into_iter().enumerate() {
        admin.create_user(name, &json!({"email": format!("robin{number}@mail.example")})).await;
    }
    assert_eq!(provider.find(USERS, "userName eq \"rObin\"").await.len(), 3);
    assert_eq!(told(&provider.post(USERS, &json!({"userName": "rObin"})).await), (409, "uniqueness".to_owned()));
    // A user of an earlier release has no such entry: it is found as spelled, and in any case after a reindex.
    let mut user = crate::support::plain_user(&app, "Older").await;
    user.email = None;
    crate::support::insert(&app, &user).await;
    let key = [("pk", "USERNAME#older".to_owned()), ("sk", user.id.to_string())];
    let key = key.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value)));
    app.engine.delete(key.into_iter().collect());
    assert_eq!(provider.find(USERS, "userName eq \"Older\"").await.len(), 1);
    assert_eq!(provider.find(USERS, "userName eq \"older\"").await.len(), 0);
    app.directory.reindex(shared::directory::SystemCaller::Operator, |_| ()).await.expect("an index");
    assert_eq!(provider.find(USERS, "userName eq \"older\"").await.len(), 1);
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn other_apis_keep_names_that_they_would_not_give() {
    let app = TestApp::start().await;
    let (provider, admin) = (Provider::of(&app, "admin").await, app.admin().await);
    let made = provider.create("o'brien & sons", json!({"password": crate::support::PASSWORD})).await;
    let path = format!("{}{}/", crate::support::USERS, made["id"].as_str().expect("an id"));
    let mut read = admin.get(&path).await.json();
    read["first_name"] = json!("Conor");
    assert_eq!(admin.put(&path, &read).await.status.as_u16(), 200);
    read["username"] = json!("o'brien & daughters");
    assert_eq!(admin.put(&path, &read).await.status.as_u16(), 400);
    assert_eq!(provider.read(&at(&made)).await["name"]["givenName"], "Conor");
    // And so does signing in.
    assert_eq!(app.basic("o'brien & sons", crate::support::PASSWORD).get(USERS).await.status.as_u16(), 403);
}

#[tokio::test]
async fn values_that_cannot_be_are_refused_and_change_nothing() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let other = provider.create("other", json!({"emails": [{"value": "other@mail.example"}]})).await;
    let made = provider.create("jane", json!({"emails": [{"value": "jane@mail.example"}]})).await;
    let before = Table::read(&app.engine).items;
    let twice = json!([{"value": "a@x.org", "primary": true}, {"value": "b@x.org", "primary": true}]);
    for (name, value, status, reason) in [
        ("userName", json!(""), 400, "invalidValue"),
        ("userName", json!(" x"), 400, "invalidValue"),
        ("userName", json!("a:b"), 400, "invalidValue"),
        ("userName", json!("a\u{200b}b"), 400, "invalidValue"),
        ("userName", json!("x".repeat(151)), 400, "invalidValue"),
        ("userName", json!({"x": 1}), 400, "invalidValue"),
        ("externalId", json!("x".repeat(256)), 400, "invalidValue"),
        ("name", json!({"givenName": "x".repeat(151)}), 400, "invalidValue"),
        ("name", json!("Jane"), 400, "invalidValue"),
        ("active", json!("perhaps"), 400, "invalidValue"),
        ("password", json!(""), 400, "invalidValue"),
        ("password", json!("x".repeat(129)), 400, "invalidValue"),
        ("emails", json!([{"value": "nothing"}]), 400, "invalidValue"),
        ("emails", json!([{"type": "work"}]), 400, "invalidValue"),
        ("emails", twice, 400, "invalidValue"),
        ("emails", json!([{"value": "OTHER@mail.example"}]), 409, "uniqueness"),
        ("title", json!("x".repeat(17 * 1024)), 400, "invalidValue"),
        (ROLLCALL_URN, json!({"expirationDate": "tomorrow"}), 400, "invalidValue"),
        (ROLLCALL_URN, json!({"expirationDate": "20270101"}), 400, "invalidValue"),
        ("schemas", json!([GROUP_URN]), 400, "invalidSyntax"),
    ] {
        let mut user = json!({"schemas": [USER_URN], "userName": "jane"});
        user[name] = value.clone();
        assert_eq!(told(&provider.put(&at(&made), &user).await), (status, reason.to_owned()), "PUT {name}: {value}");
        if name != "userName" {
            user["userName"] = json!("new");
        }
        assert_eq!(told(&provider.post(USERS, &user).await), (status, reason.to_owned()), "POST {name}: {value}");
    }
    let new: Vec<_> = Table::read(&app.engine).items.into_keys().filter(|key| !before.contains_key(key)).collect();
    assert_eq!(new, []);
    assert_eq!(provider.read(&at(&other)).await, other);
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn the_e_mail_is_the_primary_address_and_the_others_are_addresses() {
    let app = TestApp::start().await;
    let (provider, admin) = (Provider::of(&app, "admin").await, app.admin().await);
    let emails =
        json!([{"value": "a@x.example", "type": "home"}, {"value": "b@x.example", "type": "work", "primary": true}]);
    let made = provider.create("jane", json!({ "emails": emails })).await;
    assert_eq!(made["emails"], emails);
    let path = format!("{}{}/", crate::support::USERS, made["id"].as_str().expect("an id"));
    let rows = admin.get(&format!("{path}email/")).await.json()["results"].clone();
    let mut shown: Vec<(String, bool, bool)> = rows
        .as_array()
        .expect("addresses")
        .iter()
        .map(|row| (row["email"].as_str().expect("a text").to_owned(), row["verified"] == true, row["primary"] == true))
        .collect();
    shown.sort();
    assert_eq!(shown, [("a@x.example".to_owned(), true, false), ("b@x.example".to_owned(), true, true)]);
    assert_eq!(admin.get(&path).await.json()["email"], "b@x.example");
    assert!(app.mails().await.is_empty(), "nobody is asked to confirm anything");
    // Without the primary one, the first of the rest is primary.
    let removed = provider.patch(&at(&made), json!([{"op": "remove", "path": "emails[primary eq true]"}])).await.json();
    assert_eq!(removed["emails"], json!([{"value": "a@x.example", "type": "home", "primary": true}]));
    // What others change is seen here, with a type.
    assert_eq!(admin.patch(&path, &json!({"email": "c@x.example"})).await.status.as_u16(), 200);
    let seen = provider.read(&at(&made)).await["emails"].clone();
    assert!(seen.as_array().expect("addresses").iter().all(|entry| entry["type"].is_string()), "{seen}");
    assert!(
        seen.as_array().expect("addresses").contains(&json!({"value": "c@x.example", "type": "work", "primary": true})),
        "{seen}"
    );
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn a_telephone_number_of_somebody_else_is_kept_all_the_same() {
    let app = TestApp::start().await;
    let (provider, admin) = (Provider::of(&app, "admin").await, app.admin().await);
    let phones = json!([{"value": "+39 333 123 4567", "type": "work"}, {"value": "ext. 7"}]);
    for (name, number) in [("one", json!("+393331234567")), ("two", Value::Null)] {
        let made = provider.create(name, json!({ "phoneNumbers": phones })).await;
        assert_eq!(made["phoneNumbers"], phones);
        let seen =
            admin.get(&format!("{}{}/", crate::support::USERS, made["id"].as_str().expect("an id"))).await.json();
        assert_eq!(seen["phone_number"], number);
    }
}

#[tokio::test]
async fn versions_decide_about_changes_and_about_reading() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let made = provider.create("jane", json!({})).await;
    let path = at(&made);
    let with = async |method: Method, name: http::HeaderName, tag: &str| {
        let begun = request(method.clone(), &path).header(name, tag).header("content-type", "application/scim+json");
        let body = json!({"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "title", "value": tag}]});
        provider.0.ask(begun, if method == Method::PATCH { body.to_string() } else { String::new() }).await
    };
    assert_eq!(with(Method::GET, IF_NONE_MATCH, "W/\"1\"").await.status.as_u16(), 304);
    assert_eq!(with(Method::GET, IF_NONE_MATCH, "W/\"2\"").await.status.as_u16(), 200);
    assert_eq!(with(Method::PATCH, IF_MATCH, "W/\"2\"").await.status.as_u16(), 412);
    let changed = with(Method::PATCH, IF_MATCH, "W/\"1\"").await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, Some("W/\"2\"")));
    assert_eq!(with(Method::DELETE, IF_MATCH, "W/\"1\"").await.status.as_u16(), 412);
    assert_eq!(with(Method::DELETE, IF_MATCH, "W/\"2\"").await.status.as_u16(), 204);
}

#[tokio::test]
async fn the_time_of_the_last_change_moves_with_every_change() {
    let app = TestApp::start().await;
    let (provider, admin) = (Provider::of(&app, "admin").await, app.admin().await);
    let made = provider.create("jane", json!({})).await;
    let mut last = made["meta"]["lastModified"].as_str().expect("a time").to_owned();
    assert_eq!(made["meta"]["created"], json!(last));
    let id = made["id"].as_str().expect("an id");
    let by_scim = json!([{"op": "replace", "path": "title", "value": "x"}]);
    for round in 0..3 {
        app.environment.advance(60);
        let answer = match round {
            0 => provider.patch(&at(&made), by_scim.clone()).await,
            1 => admin.patch(&format!("{}{id}/", crate::support::USERS), &json!({"first_name": "J"})).await,
            _ => admin.post(&format!("{}{id}/email/", crate::support::USERS), &json!({"email": "j@x.example"})).await,
        };
        assert!(answer.status.is_success(), "{answer:?}");
        let now = provider.read(&at(&made)).await["meta"]["lastModified"].as_str().expect("a time").to_owned();
        assert!(now > last, "{round}: {now}");
        last = now;
    }
    assert_eq!(provider.find(USERS, &format!("meta.lastModified ge \"{last}\" and userName eq jane")).await.len(), 1);
}

#[tokio::test]
async fn a_last_day_in_the_past_counts_at_once() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let made = provider.create("jane", json!({"password": crate::support::PASSWORD})).await;
    app.signed_in("jane").await;
    let over = json!([{"op": "add", "path": format!("{ROLLCALL_URN}:expirationDate"), "value": app.day(-1)}]);
    assert_eq!(provider.patch(&at(&made), over).await.json()[ROLLCALL_URN]["expirationDate"], app.day(-1));
    let login = json!({"username": "jane", "password": crate::support::PASSWORD});
    assert_eq!(app.anonymous().post("/api/v1/users/token/", &login).await.status.as_u16(), 400);
}

#[tokio::test]
async fn the_last_superuser_stays() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let admin = provider.find(USERS, "userName eq admin").await.remove(0);
    let off = provider.patch(&at(&admin), json!([{"op": "replace", "value": {"active": false}}])).await;
    assert_eq!(told(&off), (403, String::new()));
    assert_eq!(told(&provider.delete(&at(&admin)).await), (403, String::new()));
}

#[tokio::test]
async fn attributes_say_what_is_shown() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let made = provider.create("jane", json!({"title": "Dr", "emails": [{"value": "j@x.example"}]})).await;
    let keys = |user: &Value| user.as_object().expect("a user").keys().cloned().collect::<Vec<_>>();
    let shown = provider.read(&format!("{}?attributes=userName,emails.value", at(&made))).await;
    assert_eq!(keys(&shown), ["schemas", "id", "userName", "emails"]);
    assert_eq!(shown["emails"], json!([{"value": "j@x.example"}]));
    let shown = provider.read(&format!("{}?excludedAttributes=title,meta,emails", at(&made))).await;
    assert_eq!(keys(&shown), ["schemas", "id", "userName", "active"]);
    let listed = provider.read(&format!("{USERS}?attributes=id&count=1")).await;
    assert_eq!(keys(&listed["Resources"][0]), ["schemas", "id"]);
}
