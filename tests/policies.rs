//! What the template's policies allow and no function ever does. The opposite fails every test that meets it.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};
use shared::model::{GroupId, MailKind, Organization, OrganizationId, UserId};
use shared::store::{GroupWritten, OrganizationWritten, UserWrite, Written};

use crate::events::acts_for_all;
use crate::support::policies::{Act, acting, policy_of};
use crate::support::{FUNCTIONS, Options, PASSWORD, TestApp, USERS};

const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const NEW: &str = "an0ther-Passw0rd";
/// The tests' password as it was hashed before it was moved in.
const OLD_HASH: &str = "pbkdf2_sha256$1000$W3Dkpsalt0$Meva6GdOqIIjORRrVMbBcB7r6d5P7dTb6b51xOKw8CE=";

#[tokio::test]
async fn functions_do_all_that_their_policies_allow() {
    let mut acts = acts_for_all().await;
    acts.extend(acts_of_requests().await);
    acts.extend(Box::pin(acts_of_background_functions()).await);
    let functions = FUNCTIONS.iter().map(|(name, _)| *name).chain(["housekeeping", "mailer"]);
    let mut idle = Vec::new();
    for function in functions {
        for statement in policy_of(function).iter().filter(|statement| statement.is_watched) {
            let done: Vec<_> = acts.iter().filter(|act| act.function == function && statement.allows(act)).collect();
            let never = statement.actions.iter().filter(|action| !done.iter().any(|act| act.action == **action));
            idle.extend(never.map(|action| format!("{function} {action}")));
            for pattern in statement.leading.iter().flatten() {
                let beginning = pattern.trim_end_matches('*');
                let meets = |act: &&Act| act.leading.as_ref().is_some_and(|key| key.starts_with(beginning));
                if !done.iter().any(meets) {
                    idle.push(format!("{function} {pattern}"));
                }
            }
        }
    }
    assert_eq!(idle, [""; 0]);
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// What functions do beyond what the events ask of them.
async fn acts_of_requests() -> BTreeSet<Act> {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    let admin = app.admin().await;
    let keyed = app.keyed(&app.api_token("admin").await);
    let basic = app.basic("admin", PASSWORD);
    let done = |answer: crate::support::Answer| {
        assert!(answer.status.is_success() || answer.status == StatusCode::FOUND, "{answer:?}");
        if answer.body.is_empty() || answer.status == StatusCode::FOUND { Value::Null } else { answer.json() }
    };

    // A group, an organization, and somebody who is in both: rights come from the group.
    let group = done(admin.post(GROUPS, &json!({ "name": "all", "permissions": (1..=28).collect::<Vec<_>>() })).await);
    let organization = done(admin.post(ORGANIZATIONS, &json!({ "name": "one", "slug": "one" })).await);
    let membership = json!({ "organization": organization["id"], "is_admin": true });
    let keeper = json!({ "groups": [group["id"]], "organization_users": membership });
    let keeper = admin.create_user("keeper", &keeper).await;
    let member = json!({ "organization_users": { "organization": organization["id"], "is_admin": false } });
    let path = format!("{USERS}{}/", id(&admin.create_user("member", &member).await));
    let signed_in = app.signed_in("keeper").await;
    for path in [USERS, GROUPS, ORGANIZATIONS, &path, &format!("{path}email/")] {
        assert_eq!(signed_in.get(path).await.status, StatusCode::OK, "{path}");
    }
    // Members follow a renamed organization.
    done(admin.patch(&format!("{ORGANIZATIONS}{}/", id(&organization)), &json!({ "name": "two" })).await);

    // OpenL2M: a user gets a group and another name.
    let found = app.directory.store().user(UserId::parse(id(&keeper)).expect("an id")).await;
    let keeper = found.expect("the store").expect("the keeper");
    let number = keeper.number;
    let path = format!("/api/admin/users/{number}/");
    done(keyed.patch(&path, &json!({ "groups": [1], "last_name": "Renamed" })).await);

    // Edge: a search, a superuser who is one no more, and tokens that come and go.
    done(basic.get("/api/users/?last_name=renam").await);
    let other = json!({
        "username": "other", "password": PASSWORD, "first_name": "O", "last_name": "T", "email": "o@mail.example", "is_superuser": true
    });
    let path = format!("/api/users/{}/", id(&done(basic.post("/api/users/", &other).await)));
    done(basic.patch(&path, &json!({ "is_superuser": false })).await);
    let token = done(basic.post(&format!("{path}tokens/"), &json!({ "title": "T" })).await);
    done(basic.get(&format!("{path}tokens/")).await);
    done(basic.delete(&format!("{path}tokens/{}/", id(&token))).await);

    // A mailed link confirms an address in place of an e-mail that was shared.
    let jane = admin.create_user("jane", &json!({ "email_verified": false })).await;
    let found = app.directory.store().user(UserId::parse(id(&jane)).expect("an id")).await;
    let path = format!("/api/admin/users/{}/", found.expect("the store").expect("jane").number);
    done(keyed.patch(&path, &json!({ "email": "keeper@mail.example" })).await);
    let mails = app.directory.waiting_mails(10).await.expect("mails");
    let MailKind::Confirmation { link } = &mails[0].kind else { panic!("another mail") };
    done(
        crate::openwisp::confirmation::confirm(&app, link.strip_prefix("http://rollcall.example").expect("our host"))
            .await,
    );

    // The documentation: a failed login, a token, and a hash of an older kind.
    assert_eq!(app.basic("admin", "wrong").get("/api/v1/docs.json").await.status, StatusCode::FORBIDDEN);
    done(app.bearer(&app.api_token("keeper").await).get("/api/v1/docs.json").await);
    let found = app.directory.store().user(keeper.id).await.expect("the store").expect("the keeper");
    app.directory.store().user_password_replace(&found, OLD_HASH).await.expect("a hash");
    done(app.basic("keeper", PASSWORD).get("/api/v1/docs.json").await);
    let change = json!({ "old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW });
    done(app.signed_in("keeper").await.post("/api/v1/users/user/password/change/", &change).await);
    app.watch.acts()
}

/// What `housekeeping` and `mailer` do.
async fn acts_of_background_functions() -> BTreeSet<Act> {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let group = admin.post(GROUPS, &json!({ "name": "gone", "permissions": [28] })).await.json();
    let mut organizations = Vec::new();
    for name in ["renamed", "gone"] {
        organizations.push(admin.post(ORGANIZATIONS, &json!({ "name": name, "slug": name })).await.json());
    }
    let tomorrow = json!(app.day(1));
    let member = |organization: &Value| json!({ "organization": organization["id"], "is_admin": true });
    let fields = json!({ "groups": [group["id"]], "expiration_date": tomorrow, "organization_users": member(&organizations[0]) });
    let stays = admin.create_user("stays", &fields).await;
    let path = format!("{USERS}{}/", id(&stays));
    let joined = admin.patch(&path, &json!({ "organization_users": member(&organizations[1]) })).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
    let goes = admin.create_user("goes", &json!({ "organization_users": member(&organizations[0]) })).await;
    assert_eq!(app.basic("goes", PASSWORD).get("/api/users/").await.status, StatusCode::FORBIDDEN);
    app.api_token("goes").await;

    // The request that asked for it has ended before it did anything of what follows.
    let store = app.directory.store();
    let group = store.group(GroupId(group["id"].as_u64().expect("an id"))).await.expect("the store").expect("a group");
    assert_eq!(store.group_write(Some(&group), None).await.expect("a removal"), GroupWritten::Done);
    for (index, organization) in organizations.iter().enumerate() {
        let id = OrganizationId::parse(id(organization)).expect("an id");
        let before = store.organization(id).await.expect("the store").expect("an organization");
        let after = Organization { name: "another".to_owned(), ..before.clone() };
        let after = (index == 0).then_some(&after);
        let written = store.organization_write(Some(&before), after).await.expect("a change");
        assert_eq!(written, OrganizationWritten::Done);
    }
    let user = store.user(UserId::parse(id(&goes)).expect("an id")).await.expect("the store").expect("a user");
    let write = UserWrite { before: Some(&user), ..UserWrite::default() };
    assert_eq!(store.user_write(&write).await.expect("a removal"), Written::Done);
    assert_eq!(store.work().await.expect("the work").len(), 4);
    app.script.advance(3 * 24 * 60 * 60);
    app.keep_house().await.expect("a kept house");
    assert_eq!(store.work().await.expect("the work"), []);

    let mails = app.directory.waiting_mails(10).await.expect("mails");
    assert_eq!(mails.len(), 1);
    acting("mailer", app.directory.mail_was_sent(&mails[0].id)).await.expect("the outbox");
    app.watch.acts()
}
