//! Tokens (sections 2 and 3).

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use serde_json::json;

use super::{TOKEN, USERS, admin, make, path_of, told};
use crate::support::{PASSWORD, TestApp, request};

fn detail(text: &str) -> serde_json::Value {
    json!({ "detail": text })
}

#[tokio::test]
async fn every_bad_header_has_its_own_sentence() {
    let app = TestApp::start().await;
    let key = app.api_token("admin").await;
    for (header, sentence) in [
        ("", "Authentication credentials were not provided."),
        ("Basic YTpi", "Authentication credentials were not provided."),
        (&*format!("Bearer {key}"), "Authentication credentials were not provided."),
        (&*key, "Authentication credentials were not provided."),
        ("Token", "Invalid token header. No credentials provided."),
        ("Token a b", "Invalid token header. Token string should not contain spaces."),
        ("Token é", "Invalid token header. Token string should not contain invalid characters."),
        ("Token nonsense", "Invalid token"),
        (&*format!("Token {}", key.to_uppercase()), "Invalid token"),
        (&*format!("Token {}", &key[1..]), "Invalid token"),
    ] {
        let value = HeaderValue::from_bytes(header.as_bytes()).expect("a header");
        let begun = request(Method::GET, USERS).header(AUTHORIZATION, value);
        let answer = app.anonymous().ask(begun, "").await;
        assert_eq!(told(&answer), (401, detail(sentence)), "{header}");
        assert_eq!(answer.header("www-authenticate"), Some("Token"));
    }
    for scheme in ["token", "TOKEN", "Token  "] {
        let begun = request(Method::GET, USERS).header(AUTHORIZATION, format!("{scheme} {key}"));
        assert_eq!(app.anonymous().ask(begun, "").await.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn a_token_runs_out_after_a_year_and_then_leaves_room_for_another() {
    let app = TestApp::start().await;
    let keys = [app.api_token("admin").await, app.api_token("admin").await, app.api_token("admin").await];
    let login = json!({"username": "admin", "password": PASSWORD});
    let refused = app.anonymous().post(TOKEN, &login).await;
    assert_eq!(told(&refused), (400, json!({"reason": "Too many tokens exist!"})));
    app.environment.advance(365 * 24 * 60 * 60);
    for key in keys {
        assert_eq!(told(&app.keyed(&key).get(USERS).await), (401, detail("Token expired")));
    }
    assert_eq!(app.anonymous().post(TOKEN, &login).await.status, 200);
}

#[tokio::test]
async fn wrong_names_and_passwords_and_inactive_users_look_the_same() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    make(&admin, "off", json!({"password": PASSWORD, "is_active": false})).await;
    make(&admin, "Jane", json!({"password": PASSWORD, "email": "jane@mail.example"})).await;
    let wrong = json!({"non_field_errors": ["Unable to log in with provided credentials."]});
    for (username, password) in [
        ("Jane", "wrong"),
        ("jane", PASSWORD),
        ("jane@mail.example", PASSWORD),
        ("nobody", PASSWORD),
        ("off", PASSWORD),
        ("Jane", "Orchid-lantern-42 "),
        ("no good name", PASSWORD),
    ] {
        let answer = app.anonymous().post(TOKEN, &json!({"username": username, "password": password})).await;
        assert_eq!(told(&answer), (400, wrong.clone()), "{username}");
        assert_eq!(answer.header("www-authenticate"), None);
    }
    let trimmed = app.anonymous().post(TOKEN, &json!({"username": " Jane\n", "password": PASSWORD})).await;
    assert_eq!(trimmed.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_more_than_three_tokens_however_many_ask_at_once() {
    let app = TestApp::start().await;
    let login = json!({"username": "admin", "password": PASSWORD});
    let logins: Vec<_> = (0..12)
        .map(|_| {
            let (client, login) = (app.another(crate::support::Options::default()).anonymous(), login.clone());
            tokio::spawn(async move { client.post(TOKEN, &login).await })
        })
        .collect();
    let mut keys = Vec::new();
    for login in logins {
        let answer = login.await.expect("an answer");
        match answer.status.as_u16() {
            200 => keys.push(answer.json()["token"].as_str().expect("a token").to_owned()),
            _ => assert_eq!(told(&answer), (400, json!({"reason": "Too many tokens exist!"}))),
        }
    }
    assert_eq!(keys.len(), 3);
    for key in keys {
        assert_eq!(app.keyed(&key).get(USERS).await.status, 200);
    }
}

#[tokio::test]
async fn a_token_outlives_passwords_and_names_and_follows_rights() {
    let app = TestApp::start().await;
    let admin = admin(&app).await;
    let boss = make(&admin, "boss", json!({"password": PASSWORD, "is_superuser": true})).await;
    let client = app.keyed(&app.api_token("boss").await);
    let change = json!({"username": "chief", "password": "another-2"});
    assert_eq!(admin.patch(&path_of(&boss), &change).await.status, 200);
    assert_eq!(client.get(USERS).await.status, 200);
    for (change, status) in [
        (json!({"is_superuser": false}), 403),
        (json!({"is_superuser": true}), 200),
        (json!({"is_active": false}), 401),
        (json!({"is_active": true}), 200),
    ] {
        assert_eq!(admin.patch(&path_of(&boss), &change).await.status, 200);
        assert_eq!(client.get(USERS).await.status, status, "{change}");
    }
}

#[tokio::test]
async fn the_text_of_a_token_is_stored_nowhere() {
    let app = TestApp::start().await;
    let key = app.api_token("admin").await;
    assert!(app.items().iter().all(|item| !format!("{item:?}").contains(&key)));
}

#[tokio::test]
async fn failed_logins_are_limited() {
    let options = crate::support::Options { throttle: true, ..crate::support::Options::default() };
    let app = TestApp::with(options).await;
    let wrong = json!({"username": "admin", "password": "wrong"});
    for _ in 0..10 {
        assert_eq!(app.anonymous().post(TOKEN, &wrong).await.status, 400);
    }
    let answer = app.anonymous().post(TOKEN, &json!({"username": "admin", "password": PASSWORD})).await;
    assert_eq!(answer.status, 429);
    let seconds = answer.header("retry-after").expect("a time").to_owned();
    assert_eq!(answer.json(), detail(&format!("Request was throttled. Expected available in {seconds} seconds.")));
}
