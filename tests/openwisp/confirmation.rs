//! The mail that asks to confirm an address, and the pages it leads to (`contracts/openwisp.md` section 13.1).

use axum::body::Body;
use http::header::{CONTENT_TYPE, COOKIE, ORIGIN, REFERER};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::model::{AddressId, EmailAddress, Mail, MailKind, User, UserEmail, UserId};
use shared::store::{UserWrite, WriteOutcome};
use shared::web::{BaseUrl, LinkBaseUrl};

use crate::support::{Answer, TestApp, USERS, request};

const DAY: i64 = 24 * 60 * 60;
const FORM: &str = "application/x-www-form-urlencoded";

/// A user whose address is not verified, and the path of the mailed link.
struct Unconfirmed {
    user: Value,
    link: String,
}

async fn mails(app: &TestApp) -> Vec<Mail> {
    app.mails().await
}

fn path_of(mail: &Mail) -> String {
    let MailKind::Confirmation { link } = &mail.kind else { panic!("another mail") };
    link.strip_prefix("http://rollcall.example").expect("a link to our host").to_owned()
}

async fn unconfirmed(app: &TestApp, username: &str) -> Unconfirmed {
    let fields = json!({"email_verified": false, "email": format!("{username}@Mail.example")});
    let user = app.admin().await.create_user(username, &fields).await;
    let mail = mails(app).await.into_iter().find(|mail| mail.username == username).expect("a mail");
    Unconfirmed { user, link: path_of(&mail) }
}

async fn stored(app: &TestApp, user: &Value) -> User {
    let id = UserId::parse(user["id"].as_str().expect("an id")).expect("an id");
    app.directory.store().user(id).await.expect("the store").expect("a user")
}

async fn write(app: &TestApp, before: &User, after: &User) {
    let write = UserWrite { before: Some(before), after: Some(after), memberships: Some(&[]), ..UserWrite::default() };
    assert_eq!(app.directory.store().user_write(&write).await.expect("a write"), WriteOutcome::Done);
}

/// The value of the form's hidden field, if there is a form.
fn form_value(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once(r#"<input type="hidden" name="csrfmiddlewaretoken" value=""#)?;
    rest.split('"').next()
}

#[track_caller]
fn is_page(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
}

#[track_caller]
fn is_invalid(answer: &Answer) {
    is_page(answer);
    assert!(answer.text().contains("This e-mail confirmation link expired or is invalid."), "{}", answer.text());
    assert_eq!(form_value(&answer.text()), None);
    assert_eq!(answer.header("set-cookie"), None);
}

/// Opens the page and sends its form, as a browser does.
/// Sends the form of the page that a mailed link opens.
pub async fn confirm(app: &TestApp, link: &str) -> Answer {
    let page = app.anonymous().get(link).await;
    is_page(&page);
    let value = form_value(&page.text()).expect("a form").to_owned();
    post(app, link, Some(&value), Some(&value), None).await
}

async fn post(app: &TestApp, link: &str, field: Option<&str>, cookie: Option<&str>, from: Option<&str>) -> Answer {
    let mut begun = request(Method::POST, link).header(CONTENT_TYPE, FORM);
    if let Some(cookie) = cookie {
        begun = begun.header(COOKIE, format!("other=1; csrftoken={cookie}; last=2"));
    }
    if let Some(from) = from {
        begun = begun.header(REFERER, from);
    }
    let body = field.map(|value| format!("csrfmiddlewaretoken={value}")).unwrap_or_default();
    app.anonymous().ask(begun, Body::from(body)).await
}

#[tokio::test]
async fn an_unverified_user_is_sent_one_mail_at_the_lower_cased_address() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (name, fields, expected) in [
        ("told", json!({"email_verified": true}), 0),
        ("alias", json!({"is_verified": true, "email_verified": null}), 0),
        ("plain", json!({"email_verified": false, "email": "Plain@MAIL.example"}), 1),
        ("idle", json!({"email_verified": false, "is_active": false, "email": "IDLE@mail.example"}), 1),
    ] {
        let mut body = json!({"username": name, "email": format!("{name}@mail.example"), "password": "x"});
        for (key, value) in fields.as_object().expect("an object") {
            if value.is_null() {
                body.as_object_mut().expect("an object").remove(key);
            } else {
                body[key] = value.clone();
            }
        }
        let answer = admin.post(USERS, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        assert_eq!(answer.json()["email"], body["email"], "kept as typed");
        assert_eq!(answer.header("set-cookie"), None);
        let sent: Vec<Mail> = mails(&app).await.into_iter().filter(|mail| mail.username == name).collect();
        assert_eq!(sent.len(), expected, "{name}");
        for mail in sent {
            assert_eq!(mail.to.as_str(), format!("{name}@mail.example"));
            assert_eq!(app.anonymous().get(&path_of(&mail)).await.status, StatusCode::OK);
        }
        let addresses = stored(&app, &answer.json()).await.addresses;
        let verified = expected == 0;
        let shown: Vec<_> =
            addresses.iter().map(|entry| (entry.email.as_str(), entry.verified, entry.primary)).collect();
        assert_eq!(shown, [(&*format!("{name}@mail.example"), verified, verified)]);
    }
}

#[tokio::test]
async fn nothing_but_a_creation_sends_a_mail() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let bodies =
        [json!({"username": "jane", "email": "new@mail.example", "password": "x"}), json!({"username": "only"})];
    for body in &bodies {
        assert_eq!(admin.post(USERS, body).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(admin.patch(&path, &json!({"email": "moved@mail.example"})).await.status, StatusCode::OK);
    assert_eq!(mails(&app).await, []);
    assert_eq!(stored(&app, &user).await.addresses[0].email.as_str(), "jane@mail.example");
}

#[tokio::test]
async fn the_page_asks_and_changes_nothing() {
    let app = TestApp::start().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    let before = stored(&app, &user).await;
    let page = app.anonymous().get(&link).await;
    is_page(&page);
    let text = page.text();
    assert!(text.starts_with("<!DOCTYPE html>"), "{text}");
    assert!(text.contains("jane@mail.example") && text.contains("<form method=\"post\">"), "{text}");
    let value = form_value(&text).expect("a form");
    assert!(value.len() >= 32, "{value}");
    let cookie = format!("csrftoken={value}; Path=/; SameSite=Lax");
    assert_eq!(page.header("set-cookie"), Some(&*cookie));
    assert_ne!(form_value(&app.anonymous().get(&link).await.text()), Some(value), "each page has its own");
    let head = app.anonymous().json(Method::HEAD, &link, None).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(stored(&app, &user).await, before);
}

#[tokio::test]
async fn a_confirmed_address_takes_the_place_of_an_email_that_was_shared_and_is_the_users_own() {
    let app = TestApp::start().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    app.admin().await.create_user("bob", &json!({})).await;
    let path = format!("/api/admin/users/{}/", stored(&app, &user).await.number);
    let admin = app.keyed(&app.api_token("admin").await);
    let shared = admin.patch(&path, &json!({"email": "bob@mail.example"})).await;
    assert_eq!(shared.status, StatusCode::OK, "{shared:?}");
    assert!(stored(&app, &user).await.email_is_shared);
    assert_eq!(confirm(&app, &link).await.status, StatusCode::FOUND);
    let after = stored(&app, &user).await;
    assert_eq!(after.email.expect("an address").as_str(), "jane@mail.example");
    assert!(!after.email_is_shared);
    app.token("jane@mail.example").await;
    let again = json!({"username": "other", "email": "jane@mail.example", "password": "x", "email_verified": false});
    assert_eq!(app.admin().await.post(USERS, &again).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn sending_the_form_verifies_the_address_and_makes_it_primary() {
    let app = TestApp::start().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    assert_eq!(user["email"], "jane@Mail.example");
    let answer = confirm(&app, &link).await;
    assert_eq!(answer.status, StatusCode::FOUND, "{answer:?}");
    assert_eq!(answer.header("location"), Some("/accounts/email-verification-success/"));
    let after = stored(&app, &user).await;
    assert_eq!((after.addresses[0].verified, after.addresses[0].primary), (true, true));
    assert_eq!(after.email.expect("an address").as_str(), "jane@mail.example");
    let success = app.anonymous().get("/accounts/email-verification-success/").await;
    is_page(&success);
    assert!(success.text().contains("Confirmed"));
    let list = app.admin().await.get(USERS).await.json();
    assert_eq!(list["results"][0]["email"], "jane@mail.example", "the list follows");
}

#[tokio::test]
async fn a_link_works_once() {
    let app = TestApp::start().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    assert_eq!(confirm(&app, &link).await.status, StatusCode::FOUND);
    let after = stored(&app, &user).await;
    is_invalid(&app.anonymous().get(&link).await);
    is_invalid(&post(&app, &link, Some("x"), Some("x"), None).await);
    assert_eq!(stored(&app, &user).await, after);
}

#[tokio::test]
async fn a_link_works_for_three_days() {
    let app = TestApp::start().await;
    let jane = unconfirmed(&app, "jane").await;
    let late = unconfirmed(&app, "late").await;
    app.environment.advance(3 * DAY - 60);
    assert_eq!(confirm(&app, &jane.link).await.status, StatusCode::FOUND);
    app.environment.advance(60);
    is_invalid(&app.anonymous().get(&late.link).await);
    is_invalid(&post(&app, &late.link, Some("x"), Some("x"), None).await);
    assert!(!stored(&app, &late.user).await.addresses[0].verified);
}

#[tokio::test]
async fn a_form_that_is_not_ours_is_refused() {
    let app = TestApp::start().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    let before = stored(&app, &user).await;
    for (field, cookie, from) in [
        (None, None, None),
        (Some("x"), None, None),
        (None, Some("x"), None),
        (Some("x"), Some("y"), None),
        (Some(""), Some(""), None),
        (Some("x"), Some("xx"), None),
        (Some("x"), Some("x"), Some("https://attacker.example/")),
        (Some("x"), Some("x"), Some("http://rollcall.example.attacker.example/")),
        (Some("x"), Some("x"), Some("http://attacker.example/rollcall.example/")),
        (Some("x"), Some("x"), Some("rollcall.example")),
    ] {
        let answer = post(&app, &link, field, cookie, from).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{field:?} {cookie:?} {from:?}");
    }
    for origin in ["https://attacker.example", "null"] {
        let begun = request(Method::POST, &link)
            .header(CONTENT_TYPE, FORM)
            .header(COOKIE, "csrftoken=x")
            .header(ORIGIN, origin)
            .header(REFERER, "http://rollcall.example/");
        let answer = app.anonymous().ask(begun, Body::from("csrfmiddlewaretoken=x")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
    }
    let begun = request(Method::POST, &link).header(CONTENT_TYPE, "application/json").header(COOKIE, "csrftoken=x");
    let answer = app.anonymous().ask(begun, Body::from(r#"{"csrfmiddlewaretoken":"x"}"#)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(stored(&app, &user).await, before);
    let answer = post(&app, &link, Some("x"), Some("x"), Some("http://rollcall.example/accounts/")).await;
    assert_eq!(answer.status, StatusCode::FOUND, "the same from our own page");
}

#[tokio::test]
async fn keys_that_are_none_of_ours_are_invalid() {
    let app = TestApp::start().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    let other = unconfirmed(&app, "other").await;
    let key = |link: &str| link.trim_end_matches('/').rsplit('/').next().expect("a key").to_owned();
    let (own, foreign) = (key(&link), key(&other.link));
    let keys = [
        "x".to_owned(),
        "MQ:1abcde:x".to_owned(),
        "%00".to_owned(),
        "%F0%9F%98%80".to_owned(),
        "%FF".to_owned(),
        own[1..].to_owned(),
        own.to_lowercase(),
        format!("{own}A"),
        format!("{}{}", &foreign[..40], &own[40..]),
        format!("{}{}", &own[..40], &foreign[40..]),
    ];
    for key in keys {
        let path = format!("/accounts/confirm-email/{key}/");
        is_invalid(&app.anonymous().get(&path).await);
        is_invalid(&post(&app, &path, Some("x"), Some("x"), None).await);
    }
    assert!(!stored(&app, &user).await.addresses[0].verified);
}

#[tokio::test]
async fn the_users_own_email_may_change_meanwhile() {
    let app = TestApp::start().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let moved = app.admin().await.patch(&path, &json!({"email": "moved@mail.example", "username": "renamed"})).await;
    assert_eq!(moved.status, StatusCode::OK);
    assert_eq!(confirm(&app, &link).await.status, StatusCode::FOUND);
    let after = stored(&app, &user).await;
    assert_eq!(after.email.expect("an address").as_str(), "jane@mail.example");
    assert_eq!((after.addresses[0].verified, after.addresses[0].primary), (true, true));
}

#[tokio::test]
async fn an_address_becomes_primary_only_where_there_is_none() {
    let app = TestApp::start().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    let before = stored(&app, &user).await;
    let mut after = before.clone();
    let email = EmailAddress::parse("main@mail.example").expect("an address");
    after.addresses.push(UserEmail { id: AddressId(1_000_000), email, verified: true, primary: true });
    write(&app, &before, &after).await;
    assert_eq!(confirm(&app, &link).await.status, StatusCode::FOUND);
    let user = stored(&app, &user).await;
    let shown: Vec<_> = user.addresses.iter().map(|entry| (entry.verified, entry.primary)).collect();
    assert_eq!(shown, [(true, false), (true, true)]);
    assert_eq!(user.email.expect("an address").as_str(), "jane@Mail.example", "left as it was");
}

#[tokio::test]
async fn a_link_dies_with_the_text_of_its_address_the_entry_and_the_user() {
    let app = TestApp::start().await;
    for (name, entry) in [("changed", true), ("gone", false)] {
        let Unconfirmed { user, link } = unconfirmed(&app, name).await;
        let before = stored(&app, &user).await;
        let mut after = before.clone();
        if entry {
            after.addresses[0].email = EmailAddress::parse("another@mail.example").expect("an address");
        } else {
            after.addresses.clear();
        }
        write(&app, &before, &after).await;
        is_invalid(&app.anonymous().get(&link).await);
        is_invalid(&post(&app, &link, Some("x"), Some("x"), None).await);
    }
    let Unconfirmed { user, link } = unconfirmed(&app, "deleted").await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    assert_eq!(app.admin().await.delete(&path).await.status, StatusCode::NO_CONTENT);
    is_invalid(&app.anonymous().get(&link).await);
}

#[tokio::test]
async fn an_address_that_somebody_else_has_verified_is_not_confirmed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let Unconfirmed { user, link } = unconfirmed(&app, "jane").await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    admin.patch(&path, &json!({"email": "moved@mail.example"})).await;
    admin.create_user("rival", &json!({"email": "JANE@mail.example"})).await;
    let value = "x";
    is_invalid(&post(&app, &link, Some(value), Some(value), None).await);
    let after = stored(&app, &user).await;
    assert!(!after.addresses[0].verified);
    assert_eq!(after.email.expect("an address").as_str(), "moved@mail.example");
}

#[tokio::test]
async fn an_address_is_shown_as_text() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!({"email": "\"<script>&'x\"@mail.example", "email_verified": false});
    admin.create_user("jane", &fields).await;
    let page = app.anonymous().get(&path_of(&mails(&app).await[0])).await.text();
    assert!(!page.contains("<script>"), "{page}");
    assert!(page.contains("&quot;&lt;script&gt;&amp;'x&quot;@mail.example"), "{page}");
}

#[tokio::test]
async fn behind_a_gateway_links_cookies_and_redirects_keep_its_stage_and_scheme() {
    let app = TestApp::start().await;
    let base = BaseUrl("https://users.example.org/prod".to_owned());
    let body = json!({"username": "jane", "email": "jane@mail.example", "password": "x"}).to_string();
    let links = LinkBaseUrl(base.0.clone());
    let begun = request(Method::POST, USERS).header(CONTENT_TYPE, "application/json").extension(links);
    assert_eq!(app.admin().await.ask(begun, Body::from(body)).await.status, StatusCode::CREATED);
    let MailKind::Confirmation { link } = &mails(&app).await[0].kind else { panic!("another mail") };
    let path = link.strip_prefix("https://users.example.org/prod").expect("the public address").to_owned();
    let begun = request(Method::GET, &path).extension(base.clone());
    let page = app.anonymous().ask(begun, Body::empty()).await;
    let cookie = page.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let (scope, value) = (cookie.split("; ").nth(1), form_value(&page.text()).expect("a form").to_owned());
    assert_eq!(scope, Some("Path=/prod"), "a browser sends the cookie back to the form's address");
    // A browser names the host that it sees, not the one behind the gateway.
    let begun = request(Method::POST, &path)
        .header(CONTENT_TYPE, FORM)
        .header(COOKIE, format!("__Secure-csrftoken={value}"))
        .header(ORIGIN, "https://users.example.org")
        .extension(base);
    let answer = app.anonymous().ask(begun, Body::from(format!("csrfmiddlewaretoken={value}"))).await;
    assert_eq!(answer.status, StatusCode::FOUND, "{answer:?}");
    assert_eq!(answer.header("location"), Some("/prod/accounts/email-verification-success/"));
}
