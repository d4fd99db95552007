//! Restorations and purges with every kind of trouble at every call of the store.

use http::Method;

use super::*;
use crate::faults::{Effect, Stage, Trial, endure};

/// Somebody who is deleted.
async fn gone(stage: &Stage, name: &str) -> String {
    let crew = organization(&stage.admin, &format!("of{name}")).await;
    let fields = json!({"groups": [1, 2], "organization_users": {"organization": crew, "is_admin": true}});
    let id = id_of(&stage.admin.create_user(name, &fields).await);
    delete(&stage.admin, &id).await;
    id
}

#[tokio::test]
async fn a_restoration_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let id = gone(stage, &name).await;
        let none = json!({"detail": "No User matches the given query."});
        Trial::json(Method::POST, &restoring(&id), json!({}), StatusCode::OK)
            .again(StatusCode::NOT_FOUND, Some(none))
            .effect(move |table| {
                let waits = table.deleted().any(|(deleted, _)| deleted == id);
                match (table.user(&id), waits) {
                    (None, true) => Effect::Nothing,
                    (Some(user), false) if user["version"] == 3 => Effect::All,
                    (user, waits) => Effect::Odd(format!("{user:?}, waits: {waits}")),
                }
            })
    })
    .await;
}

#[tokio::test]
async fn a_purge_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let id = gone(stage, &name).await;
        let none = json!({"detail": "No User matches the given query."});
        Trial::json(Method::DELETE, &deleted(&id), Value::Null, StatusCode::NO_CONTENT)
            .again(StatusCode::NOT_FOUND, Some(none))
            .effect(move |table| {
                // The rest is follow-up work.
                let is_listed = table.partition("DELETED").any(|(sk, _)| sk.ends_with(&id));
                if is_listed { Effect::Nothing } else { Effect::All }
            })
    })
    .await;
}
