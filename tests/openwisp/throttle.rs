//! Limits on failed logins (`contracts/openwisp.md` section 6, `design.md` section 5):
//! ten failures per account in a quarter of an hour, twenty per address in a day.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde_json::json;
use shared::web::ClientAddress;
use tokio::task::JoinSet;

use crate::support::{Answer, Options, PASSWORD, TOKEN, TestApp, request};

const WRONG: &str = "not the password";

async fn throttled_app() -> TestApp {
    TestApp::with(Options { throttle: true, ..Options::default() }).await
}

/// A login from a network address, as the gateway tells it.
async fn login(app: &TestApp, address: &str, username: &str, password: &str) -> Answer {
    let begun = request(Method::POST, TOKEN)
        .header(CONTENT_TYPE, "application/json")
        .header("x-forwarded-for", format!("203.0.113.{}", password.len()))
        .extension(ClientAddress(Some(address.to_owned())));
    let body = json!({"username": username, "password": password}).to_string();
    app.anonymous().ask(begun, Body::from(body)).await
}

/// The seconds after which a throttled answer says to come again.
#[track_caller]
fn throttled(answer: &Answer) -> i64 {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
    let seconds = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
    let detail = format!("Request was throttled. Expected available in {seconds} seconds.");
    assert_eq!(answer.json(), json!({ "detail": detail }));
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    assert_eq!(answer.header("www-authenticate"), None);
    seconds
}

#[tokio::test]
async fn after_ten_failures_an_account_waits_for_the_next_quarter_of_an_hour() {
    let app = throttled_app().await;
    for index in 0..10 {
        let address = format!("192.0.2.{index}");
        assert_eq!(login(&app, &address, "admin", WRONG).await.status, StatusCode::BAD_REQUEST, "failure {index}");
    }
    throttled(&login(&app, "192.0.2.100", "admin", WRONG).await);
    let seconds = throttled(&login(&app, "192.0.2.101", "admin", PASSWORD).await);
    assert!((890..=900).contains(&seconds), "{seconds}: the script begins with a quarter of an hour");
    app.script.advance(seconds - 10);
    let seconds = throttled(&login(&app, "192.0.2.102", "admin", PASSWORD).await);
    assert!((1..=10).contains(&seconds), "{seconds}");
    app.script.advance(seconds);
    assert_eq!(login(&app, "192.0.2.103", "admin", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_accounts_failures_leave_other_accounts_alone() {
    let app = throttled_app().await;
    app.admin().await.create_user("jane", &json!({})).await;
    for _ in 0..10 {
        assert_eq!(login(&app, "192.0.2.1", "admin", WRONG).await.status, StatusCode::BAD_REQUEST);
    }
    throttled(&login(&app, "192.0.2.2", "admin", PASSWORD).await);
    assert_eq!(login(&app, "192.0.2.1", "jane", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn all_names_of_an_account_count_together() {
    let app = throttled_app().await;
    let fields = json!({"email": "jane@mail.example", "phone_number": "+393331234567"});
    app.admin().await.create_user("jane", &fields).await;
    let names = ["jane", "jane@mail.example", "JANE@mail.example", "+393331234567", "+39 333 123 4567"];
    for (index, name) in names.iter().cycle().take(10).enumerate() {
        let address = format!("192.0.2.{index}");
        assert_eq!(login(&app, &address, name, WRONG).await.status, StatusCode::BAD_REQUEST);
    }
    for name in names {
        throttled(&login(&app, &format!("198.51.100.{}", name.len()), name, PASSWORD).await);
    }
}

#[tokio::test]
async fn after_twenty_failures_an_address_waits_for_the_next_day() {
    let app = throttled_app().await;
    for index in 0..20 {
        let answer = login(&app, "192.0.2.1", &format!("nobody{index}"), WRONG).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "failure {index}");
    }
    throttled(&login(&app, "192.0.2.1", "nobody", WRONG).await);
    let seconds = throttled(&login(&app, "192.0.2.1", "admin", PASSWORD).await);
    assert!((43_190..=43_200).contains(&seconds), "{seconds}: the script begins at noon");
    assert_eq!(login(&app, "192.0.2.2", "admin", PASSWORD).await.status, StatusCode::OK, "another address is free");
    app.script.advance(seconds - 10);
    throttled(&login(&app, "192.0.2.1", "admin", PASSWORD).await);
    app.script.advance(10);
    assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn successes_do_not_count() {
    let app = throttled_app().await;
    for _ in 0..25 {
        assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
    }
    for _ in 0..9 {
        assert_eq!(login(&app, "192.0.2.1", "admin", WRONG).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
    }
    assert_eq!(login(&app, "192.0.2.1", "admin", WRONG).await.status, StatusCode::BAD_REQUEST, "the tenth failure");
    throttled(&login(&app, "192.0.2.1", "admin", PASSWORD).await);
}

#[tokio::test]
async fn logins_that_name_no_password_do_not_count() {
    let app = throttled_app().await;
    for body in
        [json!({}), json!({"username": "admin"}), json!({"username": "admin", "password": ""})].iter().cycle().take(30)
    {
        let begun = request(Method::POST, TOKEN)
            .header(CONTENT_TYPE, "application/json")
            .extension(ClientAddress(Some("192.0.2.1".to_owned())));
        let answer = app.anonymous().ask(begun, Body::from(body.to_string())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn simultaneous_failures_do_not_slip_by() {
    let app = throttled_app().await;
    let mut attempts = JoinSet::new();
    for index in 0..30 {
        let app = app.clone();
        attempts.spawn(async move { login(&app, &format!("192.0.2.{index}"), "admin", WRONG).await.status });
    }
    let statuses = attempts.join_all().await;
    let let_through = statuses.iter().filter(|status| **status == StatusCode::BAD_REQUEST).count();
    let refused = statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((let_through, refused), (10, 20));
}

#[tokio::test]
async fn an_inactive_accounts_right_password_is_a_failure() {
    let app = throttled_app().await;
    app.admin().await.create_user("idle", &json!({"is_active": false})).await;
    for index in 0..10 {
        let answer = login(&app, &format!("192.0.2.{index}"), "idle", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    throttled(&login(&app, "192.0.2.100", "idle", PASSWORD).await);
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let app = TestApp::start().await;
    for _ in 0..30 {
        assert_eq!(login(&app, "192.0.2.1", "admin", WRONG).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
}
