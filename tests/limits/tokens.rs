//! API tokens.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp};

const MOST: usize = 100;

async fn user(edge: &Client, username: &str) -> String {
    let new = json!({
        "username": username, "password": PASSWORD, "first_name": "A", "last_name": "B",
        "email": format!("{username}@mail.example"), "allow_rest_access": true,
    });
    let made = edge.post("/api/users/", &new).await.json();
    format!("/api/users/{}/tokens/", made["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_user_has_at_most_a_hundred_tokens_however_many_ask_at_once() {
    let app = TestApp::start().await;
    let edge = app.basic("admin", PASSWORD);
    let path = user(&edge, "jane").await;
    let make = async || edge.post(&path, &json!({"title": "T"})).await;
    for _ in 0..MOST - 1 {
        assert_eq!(make().await.status, 201);
    }
    let answers = join_all((0..6).map(|_| make())).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1, "{answers:?}");
    let told = json!({"detail": "The user has 100 API tokens, which is the most. Delete one first."});
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((refused.status.as_u16(), refused.json()), (400, told.clone()));
    }
    // Nor by a login.
    let login = json!({"username": "jane", "password": PASSWORD});
    let answer = app.anonymous().post("/api/users/token/", &login).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (400, json!({"reason": "Too many tokens exist!"})));
    let list: Value = edge.get(&path).await.json();
    assert_eq!(list.as_array().expect("tokens").len(), MOST);
    // One less makes room for one.
    let first = list[0]["id"].as_str().expect("an id");
    assert_eq!(edge.delete(&format!("{path}{first}/")).await.status, 204);
    assert_eq!(make().await.status, 201);
    assert_eq!(make().await.status, 400);
    let again = json!({"title": "T".repeat(201)});
    let told = json!({"title": ["Ensure this field has no more than 200 characters."]});
    assert_eq!(edge.post(&path, &again).await.json(), told);
}
