//! What ends access, and the own sessions and API tokens: `/api/rollcall/v1/me/…` and the page "Your account".

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::directory::SystemCaller;
use shared::model::{MailKind, Session, Username};

use crate::support::{Answer, Browser, Client, PASSWORD, TestApp, USERS};

const TOKENS: &str = "/api/rollcall/v1/me/tokens/";
const SESSIONS: &str = "/api/rollcall/v1/me/sessions/";
const ACCOUNT: &str = "/accounts/me/";
const NEW: &str = "Quarry-violet-77";

/// Jane with one of each: an own API token, one that a superuser has made, a signed token and a browser.
struct Jane {
    app: TestApp,
    id: String,
    /// Her address in the Edge API.
    edge: String,
    own: String,
    others: String,
    signed: String,
    browser: Browser,
}

impl Jane {
    async fn with(fields: Value) -> Self {
        let app = TestApp::start().await;
        let user = app.admin().await.create_user("jane", &fields).await;
        let id = user["id"].as_str().expect("an id").to_owned();
        let own = app.api_token("jane").await;
        let found = app.basic("admin", PASSWORD).get("/api/users/?username=jane").await.json();
        let edge = format!("/api/users/{}/", found[0]["id"].as_str().expect("an id"));
        let made = app.basic("admin", PASSWORD).post(&format!("{edge}tokens/"), &json!({"title": "made"})).await;
        let others = made.json()["token"].as_str().expect("a token").to_owned();
        let signed = app.token("jane").await;
        let browser = Browser::signed_in(&app, "jane").await;
        Self { app, id, edge, own, others, signed, browser }
    }

    /// Whether her own API token, the other one, her signed token and her browser are let in.
    async fn let_in(&mut self) -> [bool; 4] {
        let of = async |client: Client| client.json(Method::OPTIONS, USERS, None).await.status == StatusCode::OK;
        let (own, others) = (of(self.app.bearer(&self.own)).await, of(self.app.bearer(&self.others)).await);
        let signed = of(self.app.bearer(&self.signed)).await;
        let browser = self.browser.get(ACCOUNT).await.status == StatusCode::OK;
        [own, others, signed, browser]
    }

    async fn admin(&self) -> Client {
        self.app.admin().await
    }

    async fn reset_password(&self) {
        self.app.anonymous().post("/api/v1/users/password/reset/", &json!({"input": "jane"})).await;
        let mails = self.app.mails().await;
        let MailKind::PasswordReset { link } = &mails[0].kind else { panic!("another mail") };
        let pair = link.trim_end_matches('/').rsplit('/').next().expect("a pair");
        let (uid, token) = pair.split_once('-').expect("a pair");
        let body = json!({"uid": uid, "token": token, "new_password1": NEW, "new_password2": NEW});
        let answer = self.app.anonymous().post("/api/v1/users/password/reset/confirm/", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
}

fn is_fine(answer: &Answer) {
    assert!(answer.status.is_success() || answer.status == StatusCode::SEE_OTHER, "{answer:?}");
}

#[tokio::test]
async fn a_reset_of_the_password_ends_everything() {
    let mut jane = Jane::with(json!({})).await;
    assert_eq!(jane.let_in().await, [true; 4]);
    jane.reset_password().await;
    assert_eq!(jane.let_in().await, [false; 4]);
    // What has ended is not listed, and stored no longer.
    let list = jane.app.basic("admin", PASSWORD).get(&format!("{}tokens/", jane.edge)).await;
    assert_eq!(list.json(), json!([]));
    let left = jane.app.items().iter().filter(|item| format!("{item:?}").contains("TOKEN#")).count();
    assert_eq!(left, 0, "no record of a token");
    // A new token works.
    let body = json!({"username": "jane", "password": NEW});
    let token = jane.app.anonymous().post("/api/users/token/", &body).await.json()["token"].clone();
    let token = jane.app.bearer(token.as_str().expect("a token"));
    assert_eq!(token.get(TOKENS).await.json()["count"], 1);
}

#[tokio::test]
async fn a_change_of_the_own_password_ends_other_sessions_and_signed_tokens() {
    let mut jane = Jane::with(json!({})).await;
    let mut second = Browser::signed_in(&jane.app, "jane").await;
    let form =
        [("action", "change-password"), ("old_password", PASSWORD), ("new_password1", NEW), ("new_password2", NEW)];
    is_fine(&second.send("POST", ACCOUNT, &form).await);
    assert_eq!(jane.let_in().await, [true, true, false, false]);
    assert_eq!(second.get(ACCOUNT).await.status, StatusCode::OK, "the browser that did it stays");
    assert_eq!(jane.app.bearer(&jane.own).get(SESSIONS).await.json()["count"], 1);
}

#[tokio::test]
async fn a_password_set_by_somebody_else_ends_sessions_and_signed_tokens() {
    let mut jane = Jane::with(json!({})).await;
    let set = json!({"current_password": null, "new_password": NEW, "confirm_password": NEW});
    is_fine(&jane.admin().await.put(&format!("{USERS}{}/password/", jane.id), &set).await);
    assert_eq!(jane.let_in().await, [true, true, false, false]);
}

#[tokio::test]
async fn a_promotion_ends_the_api_tokens_that_others_have_made() {
    for promotion in ["superuser", "superuser by Edge", "superuser by OpenL2M", "staff", "staff by command"] {
        let mut jane = Jane::with(json!({})).await;
        let basic = jane.app.basic("admin", PASSWORD);
        match promotion {
            "superuser" => {
                let path = format!("{USERS}{}/", jane.id);
                is_fine(&jane.admin().await.patch(&path, &json!({"is_superuser": true})).await);
            }
            "superuser by OpenL2M" => {
                let keyed = jane.app.keyed(&jane.app.api_token("admin").await);
                is_fine(&keyed.patch("/api/admin/users/2/", &json!({"is_superuser": true})).await);
            }
            "staff by command" => {
                let name = Username::parse("jane").expect("a name");
                let given = jane.app.directory.set_edge_staff(SystemCaller::Operator, &name, true).await;
                assert!(given.expect("the role"));
            }
            other => {
                let field = if other == "staff" { "is_staff" } else { "is_superuser" };
                is_fine(&basic.patch(&jane.edge, &json!({field: true})).await);
            }
        }
        assert_eq!(jane.let_in().await, [true, false, true, true], "{promotion}");
        let list = basic.get(&format!("{}tokens/", jane.edge)).await.json();
        assert_eq!(list.as_array().map(Vec::len), Some(1), "{promotion}: {list}");
    }
}

/// Who knows a token could make others with it, which nobody but that person knows.
#[tokio::test]
async fn a_promotion_ends_what_was_made_with_a_token_of_another() {
    let jane = Jane::with(json!({})).await;
    let basic = jane.app.basic("admin", PASSWORD);
    is_fine(&basic.patch(&jane.edge, &json!({"allow_rest_access": true})).await);
    let mut chained = Vec::new();
    for text in [&jane.own, &jane.others] {
        let shown = jane.app.keyed(&format!("jane:{text}"));
        let made = shown.post(&format!("{}tokens/", jane.edge), &json!({"title": "chained"})).await;
        is_fine(&made);
        chained.push(jane.app.bearer(made.json()["token"].as_str().expect("a token")));
    }
    is_fine(&basic.patch(&jane.edge, &json!({"is_staff": true})).await);
    assert_eq!(chained[0].get(TOKENS).await.status, StatusCode::OK);
    assert_eq!(chained[1].get(TOKENS).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_role_of_edge_staff_is_given_and_taken_by_the_operator_alone() {
    let jane = Jane::with(json!({"is_staff": true})).await;
    let name = Username::parse("jane").expect("a name");
    let directory = &jane.app.directory;
    let staff = jane.app.basic("jane", PASSWORD);
    assert_eq!(staff.get("/api/users/").await.status, StatusCode::FORBIDDEN, "the flag is not the role");
    assert!(directory.set_edge_staff(SystemCaller::Housekeeping, &name, true).await.is_err());
    assert!(directory.set_edge_staff(SystemCaller::Operator, &name, true).await.expect("the role"));
    assert!(!directory.set_edge_staff(SystemCaller::Operator, &name, true).await.expect("the role"));
    assert_eq!(staff.get("/api/users/").await.status, StatusCode::OK);
    assert!(directory.set_edge_staff(SystemCaller::Operator, &name, false).await.expect("the role"));
    assert_eq!(staff.get("/api/users/").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn everybody_lists_and_ends_the_own_api_tokens() {
    let jane = Jane::with(json!({})).await;
    let client = jane.app.bearer(&jane.signed);
    let list = client.get(TOKENS).await.json();
    assert_eq!(list["count"], 2);
    let shown =
        |index: usize| (list["results"][index]["title"].clone(), list["results"][index]["made_by_other"].clone());
    assert_eq!((shown(0), shown(1)), ((json!("OpenL2M"), json!(false)), (json!("made"), json!(true))));
    let text = list.to_string();
    assert!(!text.contains(&jane.own) && !text.contains(&jane.others), "{text}");
    let path = format!("{TOKENS}{}/", list["results"][1]["id"].as_str().expect("an id"));
    assert_eq!(client.get(&path).await.json(), list["results"][1]);
    // Another's are not found.
    assert_eq!(jane.admin().await.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(jane.admin().await.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(client.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(jane.app.bearer(&jane.others).get(TOKENS).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.get(TOKENS).await.json()["count"], 1);
}

#[tokio::test]
async fn everybody_lists_and_ends_the_own_sessions() {
    let mut jane = Jane::with(json!({})).await;
    let client = jane.app.bearer(&jane.own);
    let mut second = Browser::signed_in(&jane.app, "jane").await;
    let list = client.get(SESSIONS).await.json();
    assert_eq!((&list["count"], &list["results"][0]["current"]), (&json!(2), &json!(false)));
    let seen = second.get(SESSIONS).await;
    assert!(seen.text().contains("current"), "a browser gets a page: {seen:?}");
    let path = format!("{SESSIONS}{}/", list["results"][0]["id"].as_str().expect("an id"));
    assert_eq!(client.get(&path).await.json(), list["results"][0]);
    assert_eq!(jane.admin().await.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(client.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(jane.let_in().await, [true, true, true, false]);
    assert_eq!(second.get(ACCOUNT).await.status, StatusCode::OK);
    // Everywhere.
    assert_eq!(client.delete(SESSIONS).await.status, StatusCode::NO_CONTENT);
    assert_eq!(second.get(ACCOUNT).await.status, StatusCode::SEE_OTHER);
    assert_eq!(jane.let_in().await, [true, true, false, false]);
    assert_eq!(client.get(SESSIONS).await.json()["count"], 0);
}

#[tokio::test]
async fn one_session_too_many_ends_the_oldest() {
    let jane = Jane::with(json!({})).await;
    let mut first = jane.browser;
    for _ in 0..Session::MOST - 1 {
        jane.app.environment.advance(1);
        Browser::signed_in(&jane.app, "jane").await;
    }
    assert_eq!(first.get(ACCOUNT).await.status, StatusCode::OK);
    jane.app.environment.advance(1);
    Browser::signed_in(&jane.app, "jane").await;
    assert_eq!(first.get(ACCOUNT).await.status, StatusCode::SEE_OTHER);
    let count = jane.app.bearer(&jane.own).get(SESSIONS).await.json()["count"].clone();
    assert_eq!(count, Session::MOST);
}

#[tokio::test]
async fn the_account_page_shows_and_ends_what_one_is_signed_in_with() {
    let mut jane = Jane::with(json!({})).await;
    let stranger = Browser::new(jane.app.router.clone()).get(ACCOUNT).await;
    assert_eq!(stranger.header("location"), Some("/accounts/login/?next=/accounts/me/"));
    let mut second = Browser::signed_in(&jane.app, "jane").await;
    let page = second.get(ACCOUNT).await.text();
    assert!(page.contains("Your account") && page.contains("This browser") && page.contains("OpenL2M"), "{page}");
    // Without the token of our own pages nothing happens.
    let body = "action=sign-out-everywhere";
    assert_eq!(second.post(ACCOUNT, body).await.status, StatusCode::FORBIDDEN);
    assert_eq!(jane.let_in().await, [true; 4]);
    let id = |list: &Value, index: usize| list["results"][index]["id"].as_str().expect("an id").to_owned();
    let client = jane.app.bearer(&jane.signed);
    let session = id(&client.get(SESSIONS).await.json(), 0);
    let answer = second.send("POST", ACCOUNT, &[("action", "end-session"), ("id", &session)]).await;
    assert_eq!(answer.header("location"), Some("/accounts/me/?done=end-session"));
    assert!(second.get("/accounts/me/?done=end-session").await.text().contains("The session has ended."));
    let token = id(&client.get(TOKENS).await.json(), 0);
    is_fine(&second.send("POST", ACCOUNT, &[("action", "remove-token"), ("id", &token)]).await);
    assert_eq!(jane.let_in().await, [false, true, true, false]);
    // A password that is refused is told where it was given, all else stays.
    let form = |old: &'static str, new: &'static str| {
        [("action", "change-password"), ("old_password", old), ("new_password1", new), ("new_password2", new)]
    };
    let refused = second.send("POST", ACCOUNT, &form("wrong", NEW)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("Your old password was entered incorrectly"), "{}", refused.text());
    let refused = second.send("POST", ACCOUNT, &form(PASSWORD, "12345678")).await;
    assert!(refused.text().contains("This password is entirely numeric."), "{}", refused.text());
    assert!(!refused.text().contains("12345678") && !refused.text().contains(PASSWORD));
    is_fine(&second.send("POST", ACCOUNT, &[("action", "sign-out-everywhere")]).await);
    assert_eq!(jane.let_in().await, [false, true, false, false]);
    assert_eq!(second.get(ACCOUNT).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_to_confirm_an_address_does_not_change_whose_rights_have_grown() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (name, gift, expected) in [
        ("plain", json!({"first_name": "Jane"}), "mailed"),
        ("grown", json!({"groups": [1]}), "real"),
        ("super", json!({"is_superuser": true}), "real"),
    ] {
        let fields = json!({"email": format!("{name}.mailed@mail.example"), "email_verified": false});
        let user = admin.create_user(name, &fields).await;
        let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
        admin.patch(&path, &json!({"email": format!("{name}.real@mail.example")})).await;
        assert_eq!(admin.patch(&path, &gift).await.status, StatusCode::OK);
        let mails = app.directory.waiting_mails(10).await.expect("mails");
        let mail = mails.iter().find(|mail| mail.username == name).expect("a mail");
        let MailKind::Confirmation { link } = &mail.kind else { panic!("another mail") };
        let path_of = link.strip_prefix("http://rollcall.example").expect("our host");
        crate::openwisp::confirmation::confirm(&app, path_of).await;
        let email = admin.get(&path).await.json()["email"].clone();
        assert_eq!(email, format!("{name}.{expected}@mail.example"));
        let addresses = admin.get(&format!("{path}email/")).await.json();
        assert_eq!(addresses["results"][0]["verified"], true, "the mailbox is theirs all the same");
    }
}
