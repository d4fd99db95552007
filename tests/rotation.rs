//! Keys are rotated while some processes are warm and others start: what one signs is good at all.

use http::StatusCode;
use serde_json::{Value, json};
use shared::directory::RequestOrigin;
use shared::model::MailKind;

use crate::openwisp::confirmation::confirm;
use crate::support::{Options, PASSWORD, TestApp, USERS};

const RESET: &str = "/api/v1/users/password/reset/";
/// An address of each function that takes signed tokens, but for those below a user.
const ADDRESSES: [&str; 5] = [
    USERS,
    "/api/v1/users/group/",
    "/api/v1/users/organization/",
    "/api/v1/docs.json",
    "/api/v1/users/user/password/change/",
];

/// A process, and another one on the same table that has started after a rotation.
async fn warm_and_new() -> (TestApp, TestApp) {
    let warm = TestApp::start().await;
    is_good_at(&warm, &warm.token("admin").await).await;
    warm.environment.advance(60);
    warm.parameters.rotate(&*warm.environment);
    let new = warm.another(Options::default());
    (warm, new)
}

/// Holds that every function takes that token.
async fn is_good_at(app: &TestApp, token: &str) {
    let client = app.bearer(token);
    let users = client.get(USERS).await.json();
    let emails = format!("{USERS}{}/email/", users["results"][0]["id"].as_str().expect("an id"));
    for path in ADDRESSES.into_iter().chain([&*emails]) {
        let answer = client.get(path).await;
        // A password can be changed, but not be read.
        let good = if path.ends_with("/change/") { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::OK };
        assert_eq!(answer.status, good, "{path}: {answer:?}");
    }
}

/// What the mails to that user are about.
async fn mailed_to(app: &TestApp, username: &str) -> Vec<MailKind> {
    app.mails().await.into_iter().filter(|mail| mail.username == username).map(|mail| mail.kind).collect()
}

/// The path of a link that confirms the address of a new user.
async fn confirmation_by(app: &TestApp, token: &str, username: &str) -> String {
    let user = json!({
        "username": username, "email": format!("{username}@mail.example"), "password": PASSWORD, "email_verified": false
    });
    let made = app.bearer(token).post(USERS, &user).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let mails = mailed_to(app, username).await;
    let [MailKind::Confirmation { link }] = &*mails else { panic!("other mails: {mails:?}") };
    link.strip_prefix("http://rollcall.example").expect("our host").to_owned()
}

/// What sets a new password with a mailed pair.
async fn reset_by(app: &TestApp, username: &str) -> Value {
    let asked = app.anonymous().post(RESET, &json!({ "input": username })).await;
    assert_eq!(asked.status, StatusCode::OK, "{asked:?}");
    let mails = mailed_to(app, username).await;
    let link =
        mails.iter().find_map(|kind| if let MailKind::PasswordReset { link } = kind { Some(link) } else { None });
    let link = link.expect("a mail");
    let pair = link.trim_end_matches('/').rsplit('/').next().expect("a pair");
    let (uid, token) = pair.split_once('-').expect("a pair");
    json!({ "uid": uid, "token": token, "new_password1": "an0ther-Passw0rd", "new_password2": "an0ther-Passw0rd" })
}

#[tokio::test]
async fn tokens_of_both_keys_are_good_at_every_function_of_warm_and_new_processes() {
    let (warm, new) = warm_and_new().await;
    let tokens = [warm.token("admin").await, new.token("admin").await];
    let heads = tokens.each_ref().map(|token| token.split('.').next().expect("a header"));
    assert_ne!(heads[0], heads[1], "the warm process still signs with the key that it knows");
    for token in &tokens {
        is_good_at(&warm, token).await;
        is_good_at(&new, token).await;
    }
}

#[tokio::test]
async fn a_link_that_a_new_process_has_mailed_confirms_at_a_warm_one() {
    let (warm, new) = warm_and_new().await;
    let link = confirmation_by(&new, &new.token("admin").await, "jane").await;
    // No token of the new key has told the warm process that there is one.
    assert_eq!(confirm(&warm, &link).await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn a_link_that_a_new_process_has_mailed_resets_a_password_at_a_warm_one() {
    let (warm, new) = warm_and_new().await;
    confirmation_by(&warm, &warm.token("admin").await, "jane").await;
    let body = reset_by(&new, "jane").await;
    let answer = warm.anonymous().post(&format!("{RESET}confirm/"), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn links_from_before_a_rotation_work_after_it() {
    let warm = TestApp::start().await;
    let token = warm.token("admin").await;
    let link = confirmation_by(&warm, &token, "jane").await;
    confirmation_by(&warm, &token, "joe").await;
    let body = reset_by(&warm, "joe").await;
    warm.parameters.rotate(&*warm.environment);
    let new = warm.another(Options::default());
    assert_eq!(confirm(&new, &link).await.status, StatusCode::FOUND);
    let answer = new.anonymous().post(&format!("{RESET}confirm/"), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

#[tokio::test]
async fn what_an_older_key_has_signed_ends_with_the_second_rotation() {
    let warm = TestApp::start().await;
    let token = warm.token("admin").await;
    let link = confirmation_by(&warm, &token, "jane").await;
    for _ in 0..2 {
        warm.parameters.rotate(&*warm.environment);
    }
    let new = warm.another(Options::default());
    assert_eq!(new.bearer(&token).get(USERS).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(new.bearer(&token).get("/api/v1/users/group/").await.status, StatusCode::UNAUTHORIZED);
    assert!(new.anonymous().get(&link).await.text().contains("expired or is invalid"));
}

#[tokio::test]
async fn who_only_verifies_can_neither_sign_nor_check_links() {
    let app = TestApp::start().await;
    let link = confirmation_by(&app, &app.token("admin").await, "jane").await;
    let key = link.trim_end_matches('/').rsplit('/').next().expect("a key");
    for function in ["docs", "emails", "events", "groups", "organizations", "edge-users", "housekeeping"] {
        let directory = app.directory_of(function);
        let error = directory.confirmable(key, &RequestOrigin::default()).await.expect_err(function);
        assert!(format!("{error:?}").contains("ROLLCALL_SIGNING_KEYS"), "{function}: {error:?}");
    }
    for function in ["auth", "users"] {
        assert!(
            app.directory_of(function).confirmable(key, &RequestOrigin::default()).await.expect(function).is_some()
        );
    }
}

/// Everybody can make up tokens that name a key of their own.
#[tokio::test]
async fn a_parameter_that_cannot_be_read_is_not_asked_again_for_every_forged_token() {
    let (warm, new) = warm_and_new().await;
    let newer = new.token("admin").await;
    warm.parameters.take_calls();
    warm.parameters.set_down(true);
    for _ in 0..5 {
        assert_eq!(warm.bearer(&newer).get(USERS).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(warm.parameters.take_calls(), 1);
    // Nobody else feels it.
    assert_eq!(warm.bearer(&warm.token("admin").await).get(USERS).await.status, StatusCode::OK);
    assert_eq!(warm.parameters.take_calls(), 0);
    warm.parameters.set_down(false);
    warm.environment.advance(10);
    is_good_at(&warm, &newer).await;
}
