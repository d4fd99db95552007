//! Mails about changes of what somebody signs in with, through every API that makes them (`contracts/openwisp.md` section 13.4).

use http::StatusCode;
use serde_json::{Value, json};
use shared::model::{MailKind, UserId};

use crate::support::{Options, PASSWORD, TestApp, USERS};

const NEW: &str = "Quarry-violet-77";
const PASSWORD_CHANGED: &str = "PasswordChanged jane@mail.example";
const EMAIL_CHANGED: &str = "EmailChanged jane@mail.example";

/// Jane, by her ids in the three APIs.
struct Jane {
    app: TestApp,
    id: String,
    number: u64,
    edge: String,
}

impl Jane {
    async fn with(fields: Value) -> Self {
        let app = TestApp::with(Options { notices: true, ..Options::default() }).await;
        let made = app.admin().await.create_user("jane", &fields).await;
        let id = made["id"].as_str().expect("an id").to_owned();
        let user =
            app.directory.store().user(UserId::parse(&id).expect("an id")).await.expect("the store").expect("jane");
        Self { id, number: user.number.0, edge: user.edge_id.to_string(), app }
    }

    /// Kind and receiver of the mails that wait, without links.
    async fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        for mail in self.app.mails().await {
            if matches!(mail.kind, MailKind::PasswordChanged | MailKind::EmailChanged) {
                assert_eq!(mail.username, "jane");
                notices.push(format!("{:?} {}", mail.kind, mail.to.as_str()));
            }
        }
        notices
    }

    fn path(&self) -> String {
        format!("{USERS}{}/", self.id)
    }

    /// The path of an address of hers, which is made and verified.
    async fn address(&self, email: &str) -> String {
        let list = format!("{}email/", self.path());
        let admin = self.app.admin().await;
        let made = admin.post(&list, &json!({ "email": email })).await.json();
        let path = format!("{list}{}/", made["id"]);
        assert_eq!(admin.patch(&path, &json!({ "verified": true })).await.status, StatusCode::OK);
        path
    }
}

#[tokio::test]
async fn a_password_that_others_set_is_told_through_every_api() {
    let jane = Jane::with(json!({})).await;
    let admin = jane.app.admin().await;
    let passwords = json!({ "current_password": null, "new_password": NEW, "confirm_password": NEW });
    let set = admin.put(&format!("{}password/", jane.path()), &passwords).await;
    assert_eq!((set.status, jane.notices().await), (StatusCode::OK, vec![PASSWORD_CHANGED.to_owned()]));

    let jane = Jane::with(json!({})).await;
    let keyed = jane.app.keyed(&jane.app.api_token("admin").await);
    let set = keyed.patch(&format!("/api/admin/users/{}/", jane.number), &json!({ "password": NEW })).await;
    assert_eq!((set.status, jane.notices().await), (StatusCode::OK, vec![PASSWORD_CHANGED.to_owned()]));

    let jane = Jane::with(json!({})).await;
    let basic = jane.app.basic("admin", PASSWORD);
    let set = basic.patch(&format!("/api/users/{}/", jane.edge), &json!({ "password": NEW })).await;
    assert_eq!((set.status, jane.notices().await), (StatusCode::ACCEPTED, vec![PASSWORD_CHANGED.to_owned()]));
}

#[tokio::test]
async fn an_own_password_that_is_changed_or_reset_is_told() {
    let jane = Jane::with(json!({})).await;
    let change = json!({ "old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW });
    let changed = jane.app.signed_in("jane").await.post("/api/v1/users/user/password/change/", &change).await;
    assert_eq!((changed.status, jane.notices().await), (StatusCode::OK, vec![PASSWORD_CHANGED.to_owned()]));

    let jane = Jane::with(json!({})).await;
    let client = jane.app.anonymous();
    client.post("/api/v1/users/password/reset/", &json!({ "input": "jane" })).await;
    let mails = jane.app.mails().await;
    let [MailKind::PasswordReset { link }] = [&mails[0].kind] else { panic!("another mail") };
    let pair = link.trim_end_matches('/').rsplit('/').next().expect("a pair");
    let (uid, token) = pair.split_once('-').expect("a pair");
    let body = json!({ "uid": uid, "token": token, "new_password1": NEW, "new_password2": NEW });
    let reset = client.post("/api/v1/users/password/reset/confirm/", &body).await;
    assert_eq!((reset.status, jane.notices().await), (StatusCode::OK, vec![PASSWORD_CHANGED.to_owned()]));
}

#[tokio::test]
async fn another_email_is_told_to_the_address_before_through_every_api() {
    let other = json!({ "email": "other@mail.example" });
    let jane = Jane::with(json!({})).await;
    let changed = jane.app.admin().await.patch(&jane.path(), &other).await;
    assert_eq!((changed.status, jane.notices().await), (StatusCode::OK, vec![EMAIL_CHANGED.to_owned()]));

    let jane = Jane::with(json!({})).await;
    let keyed = jane.app.keyed(&jane.app.api_token("admin").await);
    let changed = keyed.patch(&format!("/api/admin/users/{}/", jane.number), &other).await;
    assert_eq!((changed.status, jane.notices().await), (StatusCode::OK, vec![EMAIL_CHANGED.to_owned()]));

    let jane = Jane::with(json!({})).await;
    let basic = jane.app.basic("admin", PASSWORD);
    let changed = basic.patch(&format!("/api/users/{}/", jane.edge), &other).await;
    assert_eq!((changed.status, jane.notices().await), (StatusCode::ACCEPTED, vec![EMAIL_CHANGED.to_owned()]));
}

#[tokio::test]
async fn an_address_that_is_lost_learns_of_it_and_others_do_not() {
    let jane = Jane::with(json!({})).await;
    let path = jane.address("second@mail.example").await;
    let admin = jane.app.admin().await;
    assert_eq!(admin.patch(&path, &json!({ "email": "SECOND@mail.example" })).await.status, StatusCode::OK);
    assert!(jane.notices().await.is_empty(), "another spelling of the same address");
    assert_eq!(admin.patch(&path, &json!({ "email": "third@mail.example" })).await.status, StatusCode::OK);
    assert_eq!(jane.notices().await, ["EmailChanged SECOND@mail.example"]);

    let jane = Jane::with(json!({})).await;
    let path = jane.address("second@mail.example").await;
    assert_eq!(jane.app.admin().await.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(jane.notices().await, ["EmailChanged second@mail.example"]);
}

#[tokio::test]
async fn a_change_of_anything_else_is_told_to_nobody() {
    let jane = Jane::with(json!({})).await;
    let admin = jane.app.admin().await;
    for fields in [json!({ "first_name": "Jane" }), json!({ "groups": [1] }), json!({ "email": "JANE@mail.example" })] {
        assert_eq!(admin.patch(&jane.path(), &fields).await.status, StatusCode::OK);
    }
    jane.app.token("jane").await;
    assert!(jane.notices().await.is_empty());
}

/// Otherwise anybody could have mails sent to any address.
#[tokio::test]
async fn an_address_that_nobody_has_confirmed_is_told_nothing() {
    let jane = Jane::with(json!({ "email_verified": false })).await;
    let admin = jane.app.admin().await;
    assert_eq!(admin.patch(&jane.path(), &json!({ "email": "other@mail.example" })).await.status, StatusCode::OK);
    let passwords = json!({ "current_password": null, "new_password": NEW, "confirm_password": NEW });
    assert_eq!(admin.put(&format!("{}password/", jane.path()), &passwords).await.status, StatusCode::OK);
    assert!(jane.notices().await.is_empty());
}
