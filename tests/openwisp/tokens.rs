//! `POST /api/v1/users/token/` and what tokens are good for (`contracts/openwisp.md` sections 4 and 6).

use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use shared::config::TokenTtl;

use crate::support::{Answer, Options, PASSWORD, TOKEN, TestApp, USERS, request};

const DAY: i64 = 24 * 60 * 60;

async fn login(app: &TestApp, username: &str, password: &str) -> Answer {
    app.anonymous().post(TOKEN, &json!({"username": username, "password": password})).await
}

fn token_in(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()["token"].as_str().expect("a token").to_owned()
}

#[track_caller]
fn refused(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    assert_eq!(answer.text(), r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#);
    assert_eq!(answer.header("www-authenticate"), None);
}

#[track_caller]
fn unauthorized(answer: &Answer, detail: &str) {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
    assert_eq!(answer.json(), json!({ "detail": detail }));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_token_opens_the_directory() {
    let app = TestApp::start().await;
    let token = token_in(&login(&app, "admin", PASSWORD).await);
    let list = app.bearer(&token).get(USERS).await;
    assert_eq!(list.status, StatusCode::OK);
    assert_eq!(list.json()["count"], 1);
}

#[tokio::test]
async fn the_answer_is_the_token_and_nothing_else_whatever_the_body_was_written_in() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nadmin\r\n\
         --b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{PASSWORD}\r\n--b--\r\n"
    );
    let answers = [
        login(&app, "admin", PASSWORD).await,
        client.form(Method::POST, TOKEN, &format!("username=admin&password={PASSWORD}")).await,
        client.with_body(Method::POST, TOKEN, "multipart/form-data; boundary=b", multipart).await,
    ];
    for answer in answers {
        let token = token_in(&answer);
        assert_eq!(answer.text(), format!(r#"{{"token":"{token}"}}"#));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(app.bearer(&token).get(USERS).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn name_address_in_any_case_and_telephone_number_all_sign_in() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("jane", &json!({"email": "Jane.Doe@Mail.example", "phone_number": "+39 333 123 4567"})).await;
    let names = [
        "jane",
        "  jane ",
        "Jane.Doe@Mail.example",
        "jane.doe@mail.EXAMPLE",
        "+393331234567",
        "+39 333 123 4567",
        " +39 333 1234567 ",
    ];
    for name in names {
        assert_eq!(login(&app, name, PASSWORD).await.status, StatusCode::OK, "{name}");
    }
    for name in ["JANE", "Jane", "393331234567", "3331234567", "doe@mail.example", "jane "] {
        let answer = login(&app, name, &format!("{PASSWORD} ")).await;
        refused(&answer);
    }
    for name in ["JANE", "393331234567", "3331234567", "doe@mail.example"] {
        refused(&login(&app, name, PASSWORD).await);
    }
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("idle", &json!({"is_active": false})).await;
    let expiring = admin.create_user("expiring", &json!({"expiration_date": app.day(1)})).await;
    assert_eq!(expiring["is_active"], true);
    app.environment.advance(2 * DAY);
    for (name, password) in [
        ("admin", "not the password"),
        ("admin", &format!(" {PASSWORD} ")),
        ("nobody", PASSWORD),
        ("nobody@mail.example", PASSWORD),
        ("no such name, with spaces", PASSWORD),
        ("idle", PASSWORD),
        ("idle", "not the password"),
        ("expiring", PASSWORD),
    ] {
        refused(&login(&app, name, password).await);
    }
}

#[tokio::test]
async fn what_is_missing_is_told_field_by_field() {
    let app = TestApp::start().await;
    let both = |message: &str| json!({"username": [message], "password": [message]});
    let cases: [(Value, Value); 8] = [
        (json!({}), both("This field is required.")),
        (json!({"username": "admin"}), json!({"password": ["This field is required."]})),
        (json!({"username": "", "password": ""}), both("This field may not be blank.")),
        (json!({"username": "  ", "password": "x"}), json!({"username": ["This field may not be blank."]})),
        (json!({"username": null, "password": null}), both("This field may not be null.")),
        (json!({"username": true, "password": {}}), both("Not a valid string.")),
        (json!({"username": [], "password": false}), both("Not a valid string.")),
        (json!({"username": "a\u{0}", "password": "b\u{0}"}), both("Null characters are not allowed.")),
    ];
    for (body, expected) in cases {
        let answer = app.anonymous().post(TOKEN, &body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, expected), "{body}");
    }
    let empty = app.anonymous().form(Method::POST, TOKEN, "").await;
    assert_eq!(empty.json(), both("This field is required."));
}

#[tokio::test]
async fn a_password_is_not_trimmed_and_a_number_is_taken_as_text() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("spaced", &json!({"password": " in quotes "})).await;
    admin.create_user("digits", &json!({"password": "1234"})).await;
    assert_eq!(login(&app, "spaced", " in quotes ").await.status, StatusCode::OK);
    refused(&login(&app, "spaced", "in quotes").await);
    let answer = app.anonymous().post(TOKEN, &json!({"username": "digits", "password": 1234})).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn an_address_that_is_anothers_user_name_lets_both_in() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let one = admin.create_user("one", &json!({"email": "shared@mail.example", "is_superuser": true})).await;
    let other = json!({"email": "other@mail.example", "password": "Quarry-violet-77", "is_superuser": true});
    let other = admin.create_user("shared@mail.example", &other).await;
    for (password, user) in [(PASSWORD, one), ("Quarry-violet-77", other)] {
        let token = token_in(&login(&app, "shared@mail.example", password).await);
        let own = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
        // Only the account itself can be meant: it is the one that a deactivation locks out.
        admin.patch(&own, &json!({"is_active": false})).await;
        assert_eq!(app.bearer(&token).get(USERS).await.status, StatusCode::UNAUTHORIZED);
        admin.patch(&own, &json!({"is_active": true})).await;
        assert_eq!(app.bearer(&token).get(USERS).await.status, StatusCode::OK);
    }
    refused(&login(&app, "shared@mail.example", "neither").await);
}

#[tokio::test]
async fn signing_in_changes_nothing_and_earlier_tokens_stay_good() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({"is_superuser": true})).await;
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    let before = admin.get(&path).await.json();
    let first = token_in(&login(&app, "jane", PASSWORD).await);
    let second = token_in(&login(&app, "jane", PASSWORD).await);
    assert_eq!(admin.get(&path).await.json(), before);
    assert_eq!(before["last_login"], Value::Null);
    for token in [first, second] {
        assert_eq!(app.bearer(&token).get(&path).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_header_that_shows_no_good_token_is_told_why() {
    let app = TestApp::start().await;
    let none = "Authentication credentials were not provided.";
    let spaces = "Invalid token header. Token string should not contain spaces.";
    let characters = "Invalid token header. Token string should not contain invalid characters.";
    let headers: [(&[u8], &str); 14] = [
        (b"", none),
        (b"Token 0123456789012345678901234567890123456789", none),
        (b"Basic YWRtaW46YWRtaW4=", none),
        (b"Bearers x", none),
        (b"\xff\xfe", none),
        (b"Bearer", "Invalid token header. No credentials provided."),
        (b"bearer   ", "Invalid token header. No credentials provided."),
        (b"Bearer one two", spaces),
        (b"BEARER one two three", spaces),
        (b"Bearer \xff\xfe", characters),
        (b"Bearer \xc3\xa9", "Invalid token."),
        (b"Bearer x", "Invalid token."),
        (b"Bearer a.b.c", "Invalid token."),
        (b"Bearer 0123456789012345678901234567890123456789", "Invalid token."),
    ];
    for (header, detail) in headers {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let header = HeaderValue::from_bytes(header).expect("a header");
            let begun = request(method, USERS).header(AUTHORIZATION, header);
            unauthorized(&app.anonymous().ask(begun, Body::empty()).await, detail);
        }
    }
    unauthorized(&app.anonymous().get(USERS).await, none);
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case_and_logins_ignore_the_header() {
    let app = TestApp::start().await;
    let token = token_in(&login(&app, "admin", PASSWORD).await);
    for scheme in ["Bearer", "bearer", "BEARER", " bEaReR  "] {
        let begun = request(Method::GET, USERS).header(AUTHORIZATION, format!("{scheme} {token} "));
        assert_eq!(app.anonymous().ask(begun, Body::empty()).await.status, StatusCode::OK, "{scheme}");
    }
    let answer = app.bearer("no-such-token").post(TOKEN, &json!({"username": "admin", "password": PASSWORD})).await;
    token_in(&answer);
}

#[tokio::test]
async fn a_deactivated_users_token_is_refused_until_it_is_active_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({"is_superuser": true})).await;
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    let client = app.signed_in("jane").await;
    assert_eq!(client.get(USERS).await.status, StatusCode::OK);
    admin.patch(&path, &json!({"is_active": false})).await;
    unauthorized(&client.get(USERS).await, "User inactive or deleted.");
    refused(&login(&app, "jane", PASSWORD).await);
    admin.patch(&path, &json!({"is_active": true})).await;
    assert_eq!(client.get(USERS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_deleted_users_token_is_refused_for_ever() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({"is_superuser": true})).await;
    let client = app.signed_in("jane").await;
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    unauthorized(&client.get(USERS).await, "Invalid token.");
    refused(&login(&app, "jane", PASSWORD).await);
    admin.create_user("jane", &json!({"is_superuser": true})).await;
    unauthorized(&client.get(USERS).await, "Invalid token.");
}

#[tokio::test]
async fn an_expired_account_counts_as_inactive_from_the_day_after() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!({"is_superuser": true, "expiration_date": app.day(1)});
    let jane = admin.create_user("jane", &fields).await;
    let client = app.signed_in("jane").await;
    // The script begins at noon: a day and six hours later it is the evening of the last day.
    app.environment.advance(DAY + DAY / 4);
    assert_eq!(client.get(USERS).await.status, StatusCode::OK);
    token_in(&login(&app, "jane", PASSWORD).await);
    app.environment.advance(DAY / 2);
    unauthorized(&client.get(USERS).await, "User inactive or deleted.");
    refused(&login(&app, "jane", PASSWORD).await);
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    assert_eq!(admin.get(&path).await.json()["is_active"], true);
    admin.patch(&path, &json!({"expiration_date": null})).await;
    assert_eq!(client.get(USERS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_is_good_for_as_long_as_is_set() {
    let app = TestApp::with(Options { token_ttl: TokenTtl::Seconds(3600), ..Options::default() }).await;
    let client = app.admin().await;
    app.environment.advance(3590);
    assert_eq!(client.get(USERS).await.status, StatusCode::OK);
    app.environment.advance(20);
    unauthorized(&client.get(USERS).await, "Invalid token.");
    assert_eq!(app.admin().await.get(USERS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_never_expires_is_good_after_a_century() {
    let app = TestApp::with(Options { token_ttl: TokenTtl::Never, ..Options::default() }).await;
    let client = app.admin().await;
    app.environment.advance(100 * 366 * DAY);
    assert_eq!(client.get(USERS).await.status, StatusCode::OK);
}
