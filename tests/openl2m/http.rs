//! The habits of its HTTP: the order of checks, bodies, spellings of a path, headers (sections 2, 3, 5.1 and 8).

use std::io::Read as _;

use http::Method;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use serde_json::{Value, json};

use super::{TOKEN, USERS, admin, make, path_of, told};
use crate::support::{Answer, PASSWORD, TestApp, request};

/// What is told of a body that is of another kind than an object.
fn not_an_object(kind: &str) -> Value {
    json!({"non_field_errors": [format!("Invalid data. Expected a dictionary, but got {kind}.")]})
}

fn detail(text: &str) -> Value {
    json!({ "detail": text })
}

#[tokio::test]
async fn checks_come_in_their_order() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({"password": PASSWORD})).await;
    let plain = app.keyed(&app.api_token("jane").await);
    let (path, unknown) = (path_of(&jane), format!("{USERS}999/"));
    let missing = detail("Authentication credentials were not provided.");
    let forbidden = detail("You do not have permission to perform this action.");
    for (method, path) in [(Method::PUT, USERS), (Method::DELETE, &*path), (Method::POST, &*unknown)] {
        let anonymous = app.anonymous().with_body(method.clone(), path, "application/json", "{").await;
        assert_eq!(told(&anonymous), (401, missing.clone()), "{method} {path}");
        let answer = plain.with_body(method.clone(), path, "application/json", "{").await;
        assert_eq!(told(&answer), (403, forbidden.clone()), "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(told(&plain.with_body(Method::POST, USERS, "application/json", "{").await), (403, forbidden));
    for (method, path, allow) in [
        (Method::PUT, USERS, "GET, POST, HEAD, OPTIONS"),
        (Method::PATCH, USERS, "GET, POST, HEAD, OPTIONS"),
        (Method::DELETE, USERS, "GET, POST, HEAD, OPTIONS"),
        (Method::PUT, &*path, "GET, POST, PATCH, HEAD, OPTIONS"),
        (Method::DELETE, &*path, "GET, POST, PATCH, HEAD, OPTIONS"),
        (Method::DELETE, &*unknown, "GET, POST, PATCH, HEAD, OPTIONS"),
        (Method::GET, TOKEN, "POST, OPTIONS"),
    ] {
        let answer = admin.with_body(method.clone(), path, "application/json", "{").await;
        assert_eq!(told(&answer), (405, detail(&format!("Method \"{method}\" not allowed."))), "{path}");
        assert_eq!(answer.header("allow"), Some(allow));
    }
    assert_eq!(admin.get(&path).await.json()["username"], "jane", "nobody was removed");
}

#[tokio::test]
async fn bodies_that_cannot_be_read_say_why_and_change_nothing() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({})).await;
    let before = admin.get(&path_of(&jane)).await.json();
    let unsupported = |sent: &str| detail(&format!("Unsupported media type \"{sent}\" in request."));
    for path in [USERS, &*path_of(&jane), TOKEN] {
        for (kind, body, expected) in [
            ("text/plain", "x", (415, unsupported("text/plain"))),
            ("application/xml; charset=utf-8", "<a/>", (415, unsupported("application/xml; charset=utf-8"))),
            ("", "x", (415, unsupported(""))),
            ("application/json", "[]", (400, not_an_object("list"))),
            ("application/json", "\"first_name\"", (400, not_an_object("str"))),
            ("application/json", "5", (400, not_an_object("int"))),
            ("application/json", "null", (400, json!({"non_field_errors": ["No data provided"]}))),
        ] {
            assert_eq!(told(&admin.with_body(Method::POST, path, kind, body).await), expected, "{path} {kind} {body}");
        }
        for (kind, body, begins) in [
            ("application/json", &b"{"[..], "JSON parse error - "),
            ("Application/JSON; charset=utf-8", br#"{"first_name": NaN}"#, "JSON parse error - "),
            ("application/json", br#"{"first_name": Infinity}"#, "JSON parse error - "),
            ("application/json", b"{\"first_name\": \"\xff\"}", "JSON parse error - "),
            ("multipart/form-data", b"x", "Multipart form parse error - "),
        ] {
            let (status, answer) = told(&admin.with_body(Method::POST, path, kind, body).await);
            assert_eq!(status, 400, "{path} {kind}");
            assert!(answer["detail"].as_str().expect("a sentence").starts_with(begins), "{answer}");
        }
    }
    assert_eq!(admin.get(&path_of(&jane)).await.json(), before);
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object_whatever_it_is_called() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let jane = make(&admin, "jane", json!({"is_staff": true})).await;
    let required = json!({"username": ["This field is required."], "password": ["This field is required."]});
    for kind in ["", "text/plain", "application/json", "application/x-www-form-urlencoded", "multipart/form-data"] {
        for path in [USERS, TOKEN] {
            let answer = admin.with_body(Method::POST, path, kind, "").await;
            assert_eq!(told(&answer), (400, required.clone()), "{path} {kind}");
        }
        for method in [Method::POST, Method::PATCH] {
            let answer = admin.with_body(method, &path_of(&jane), kind, "").await;
            assert_eq!(told(&answer), (200, jane.clone()), "{kind}");
        }
        let read = admin.with_body(Method::GET, &path_of(&jane), kind, "").await;
        assert_eq!(read.json()["username"], "jane", "the published client sends its content type so");
    }
}

#[tokio::test]
async fn a_login_without_its_fields_is_told_what_is_missing() {
    let app = TestApp::start().await;
    let anonymous = app.anonymous();
    for (value, sentence) in [
        (json!(""), "This field may not be blank."),
        (json!(null), "This field may not be null."),
        (json!(true), "Not a valid string."),
        (json!(["x"]), "Not a valid string."),
    ] {
        let answer = anonymous.post(TOKEN, &json!({"username": value, "password": value})).await;
        assert_eq!(told(&answer), (400, json!({"username": [sentence], "password": [sentence]})), "{value}");
    }
    let answer = anonymous.post(TOKEN, &json!({"username": "admin"})).await;
    assert_eq!(told(&answer), (400, json!({"password": ["This field is required."]})));
    // Without need of credentials, bad ones are refused; good ones do not matter.
    let login = json!({"username": "admin", "password": PASSWORD});
    let refused = app.keyed("nonsense").post(TOKEN, &login).await;
    assert_eq!(told(&refused), (401, detail("Invalid token")));
    let form = format!("username=admin&password={PASSWORD}");
    let key = anonymous.form(Method::POST, TOKEN, &form).await.json()["token"].clone();
    let key = key.as_str().expect("a token");
    assert!(key.len() == 40 && key.bytes().all(|b| b.is_ascii_hexdigit()));
    let other = app.keyed(key).post(TOKEN, &login).await.json();
    assert_eq!((other["user_id"].clone(), other["email"].clone()), (json!(1), json!("")));
    assert_eq!(app.keyed(key).get(&format!("{USERS}1/")).await.json()["last_login"], Value::Null);
}

#[tokio::test]
async fn both_spellings_of_a_path_answer_directly() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let bare = USERS.trim_end_matches('/');
    let made = admin.post(bare, &json!({"username": "jane", "password": PASSWORD})).await;
    assert_eq!(made.status, 201);
    assert_eq!(admin.get(bare).await.json(), admin.get(USERS).await.json());
    let path = path_of(&made.json());
    let changed = admin.patch(path.trim_end_matches('/'), &json!({"first_name": "Jane"})).await;
    assert_eq!((changed.status.as_u16(), changed.json()["first_name"].clone()), (200, json!("Jane")));
    let login = json!({"username": "jane", "password": PASSWORD});
    assert_eq!(app.anonymous().post(TOKEN.trim_end_matches('/'), &login).await.status, 200);
    for path in ["/api/admin/shoes/", "/api/admin/users/1/shoes", "/api/switches/1/", "/api/stats/x"] {
        assert_eq!(told(&admin.get(path).await), (404, detail("Not found.")), "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_the_headers_of_the_api() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let answers = [
        admin.get(USERS).await,
        admin.get(&format!("{USERS}999/")).await,
        admin.put(USERS, &json!({})).await,
        admin.accepting("image/png", USERS).await,
        app.anonymous().get(USERS).await,
        app.anonymous().post(TOKEN, &json!({})).await,
    ];
    for answer in &answers {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        assert!(answer.header("vary").expect("what it depends on").starts_with("Accept"), "{answer:?}");
        assert!(answer.header("allow").is_some(), "{answer:?}");
    }
}

#[tokio::test]
async fn json_is_indented_when_it_is_compressed_too() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    for index in 0..10 {
        make(&admin, &format!("user{index}"), json!({})).await;
    }
    let ask = async |encoding: &str| {
        let begun = request(Method::GET, USERS).header(ACCEPT, "application/json; indent=4");
        admin.ask(begun.header(ACCEPT_ENCODING, encoding), "").await
    };
    let plain = ask("identity").await.text();
    assert!(plain.starts_with("[\n    {\n        \"id\": 1,"), "{plain}");
    let packed: Answer = ask("gzip").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).expect("unpacked");
    assert_eq!(text, plain);
}
