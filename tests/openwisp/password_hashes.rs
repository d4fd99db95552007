//! Hashes of users who moved in, and that nobody can tell from a login's work who exists (`docs/design.md` section 5).

use http::StatusCode;
use serde_json::json;
use shared::auth::password::HashCost;
use shared::model::{User, UserId};

use crate::support::{Client, PASSWORD, TOKEN, TestApp, insert, plain_user};

/// As Django writes them, of the password `Orchid-lantern-42`.
const DJANGO: &[(&str, &str)] = &[
    ("pbkdf2", "pbkdf2_sha256$1000$W3Dkpsalt0$Meva6GdOqIIjORRrVMbBcB7r6d5P7dTb6b51xOKw8CE="),
    ("bcrypt", "bcrypt$$2b$04$popKlwicBsH1qfPjKBjtMO.MlzGAg4Ux4SIufohL26ObLsJKeJ.FK"),
    ("bcrypt_sha256", "bcrypt_sha256$$2b$04$iCKl7gEkzNJWH1vKqISO8OaYYIfLJpt4ybEnCJa0bLBkBiVxTnHRK"),
    ("argon2", "argon2$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHQ$qdYUIDdOnxgRTDcQb2B8Wxc2RZ0YiQWwGrnXU3DfRtc"),
];

async fn stored(app: &TestApp, id: UserId) -> User {
    app.directory.store().user(id).await.expect("the store").expect("a user")
}

async fn login(client: &Client, username: &str, password: &str) -> StatusCode {
    client.post(TOKEN, &json!({"username": username, "password": password})).await.status
}

#[tokio::test]
async fn djangos_hashes_let_in_and_become_argon2id() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    for &(name, hash) in DJANGO {
        let user = User { password: hash.into(), ..plain_user(&app, name).await };
        insert(&app, &user).await;
        assert_eq!(login(&client, name, "not the password").await, StatusCode::BAD_REQUEST, "{name}");
        assert_eq!(stored(&app, user.id).await.password.reveal(), hash, "a failed login leaves the hash");
        assert_eq!(login(&client, name, PASSWORD).await, StatusCode::OK, "{name}");
        let renewed = stored(&app, user.id).await.password;
        assert!(renewed.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", renewed.reveal());
        assert_eq!(login(&client, name, PASSWORD).await, StatusCode::OK, "{name}");
        assert_eq!(stored(&app, user.id).await.password, renewed, "a hash of today's kind stays");
        assert_eq!(login(&client, name, "not the password").await, StatusCode::BAD_REQUEST, "{name}");
    }
}

#[tokio::test]
async fn a_renewed_hash_is_all_that_a_login_changes() {
    let app = TestApp::start().await;
    let (name, hash) = DJANGO[0];
    let mut user = User { password: hash.into(), ..plain_user(&app, name).await };
    user.details.bio = "kept".to_owned();
    insert(&app, &user).await;
    assert_eq!(login(&app.anonymous(), name, PASSWORD).await, StatusCode::OK);
    let after = stored(&app, user.id).await;
    assert_eq!(after.version, user.version + 1, "a change that was begun before is noticed");
    assert_eq!(User { password: user.password.clone(), version: user.version, ..after }, user);
}

#[tokio::test]
async fn hashes_that_are_none_let_nobody_in() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    for (index, hash) in ["", "!", "!x", "md5$x$y", "plain", PASSWORD, "pbkdf2_sha256$0$salt$AAAA"].iter().enumerate() {
        let name = format!("user{index}");
        insert(&app, &User { password: (*hash).into(), ..plain_user(&app, &name).await }).await;
        for password in [PASSWORD, hash, "!"].into_iter().filter(|text| !text.is_empty()) {
            assert_eq!(login(&client, &name, password).await, StatusCode::BAD_REQUEST, "{hash}");
        }
    }
}

#[tokio::test]
async fn a_hash_is_computed_for_every_login_also_where_nobody_can_get_in() {
    let app = TestApp::start().await;
    for (name, hash) in [("none", ""), ("unusable", "!x"), ("damaged", "argon2$argon2id$v=19$m=8"), ("odd", "md5$x$y")]
    {
        insert(&app, &User { password: hash.into(), ..plain_user(&app, name).await }).await;
    }
    // A hasher that can make no hash: whoever asks it for one fails.
    let client = app.restarted(HashCost { memory: 0, passes: 0 }).anonymous();
    for name in ["nobody", "nobody@mail.example", "+393331234567", "", "none", "unusable", "damaged", "odd"] {
        let status = login(&client, name, PASSWORD).await;
        let expected = if name.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
        assert_eq!(status, expected, "{name:?} was answered without a hash");
    }
}
