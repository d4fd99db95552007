//! Bodies: how much of them is read, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, ORIGIN};
use http::{Method, StatusCode};
use serde_json::json;

use super::refused;
use crate::support::{Answer, Browser, Client, PASSWORD, TestApp, USERS, request};

const FORM: &str = "application/x-www-form-urlencoded";
const PIECE: usize = 8 * 1024;
const SMALL: usize = 64 * 1024;
const LARGE: usize = 1024 * 1024;

/// A body without end that tells how much of it was taken: the beginning, then ever more of the same.
fn endless(beginning: &str, more: u8) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let mut first = Some(Bytes::from(beginning.to_owned()));
    let pieces = stream::iter(std::iter::from_fn(move || {
        let piece = first.take().unwrap_or_else(|| Bytes::from(vec![more; PIECE]));
        count.fetch_add(piece.len(), Ordering::Relaxed);
        Some(Ok::<_, std::io::Error>(piece))
    }));
    (Body::from_stream(pieces), taken)
}

async fn send(client: &Client, method: Method, path: &str, kind: &str, beginning: &str) -> (Answer, usize) {
    let (body, taken) = endless(beginning, b'x');
    let answer = client.with_body(method, path, kind, body).await;
    (answer, taken.load(Ordering::Relaxed))
}

#[track_caller]
fn too_large(answer: &Answer) {
    let told = json!({"detail": "The request body is too large."});
    assert_eq!((answer.status, answer.json()), (StatusCode::PAYLOAD_TOO_LARGE, told));
}

#[tokio::test]
async fn of_a_stranger_64_kb_are_read() {
    let app = TestApp::start().await;
    for path in [
        "/api/v1/users/token/",
        "/api/users/token/",
        "/api/v1/users/password/reset/",
        "/api/v1/users/password/reset/confirm/",
    ] {
        for (kind, beginning) in [(FORM, "username=x&password="), ("application/json", r#"{"username": ""#)] {
            let (answer, taken) = send(&app.anonymous(), Method::POST, path, kind, beginning).await;
            too_large(&answer);
            assert!(taken <= SMALL + 2 * PIECE, "{path}: {taken}");
        }
    }
    for path in ["/accounts/login/", "/accounts/logout/", "/accounts/password/reset/key/x-set-password/"] {
        let (answer, taken) = send(&app.anonymous(), Method::POST, path, FORM, "username=x&password=").await;
        too_large(&answer);
        assert!(taken <= SMALL + 2 * PIECE, "{path}: {taken}");
    }
}

#[tokio::test]
async fn of_who_was_let_in_a_megabyte_is_read() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    for (client, path) in [(&admin, USERS), (&edge, "/api/users/")] {
        let (answer, taken) = send(client, Method::POST, path, "application/json", r#"{"username": ""#).await;
        too_large(&answer);
        assert!((LARGE..=LARGE + 2 * PIECE).contains(&taken), "{path}: {taken}");
        let large = json!({"username": "big", "unknown": "x".repeat(LARGE - 1000)});
        assert_eq!(client.post(path, &large).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn who_may_not_is_told_before_the_body_is_read() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    let jane = admin.create_user("jane", &json!({})).await;
    let plain = app.signed_in("jane").await;
    let row = edge.get("/api/users/?username=jane").await.json();
    let own = format!("/api/users/{}/", row[0]["id"].as_str().expect("an id"));
    assert_eq!(edge.patch(&own, &json!({"allow_rest_access": true})).await.status, 202);
    let rows = edge.get("/api/users/?username=admin").await.json();
    let other = format!("/api/users/{}/", rows[0]["id"].as_str().expect("an id"));
    let rest = app.basic("jane", PASSWORD);
    let token = app.keyed(&app.api_token("jane").await);
    for (client, method, path) in [
        (&plain, Method::POST, USERS.to_owned()),
        (&plain, Method::PATCH, format!("{USERS}{}/", jane["id"].as_str().expect("an id"))),
        (&plain, Method::POST, "/api/v1/users/group/".to_owned()),
        (&plain, Method::POST, "/api/v1/users/organization/".to_owned()),
        (&rest, Method::POST, "/api/users/".to_owned()),
        (&rest, Method::PATCH, other.clone()),
        (&rest, Method::POST, format!("{other}tokens/")),
        (&token, Method::POST, "/api/admin/users/".to_owned()),
    ] {
        let (answer, taken) = send(client, method, &path, "application/json", "{").await;
        assert_eq!((answer.status, taken), (StatusCode::FORBIDDEN, 0), "{path}");
    }
}

/// A browser's endless form by that method.
async fn browse(app: &TestApp, browser: &Browser, method: &str, path: &str, kind: &str) -> (Answer, usize) {
    let token = browser.token();
    let beginning = if kind == FORM {
        format!("csrfmiddlewaretoken={token}&_method={method}&name=")
    } else {
        let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        let (csrf, by, name) = (part("csrfmiddlewaretoken"), part("_method"), part("name"));
        format!("{csrf}{token}\r\n{by}{method}\r\n{name}")
    };
    let (body, taken) = endless(&beginning, b'x');
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let begun = request(Method::POST, path).header(ACCEPT, "text/html").header(CONTENT_TYPE, kind);
    let begun = begun.header(ORIGIN, "http://rollcall.example").header(COOKIE, cookies.join("; "));
    let answer = Client::new(app.router.clone(), None).ask(begun, body).await;
    (answer, taken.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_browser_is_told_after_64_kb_that_its_user_may_not() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({})).await;
    let mut plain = Browser::signed_in(&app, "jane").await;
    plain.get(USERS).await;
    let group = "/api/v1/users/group/1/";
    for kind in [FORM, "multipart/form-data; boundary=b"] {
        for (method, path) in [("POST", "/api/v1/users/group/"), ("PUT", group), ("DELETE", group)] {
            let (answer, taken) = browse(&app, &plain, method, path, kind).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {kind}");
            assert!(answer.text().contains("You do not have permission"), "{}", answer.text());
            assert!(taken <= SMALL + 2 * PIECE, "{method} {kind}: {taken}");
        }
    }
    // Who may is read on.
    let mut allowed = Browser::signed_in(&app, "admin").await;
    allowed.get(USERS).await;
    let (answer, taken) = browse(&app, &allowed, "PUT", group, FORM).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!((LARGE..=LARGE + 2 * PIECE).contains(&taken), "{taken}");
    // A form of more than 64 KB is taken whole, and so is raw data.
    let long = "x".repeat(2 * SMALL);
    let answer = allowed.send("PUT", group, &[("unknown", &long), ("name", "Renamed")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let raw = json!({"unknown": long, "name": "Renamed again"}).to_string();
    let answer = allowed.send("PATCH", group, &[("_content", &raw), ("_content_type", "application/json")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(admin.get(group).await.json()["name"], "Renamed again");
}

#[tokio::test]
async fn forms_have_a_thousand_fields_at_most() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let told = json!({"detail": "The form has more than 1000 fields."});
    refused(&app.anonymous().form(Method::POST, "/api/v1/users/token/", &"a&".repeat(1001)).await, &told);
    refused(&admin.form(Method::POST, USERS, &"a&".repeat(500_000)).await, &told);
    let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    let parts = format!("{}--b--\r\n", part.repeat(1001));
    refused(&admin.with_body(Method::POST, USERS, "multipart/form-data; boundary=b", parts).await, &told);
    let many = format!("{}username=admin&password={PASSWORD}", "a=1&".repeat(998));
    assert_eq!(app.anonymous().form(Method::POST, "/api/v1/users/token/", &many).await.status, StatusCode::OK);
}
