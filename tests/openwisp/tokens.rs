//! `POST /api/v1/users/token/` and what tokens are good for.

use http::StatusCode;
use serde_json::json;

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn a_token_opens_the_directory() {
    let app = TestApp::start().await;
    let answer =
        app.anonymous().post("/api/v1/users/token/", &json!({"username": "admin", "password": PASSWORD})).await;
    assert_eq!(answer.status, StatusCode::OK);
    let token = answer.json()["token"].as_str().expect("a token").to_owned();
    let list = app.bearer(&token).get("/api/v1/users/user/").await;
    assert_eq!(list.status, StatusCode::OK);
    assert_eq!(list.json()["count"], 1);
}
