//! Each field: what is refused with which words, and what is kept (sections 5, 6 and 11).

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{USERS, admin, body, make, path, text, told};
use crate::support::{Answer, Client, PASSWORD, TestApp};

const BLANK: &str = "This field may not be blank.";
const NULL: &str = "This field may not be null.";
const NO_STRING: &str = "Not a valid string.";
const NO_BOOLEAN: &str = "Must be a valid boolean.";
const BOOLEANS: &[&str] = &["is_active", "is_superuser", "is_staff", "can_inbox", "allow_rest_access"];
const TEXTS: &[&str] = &["username", "password", "first_name", "last_name", "email"];

#[track_caller]
fn refused(answer: &Answer, field: &str, sentence: &str) {
    assert_eq!(told(answer), (400, json!({field: [sentence]})));
}

#[tokio::test]
async fn each_field_refuses_in_its_own_words_on_create_and_on_change() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({})).await;
    make(&admin, "jane", json!({})).await;
    let at = path(&user["url"]);
    let mut cases: Vec<(&str, Value, &str)> = vec![
        ("username", json!("jane"), "This field must be unique."),
        ("username", json!("x".repeat(151)), "Ensure this field has no more than 150 characters."),
        ("password", json!("Aa1!567"), "This password is too short. It must contain at least 8 characters."),
        ("password", json!("12345678"), "This password is entirely numeric."),
        ("email", json!("bad@"), "Enter a valid email address."),
        ("description", json!(null), NULL),
        ("memberships", json!(null), NULL),
        ("memberships", json!("WHITE"), "Expected a list of items but got type \"str\"."),
        ("memberships", json!({"WHITE": true}), "Expected a list of items but got type \"dict\"."),
        ("memberships", json!([1]), "\"1\" is not a valid choice."),
    ];
    cases.extend(TEXTS.iter().flat_map(|field| [(*field, json!(""), BLANK), (*field, json!([]), NO_STRING)]));
    cases.extend(["username", "password", "email"].map(|field| (field, json!(null), NULL)));
    for &field in BOOLEANS {
        cases.extend([(field, json!("maybe"), NO_BOOLEAN), (field, json!(2), NO_BOOLEAN), (field, json!(null), NULL)]);
    }
    for (field, value, sentence) in cases {
        refused(&admin.post(USERS, &body("eve", &json!({field: value}))).await, field, sentence);
        let change = json!({field: value, "description": "changed"});
        if (field, &value) != ("description", &Value::Null) {
            refused(&admin.patch(&at, &change).await, field, sentence);
        }
    }
    refused(&admin.patch(&at, &json!({"description": null})).await, "description", NULL);
    for field in ["first_name", "last_name"] {
        refused(&admin.post(USERS, &body("eve", &json!({field: null}))).await, field, NULL);
    }
    assert_eq!(admin.get(&at).await.json(), user, "nothing was changed");
    assert_eq!(told(&admin.get("/api/users/?username=eve").await), (200, json!([])));
}

#[tokio::test]
async fn values_are_kept_as_the_contract_says() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let fields = json!({
        "username": " Bob.@+-_Ünï ", "first_name": "  Ada ", "password": "  Pass@1233 ", "is_staff": "t", "is_active": 1,
        "can_inbox": "False", "organization": null, "description": "", "memberships": [],
        "id": "000000000000000000000000", "date_joined": "2000-01-01T00:00:00.000000", "unknown": true,
        "previous_login_date": "x", "preferences": {"a": 1},
    });
    let user = make(&admin, "bob", fields.clone()).await;
    for (field, value) in [
        ("username", json!("Bob.@+-_Ünï")),
        ("first_name", json!("Ada")),
        ("is_staff", json!(true)),
        ("is_active", json!(true)),
        ("can_inbox", json!(false)),
        ("organization", json!(null)),
        ("description", json!("")),
        ("memberships", json!([])),
        ("preferences", json!(null)),
        ("previous_login_date", json!(null)),
    ] {
        assert_eq!(user[field], value, "{field}");
    }
    assert_ne!(user["id"], fields["id"]);
    assert!(text(&user["date_joined"]).starts_with("2026-11-22T12:00:"));
    let names = ["Bob.@+-_Ünï", " Bob.@+-_Ünï "];
    assert_eq!(app.basic(names[0], "  Pass@1233 ").get(USERS).await.status, StatusCode::OK);
    assert_eq!(app.basic(names[1], "  Pass@1233 ").get(USERS).await.status, StatusCode::UNAUTHORIZED);
    let at = path(&user["url"]);
    for (sent, kept) in [
        (json!({"organization": "A label"}), json!("A label")),
        (json!({"description": "x"}), json!("A label")),
        (json!({"organization": null}), json!(null)),
    ] {
        assert_eq!(admin.patch(&at, &sent).await.json()["organization"], kept);
    }
    let nameless = admin.patch(&at, &json!({"first_name": null, "last_name": null})).await.json();
    assert_eq!((&nameless["first_name"], &nameless["last_name"]), (&Value::Null, &Value::Null));
    assert_eq!(admin.patch(&at, &nameless).await.json(), nameless, "what was read may be sent back");
    assert_eq!(told(&admin.get("/api/users/?last_name=a&username=Bob.").await), (200, json!([])));
}

#[tokio::test]
async fn a_user_without_an_email_may_be_sent_back_as_it_was_read() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let own = admin.get("/api/users/?username=admin").await.json()[0].clone();
    assert_eq!((&own["email"], &own["first_name"]), (&json!(""), &Value::Null));
    let at = path(&own["url"]);
    let answer = admin.patch(&at, &own).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.json()["email"], "");
    let answer = admin.patch(&at, &json!({"email": "admin@mail.example"})).await;
    assert_eq!(answer.json()["email"], "admin@mail.example");
    refused(&admin.patch(&at, &json!({"email": ""})).await, "email", BLANK);
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_told_after_the_caller_and_the_address() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({})).await;
    let at = path(&user["url"]);
    for (method, address) in [(Method::POST, USERS), (Method::PATCH, &at)] {
        for (kind, text, status, start) in [
            ("application/json", "{", 400, r#"{"detail":"JSON parse error"#),
            ("application/json; charset=utf-8", "{]", 400, r#"{"detail":"JSON parse error"#),
            (
                "application/json",
                "[]",
                400,
                r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}"#,
            ),
            (
                "application/json",
                "7",
                400,
                r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}"#,
            ),
            ("text/plain", "x", 415, r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#),
            ("application/xml", "<x/>", 415, r#"{"detail":"Unsupported media type \"application/xml\" in request."}"#),
        ] {
            let answer = admin.with_body(method.clone(), address, kind, text).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {text}: {answer:?}");
            assert!(answer.text().starts_with(start), "{method} {text}: {answer:?}");
        }
    }
    let unreadable =
        async |client: &Client, path: &str| client.with_body(Method::PATCH, path, "text/plain", "x").await.status;
    assert_eq!(unreadable(&app.anonymous(), &at).await, StatusCode::UNAUTHORIZED);
    assert_eq!(unreadable(&app.basic("bob", PASSWORD), &at).await, StatusCode::FORBIDDEN);
    assert_eq!(unreadable(&admin, &at.replace('a', "0")).await, StatusCode::NOT_FOUND);
    assert_eq!(unreadable(&admin, USERS).await, StatusCode::METHOD_NOT_ALLOWED);
}
