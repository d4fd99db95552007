//! Users: made, changed, removed, confirmed, signed in.

use http::Method;
use shared::auth::password::{HashCost, Hasher};
use shared::model::UserId;
use shared::web::ClientIp;

use super::*;
use crate::support::{PASSWORD, USERS};

/// A valid number for each name.
fn phone(name: &str) -> String {
    let sum = name.bytes().fold(0_u64, |sum, byte| (sum * 257 + u64::from(byte)) % 999_983);
    format!("+4915110{sum:06}")
}

fn id_of(user: &Value) -> String {
    user["id"].as_str().expect("an id").to_owned()
}

fn creation(name: &str, verified: bool) -> Trial {
    let email = format!("{name}@mail.example");
    let body = json!({
        "username": name, "email": email, "password": PASSWORD, "email_verified": verified,
        "phone_number": phone(name), "groups": [1],
    });
    let taken = json!({
        "username": ["A user with that username already exists."],
        "email": ["user with this email address already exists."],
        "phone_number": ["user with this phone number already exists."],
    });
    let name = name.to_owned();
    Trial::json(Method::POST, USERS, body, StatusCode::CREATED).again(StatusCode::BAD_REQUEST, Some(taken)).effect(
        move |table| {
            let mails = table.mails_to(&email).count();
            match table.user_named(&name) {
                None if mails == 0 => Effect::Nothing,
                Some(user) if user["version"] == 1 && mails == usize::from(!verified) => Effect::All,
                user => Effect::Odd(format!("{user:?} with {mails} mails")),
            }
        },
    )
}

#[tokio::test]
async fn a_verified_user_is_made_once_or_not_at_all() {
    endure(false, async |_: &Stage, name| creation(&name, true)).await;
}

#[tokio::test]
async fn an_unverified_user_is_made_with_one_mail_or_not_at_all() {
    endure(false, async |_: &Stage, name| creation(&name, false)).await;
}

/// Changes a user that has `fields`, whose record then differs by `differences` (null for what goes).
async fn change(stage: &Stage, name: &str, fields: Value, patch: Value, differences: Value) -> Trial {
    let user = stage.admin.create_user(name, &fields).await;
    let id = id_of(&user);
    let before = stage.table().user(&id).expect("the user").clone();
    let mut after = before.clone();
    after.insert("version".to_owned(), json!(2));
    for (name, value) in differences.as_object().expect("an object") {
        match value {
            Value::Null => after.remove(name),
            value => after.insert(name.clone(), value.clone()),
        };
    }
    Trial::json(Method::PATCH, &format!("{USERS}{id}/"), patch, StatusCode::OK).turns(
        move |table| table.user(&id).cloned(),
        Some(before),
        Some(after),
    )
}

#[tokio::test]
async fn a_rename_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let patch = json!({"username": format!("{name}.new")});
        change(stage, &name, json!({}), patch.clone(), patch).await
    })
    .await;
}

#[tokio::test]
async fn a_change_of_the_email_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let patch = json!({"email": format!("{name}.New@mail.example")});
        change(stage, &name, json!({}), patch.clone(), patch).await
    })
    .await;
}

#[tokio::test]
async fn a_change_of_the_telephone_number_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let patch = json!({"phone_number": phone(&format!("{name}.new"))});
        change(stage, &name, json!({"phone_number": phone(&name)}), patch.clone(), patch).await
    })
    .await;
}

#[tokio::test]
async fn a_change_of_everything_that_is_unique_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let fields = json!({"phone_number": phone(&name), "groups": [1]});
        let patch = json!({
            "username": format!("{name}.new"), "email": format!("{name}.new@mail.example"),
            "phone_number": phone(&format!("{name}.new")), "groups": [2],
        });
        change(stage, &name, fields, patch.clone(), patch).await
    })
    .await;
}

#[tokio::test]
async fn a_change_of_names_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let patch = json!({"first_name": "Jane", "last_name": "Doe"});
        change(stage, &name, json!({}), patch.clone(), patch).await
    })
    .await;
}

#[tokio::test]
async fn giving_up_email_and_telephone_number_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let patch = json!({"email": null, "phone_number": null});
        change(stage, &name, json!({"phone_number": phone(&name)}), patch.clone(), patch).await
    })
    .await;
}

#[tokio::test]
async fn a_promotion_to_superuser_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let changed = json!({"is_superuser": true, "others_api_tokens_ended": 1});
        change(stage, &name, json!({}), json!({"is_superuser": true}), changed).await
    })
    .await;
}

#[tokio::test]
async fn a_demotion_of_a_superuser_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let patch = json!({"is_superuser": false});
        change(stage, &name, json!({"is_superuser": true}), patch, json!({"is_superuser": null})).await
    })
    .await;
}

async fn removal(stage: &Stage, name: &str, fields: Value) -> Trial {
    let id = id_of(&stage.admin.create_user(name, &fields).await);
    let before = stage.table().user(&id).cloned();
    let gone = json!({"detail": "No User matches the given query."});
    Trial::json(Method::DELETE, &format!("{USERS}{id}/"), Value::Null, StatusCode::NO_CONTENT)
        .again(StatusCode::NOT_FOUND, Some(gone))
        .turns(move |table| table.user(&id).cloned(), before, None)
}

#[tokio::test]
async fn a_removal_is_whole() {
    endure(false, async |stage: &Stage, name| {
        removal(stage, &name, json!({"phone_number": phone(&name), "groups": [1, 2]})).await
    })
    .await;
}

#[tokio::test]
async fn a_removal_of_a_superuser_is_whole() {
    endure(false, async |stage: &Stage, name| removal(stage, &name, json!({"is_superuser": true})).await).await;
}

#[tokio::test]
async fn a_confirmation_is_whole() {
    endure(false, async |stage: &Stage, name| {
        let email = format!("{name}@mail.example");
        let id = id_of(&stage.admin.create_user(&name, &json!({"email_verified": false})).await);
        let table = stage.table();
        let mail = table.mails_to(&email).next().expect("a mail");
        let link = mail["link"].as_str().expect("a link");
        let path = link.strip_prefix("http://rollcall.example").expect("our host").to_owned();
        // The mail goes out before its link is followed.
        stage.app.forget_mails().await;
        let before = table.user(&id).expect("the user").clone();
        let mut after = before.clone();
        after["version"] = json!(2);
        after["addresses"][0]["verified"] = json!(true);
        after["addresses"][0]["primary"] = json!(true);
        let request = move || {
            let request = Request::builder().method(Method::POST).uri(&path).header(HOST, "rollcall.example");
            let request = request.header("cookie", "csrftoken=seed");
            let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            request.body("csrfmiddlewaretoken=seed".into()).expect("a request")
        };
        let trial = Trial::json(Method::POST, "", Value::Null, StatusCode::FOUND).again(StatusCode::OK, None);
        Trial { request: Box::new(request), ..trial }.turns(
            move |table| table.user(&id).cloned(),
            Some(before),
            Some(after),
        )
    })
    .await;
}

/// A call of the token endpoint, from an address of its own.
fn login(name: &str, password: &str, done: StatusCode) -> Trial {
    let address = format!("address-of-{name}");
    let body = json!({"username": name, "password": password});
    let trial = Trial::json(Method::POST, "/api/v1/users/token/", body, done);
    let plain = trial.request;
    let request = move || {
        let mut request = plain();
        request.extensions_mut().insert(ClientIp(Some(address.clone())));
        request
    };
    Trial { request: Box::new(request), ..trial }
}

/// The attempts that count as failed: of all networks, of the user.
fn failures(table: &Table, id: &str) -> [i64; 2] {
    let counted = |start: &str| {
        let items = table.items.iter().filter(|((pk, _), _)| pk.starts_with(start));
        let names = items.filter_map(|(_, item)| item.get("attempts")?.as_array().map(Vec::len));
        i64::try_from(names.sum::<usize>()).expect("a count")
    };
    [counted("THROTTLE#SECRETS#"), counted(&format!("THROTTLE#USER#{id}"))]
}

/// The same, without those that were there before.
fn new_failures(table: &Table, id: &str, before: i64) -> [i64; 2] {
    let [of_networks, of_user] = failures(table, id);
    [of_networks - before, of_user]
}

#[tokio::test]
async fn a_login_renews_an_old_hash_and_leaves_no_failure() {
    endure(true, async |stage: &Stage, name| {
        let id = id_of(&stage.admin.create_user(&name, &json!({})).await);
        let directory = &stage.app.directory;
        let outdated = Hasher::new(HashCost { memory: 16, passes: 1 }, stage.app.environment.clone(), 1);
        let outdated = outdated.hash(PASSWORD.into()).await.expect("a hash");
        let user = directory.store().user(UserId::parse(&id).expect("an id")).await.expect("an answer");
        directory.store().user_password_replace(&user.expect("the user"), &outdated).await.expect("a replacement");
        // That there are such hashes is noted once.
        let wrong = json!({"username": name, "password": "wrong"});
        assert_eq!(stage.app.anonymous().post("/api/v1/users/token/", &wrong).await.status, StatusCode::BAD_REQUEST);
        let once = name.starts_with("once");
        let [before, _] = failures(&stage.table(), &id);
        login(&name, PASSWORD, StatusCode::OK).effect(move |table| {
            let failures = new_failures(table, &id, before);
            let user = table.user(&id).expect("the user");
            let renewed = user["password"] != outdated.reveal();
            let version = user["version"].as_i64().expect("a version");
            // What lasting trouble cuts short may go on counting as a failure.
            let most = i64::from(!once);
            match (renewed, version) {
                _ if failures.iter().any(|&count| !(0..=most).contains(&count)) => Effect::Odd(format!("{failures:?}")),
                (false, 2) => Effect::Nothing,
                (true, 3) => Effect::All,
                _ => Effect::Odd(format!("version {version}, failures {failures:?}")),
            }
        })
    })
    .await;
}

#[tokio::test]
async fn a_failed_login_counts_once() {
    endure(true, async |stage: &Stage, name| {
        let id = id_of(&stage.admin.create_user(&name, &json!({})).await);
        let once = name.starts_with("once");
        let [before, _] = failures(&stage.table(), &id);
        login(&name, "wrong", StatusCode::BAD_REQUEST).effect(move |table| match new_failures(table, &id, before) {
            [0, 0] => Effect::Nothing,
            [1, 1] => Effect::All,
            // Told as unavailable after it was counted for the network; a repetition counts again.
            [1, 0] if !once => Effect::Nothing,
            [1 | 2, 1 | 2] if !once => Effect::All,
            other => Effect::Odd(format!("{other:?}")),
        })
    })
    .await;
}

#[tokio::test]
async fn the_last_attempt_that_a_limit_lets_through_is_let_through_though_its_answer_is_lost() {
    let stage = Stage::set(true).await;
    stage.admin.create_user("jane", &json!({})).await;
    let process = stage.process(PATIENT);
    let (wrong, right) = (login("jane", "wrong", StatusCode::BAD_REQUEST), login("jane", PASSWORD, StatusCode::OK));
    // The first one learns what all processes have in common.
    assert_eq!(wrong.send(&process.client).await.status, wrong.done);
    process.faults.follow(Plan::Calm);
    assert_eq!(wrong.send(&process.client).await.status, wrong.done);
    let call = process.faults.calls().iter().position(|operation| operation == "UpdateItem");
    let call = call.expect("an attempt counted for the network");
    for _ in 0..7 {
        assert_eq!(wrong.send(&process.client).await.status, wrong.done);
    }
    process.faults.follow(Plan::At { call, fault: Fault::AnswerLost, lasting: false });
    assert_eq!(right.send(&process.client).await.status, right.done);
    assert_eq!(process.faults.struck(), 1);
    // It was taken back, so that there is room for one more and no other.
    assert_eq!(wrong.send(&process.client).await.status, wrong.done);
    assert_eq!(right.send(&process.client).await.status, StatusCode::TOO_MANY_REQUESTS);
}
