//! Making, reading, changing and removing users (`contracts/openwisp.md` section 7).

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Client, NOBODY, PASSWORD, TOKEN, TestApp, USERS};

const DAY: i64 = 24 * 60 * 60;

fn path_of(user: &Value) -> String {
    format!("{USERS}{}/", user["id"].as_str().expect("an id"))
}

async fn signs_in(app: &TestApp, username: &str, password: &str) -> bool {
    let answer = app.anonymous().post(TOKEN, &json!({"username": username, "password": password})).await;
    answer.status == StatusCode::OK
}

/// `before` with the members of `changes`.
fn merged(before: &Value, changes: &Value) -> Value {
    let mut after = before.clone();
    for (name, value) in changes.as_object().expect("an object") {
        after[name] = value.clone();
    }
    after
}

#[tokio::test]
async fn a_new_user_is_answered_as_a_row_and_read_in_detail() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"username": "a3a296f8a", "email": "a3a296f8a@t.example", "password": PASSWORD});
    let began = shared::model::ambient::Ambient::now(&*app.environment).rfc3339();
    let answer = admin.post(USERS, &body).await;
    let ended = shared::model::ambient::Ambient::now(&*app.environment).rfc3339();
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("location"), None);
    assert_eq!(answer.header("set-cookie"), None);
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(uuid::Uuid::try_parse(&id).expect("a UUID").hyphenated().to_string(), id);
    // As text, since the order is compared as well.
    let row = json!({
        "id": id, "username": "a3a296f8a", "email": "a3a296f8a@t.example", "first_name": "", "last_name": "",
        "phone_number": null, "birth_date": null, "is_active": true, "is_staff": false, "is_superuser": false,
        "expiration_date": null, "groups": [], "organization_users": [],
    })
    .to_string();
    assert_eq!(answer.text(), row);

    let answer = admin.get(&format!("{USERS}{id}/")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let joined = answer.json()["date_joined"].as_str().expect("a time").to_owned();
    assert!(began < joined && joined < ended, "{began} {joined} {ended}");
    let detail = json!({
        "id": id, "username": "a3a296f8a", "first_name": "", "last_name": "", "email": "a3a296f8a@t.example",
        "bio": "", "url": "", "company": "", "location": "", "phone_number": null, "birth_date": null, "notes": "",
        "is_active": true, "is_staff": false, "is_superuser": false, "last_login": null, "expiration_date": null,
        "date_joined": joined, "groups": [], "user_permissions": [], "organization_users": [],
    })
    .to_string();
    assert_eq!(answer.text(), detail);

    let list = admin.get(USERS).await.json();
    assert_eq!(list["count"], 2);
    assert_eq!(list["results"][0].to_string(), row);
    assert!(signs_in(&app, "a3a296f8a", PASSWORD).await);
}

#[tokio::test]
async fn a_new_user_takes_all_that_is_accepted_and_no_more() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let accepted = json!({
        "username": "grace", "email": "Grace@Mail.example", "first_name": "Grace", "last_name": "Hopper",
        "phone_number": "+39 333 123 4567", "birth_date": "1906-12-09", "expiration_date": "2099-01-31",
        "is_active": true, "is_staff": true, "is_superuser": true, "groups": [2, "1", 2],
    });
    let ignored = json!({
        "password": PASSWORD, "email_verified": true, "id": NOBODY, "bio": "x", "url": "no url", "company": "x",
        "location": "x", "notes": "x", "user_permissions": [1], "date_joined": "2000-01-01T00:00:00Z",
        "last_login": "2000-01-01T00:00:00Z", "shoe_size": 44,
    });
    let answer = admin.post(USERS, &merged(&accepted, &ignored)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let row = answer.json();
    let expected = merged(
        &accepted,
        &json!({
            "id": row["id"], "phone_number": "+393331234567", "groups": [1, 2], "organization_users": [],
        }),
    );
    assert_eq!(row, expected);
    assert_ne!(row["id"], NOBODY);
    let detail = admin.get(&path_of(&row)).await.json();
    let expected = merged(
        &expected,
        &json!({
            "bio": "", "url": "", "company": "", "location": "", "notes": "", "user_permissions": [],
            "last_login": null, "date_joined": detail["date_joined"],
        }),
    );
    assert_eq!(detail, expected);
}

#[tokio::test]
async fn a_change_alters_only_what_it_names() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({"first_name": "Before", "last_name": "Kept"})).await;
    let path = path_of(&user);
    let before = admin.get(&path).await.json();
    for changes in [
        json!({}),
        json!({"first_name": "After"}),
        json!({"bio": "A biography\nof two lines", "url": "https://site.example/me", "company": "Company",
               "location": "Rome", "notes": "<b>é \"quoted\" & 用</b>", "birth_date": "1990-01-02"}),
        json!({"is_staff": true, "expiration_date": app.day(0), "phone_number": "+393331234567"}),
        json!({"groups": [2], "user_permissions": [25, 28]}),
        json!({"username": "renamed", "email": "Renamed@Mail.example"}),
        json!({"is_superuser": true, "is_active": false}),
        json!({"is_superuser": false, "is_active": true, "groups": [], "user_permissions": []}),
        json!({"birth_date": null, "expiration_date": null, "phone_number": null, "email": null}),
        json!({"bio": "", "url": "", "company": "", "location": "", "notes": "", "first_name": "", "last_name": ""}),
    ] {
        let before = admin.get(&path).await.json();
        let answer = admin.patch(&path, &changes).await;
        assert_eq!(answer.status, StatusCode::OK, "{changes}: {answer:?}");
        assert_eq!(answer.json(), merged(&before, &changes));
        assert_eq!(admin.get(&path).await.json(), merged(&before, &changes));
        let row = admin.get(USERS).await.json()["results"][0].clone();
        for (name, value) in row.as_object().expect("an object") {
            assert_eq!(*value, answer.json()[name], "{name} in the list");
        }
    }
    let changes = json!({"first_name": "", "last_name": "", "username": "renamed", "email": null, "is_staff": true});
    assert_eq!(admin.get(&path).await.json(), merged(&before, &changes));
}

#[tokio::test]
async fn a_replacement_needs_the_username_and_keeps_the_rest() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({"first_name": "Kept", "is_staff": true, "groups": [2]})).await;
    let path = path_of(&user);
    let before = admin.get(&path).await.json();
    let answer = admin.put(&path, &json!({"first_name": "x"})).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::BAD_REQUEST, r#"{"username":["This field is required."]}"#.to_owned())
    );
    assert_eq!(admin.get(&path).await.json(), before);
    let answer = admin.put(&path, &json!({"username": "renamed"})).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, merged(&before, &json!({"username": "renamed"}))));
    let answer = admin.put(&path, &before).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, before));
}

#[tokio::test]
async fn read_only_fields_and_the_password_are_ignored_in_a_change() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = path_of(&admin.create_user("jane", &json!({})).await);
    let before = admin.get(&path).await.json();
    let body = json!({
        "id": NOBODY, "date_joined": "2000-01-01T00:00:00Z", "last_login": 7, "password": "Another-secret-9",
        "email_verified": false, "shoe_size": 44,
    });
    let answer = admin.patch(&path, &body).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, before));
    assert!(signs_in(&app, "jane", PASSWORD).await);
    assert!(!signs_in(&app, "jane", "Another-secret-9").await);
}

#[tokio::test]
async fn names_addresses_and_numbers_are_freed_by_change_and_by_removal() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!({"phone_number": "+393331234567"});
    let path = path_of(&admin.create_user("jane", &fields).await);
    let moved = json!({"username": "moved", "email": "moved@mail.example", "phone_number": "+393331234568"});
    assert_eq!(admin.patch(&path, &moved).await.status, StatusCode::OK);
    assert!(signs_in(&app, "moved", PASSWORD).await && signs_in(&app, "+393331234568", PASSWORD).await);
    assert!(!signs_in(&app, "jane", PASSWORD).await && !signs_in(&app, "jane@mail.example", PASSWORD).await);
    // The entry of a verified address stays with its user, so the next one is made unverified.
    let again = admin.create_user("jane", &merged(&fields, &json!({"email_verified": false}))).await;
    let gone = admin.delete(&path_of(&again)).await;
    assert_eq!((gone.status, gone.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(gone.header("content-type"), None);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    let third = admin.create_user("jane", &fields).await;
    assert_ne!(third["id"], again["id"]);
    admin.create_user("moved", &json!({"phone_number": "+393331234568"})).await;
    assert_eq!(admin.get(USERS).await.json()["count"], 3);
}

#[tokio::test]
async fn a_user_may_keep_what_it_has_and_change_the_case_of_its_email() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({"phone_number": "+393331234567"})).await;
    let path = path_of(&user);
    let same = json!({"username": "jane", "email": user["email"], "phone_number": "+39 333 123 4567"});
    for answer in [admin.patch(&path, &same).await, admin.put(&path, &same).await] {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let upper = json!({"email": "JANE@mail.example"});
    assert_eq!(admin.patch(&path, &upper).await.json()["email"], "JANE@mail.example");
    assert!(signs_in(&app, "jane@MAIL.example", PASSWORD).await);
    let taken = json!({"email": "jane@mail.example", "username": "other", "password": "x"});
    let answer = admin.post(USERS, &taken).await;
    assert_eq!(answer.json(), json!({"email": ["User with this Email address already exists."]}));
    assert!(!signs_in(&app, "JANE", PASSWORD).await);
    assert_ne!(admin.create_user("JANE", &json!({"email": "upper@mail.example"})).await["id"], user["id"]);
}

#[tokio::test]
async fn any_number_of_users_may_have_no_email_and_no_phone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (name, body) in [
        ("one", json!({"email": null, "phone_number": null})),
        ("two", json!({"email": "", "phone_number": ""})),
        ("three", json!({"email": "  ", "phone_number": " "})),
    ] {
        let path = path_of(&admin.create_user(name, &json!({})).await);
        let answer = admin.patch(&path, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!((&answer.json()["email"], &answer.json()["phone_number"]), (&Value::Null, &Value::Null));
        assert!(signs_in(&app, name, PASSWORD).await);
    }
}

#[tokio::test]
async fn an_expiration_date_must_not_have_passed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let past = json!({"expiration_date": ["Expiration date cannot be in the past."]});
    let new = json!({"username": "x", "email": "x@mail.example", "password": "x", "expiration_date": app.day(-1)});
    let answer = admin.post(USERS, &new).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, past.clone()));
    let path = path_of(&admin.create_user("jane", &json!({"expiration_date": app.day(0)})).await);
    let answer = admin.patch(&path, &json!({"expiration_date": app.day(30)})).await;
    assert_eq!(answer.json()["expiration_date"], app.day(30));
    for days in [-1, -400] {
        let answer = admin.patch(&path, &json!({"expiration_date": app.day(days)})).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, past.clone()));
    }
    assert_eq!(admin.get(&path).await.json()["expiration_date"], app.day(30));
    let both = admin.patch(&path, &json!({"expiration_date": app.day(-1), "url": "x"})).await;
    assert_eq!(both.json(), json!({"url": ["Enter a valid URL."]}), "told when all single fields are good");
}

#[tokio::test]
async fn an_expired_account_is_not_switched_on() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let last = app.day(2);
    let path = path_of(&admin.create_user("jane", &json!({"expiration_date": last, "is_active": false})).await);
    app.environment.advance(5 * DAY);
    let expired = json!({
        "is_active": ["Cannot activate an expired account. Clear or extend the expiration date first."],
    });
    for body in [json!({"is_active": true}), json!({"is_active": true, "expiration_date": last})] {
        let answer = admin.patch(&path, &body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, expired.clone()));
    }
    for body in [json!({"bio": "x"}), json!({"expiration_date": last}), json!({"is_active": false})] {
        assert_eq!(admin.patch(&path, &body).await.status, StatusCode::OK, "{body}");
    }
    assert!(!signs_in(&app, "jane", PASSWORD).await);
    let body = json!({"is_active": true, "expiration_date": app.day(0)});
    assert_eq!(admin.patch(&path, &body).await.status, StatusCode::OK);
    assert!(signs_in(&app, "jane", PASSWORD).await);
    admin.patch(&path, &json!({"is_active": false})).await;
    let body = json!({"is_active": true, "expiration_date": null});
    assert_eq!(admin.patch(&path, &body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_user_that_is_gone_is_not_found_by_any_method() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = path_of(&admin.create_user("jane", &json!({})).await);
    admin.delete(&path).await;
    for path in [path, format!("{USERS}{NOBODY}/")] {
        for answer in [
            admin.get(&path).await,
            admin.put(&path, &json!({"username": "x"})).await,
            admin.patch(&path, &json!({"email": "malformed"})).await,
            admin.delete(&path).await,
        ] {
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            assert_eq!(answer.text(), r#"{"detail":"No User matches the given query."}"#);
        }
    }
}

async fn refused_as_last_superuser(client: &Client, path: &str) {
    let before = client.get(path).await.json();
    for answer in [
        client.delete(path).await,
        client.patch(path, &json!({"is_superuser": false})).await,
        client.patch(path, &json!({"is_active": false, "first_name": "x"})).await,
        client.put(path, &json!({"username": "admin", "is_superuser": false})).await,
        client.form(http::Method::PUT, path, "username=admin").await,
    ] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
        let body = answer.json();
        assert!(body["detail"].is_string() && body.as_object().expect("an object").len() == 1, "{body}");
    }
    assert_eq!(client.get(path).await.json(), before);
}

#[tokio::test]
async fn the_last_active_superuser_stays() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let own = path_of(&admin.get(USERS).await.json()["results"][0]);
    refused_as_last_superuser(&admin, &own).await;
    // Neither an inactive nor an expired superuser could take over.
    admin.create_user("idle", &json!({"is_superuser": true, "is_active": false})).await;
    admin.create_user("expiring", &json!({"is_superuser": true, "expiration_date": app.day(0)})).await;
    app.environment.advance(2 * DAY);
    refused_as_last_superuser(&admin, &own).await;
    assert_eq!(admin.patch(&own, &json!({"first_name": "still here"})).await.status, StatusCode::OK);
    admin.create_user("heir", &json!({"is_superuser": true})).await;
    assert_eq!(admin.patch(&own, &json!({"is_superuser": false})).await.status, StatusCode::OK);
    assert_eq!(admin.get(USERS).await.status, StatusCode::FORBIDDEN, "the next request of the demoted");
    let heir = app.signed_in("heir").await;
    refused_as_last_superuser(&heir, &path_of(&heir.get(USERS).await.json()["results"][0])).await;
    assert_eq!(heir.delete(&own).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn two_superusers_cannot_remove_each_other_at_once() {
    for round in 0..5 {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let other = path_of(&admin.create_user("other", &json!({"is_superuser": true})).await);
        let own = path_of(&admin.get(USERS).await.json()["results"][1]);
        let demoted = json!({"is_superuser": false});
        let (one, two) = if round % 2 == 0 {
            tokio::join!(admin.delete(&own), admin.delete(&other))
        } else {
            tokio::join!(admin.patch(&own, &demoted), admin.delete(&other))
        };
        assert!(one.status.is_success() != two.status.is_success(), "{one:?} {two:?}");
        // Who was too late is the last superuser; or, where the own account went first, nobody who may remove another or see one.
        let gone: &[StatusCode] = match round % 2 {
            0 => &[StatusCode::UNAUTHORIZED],
            _ => &[StatusCode::FORBIDDEN, StatusCode::NOT_FOUND],
        };
        if one.status.is_success() {
            assert!(two.status == StatusCode::BAD_REQUEST || gone.contains(&two.status), "{two:?}");
        } else {
            assert_eq!(one.status, StatusCode::BAD_REQUEST);
        }
    }
}

#[tokio::test]
async fn simultaneous_creations_of_one_name_make_one_user() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut creations = tokio::task::JoinSet::new();
    for index in 0..8 {
        let admin = admin.clone();
        let body = json!({"username": "jane", "email": format!("{index}@mail.example"), "password": "x"});
        creations.spawn(async move { admin.post(USERS, &body).await });
    }
    let (made, refused): (Vec<_>, Vec<_>) =
        creations.join_all().await.into_iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!((made.len(), refused.len()), (1, 7));
    for answer in refused {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json(), json!({"username": ["A user with that username already exists."]}));
    }
    assert_eq!(admin.get(USERS).await.json()["count"], 2);
}

#[tokio::test]
async fn simultaneous_changes_of_different_fields_all_survive() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = path_of(&admin.create_user("jane", &json!({})).await);
    let fields = ["first_name", "last_name", "bio", "company", "location", "notes"];
    let mut changes = tokio::task::JoinSet::new();
    for field in fields {
        let (admin, path) = (admin.clone(), path.clone());
        changes.spawn(async move { admin.patch(&path, &json!({ field: field })).await.status });
    }
    assert_eq!(changes.join_all().await, [StatusCode::OK; 6]);
    let after = admin.get(&path).await.json();
    for field in fields {
        assert_eq!(after[field], field);
    }
}

#[tokio::test]
async fn who_is_no_superuser_sees_and_gives_less() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // View, add, change and delete on users by the group Administrator.
    admin.create_user("clerk", &json!({"groups": [1]})).await;
    let clerk = app.signed_in("clerk").await;
    let list = clerk.get(USERS).await;
    assert_eq!(list.json(), json!({"count": 0, "next": null, "previous": null, "results": []}));
    let body = json!({
        "username": "made", "email": "made@mail.example", "password": PASSWORD, "email_verified": true,
        "is_superuser": true, "is_staff": true, "user_permissions": [1], "groups": [1, 2],
    });
    let stronger = admin.post("/api/v1/users/group/", &json!({"name": "Stronger", "permissions": [15]})).await.json();
    let mut beyond = body.clone();
    beyond["groups"] = json!([1, stronger["id"]]);
    let answer = clerk.post(USERS, &beyond).await;
    assert_eq!(answer.json(), json!({"groups": ["You cannot give permissions that you do not have."]}));
    // Operator may view organizations, which Administrator may change.
    let mut operator = body.clone();
    operator["username"] = json!("operator");
    operator["email"] = json!("operator@mail.example");
    operator["groups"] = json!([2]);
    assert_eq!(clerk.post(USERS, &operator).await.status, StatusCode::CREATED);
    let answer = clerk.post(USERS, &merged(&body, &json!({"groups": [1]}))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let row = answer.json();
    let expected = json!({
        "id": row["id"], "username": "made", "email": "made@mail.example", "first_name": "", "last_name": "",
        "phone_number": null, "birth_date": null, "is_active": true, "is_staff": true, "expiration_date": null,
        "groups": [1], "organization_users": [],
    });
    assert_eq!(row, expected);
    let detail = admin.get(&path_of(&row)).await.json();
    assert_eq!((&detail["is_superuser"], &detail["user_permissions"]), (&json!(false), &json!([])));
    assert_eq!(clerk.get(&path_of(&row)).await.status, StatusCode::NOT_FOUND, "out of sight");
    let unknown = clerk.post(USERS, &merged(&body, &json!({"groups": [9]}))).await;
    assert_eq!(unknown.json()["groups"], json!(["Invalid pk \"9\" - object does not exist."]));
}

#[tokio::test]
async fn changed_rights_take_effect_on_the_next_request_with_the_same_token() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = path_of(&admin.create_user("jane", &json!({})).await);
    let jane = app.signed_in("jane").await;
    for (change, expected) in [
        (json!({}), StatusCode::FORBIDDEN),
        (json!({"groups": [1]}), StatusCode::OK),
        (json!({"groups": [2]}), StatusCode::FORBIDDEN),
        (json!({"user_permissions": [28]}), StatusCode::OK),
        (json!({"user_permissions": []}), StatusCode::FORBIDDEN),
        (json!({"is_staff": true}), StatusCode::FORBIDDEN),
        (json!({"is_superuser": true}), StatusCode::OK),
        (json!({"is_active": false}), StatusCode::UNAUTHORIZED),
        (json!({"is_active": true, "is_superuser": false}), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(admin.patch(&path, &change).await.status, StatusCode::OK);
        assert_eq!(jane.get(USERS).await.status, expected, "{change}");
    }
}
