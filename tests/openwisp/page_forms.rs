//! What the forms of pages mean, and what pages keep to themselves (`contracts/openwisp.md` sections 13 to 16).

use http::header::{ACCEPT, CACHE_CONTROL};
use http::{Method, StatusCode};
use serde_json::json;
use shared::model::MailKind;

use crate::support::{Browser, PASSWORD, TestApp, USERS, request};

const NEW: &str = "an0ther-Passw0rd";

#[tokio::test]
async fn a_box_that_was_on_does_not_vouch_for_another_address() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({"email": "jane@mail.example", "email_verified": true})).await;
    let list = format!("{USERS}{}/email/", user["id"].as_str().expect("an id"));
    let path = format!("{list}{}/", admin.get(&list).await.json()["results"][0]["id"]);
    let mut browser = Browser::signed_in(&app, "admin").await;
    let on = [("verified", "false"), ("verified", "true")];
    for (email, boxes, expected) in [
        ("jane@mail.example", &on[..], true),
        ("other@mail.example", &on[..], false),
        // It was off and is on: that is said.
        ("other@mail.example", &on[..], true),
        ("other@mail.example", &on[..1], false),
        ("third@mail.example", &on[..], true),
    ] {
        let fields = [&[("email", email), ("primary", "true")], boxes].concat();
        let answer = browser.send("PUT", &path, &fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(admin.get(&path).await.json()["verified"], expected, "{email} {boxes:?}");
    }
    // JSON means what it says.
    let sent = json!({"email": "fourth@mail.example", "verified": true});
    assert_eq!(admin.patch(&path, &sent).await.json()["verified"], true);
    let page = browser.get(&list).await.text();
    assert!(page.contains("name=\"primary\"") && !page.contains("name=\"verified\""), "{page}");
}

#[tokio::test]
async fn raw_data_that_was_refused_keeps_its_method_and_loses_its_passwords() {
    let app = TestApp::start().await;
    let path =
        format!("{USERS}{}/", app.admin().await.get(USERS).await.json()["results"][0]["id"].as_str().expect("an id"));
    let mut browser = Browser::signed_in(&app, "admin").await;
    let page = browser.send("PATCH", &path, &[("_content", r#"{"phone_number": "x"}"#)]).await.text();
    assert!(page.contains(r#"<option value="PATCH" selected>PATCH</option>"#), "{page}");
    assert!(page.contains("&quot;phone_number&quot;: &quot;x&quot;"), "{page}");

    let password = format!("{path}password/");
    let secrets = [PASSWORD, "chosen-and-typed", "mistyped"];
    let sent = json!({"current_password": secrets[0], "new_password": secrets[1], "confirm_password": secrets[2]});
    // Also where it cannot be read.
    for content in [sent.to_string(), sent.to_string() + "}"] {
        let answer = browser.send("PUT", &password, &[("_content", &content)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let page = answer.text();
        assert!(secrets.iter().all(|secret| !page.contains(secret)), "{page}");
        assert!(page.contains("name=\"_content\""), "{page}");
    }
}

#[tokio::test]
async fn what_a_session_is_answered_is_kept_by_no_browser() {
    let app = TestApp::start().await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    let answer = browser.ask(request(Method::GET, USERS).header(ACCEPT, "application/json"), "").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header(CACHE_CONTROL.as_str()), Some("no-store"));
}

#[tokio::test]
async fn cookies_of_others_are_not_in_the_way() {
    let app = TestApp::start().await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    browser.cookies.insert("a-theme".to_owned(), "\u{e9}t\u{e9}".to_owned());
    assert_eq!(browser.get(USERS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_page_of_a_mailed_link_takes_the_passwords_that_the_api_takes() {
    let app = TestApp::start().await;
    app.admin().await.create_user("jane", &json!({"email": "jane@mail.example", "email_verified": true})).await;
    let asked = app.anonymous().post("/api/v1/users/password/reset/", &json!({"input": "jane"})).await;
    assert_eq!(asked.status, StatusCode::OK);
    let mails = app.mails().await;
    let MailKind::PasswordReset { link } = &mails[0].kind else { panic!("another mail") };
    let link = link.strip_prefix("http://rollcall.example").expect("our host");
    let mut browser = Browser::new(app.router.clone());
    let opened = browser.get(link).await;
    assert_eq!(opened.status, StatusCode::FOUND);
    let form = opened.header("location").expect("the form").to_owned();
    assert_eq!(browser.get(&form).await.status, StatusCode::OK);
    for (new, again, told) in [
        ("x".repeat(200), "x".repeat(200), "Ensure this field has no more than 128 characters."),
        ("nul\0-in-a-passw0rd".to_owned(), "nul\0-in-a-passw0rd".to_owned(), "Null characters are not allowed."),
        (String::new(), NEW.to_owned(), "This field may not be blank."),
        (NEW.to_owned(), "another".to_owned(), "The two password fields"),
        ("12345678".to_owned(), "12345678".to_owned(), "This password is too common."),
    ] {
        let answer = browser.send("POST", &form, &[("new_password1", &new), ("new_password2", &again)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{new:?}");
        assert!(answer.text().contains(told), "{told} in {}", answer.text());
    }
    let answer = browser.send("POST", &form, &[("new_password1", NEW), ("new_password2", NEW)]).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let login = json!({"username": "jane", "password": NEW});
    assert_eq!(app.anonymous().post("/api/v1/users/token/", &login).await.status, StatusCode::OK);
    // Used once.
    let answer = browser.send("POST", &form, &[("new_password1", NEW), ("new_password2", NEW)]).await;
    assert!(answer.text().contains("has expired or was already used"), "{}", answer.text());
}
