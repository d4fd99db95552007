//! OpenL2M's users: made with a profile and an e-mail that another has, and changed.

use http::Method;

use super::*;
use crate::support::PASSWORD;

const ADMIN_USERS: &str = "/api/admin/users/";

/// An API token of `admin`, whose use is noted, so that every call makes the same calls of the store.
async fn noted_token(stage: &Stage) -> String {
    let edge = stage.app.basic("admin", PASSWORD);
    let users = edge.get("/api/users/?username=admin").await.json();
    let path = format!("/api/users/{}/tokens/", users[0]["id"].as_str().expect("an id"));
    let token = edge.post(&path, &json!({"title": "T"})).await.json()["token"].clone();
    let token = token.as_str().expect("a token").to_owned();
    assert_eq!(stage.app.keyed(&token).get("/api/").await.status, StatusCode::OK);
    token
}

#[tokio::test]
async fn user_profile_and_groups_are_changed_together_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        let user = stage.admin.create_user(&name, &json!({})).await;
        let id = user["id"].as_str().expect("an id").to_owned();
        let number = stage.table().user(&id).expect("the user")["number"].clone();
        let change = json!({"first_name": "Jane", "groups": [1, 2], "profile": {"theme": "dark", "menu": false}});
        let trial = Trial::json(Method::PATCH, &format!("{ADMIN_USERS}{number}/"), change, StatusCode::OK);
        let trial = trial.effect(move |table| {
            let user = table.user(&id).expect("the user");
            let theme = user.get("profile").map(|profile| profile["theme"].clone());
            match (user.get("first_name"), user.get("groups"), theme) {
                (None, None, None) if user["version"] == 1 => Effect::Nothing,
                (Some(name), Some(groups), Some(theme))
                    if user["version"] == 2 && name == "Jane" && *groups == json!([1, 2]) && theme == "dark" =>
                {
                    Effect::All
                }
                _ => Effect::Odd(format!("{user:?}")),
            }
        });
        trial.authorized(format!("Token {}", noted_token(stage).await))
    })
    .await;
}

#[tokio::test]
async fn a_user_whose_email_another_has_is_made_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        let email = format!("{name}@mail.example");
        stage.admin.create_user(&format!("{name}-first"), &json!({"email": email})).await;
        let body = json!({"username": name, "password": "x", "email": email, "profile": {"theme": "dark"}});
        let taken = json!({"username": ["A user with that username already exists."]});
        let trial = Trial::json(Method::POST, ADMIN_USERS, body, StatusCode::CREATED)
            .again(StatusCode::BAD_REQUEST, Some(taken))
            .effect(move |table| match table.user_named(&name) {
                None => Effect::Nothing,
                Some(user) if user["email_is_shared"] == true && user["profile"]["theme"] == "dark" => Effect::All,
                user => Effect::Odd(format!("{user:?}")),
            });
        trial.authorized(format!("Token {}", noted_token(stage).await))
    })
    .await;
}
