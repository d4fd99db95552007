//! The page at `/`.

use http::header::ACCEPT;
use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Browser, TestApp, request};

#[tokio::test]
async fn a_browser_is_told_what_this_is_and_where_the_apis_are() {
    let app = TestApp::start().await;
    let answer = app.anonymous().accepting("text/html,*/*;q=0.8", "/").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none';")));
    let page = answer.text();
    for part in [
        "<h1>Rollcall</h1>",
        "href=\"/accounts/login/\"",
        "href=\"/api/v1/docs/\"",
        "<code>http://rollcall.example/api/v1/users/</code>",
        "<code>http://rollcall.example/api/</code>",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    let mut browser = Browser::signed_in(&app, "admin").await;
    let page = browser.get("/").await.text();
    assert!(page.contains("href=\"/api/v1/users/user/\"") && page.contains("Sign out"), "{page}");
    assert!(!page.contains("href=\"/accounts/login/"), "{page}");
    // A session that has ended is none.
    browser.cookies.insert("sessionid".to_owned(), "x".to_owned());
    assert!(browser.get("/").await.text().contains("href=\"/accounts/login/"));
}

#[tokio::test]
async fn there_is_nothing_else_at_the_root() {
    let app = TestApp::start().await;
    let json = app.anonymous().get("/").await;
    assert_eq!((json.status, json.json()), (StatusCode::NOT_FOUND, json!({"detail": "Not found."})));
    let posted = app.anonymous().ask(request(Method::POST, "/").header(ACCEPT, "text/html"), "").await;
    assert_eq!(posted.status, StatusCode::NOT_FOUND);
}
