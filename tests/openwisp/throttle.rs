//! Limits on guessing (`docs/design.md` section 5): ten failures of a network with a name in a quarter of an hour,
//! a hundred of a network in a day, and a hundred in a row against an account, from which on only networks may try that it is
//! known from.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::directory::SystemCaller;
use shared::model::TrustedProxies;
use shared::model::{MailKind, Username};
use shared::web::ClientIp;
use tokio::task::JoinSet;

use crate::support::{Answer, NOBODY, Options, PASSWORD, TOKEN, TestApp, request};

const WRONG: &str = "not the password";
const NEW: &str = "Copper-kettle-77";
const RESET: &str = "/api/v1/users/password/reset/";
const DAY: i64 = 24 * 60 * 60;
/// Where `admin` is at home.
const HOME: &str = "198.51.100.1";

async fn throttled_app() -> TestApp {
    TestApp::with(Options { throttle: true, ..Options::default() }).await
}

/// A call from a network address, as the gateway tells it.
async fn post(app: &TestApp, address: &str, path: &str, body: &Value) -> Answer {
    let begun = request(Method::POST, path)
        .header(CONTENT_TYPE, "application/json")
        .header("x-forwarded-for", "203.0.113.77")
        .extension(ClientIp(Some(address.to_owned())));
    app.anonymous().ask(begun, Body::from(body.to_string())).await
}

async fn login(app: &TestApp, address: &str, username: &str, password: &str) -> Answer {
    post(app, address, TOKEN, &json!({"username": username, "password": password})).await
}

#[track_caller]
fn assert_status(answer: &Answer, status: StatusCode, what: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
}

/// So many failures with a name, ten from each network.
async fn fail(app: &TestApp, username: &str, times: usize) {
    for index in 0..times {
        let address = format!("192.0.2.{}", index / 10);
        assert_status(
            &login(app, &address, username, WRONG).await,
            StatusCode::BAD_REQUEST,
            &format!("failure {index}"),
        );
    }
}

/// The seconds after which a throttled answer says to come again.
#[track_caller]
fn throttled(answer: &Answer) -> i64 {
    assert_status(answer, StatusCode::TOO_MANY_REQUESTS, "throttled");
    let seconds = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
    let detail = format!("Request was throttled. Expected available in {seconds} seconds.");
    assert_eq!(answer.json(), json!({ "detail": detail }));
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    assert_eq!(answer.header("www-authenticate"), None);
    seconds
}

#[tokio::test]
async fn after_ten_failures_with_a_name_a_network_waits_for_the_next_quarter_of_an_hour() {
    let app = throttled_app().await;
    fail(&app, "admin", 10).await;
    throttled(&login(&app, "192.0.2.0", "admin", WRONG).await);
    let seconds = throttled(&login(&app, "192.0.2.0", "admin", PASSWORD).await);
    assert!((890..=900).contains(&seconds), "{seconds}: the script begins with a quarter of an hour");
    assert_status(&login(&app, HOME, "admin", PASSWORD).await, StatusCode::OK, "another network");
    app.environment.advance(seconds - 10);
    let seconds = throttled(&login(&app, "192.0.2.0", "admin", PASSWORD).await);
    assert!((1..=10).contains(&seconds), "{seconds}");
    app.environment.advance(seconds);
    assert_status(&login(&app, "192.0.2.0", "admin", PASSWORD).await, StatusCode::OK, "the next quarter");
}

#[tokio::test]
async fn failures_with_a_name_leave_other_names_alone() {
    let app = throttled_app().await;
    app.admin().await.create_user("jane", &json!({})).await;
    fail(&app, "admin", 10).await;
    throttled(&login(&app, "192.0.2.0", "admin", PASSWORD).await);
    assert_status(&login(&app, "192.0.2.0", "jane", PASSWORD).await, StatusCode::OK, "another name");
}

/// What could be one name counts as one, whether it is anybody's or not.
#[tokio::test]
async fn spellings_of_a_name_count_together() {
    for exists in [true, false] {
        let app = throttled_app().await;
        if exists {
            let fields = json!({"email": "jane@mail.example", "phone_number": "+393331234567"});
            app.admin().await.create_user("jane", &fields).await;
        }
        for spellings in [
            ["jane", " jane", "jane  ", "\tjane"],
            ["jane@mail.example", "JANE@mail.example", "jane@MAIL.example ", "Jane@Mail.Example"],
            ["+393331234567", "+39 333 123 4567", "+39 (333) 123-4567", " +39333 1234567"],
        ] {
            for name in spellings.iter().cycle().take(10) {
                let answer = login(&app, "192.0.2.1", name, WRONG).await;
                assert_status(&answer, StatusCode::BAD_REQUEST, &format!("{name:?}, {exists}"));
            }
            for name in spellings {
                throttled(&login(&app, "192.0.2.1", name, PASSWORD).await);
            }
        }
    }
}

/// Who goes on with another name of the same account gets no more guesses, and cannot tell.
#[tokio::test]
async fn all_names_of_an_account_count_together_and_nobody_can_tell() {
    let app = throttled_app().await;
    let fields = json!({"email": "jane@mail.example", "phone_number": "+393331234567"});
    app.admin().await.create_user("jane", &fields).await;
    let wrong = login(&app, "192.0.2.9", "nobody", WRONG).await;
    fail(&app, "jane", 10).await;
    for name in ["jane@mail.example", "+393331234567"] {
        for _ in 0..10 {
            let answer = login(&app, "192.0.2.0", name, PASSWORD).await;
            assert_eq!((answer.status, &answer.body), (wrong.status, &wrong.body), "{name}");
        }
        throttled(&login(&app, "192.0.2.0", name, PASSWORD).await);
    }
    assert_status(&login(&app, HOME, "jane@mail.example", PASSWORD).await, StatusCode::OK, "another network");
    app.environment.advance(15 * 60);
    assert_status(&login(&app, "192.0.2.0", "jane@mail.example", PASSWORD).await, StatusCode::OK, "the next quarter");
}

#[tokio::test]
async fn after_a_hundred_failures_a_network_waits_for_the_next_day() {
    let app = throttled_app().await;
    for index in 0..100 {
        let answer = login(&app, "192.0.2.1", &format!("nobody{index}"), WRONG).await;
        assert_status(&answer, StatusCode::BAD_REQUEST, &format!("failure {index}"));
    }
    throttled(&login(&app, "192.0.2.1", "nobody", WRONG).await);
    let seconds = throttled(&login(&app, "192.0.2.1", "admin", PASSWORD).await);
    assert!((43_190..=43_200).contains(&seconds), "{seconds}: the script begins at noon");
    assert_status(&login(&app, "192.0.2.2", "admin", PASSWORD).await, StatusCode::OK, "another network");
    app.environment.advance(seconds - 10);
    throttled(&login(&app, "192.0.2.1", "admin", PASSWORD).await);
    app.environment.advance(10);
    assert_status(&login(&app, "192.0.2.1", "admin", PASSWORD).await, StatusCode::OK, "the next day");
}

#[tokio::test]
async fn what_can_have_many_addresses_is_one_network() {
    let app = throttled_app().await;
    for index in 0..10 {
        let answer = login(&app, &format!("2001:db8:7:7::{index}"), "admin", WRONG).await;
        assert_status(&answer, StatusCode::BAD_REQUEST, "a failure");
    }
    throttled(&login(&app, "2001:db8:7:7:ffff::1", "admin", PASSWORD).await);
    assert_status(&login(&app, "2001:db8:7:8::1", "admin", PASSWORD).await, StatusCode::OK, "the next /64");
    for address in ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"].iter().cycle().take(10) {
        assert_status(&login(&app, address, "admin", WRONG).await, StatusCode::BAD_REQUEST, "a failure");
    }
    throttled(&login(&app, "192.0.2.1", "admin", PASSWORD).await);
    assert_status(&login(&app, "::ffff:192.0.2.2", "admin", PASSWORD).await, StatusCode::OK, "the next address");
}

#[tokio::test]
async fn successes_do_not_count() {
    let app = throttled_app().await;
    for _ in 0..25 {
        assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
    }
    for _ in 0..9 {
        assert_eq!(login(&app, "192.0.2.1", "admin", WRONG).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
    }
    assert_eq!(login(&app, "192.0.2.1", "admin", WRONG).await.status, StatusCode::BAD_REQUEST, "the tenth failure");
    throttled(&login(&app, "192.0.2.1", "admin", PASSWORD).await);
}

#[tokio::test]
async fn logins_that_name_no_password_do_not_count() {
    let app = throttled_app().await;
    for body in
        [json!({}), json!({"username": "admin"}), json!({"username": "admin", "password": ""})].iter().cycle().take(30)
    {
        assert_eq!(post(&app, "192.0.2.1", TOKEN, body).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn simultaneous_failures_do_not_slip_by() {
    let app = throttled_app().await;
    let mut attempts = JoinSet::new();
    for _ in 0..30 {
        let app = app.clone();
        attempts.spawn(async move { login(&app, "192.0.2.1", "admin", WRONG).await.status });
    }
    let statuses = attempts.join_all().await;
    let let_through = statuses.iter().filter(|status| **status == StatusCode::BAD_REQUEST).count();
    let refused = statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((let_through, refused), (10, 20));
}

#[tokio::test]
async fn an_inactive_accounts_right_password_is_a_failure() {
    let app = throttled_app().await;
    app.admin().await.create_user("idle", &json!({"is_active": false})).await;
    for _ in 0..10 {
        assert_eq!(login(&app, "192.0.2.1", "idle", PASSWORD).await.status, StatusCode::BAD_REQUEST);
    }
    throttled(&login(&app, "192.0.2.1", "idle", PASSWORD).await);
}

#[tokio::test]
async fn strangers_lock_nobody_out() {
    let app = throttled_app().await;
    assert_status(&login(&app, HOME, "admin", PASSWORD).await, StatusCode::OK, "at home");
    fail(&app, "admin", 99).await;
    assert_status(&login(&app, "203.0.113.1", "admin", PASSWORD).await, StatusCode::OK, "before the hundredth failure");
    // A success has ended the row; again, the whole of it, a quarter of an hour later.
    app.environment.advance(15 * 60);
    fail(&app, "admin", 100).await;
    let nobody = login(&app, "203.0.113.2", "nobody", WRONG).await;
    let stranger = login(&app, "203.0.113.2", "admin", PASSWORD).await;
    assert_eq!((stranger.status, stranger.body), (nobody.status, nobody.body), "told as a wrong password is");
    app.environment.advance(7 * DAY);
    assert_status(
        &login(&app, "203.0.113.2", "admin", PASSWORD).await,
        StatusCode::BAD_REQUEST,
        "time changes nothing",
    );
    for known in ["203.0.113.1", HOME] {
        assert_status(&login(&app, known, "admin", WRONG).await, StatusCode::BAD_REQUEST, "a slip at home");
        assert_status(&login(&app, known, "admin", PASSWORD).await, StatusCode::OK, "at home");
    }
    assert_status(&login(&app, "203.0.113.2", "admin", PASSWORD).await, StatusCode::OK, "after a success everywhere");
}

#[tokio::test]
async fn a_network_is_known_for_ninety_days_and_the_operator_unlocks() {
    let app = throttled_app().await;
    app.admin().await.create_user("jane", &json!({})).await;
    assert_status(&login(&app, HOME, "jane", PASSWORD).await, StatusCode::OK, "at home");
    app.environment.advance(91 * DAY);
    fail(&app, "jane", 100).await;
    assert_status(&login(&app, HOME, "jane", PASSWORD).await, StatusCode::BAD_REQUEST, "no home any more");
    let jane = Username::parse("jane").expect("a name");
    let unlock = |by| app.directory.unlock_named(by, &jane);
    assert!(unlock(SystemCaller::Outbox).await.is_err(), "only the operator");
    assert_eq!(unlock(SystemCaller::Operator).await.expect("an answer"), 100);
    assert_eq!(unlock(SystemCaller::Operator).await.expect("an answer"), 0);
    assert_status(&login(&app, "203.0.113.2", "jane", PASSWORD).await, StatusCode::OK, "unlocked");
}

#[tokio::test]
async fn a_superuser_unlocks_and_nobody_else_does() {
    let app = throttled_app().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({})).await;
    let clerk = admin.create_user("clerk", &json!({ "groups": [1] })).await;
    let unlock = |id: &Value| format!("/api/rollcall/v1/users/{}/unlock/", id.as_str().expect("an id"));
    let (path, clerk_path) = (unlock(&jane["id"]), unlock(&clerk["id"]));
    fail(&app, "jane", 100).await;
    assert_status(&login(&app, HOME, "jane", PASSWORD).await, StatusCode::BAD_REQUEST, "locked");
    let clerk = app.signed_in("clerk").await;
    for path in [&path, &clerk_path, &unlock(&json!(NOBODY))] {
        assert_status(&clerk.post(path, &json!({})).await, StatusCode::FORBIDDEN, "no superuser");
    }
    assert_status(&login(&app, HOME, "jane", PASSWORD).await, StatusCode::BAD_REQUEST, "still locked");
    let missing = admin.post(&unlock(&json!(NOBODY)), &json!({})).await;
    assert_status(&missing, StatusCode::NOT_FOUND, "nobody");
    for failures in [100, 0] {
        let answer = admin.post(&path, &json!({})).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "forgotten_failures": failures })));
    }
    assert_status(&login(&app, HOME, "jane", PASSWORD).await, StatusCode::OK, "unlocked");
}

#[tokio::test]
async fn a_reset_by_mail_unlocks() {
    let app = throttled_app().await;
    app.admin().await.create_user("jane", &json!({})).await;
    fail(&app, "jane", 100).await;
    assert_status(&login(&app, HOME, "jane", PASSWORD).await, StatusCode::BAD_REQUEST, "locked");
    assert_status(&post(&app, HOME, RESET, &json!({"input": "jane"})).await, StatusCode::OK, "asked");
    let mails = app.mails().await;
    let MailKind::PasswordReset { link } = &mails[0].kind else { panic!("another mail") };
    let (uid, token) = link.trim_end_matches('/').rsplit('/').next().expect("a pair").split_once('-').expect("a pair");
    let body = json!({"uid": uid, "token": token, "new_password1": NEW, "new_password2": NEW});
    assert_status(&post(&app, HOME, &format!("{RESET}confirm/"), &body).await, StatusCode::OK, "reset");
    assert_status(&login(&app, "203.0.113.9", "jane", NEW).await, StatusCode::OK, "unlocked");
}

/// At once from fifteen networks: none slips by, and what is kept stays small.
#[tokio::test]
async fn simultaneous_failures_from_everywhere_lock_and_do_not_pile_up() {
    let app = throttled_app().await;
    let mut attempts = JoinSet::new();
    for index in 0..150 {
        let app = app.clone();
        attempts.spawn(async move { login(&app, &format!("192.0.2.{}", index % 15), "admin", WRONG).await.status });
    }
    assert!(attempts.join_all().await.iter().all(|status| *status == StatusCode::BAD_REQUEST));
    assert_status(&login(&app, HOME, "admin", PASSWORD).await, StatusCode::BAD_REQUEST, "locked");
    let admin = Username::parse("admin").expect("a name");
    assert_eq!(app.directory.unlock_named(SystemCaller::Operator, &admin).await.expect("an answer"), 100);
}

#[tokio::test]
async fn everything_that_is_counted_expires() {
    let app = throttled_app().await;
    fail(&app, "admin", 12).await;
    fail(&app, "nobody", 12).await;
    login(&app, HOME, "admin", PASSWORD).await;
    post(&app, HOME, RESET, &json!({"input": "admin"})).await;
    let items = app.items();
    let text = |item: &dynoxide::Item, name: &str| format!("{:?}", item.get(name));
    let counted: Vec<_> = items.iter().filter(|item| text(item, "pk").contains("THROTTLE#")).collect();
    assert!(counted.len() > 5, "{counted:?}");
    for item in counted {
        assert!(item.contains_key("expires") || text(item, "pk").contains("THROTTLE#COMMON"), "{item:?}");
        assert!(!format!("{item:?}").contains("nobody"), "what was typed is nowhere: {item:?}");
    }
}

#[tokio::test]
async fn guesses_at_the_own_password_count() {
    let app = throttled_app().await;
    let id = app.admin().await.create_user("jane", &json!({})).await["id"].as_str().expect("an id").to_owned();
    let jane = app.signed_in("jane").await;
    let change = json!({"old_password": WRONG, "new_password1": NEW, "new_password2": NEW});
    let set = json!({"current_password": WRONG, "new_password": NEW, "confirm_password": NEW});
    let path = format!("/api/v1/users/user/{id}/password/");
    for _ in 0..5 {
        let answer = jane.post("/api/v1/users/user/password/change/", &change).await;
        assert_status(&answer, StatusCode::BAD_REQUEST, "a wrong password");
        assert_status(&jane.put(&path, &set).await, StatusCode::BAD_REQUEST, "a wrong password");
    }
    let right = json!({"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW});
    let answer = jane.post("/api/v1/users/user/password/change/", &right).await;
    assert_status(&answer, StatusCode::TOO_MANY_REQUESTS, "the eleventh");
    assert_status(&jane.put(&path, &set).await, StatusCode::TOO_MANY_REQUESTS, "the eleventh");
    app.environment.advance(15 * 60);
    let answer = jane.post("/api/v1/users/user/password/change/", &right).await;
    assert_status(&answer, StatusCode::OK, "the next quarter");
}

#[tokio::test]
async fn resets_have_budgets_of_their_own() {
    let app = throttled_app().await;
    app.admin().await.create_user("jane", &json!({})).await;
    app.admin().await.create_user("joe", &json!({})).await;
    let sent = json!({"detail": "Password reset e-mail has been sent."});
    for index in 0..30 {
        let input = ["jane", "JANE@mail.example", "nobody"][index % 3];
        let answer = post(&app, "192.0.2.1", RESET, &json!({ "input": input })).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, sent.clone()), "request {index}");
    }
    let seconds = throttled(&post(&app, "192.0.2.1", RESET, &json!({"input": "joe"})).await);
    assert!((3_500..=3_600).contains(&seconds), "{seconds}: the script begins with an hour");
    assert_eq!(app.mails().await.len(), 3, "to jane, and none to joe");
    // They are no failures.
    for _ in 0..10 {
        assert_status(&login(&app, "192.0.2.1", "jane", WRONG).await, StatusCode::BAD_REQUEST, "a failure");
    }
    // From elsewhere: jane has had her mails of this hour, which nobody is told, and joe gets his.
    for input in ["jane", "joe"] {
        let answer = post(&app, "192.0.2.2", RESET, &json!({ "input": input })).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, sent.clone()));
    }
    let names: Vec<_> = app.mails().await.into_iter().map(|mail| mail.username).collect();
    assert_eq!((names.iter().filter(|name| *name == "jane").count(), names.len()), (3, 4));
    app.environment.advance(seconds);
    assert_eq!(post(&app, "192.0.2.1", RESET, &json!({"input": "jane"})).await.status, StatusCode::OK);
    assert_eq!(app.mails().await.len(), 5);
}

#[tokio::test]
async fn a_request_for_a_new_password_is_answered_once_and_not_after_an_hour() {
    let app = TestApp::start().await;
    app.admin().await.create_user("jane", &json!({})).await;
    let ask = async || assert_eq!(post(&app, HOME, RESET, &json!({"input": "jane"})).await.status, StatusCode::OK);
    ask().await;
    let directory = app.directory_of("housekeeping");
    let both = tokio::join!(
        directory.mail_resets(SystemCaller::Housekeeping),
        directory.mail_resets(SystemCaller::Housekeeping)
    );
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(app.mails().await.len(), 1);
    ask().await;
    app.environment.advance(2 * 60 * 60);
    assert_eq!(app.mails().await.len(), 1);
    assert!(!app.items().iter().any(|item| format!("{:?}", item.get("pk")).contains("RESETS")), "nothing is left");
}

#[tokio::test]
async fn named_proxies_are_believed_and_nobody_else() {
    let trusted_proxies = TrustedProxies::parse("10.0.0.0/8, 2001:db8:ff::/48").expect("networks");
    let app = TestApp::with(Options { throttle: true, trusted_proxies, ..Options::default() }).await;
    let login = async |peer: &str, told: &str, password: &str| {
        let begun = request(Method::POST, TOKEN)
            .header(CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", told)
            .extension(ClientIp(Some(peer.to_owned())));
        let body = json!({"username": "admin", "password": password});
        app.anonymous().ask(begun, Body::from(body.to_string())).await
    };
    for index in 0..10 {
        let told = format!("203.0.113.{index}, 192.0.2.1, 10.9.9.{index}");
        assert_status(&login("10.0.0.1", &told, WRONG).await, StatusCode::BAD_REQUEST, "by a proxy");
    }
    assert_status(&login("10.0.0.2", "192.0.2.1", PASSWORD).await, StatusCode::TOO_MANY_REQUESTS, "the same client");
    assert_status(&login("192.0.2.1", "192.0.2.7", PASSWORD).await, StatusCode::TOO_MANY_REQUESTS, "without a proxy");
    assert_status(&login("2001:db8:ff::1", "192.0.2.2", PASSWORD).await, StatusCode::OK, "another client");
    for index in 0..10 {
        let told = format!("198.51.100.{index}");
        assert_status(&login("192.0.2.3", &told, WRONG).await, StatusCode::BAD_REQUEST, "by nobody's proxy");
    }
    assert_status(
        &login("192.0.2.3", "198.51.100.99", PASSWORD).await,
        StatusCode::TOO_MANY_REQUESTS,
        "the same client",
    );
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let app = TestApp::start().await;
    for _ in 0..110 {
        assert_eq!(login(&app, "192.0.2.1", "admin", WRONG).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(login(&app, "192.0.2.1", "admin", PASSWORD).await.status, StatusCode::OK);
    for _ in 0..40 {
        assert_eq!(post(&app, "192.0.2.1", RESET, &json!({"input": "admin"})).await.status, StatusCode::OK);
    }
}
