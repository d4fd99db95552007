//! Addresses, methods and what surrounds every answer (sections 1 and 2).

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::json;

use super::{USERS, admin, every_method, make, not_found, path, text, token_of, told};
use crate::support::{Client, PASSWORD, TestApp, request, router_of};

const MISSING: &str = "Authentication credentials were not provided.";
/// An id that nobody has.
const NO_ID: &str = "0123456789abcdef01234567";

#[tokio::test]
async fn who_shows_nothing_learns_nothing_whatever_is_asked() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({})).await;
    let token = token_of(&admin, &user).await;
    let id = text(&user["id"]);
    let paths = [
        "/api/users".to_owned(),
        USERS.to_owned(),
        path(&user["url"]),
        path(&token["url"]),
        format!("{USERS}{id}/history"),
        format!("{USERS}{NO_ID}/"),
        format!("{USERS}{NO_ID}/tokens/{NO_ID}/"),
        format!("{USERS}x/y/z"),
        format!("{USERS}{id}/nothing/"),
        format!("{USERS}{id}/tokens/{NO_ID}/more/"),
        format!("{USERS}/"),
        format!("{USERS}/history/"),
        format!("{USERS}{id}//"),
        format!("{USERS}%ff/"),
        format!("{USERS}{id}/tokens/%ff"),
        format!("{USERS}{id}/%ff/"),
    ];
    let functions = ["edge-users", "edge-tokens"].map(|name| router_of(name, &app));
    for path in paths {
        for method in every_method() {
            for router in [app.router.clone()].into_iter().chain(functions.clone()) {
                let client = Client::new(router, None);
                let answer = client.json(method.clone(), &path, None).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}: {answer:?}");
                assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"api\""), "{method} {path}");
                let body = if method == Method::HEAD { String::new() } else { json!({"detail": MISSING}).to_string() };
                assert_eq!(answer.text(), body, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn where_nothing_is_callers_are_told_so_for_every_method() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({})).await;
    let id = text(&user["id"]);
    let functions = ["edge-users", "edge-tokens"].map(|name| router_of(name, &app));
    for path in [
        format!("{USERS}{id}/nothing"),
        format!("{USERS}{id}/tokens/{NO_ID}/more/"),
        format!("{USERS}{id}/history/1/"),
        format!("{USERS}/"),
        format!("{USERS}%ff/"),
        format!("{USERS}{id}/tokens/%ff/"),
    ] {
        for method in every_method() {
            for router in [app.router.clone()].into_iter().chain(functions.clone()) {
                let authorization = format!("Basic {}", STANDARD.encode(format!("admin:{PASSWORD}")));
                let client = Client::new(router, Some(authorization));
                let answer = client.json(method.clone(), &path, None).await;
                if method == Method::HEAD {
                    assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_FOUND, 0), "{path}");
                } else {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
                    not_found(&answer);
                }
            }
        }
    }
    for id in ["x", &NO_ID.to_uppercase(), &NO_ID[1..], "%C3%A4"] {
        not_found(&admin.get(&format!("{USERS}{id}/")).await);
        not_found(&admin.get(&format!("{USERS}{id}/tokens/")).await);
        not_found(&admin.get(&format!("{USERS}{id}/history/")).await);
        not_found(&admin.get(&format!("{}{id}/", path(&user["access_tokens_url"]))).await);
    }
}

#[tokio::test]
async fn other_methods_are_refused_by_name_and_options_are_told() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({})).await;
    let token = token_of(&admin, &user).await;
    for (path, allow) in [
        (USERS.to_owned(), "GET, POST, HEAD, OPTIONS"),
        (path(&user["url"]), "GET, PATCH, DELETE, HEAD, OPTIONS"),
        (path(&user["access_tokens_url"]), "GET, POST, HEAD, OPTIONS"),
        (path(&token["url"]), "GET, PATCH, DELETE, HEAD, OPTIONS"),
        (path(&user["login_history_url"]), "GET, HEAD, OPTIONS"),
    ] {
        let allowed: Vec<&str> = allow.split(", ").collect();
        for path in [&path[..], path.trim_end_matches('/')] {
            for method in every_method() {
                if allowed.contains(&method.as_str()) {
                    continue;
                }
                let answer = admin.json(method.clone(), path, Some(&json!({}))).await;
                assert_eq!(told(&answer), (405, json!({"detail": format!("Method \"{method}\" not allowed.")})));
                assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            }
            let answer = admin.json(Method::OPTIONS, path, None).await;
            assert_eq!((answer.status, answer.header("allow")), (StatusCode::OK, Some(allow)));
            let get = admin.get(path).await;
            let head = admin.json(Method::HEAD, path, None).await;
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
            for header in ["allow", "vary", "content-type", "link"] {
                assert_eq!(head.header(header), get.header(header), "{header} of {path}");
            }
        }
    }
    // What browsers prefer is answered as JSON all the same.
    for accept in ["*/*", "application/json", "text/html,*/*;q=0.1"] {
        let answer = admin.accepting(accept, USERS).await;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{accept}");
    }
}

#[tokio::test]
async fn urls_follow_the_host_of_the_request_and_no_other_header() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({})).await;
    let token = token_of(&admin, &user).await;
    let ask = async |path: &str, host: &str| {
        let begun = http::Request::builder()
            .uri(path)
            .header("host", host)
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "gopher")
            .header("forwarded", "host=evil.example");
        admin.ask(begun, Body::empty()).await
    };
    let answer = ask(&path(&user["url"]), "other.example:8443").await;
    let url = path(&user["url"]);
    assert_eq!(answer.json()["url"], format!("http://other.example:8443{url}"));
    assert_eq!(answer.json()["login_history_url"], format!("http://other.example:8443{url}history/"));
    let answer = ask(&path(&token["url"]), "other.example").await;
    assert_eq!(answer.json()["url"], format!("http://other.example{}", path(&token["url"])));
    let answer = ask("/api/users?page_size=1", "other.example").await;
    let next = "<http://other.example/api/users?page=2&page_size=1>; rel=\"next\"";
    assert!(answer.header("link").expect("links").starts_with(next), "{answer:?}");
    assert!(!answer.text().contains("evil"));
    // A stage, or a base that was set, is part of every URL.
    let begun = request(Method::GET, "/api/users/?page_size=1")
        .extension(shared::web::BaseUrl("https://abc.example/prod".to_owned()));
    let answer = admin.ask(begun, Body::empty()).await;
    let next = "<https://abc.example/prod/api/users/?page=2&page_size=1>; rel=\"next\"";
    assert!(answer.header("link").expect("links").starts_with(next), "{answer:?}");
    assert!(text(&answer.json()[0]["url"]).starts_with("https://abc.example/prod/api/users/"));
}
