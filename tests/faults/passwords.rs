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
async fn a_link_for_a_new_password_is_asked_for_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        user(stage, &name).await;
        let trial = Trial::json(Method::POST, "/api/v1/users/password/reset/", json!({"input": name}), StatusCode::OK);
        trial.effect(move |table| match requests_of(table, &name) {
            0 => Effect::Nothing,
            1 => Effect::All,
            // Every request that is answered is kept.
            _ if !name.starts_with("once") => Effect::All,
            more => Effect::Odd(format!("{more} requests")),
        })
    })
    .await;
}

/// How often a new password was asked for with that name.
fn requests_of(table: &Table, name: &str) -> usize {
    table.partition("RESETS").filter(|(_, request)| request["identifier"] == name).count()
}

/// Whatever befalls the job, each request is answered by one mail in the end.
#[tokio::test]
async fn a_link_for_a_new_password_is_mailed_once() {
    let stage = Stage::set(true).await;
    let calls = {
        user(&stage, "calm").await;
        let process = ask_and_mail(&stage, "calm", Plan::Calm).await;
        assert_eq!(stage.table().mails_to("calm@mail.example").count(), 1);
        process.faults.calls()
    };
    for (call, operation) in calls.iter().enumerate() {
        for (number, fault) in Fault::QUICK.into_iter().filter(|fault| fault.fits(operation)).enumerate() {
            let name = format!("user{call}x{number}");
            user(&stage, &name).await;
            let what = format!("{fault:?} at call {call}, {operation}");
            ask_and_mail(&stage, &name, Plan::At { call, fault, lasting: true }).await;
            ask_and_mail(&stage, &name, Plan::At { call, fault, lasting: false }).await;
            stage.app.mails().await;
            let table = stage.table();
            assert_eq!(table.mails_to(&format!("{name}@mail.example")).count(), 2, "{what}");
            assert_eq!(table.partition("RESETS").count(), 0, "{what}");
        }
    }
}

/// Asks for a new password, and has the job look for it that meets such trouble.
async fn ask_and_mail(stage: &Stage, name: &str, plan: Plan) -> Process {
    let asked = stage.admin.post("/api/v1/users/password/reset/", &json!({"input": name})).await;
    assert_eq!(asked.status, StatusCode::OK);
    let faults = Faults::default();
    let hand = faults.clone();
    let connection = Box::new(move |connection| hand.wrap(connection));
    let app =
        stage.app.another(Options { throttle: stage.throttle, retry_policy: HASTY, connection, ..Options::default() });
    faults.follow(plan);
    let _ = app.directory.mail_resets(shared::directory::SystemCaller::Housekeeping).await;
    Process { client: app.anonymous(), faults }
}

#[tokio::test]
async fn a_reset_is_made_once_or_not_at_all() {
    endure(false, async |stage: &Stage, name| {
        let (id, before) = user(stage, &name).await;
        let asked = stage.admin.post("/api/v1/users/password/reset/", &json!({"input": name})).await;
        assert_eq!(asked.status, StatusCode::OK);
        stage.app.mails().await;
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
        let ended = json!({"detail": "Invalid token."});
        Trial::json(Method::POST, path, body, StatusCode::OK)
            .authorized(format!("Bearer {token}"))
            .again(StatusCode::UNAUTHORIZED, Some(ended))
            .effect(replaced(before, id, true, false))
    })
    .await;
}
