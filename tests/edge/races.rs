//! Calls at the same time, beyond those on one user's fields and one name.

use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{USERS, admin, history, make, path, text, token_of, with_token};
use crate::support::{PASSWORD, Table, TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_requests_at_once_are_all_let_in_and_noted() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_staff": true})).await;
    let token = token_of(&admin, &user).await;
    let mut calls = JoinSet::new();
    for number in 0..10 {
        let client = if number % 2 == 0 { app.basic("bob", PASSWORD) } else { with_token(&app, "bob", &token) };
        calls.spawn(async move { client.get("/api/users/?page_size=1").await.status });
    }
    let statuses = calls.join_all().await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK), "{statuses:?}");
    assert_eq!(history(&admin, &user).await.len(), 10);
    Table::read(&app.engine).assert_sound();
    assert_ne!(admin.get(&path(&user["url"])).await.json()["previous_login_date"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_made_while_their_user_is_deleted_are_gone_with_the_user() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_staff": true})).await;
    let mut calls = JoinSet::new();
    for number in 0..8 {
        let (admin, at, user) = (admin.clone(), path(&user["access_tokens_url"]), path(&user["url"]));
        calls.spawn(async move {
            if number == 4 { admin.delete(&user).await } else { admin.post(&at, &json!({"title": "T"})).await }
        });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().any(|answer| answer.status == StatusCode::NO_CONTENT));
    for answer in answers {
        match answer.status {
            StatusCode::CREATED => {
                let client = with_token(&app, "bob", &answer.json());
                assert_eq!(client.get(USERS).await.status, StatusCode::UNAUTHORIZED);
            }
            status => assert!([StatusCode::NO_CONTENT, StatusCode::NOT_FOUND].contains(&status), "{answer:?}"),
        }
    }
    app.cleanup().await.expect("the work done");
    Table::read(&app.engine).assert_sound();
    let again = make(&admin, "bob", json!({})).await;
    assert_eq!(admin.get(&path(&again["access_tokens_url"])).await.text(), "[]");
    assert!(!text(&again["id"]).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_superusers_stays_when_each_demotes_the_other() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let own = admin.get("/api/users/?username=admin").await.json()[0].clone();
    let other = make(&admin, "second", json!({"is_superuser": true})).await;
    let mut calls = JoinSet::new();
    for user in [&own, &other] {
        let (admin, at) = (admin.clone(), path(&user["url"]));
        calls.spawn(async move { admin.patch(&at, &json!({"is_superuser": false})).await.status });
    }
    let statuses = calls.join_all().await;
    assert!(statuses.contains(&StatusCode::ACCEPTED), "{statuses:?}");
    assert!(!statuses.iter().all(|status| *status == StatusCode::ACCEPTED), "{statuses:?}");
}
