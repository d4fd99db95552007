//! API tokens: obtained and made; and what Edge notes of every request.

use http::Method;

use super::*;
use crate::support::PASSWORD;

/// How many tokens the user of that name has; a call that is made again makes another.
fn has_one(name: String) -> impl Fn(&Table) -> Effect {
    move |table| {
        let id = table.user_named(&name).expect("the user")["id"].as_str().expect("an id").to_owned();
        let tokens = table.partition(&format!("TOKENS#{id}")).filter(|(sk, _)| sk.starts_with("TOKEN#")).count();
        match tokens {
            0 => Effect::Nothing,
            1 => Effect::All,
            2 if !name.starts_with("once") => Effect::All,
            more => Effect::Odd(format!("{more} tokens")),
        }
    }
}

#[tokio::test]
async fn a_token_is_obtained_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        stage.admin.create_user(&name, &json!({})).await;
        let login = json!({"username": name, "password": PASSWORD});
        Trial::json(Method::POST, "/api/users/token/", login, StatusCode::OK).effect(has_one(name))
    })
    .await;
}

#[tokio::test]
async fn a_token_is_made_for_a_user_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        stage.admin.create_user(&name, &json!({})).await;
        let edge = stage.app.basic("admin", PASSWORD);
        let tokens_of = async |name: &str| {
            let users = edge.get(&format!("/api/users/?username={name}")).await.json();
            format!("/api/users/{}/tokens/", users[0]["id"].as_str().expect("an id"))
        };
        let key = edge.post(&tokens_of("admin").await, &json!({"title": "T"})).await.json()["token"].clone();
        let key = key.as_str().expect("a token");
        let path = tokens_of(&name).await;
        // Its use is noted, so that every call makes the same calls of the store.
        assert_eq!(stage.app.keyed(&format!("admin:{key}")).get(&path).await.status, StatusCode::OK);
        let trial = Trial::json(Method::POST, &path, json!({"title": "T"}), StatusCode::CREATED);
        trial.effect(has_one(name)).authorized(format!("Token admin:{key}"))
    })
    .await;
}
