//! Passwords: set, changed, reset by a mailed link.

use http::Method;

use super::*;
use crate::support::{PASSWORD, USERS};

const NEW: &str = "Copper-kettle-77";

async fn user(stage: &Stage, name: &str) -> (String, Item) {
    let id = stage.admin.create_user(name, &json!({})).await["id"].as_str().expect("an id").to_owned();
    let record = stage.table().user(&id).expect("the user").clone();
    (id, record)
}

/// What has become of the password of a user; made `again`, a change may count more than once.
fn replaced(before: Item, id: String, ends_tokens: bool, again: bool) -> impl Fn(&Table) -> Effect {
    move |table| {
        let now = table.user(&id).expect("the user");
        let version = |name: &str| now.get(name).and_then(Value::as_u64).unwrap_or_default();
        let (versions, tokens) = (version("version"), version("token_version"));
        match now["password"] == before["password"] {
            true if *now == before => Effect::Nothing,
            false if tokens == u64::from(ends_tokens) * (versions - 1) && (versions == 2 || again) => Effect::All,
            _ => Effect::Odd(format!("{now:?}")),
        }
    }
}

#[tokio::test]
async fn a_password_is_set_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        let (id, before) = user(stage, &name).await;
        let body = json!({"current_password": null, "new_password": NEW, "confirm_password": NEW});
        let trial = Trial::json(Method::PUT, &format!("{USERS}{id}/password/"), body, StatusCode::OK);
        trial.effect(replaced(before, id, true, !name.starts_with("once")))
    })
    .await;
}

#[tokio::test]
async fn a_link_for_a_new_password_is_mailed_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        user(stage, &name).await;
        let address = format!("{name}@mail.example");
        let trial = Trial::json(Method::POST, "/api/v1/users/password/reset/", json!({"input": name}), StatusCode::OK);
        trial.effect(move |table| match table.mails_to(&address).count() {
            0 => Effect::Nothing,
            1 => Effect::All,
            // Every request that is answered sends one.
            _ if !name.starts_with("once") => Effect::All,
            more => Effect::Odd(format!("{more} mails")),
        })
    })
    .await;
}

#[tokio::test]
async fn a_reset_is_made_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        let (id, before) = user(stage, &name).await;
        let asked = stage.admin.post("/api/v1/users/password/reset/", &json!({"input": name})).await;
        assert_eq!(asked.status, StatusCode::OK);
        let table = stage.table();
        let address = format!("{name}@mail.example");
        let mail = table.mails_to(&address).next().expect("a mail")["link"].as_str().expect("a link").to_owned();
        let pair = mail.trim_end_matches('/').rsplit('/').next().expect("a pair").to_owned();
        let (uid, token) = pair.split_once('-').expect("a pair");
        let body = json!({"uid": uid, "token": token, "new_password1": NEW, "new_password2": NEW});
        let used = json!({"token": ["Invalid value"]});
        Trial::json(Method::POST, "/api/v1/users/password/reset/confirm/", body, StatusCode::OK)
            .again(StatusCode::BAD_REQUEST, Some(used))
            .effect(replaced(before, id, true, false))
    })
    .await;
}

#[tokio::test]
async fn an_own_password_is_changed_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        let (id, before) = user(stage, &name).await;
        let token = stage.app.token(&name).await;
        let body = json!({"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW});
        let path = "/api/v1/users/user/password/change/";
        let wrong = json!({"old_password": ["Your old password was entered incorrectly. Please enter it again."]});
        Trial::json(Method::POST, path, body, StatusCode::OK)
            .authorized(format!("Bearer {token}"))
            .again(StatusCode::BAD_REQUEST, Some(wrong))
            .effect(replaced(before, id, false, false))
    })
    .await;
}
