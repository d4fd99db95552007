//! User names.

use serde_json::json;

use super::refused;
use super::texts::old_user;
use crate::support::{Browser, PASSWORD, TestApp, USERS};

const NO_USERNAME: &str =
    "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";

#[tokio::test]
async fn letters_that_nobody_sees_make_no_new_name_through_any_api() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    let l2m = app.keyed(&app.api_token("admin").await);
    let jane = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    let told = json!({"username": [NO_USERNAME]});
    for unseen in ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'] {
        let name = format!("admi{unseen}n");
        let new = json!({
            "username": name, "password": PASSWORD, "first_name": "A", "last_name": "B", "email": "a@mail.example",
        });
        refused(&admin.post(USERS, &new).await, &told);
        refused(&edge.post("/api/users/", &new).await, &told);
        refused(&l2m.post("/api/admin/users/", &new).await, &told);
        refused(&admin.patch(&path, &json!({"username": name})).await, &told);
    }
}

#[tokio::test]
async fn who_has_such_a_name_keeps_it_and_works() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = old_user(&app).await;
    let name = user.username.as_str();
    assert!(!app.token(name).await.is_empty());
    assert_eq!(app.basic(name, PASSWORD).get(&format!("/api/users/{}/", user.edge_id)).await.status, 200);
    Browser::signed_in(&app, name).await;
    let path = format!("{USERS}{}/", user.id);
    let answer = admin.put(&path, &json!({"username": name, "first_name": "Grace"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.json()["username"], &answer.json()["first_name"]), (&json!(name), &json!("Grace")));
    assert_eq!(admin.patch(&path, &json!({"username": "new.name"})).await.status, 200);
    refused(&admin.patch(&path, &json!({"username": name})).await, &json!({"username": [NO_USERNAME]}));
}
