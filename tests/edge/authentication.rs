//! Who is asking (section 9), and how long a verified password is remembered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use shared::model::{User, UserId};
use shared::store::{UserWrite, WriteOutcome};

use super::{
    USERS, admin, body, detail, history, make, not_found, path, path_of, text, token_of, told, unauthorized, with_token,
};
use crate::support::{CHEAP, Client, PASSWORD, TestApp, request};

const WRONG: &str = "Invalid username/password.";
const INVALID: &str = "Invalid token.";

#[tokio::test]
async fn every_bad_header_has_its_own_sentence() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    make(&admin, "eve", json!({"allow_rest_access": true})).await;
    let secret = token_of(&admin, &bob).await["token"].as_str().expect("a secret").to_owned();
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    for (header, sentence) in [
        (String::new(), "Authentication credentials were not provided."),
        (format!("Bearer {secret}"), "Authentication credentials were not provided."),
        ("Digest username=a".to_owned(), "Authentication credentials were not provided."),
        ("Basic".to_owned(), "Invalid basic header. No credentials provided."),
        ("Basic YTpi YTpi".to_owned(), "Invalid basic header. Credentials string should not contain spaces."),
        ("Basic abc".to_owned(), "Invalid basic header. Credentials not correctly base64 encoded."),
        (basic("bob:wrong"), "Invalid username/password."),
        (basic("bob"), "Invalid username/password."),
        (basic("nobody:wrong"), "Invalid username/password."),
        (basic("no good:wrong"), "Invalid username/password."),
        (basic("bob@mail.example:Orchid-lantern-42"), "Invalid username/password."),
        (basic(&format!("bob:{secret}")), "Invalid username/password."),
        ("Token".to_owned(), "Invalid token header. No credentials provided."),
        ("Token a:b c".to_owned(), "Invalid token header. Token string should not contain spaces."),
        (format!("Token {secret}"), "Invalid token."),
        (format!("Token eve:{secret}"), "Invalid token."),
        (format!("Token :{secret}"), "Invalid token."),
        (format!("Token bob:{secret}0"), "Invalid token."),
        (format!("Token bob:{PASSWORD}"), "Invalid token."),
        ("Token bob:********".to_owned(), "Invalid token."),
    ] {
        let value = HeaderValue::from_str(&header).expect("a header");
        for path in [USERS, "/api/users/000000000000000000000000/shoes/"] {
            let answer = app.anonymous().ask(request(Method::PUT, path).header(AUTHORIZATION, value.clone()), "").await;
            assert_eq!(told(&answer), (401, detail(sentence)), "{header}");
            assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"api\""));
        }
    }
    for header in [
        basic(&format!("bob:{PASSWORD}")),
        basic(&format!("bob:{PASSWORD}")).replace("Basic", "BASIC"),
        format!("Token bob:{secret}"),
        format!("token {}", STANDARD.encode(format!("bob:{secret}"))),
    ] {
        let begun = request(Method::GET, &path_of(&bob)).header(AUTHORIZATION, &header);
        assert_eq!(app.anonymous().ask(begun, "").await.status, 200, "{header}");
    }
}

#[tokio::test]
async fn an_inactive_user_is_told_so_only_with_the_right_password() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let secret = token_of(&admin, &bob).await["token"].as_str().expect("a secret").to_owned();
    let right = [app.basic("bob", PASSWORD), app.keyed(&format!("bob:{secret}"))];
    for client in &right {
        assert_eq!(client.get(&path_of(&bob)).await.status, 200);
    }
    admin.patch(&path_of(&bob), &json!({"is_active": false})).await;
    for client in &right {
        // The pair is remembered, and the switch counts all the same.
        assert_eq!(told(&client.get(&path_of(&bob)).await), (401, detail("User inactive or deleted.")));
    }
    let wrong = app.basic("bob", "wrong").get(&path_of(&bob)).await;
    assert_eq!(told(&wrong), (401, detail("Invalid username/password.")));
    // An expiration date that has passed counts as being switched off.
    let openwisp = app.admin().await;
    admin.patch(&path_of(&bob), &json!({"is_active": true})).await;
    let rows = openwisp.get(crate::support::USERS).await.json();
    let path = format!("{}{}/", crate::support::USERS, rows["results"][0]["id"].as_str().expect("an id"));
    assert_eq!(openwisp.patch(&path, &json!({"expiration_date": app.day(1)})).await.status, 200);
    assert_eq!(right[1].get(&path_of(&bob)).await.status, 200);
    app.environment.advance(3 * 24 * 60 * 60);
    for client in &right {
        assert_eq!(told(&client.get(&path_of(&bob)).await), (401, detail("User inactive or deleted.")));
    }
}

/// The stored user of that name.
async fn stored(app: &TestApp, user: &Value) -> User {
    let id = shared::model::EdgeId::parse(user["id"].as_str().expect("an id")).expect("an id");
    let store = app.directory.store();
    let id: UserId = store.user_by_edge_id(id).await.expect("the store").expect("a user").user;
    store.user(id).await.expect("the store").expect("the user")
}

/// Puts a hash in place behind the API's back, as a restored backup does.
async fn put_hash(app: &TestApp, user: &Value, hash: &str) {
    let before = stored(app, user).await;
    let after = User { password: hash.into(), ..before.clone() };
    let write = UserWrite { before: Some(&before), after: Some(&after), ..UserWrite::default() };
    assert_eq!(app.directory.store().user_write(&write).await.expect("a write"), WriteOutcome::Done);
}

/// The status of a request by password, to a process that has remembered what it was asked before.
async fn status(client: &Client, user: &Value) -> u16 {
    client.get(&path_of(user)).await.status.as_u16()
}

#[tokio::test]
async fn a_changed_or_restored_password_counts_at_the_very_next_request() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let (old, new) = (app.basic("bob", PASSWORD), app.basic("bob", "Another@9876-word"));
    assert_eq!((status(&old, &bob).await, status(&new, &bob).await), (200, 401));
    let old_hash = stored(&app, &bob).await.password;
    assert_eq!(admin.patch(&path_of(&bob), &json!({"password": "Another@9876-word"})).await.status, 202);
    assert_eq!((status(&old, &bob).await, status(&new, &bob).await), (401, 200));
    let new_hash = stored(&app, &bob).await.password;
    // A backup brings the old hash back: the newer password is refused although it was verified a moment ago.
    put_hash(&app, &bob, &old_hash).await;
    assert_eq!((status(&new, &bob).await, status(&old, &bob).await), (401, 200));
    put_hash(&app, &bob, &new_hash).await;
    assert_eq!((status(&old, &bob).await, status(&new, &bob).await), (401, 200));
    // A name that moves to somebody else takes no password along.
    assert_eq!(admin.patch(&path_of(&bob), &json!({"username": "robert"})).await.status, 202);
    assert_eq!(status(&new, &bob).await, 401);
    make(&admin, "bob", json!({"email": "other@mail.example"})).await;
    assert_eq!(new.get(USERS).await.status, 401);
}

#[tokio::test]
async fn a_verified_pair_costs_no_hash_and_no_counting_for_five_minutes() {
    let options = crate::support::Options { throttle: true, ..crate::support::Options::default() };
    let app = TestApp::with(options).await;
    let client = admin(&app);
    client.get(USERS).await;
    let (_, first) = {
        // A process that has remembered nothing counts the attempt and takes it back.
        let fresh = app.restarted(CHEAP);
        admin(&fresh).get(USERS).await.cost()
    };
    let (_, later) = client.get(USERS).await.cost();
    // The key of the limits as well, which a process reads every ten minutes.
    assert!((first, later) == (6.0, 1.0), "counted and taken back, and the history: {first}, {later}");
    app.environment.advance(5 * 60);
    let (_, after) = client.get(USERS).await.cost();
    assert!((4.9..5.1).contains(&after), "{after}");
}

#[tokio::test]
async fn wrong_passwords_are_limited_but_not_before_the_fifth() {
    let options = crate::support::Options { throttle: true, ..crate::support::Options::default() };
    let app = TestApp::with(options).await;
    let wrong = app.basic("admin", "wrong");
    for failure in 1..=11 {
        let answer = wrong.get(USERS).await;
        assert_eq!(answer.status.as_u16(), if failure <= 10 { 401 } else { 429 }, "failure {failure}: {answer:?}");
    }
    let fresh = app.restarted(CHEAP);
    let answer = admin(&fresh).get(USERS).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    app.environment.advance(15 * 60);
    let answer = admin(&fresh).get(USERS).await;
    assert_eq!(answer.status, 200);
    let id = answer.json()[0]["id"].as_str().expect("an id").to_owned();
    let history = admin(&fresh).get(&format!("{USERS}{id}/history/")).await.json();
    let successes = history.as_array().expect("attempts").iter().filter(|attempt| attempt["success"] == true).count();
    assert_eq!(
        (history.as_array().expect("attempts").len(), successes),
        (12, 2),
        "refused ones are attempts too, but for those that were throttled"
    );
}

#[tokio::test]
async fn a_hash_of_another_system_is_replaced_at_the_first_request() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    put_hash(&app, &bob, "pbkdf2_sha256$1000$W3Dkpsalt0$Meva6GdOqIIjORRrVMbBcB7r6d5P7dTb6b51xOKw8CE=").await;
    let client = app.basic("bob", PASSWORD);
    for _ in 0..2 {
        assert_eq!(status(&client, &bob).await, 200);
    }
    assert!(stored(&app, &bob).await.password.starts_with("$argon2id$"));
}

#[tokio::test]
async fn each_form_of_good_credentials_lets_in() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let password = "Pa:ss: wörd-42 ";
    let user = make(&admin, "bob", json!({"password": password, "allow_rest_access": true})).await;
    let token = token_of(&admin, &user).await;
    let at = path(&user["url"]);
    let pair = format!("bob:{password}");
    let latin: Vec<u8> = pair.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    let token_pair = format!("bob:{}", text(&token["token"]));
    for header in [
        format!("Basic {}", STANDARD.encode(&pair)),
        format!("bAsIc {}", STANDARD.encode(&pair)),
        format!("Basic {}", STANDARD.encode(latin)),
        format!("Token {token_pair}"),
        format!("TOKEN {token_pair}"),
        format!("Token {}", STANDARD.encode(&token_pair)),
        format!("token  {}", STANDARD.encode(&token_pair)),
    ] {
        let answer = Client::new(app.router.clone(), Some(header.clone())).get(&at).await;
        assert_eq!(answer.status, StatusCode::OK, "{header}: {answer:?}");
    }
    // A token without its owner's name, as a password, or in the name of another; a password as a token.
    for header in [
        format!("Token {}", text(&token["token"])),
        format!("Token admin:{}", text(&token["token"])),
        format!("Token BOB:{}", text(&token["token"])),
        format!("Token bob:{}", text(&token["token"]).to_uppercase()),
        format!("Token bob:{PASSWORD}"),
        "Token bob:********".to_owned(),
    ] {
        unauthorized(&Client::new(app.router.clone(), Some(header.clone())).get(&at).await, INVALID);
    }
    for (name, secret) in [
        ("bob", text(&token["token"])),
        ("bob", password.trim()),
        ("bob", &password.to_uppercase()),
        ("bob@mail.example", password),
        ("nobody", password),
    ] {
        unauthorized(&app.basic(name, secret).get(&at).await, WRONG);
    }
}

#[tokio::test]
async fn every_character_of_a_long_password_counts() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let password = format!("Aa1!{}", "x".repeat(96));
    let fields = json!({"password": password, "is_staff": true});
    make(&admin, "bob", fields).await;
    assert_eq!(app.basic("bob", &password).get(USERS).await.status, StatusCode::OK);
    for wrong in [&password[..99], &password[..72], &format!("{password}x"), &format!("{}y", &password[..99])] {
        unauthorized(&app.basic("bob", wrong).get(USERS).await, WRONG);
    }
}

#[tokio::test]
async fn a_renamed_user_is_known_by_the_present_name_alone() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_staff": true})).await;
    let token = token_of(&admin, &user).await;
    assert_eq!(app.basic("bob", PASSWORD).get(USERS).await.status, StatusCode::OK);
    admin.patch(&path(&user["url"]), &json!({"username": "robert"})).await;
    unauthorized(&app.basic("bob", PASSWORD).get(USERS).await, WRONG);
    unauthorized(&with_token(&app, "bob", &token).get(USERS).await, INVALID);
    assert_eq!(app.basic("robert", PASSWORD).get(USERS).await.status, StatusCode::OK);
    assert_eq!(with_token(&app, "robert", &token).get(USERS).await.status, StatusCode::OK);
    // Who has the name now is somebody else.
    let other: Value = make(&admin, "bob", json!({"password": "Other-lantern-77", "email": "b@mail.example"})).await;
    assert_ne!(other["id"], user["id"]);
    unauthorized(&app.basic("bob", PASSWORD).get(USERS).await, WRONG);
    unauthorized(&with_token(&app, "bob", &token).get(USERS).await, INVALID);
}

#[tokio::test]
async fn nobody_takes_over_the_credentials_of_a_deleted_user() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_staff": true})).await;
    let token = token_of(&admin, &user).await;
    assert_eq!(with_token(&app, "bob", &token).get(USERS).await.status, StatusCode::OK);
    assert_eq!(app.basic("bob", PASSWORD).get(USERS).await.status, StatusCode::OK);
    assert_eq!(admin.delete(&path(&user["url"])).await.status, StatusCode::NO_CONTENT);
    unauthorized(&app.basic("bob", PASSWORD).get(USERS).await, WRONG);
    unauthorized(&with_token(&app, "bob", &token).get(USERS).await, INVALID);
    let fields = json!({"password": "Other-lantern-77", "is_staff": true});
    let again = admin.post(USERS, &body("bob", &fields)).await.json();
    assert_eq!(history(&admin, &again).await, Vec::<Value>::new());
    assert_eq!(told(&admin.get(&path(&again["access_tokens_url"])).await), (200, json!([])));
    unauthorized(&app.basic("bob", PASSWORD).get(USERS).await, WRONG);
    unauthorized(&with_token(&app, "bob", &token).get(USERS).await, INVALID);
    not_found(&admin.get(&path(&token["url"])).await);
}

#[tokio::test]
async fn a_deactivated_or_deleted_user_is_refused_at_the_very_next_request() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_staff": true})).await;
    let at = path(&user["url"]);
    let bob = app.basic("bob", PASSWORD);
    assert_eq!(bob.get(USERS).await.status, StatusCode::OK);
    admin.patch(&at, &json!({"is_active": false})).await;
    unauthorized(&bob.get(USERS).await, "User inactive or deleted.");
    admin.patch(&at, &json!({"is_active": true})).await;
    assert_eq!(bob.get(USERS).await.status, StatusCode::OK);
    admin.patch(&at, &json!({"is_staff": false})).await;
    assert_eq!(bob.get(USERS).await.status, StatusCode::FORBIDDEN);
    admin.delete(&at).await;
    unauthorized(&bob.get(USERS).await, WRONG);
}

#[tokio::test]
async fn a_remembered_pair_opens_nothing_to_another_one() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    for name in ["bob", "bobby"] {
        make(&admin, name, json!({"is_staff": true})).await;
    }
    assert_eq!(app.basic("bob", PASSWORD).get(USERS).await.status, StatusCode::OK);
    let lower = PASSWORD.to_lowercase();
    for (name, password) in [("bob", "wrong"), ("bob", &lower), ("bob", ""), ("Bob", PASSWORD), ("bobb", PASSWORD)] {
        unauthorized(&app.basic(name, password).get(USERS).await, WRONG);
    }
}
