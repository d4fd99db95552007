//! What the template's policies allow and no function ever does. The opposite fails every test that meets it.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};
use shared::auth::keys::KeyRing;
use shared::model::ambient::System;
use shared::model::{GroupId, MailKind, Organization, OrganizationId, User, UserId};
use shared::store::{Basis, GroupWriteOutcome, OrganizationWriteOutcome, UserWrite, WriteOutcome};

use crate::events::acts_for_all;
use crate::outbox::Scripted;
use crate::webhooks;

use crate::support::parameters::{SIGNING, VERIFYING};
use crate::support::policies::{Act, acting, parameter_of, policy_of};
use crate::support::receiver::Receiver;
use crate::support::{Browser, FUNCTIONS, Options, PASSWORD, TestApp, USERS};

const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const EVENTS: &str = "/api/rollcall/v1/events/";
const NEW: &str = "an0ther-Passw0rd";
/// The tests' password as it was hashed before it was moved in.
const OLD_HASH: &str = "pbkdf2_sha256$1000$W3Dkpsalt0$Meva6GdOqIIjORRrVMbBcB7r6d5P7dTb6b51xOKw8CE=";

#[tokio::test]
async fn functions_do_all_that_their_policies_allow() {
    let mut acts = acts_for_all().await;
    acts.extend(acts_of_requests().await);
    acts.extend(Box::pin(acts_of_all_credentials()).await);
    acts.extend(Box::pin(acts_on_groups_and_organizations()).await);
    acts.extend(Box::pin(acts_on_records_of_an_earlier_release()).await);
    acts.extend(Box::pin(acts_of_background_functions()).await);
    let functions = FUNCTIONS.iter().map(|(name, _)| *name).chain(["housekeeping", "outbox"]);
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

/// Who signs gets the keys for it, who only verifies gets public keys, and nobody else gets any.
#[tokio::test]
async fn functions_read_the_keys_that_they_need_and_no_others() {
    let app = TestApp::start().await;
    let mut refused = BTreeSet::new();
    for (function, parameter) in [
        ("admin-users", None),
        ("auth", Some(SIGNING)),
        ("deleted", Some(VERIFYING)),
        ("docs", Some(VERIFYING)),
        ("edge-tokens", None),
        ("edge-users", None),
        ("emails", Some(VERIFYING)),
        ("events", Some(VERIFYING)),
        ("groups", Some(VERIFYING)),
        ("housekeeping", None),
        ("outbox", None),
        ("organizations", Some(VERIFYING)),
        ("scim", Some(VERIFYING)),
        ("users", Some(SIGNING)),
    ] {
        assert_eq!(parameter_of(function), parameter, "{function} is told so by its environment");
        for name in [SIGNING, VERIFYING] {
            let ring = KeyRing::new(app.watch.key_source(Some(name), &app.parameters), System::shared());
            let keys = acting(function, ring.public()).await;
            assert_eq!(keys.is_ok(), parameter == Some(name), "{function}, {name}: {keys:?}");
            if keys.is_err() {
                refused.insert((function.to_owned(), Some(name.to_owned())));
            }
        }
    }
    let forbidden = app.watch.take_forbidden();
    assert!(forbidden.iter().all(|act| act.action == "ssm:GetParameter"), "{forbidden:?}");
    let forbidden: BTreeSet<_> = forbidden.into_iter().map(|act| (act.function, act.parameter)).collect();
    assert_eq!(forbidden, refused);
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
    for path in [USERS, GROUPS, ORGANIZATIONS, &path, &format!("{path}email/"), EVENTS, "/scim/v2/Users"] {
        assert_eq!(signed_in.get(path).await.status, StatusCode::OK, "{path}");
    }
    // A page offers the members of an organization.
    let path = format!("{ORGANIZATIONS}{}/", id(&organization));
    let page = Browser::signed_in(&app, "admin").await.get(&path).await.text();
    assert!(page.contains("keeper</option>"), "{page}");
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
    assert_eq!(app.basic("other", PASSWORD).get("/api/users/").await.status, StatusCode::FORBIDDEN);
    done(basic.delete(&path).await);

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

/// Everything that a request can show who sends it, to functions that only verify, after a while without use.
async fn acts_of_all_credentials() -> BTreeSet<Act> {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    let token = app.api_token("admin").await;
    let events = format!("{EVENTS}?order=oldest&since=2026-01-01T00:00:00Z");
    for path in ["/api/v1/docs.json", GROUPS, ORGANIZATIONS, &format!("{USERS}{}/email/", id(&user)), &events] {
        app.environment.advance(24 * 60 * 60);
        assert_eq!(browser.get(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(app.bearer(&token).get(path).await.status, StatusCode::OK, "{path}");
    }
    let jane = stored(&app, id(&user)).await;
    let tokens = format!("/api/users/{}/tokens/", jane.edge_id);
    assert_eq!(app.basic("admin", "wrong").get(&tokens).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.send("POST", "/accounts/logout/", &[]).await.status, StatusCode::SEE_OTHER);
    app.watch.acts()
}

/// Members leave what is removed, names are taken, and an organization gets another owner.
async fn acts_on_groups_and_organizations() -> BTreeSet<Act> {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let group = admin.post(GROUPS, &json!({ "name": "gone", "permissions": [] })).await.json();
    // A name that is taken is told beside what else is wrong.
    let taken = admin.post(GROUPS, &json!({ "name": "gone", "permissions": [999] })).await;
    assert_eq!(taken.status, StatusCode::BAD_REQUEST);
    let mut organizations = Vec::new();
    for name in ["gone", "other"] {
        organizations.push(admin.post(ORGANIZATIONS, &json!({ "name": name, "slug": name })).await.json());
    }
    let taken = admin.post(ORGANIZATIONS, &json!({ "name": "", "slug": "gone" })).await;
    assert_eq!(taken.status, StatusCode::BAD_REQUEST);
    let joins = |organization: &Value| json!({ "organization_users": { "organization": organization["id"], "is_admin": true } });
    for name in ["first", "second"] {
        let user = admin.create_user(name, &json!({ "groups": [group["id"]] })).await;
        for organization in &organizations {
            let joined = admin.patch(&format!("{USERS}{}/", id(&user)), &joins(organization)).await;
            assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
        }
    }
    let user = stored(&app, id(&admin.get(USERS).await.json()["results"][0])).await;
    let found = app.directory.store().user_with_memberships(user.id).await.expect("the store").expect("a user");
    let path = format!("{ORGANIZATIONS}{}/", id(&organizations[0]));
    let membership = found
        .1
        .iter()
        .find(|membership| membership.organization.to_string() == id(&organizations[0]))
        .expect("a membership");
    let owner = json!({ "owner": { "organization_user": membership.id.to_string() } });
    assert_eq!(admin.patch(&path, &owner).await.status, StatusCode::OK);
    assert_eq!(admin.get(&format!("{ORGANIZATIONS}?page=2&page_size=1")).await.status, StatusCode::OK);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    let path = format!("{GROUPS}{}/", group["id"]);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    app.watch.acts()
}

/// Records that do not tell which organizations a user manages or owns: memberships and organizations do.
async fn acts_on_records_of_an_earlier_release() -> BTreeSet<Act> {
    let app = TestApp::with(Options { notices: true, ..Options::default() }).await;
    let admin = app.admin().await;
    let organization = admin.post(ORGANIZATIONS, &json!({ "name": "one", "slug": "one" })).await.json();
    let group = admin.post(GROUPS, &json!({ "name": "office", "permissions": [1, 2, 3, 4, 28] })).await.json();
    let joins = |is_admin: bool| json!({ "organization": organization["id"], "is_admin": is_admin });
    admin.create_user("owner", &json!({ "organization_users": joins(true) })).await;
    let keeper = json!({ "groups": [group["id"]], "organization_users": joins(true) });
    admin.create_user("keeper", &keeper).await;
    let staff = admin.create_user("staff", &json!({ "groups": [group["id"]] })).await;
    let staff = stored(&app, id(&staff)).await.edge_id;
    let basic = app.basic("admin", PASSWORD);
    let promoted = basic.patch(&format!("/api/users/{staff}/"), &json!({ "is_staff": true })).await;
    assert_eq!(promoted.status, StatusCode::ACCEPTED);
    let member =
        admin.create_user("member", &json!({ "groups": [group["id"]], "organization_users": joins(false) })).await;
    let before = stored(&app, id(&member)).await;
    let after = User { holds: None, version: before.version + 1, ..before.clone() };
    let write = UserWrite { before: Some(&before), after: Some(&after), ..UserWrite::default() };
    assert_eq!(app.directory.store().user_write(&write).await.expect("a change"), WriteOutcome::Done);

    let address = json!({ "email": "more@mail.example" });
    let added = app.signed_in("keeper").await.post(&format!("{USERS}{}/email/", id(&member)), &address).await;
    assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
    // A verified address that is removed is told so.
    let emails = format!("{USERS}{}/email/", id(&member));
    let verified = admin.get(&emails).await.json()["results"][0]["id"].clone();
    assert_eq!(admin.delete(&format!("{emails}{verified}/")).await.status, StatusCode::NO_CONTENT);
    let tokens = format!("/api/users/{}/tokens/", before.edge_id);
    let made = app.basic("staff", PASSWORD).post(&tokens, &json!({ "title": "T" })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    app.watch.acts()
}

async fn stored(app: &TestApp, id: &str) -> User {
    let id = UserId::parse(id).expect("an id");
    app.directory.store().user(id).await.expect("the store").expect("the user")
}

/// What `housekeeping` and `outbox` do.
async fn acts_of_background_functions() -> BTreeSet<Act> {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let group = admin.post(GROUPS, &json!({ "name": "gone", "permissions": [28] })).await.json();
    let mut organizations = Vec::new();
    for name in ["closed", "gone"] {
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
    assert_eq!(
        store.group_write(Some(&group), None, &Basis::default(), None).await.expect("a removal"),
        GroupWriteOutcome::Done
    );
    for (index, organization) in organizations.iter().enumerate() {
        let id = OrganizationId::parse(id(organization)).expect("an id");
        let before = store.organization(id).await.expect("the store").expect("an organization");
        let after = Organization { is_active: false, ..before.clone() };
        let after = (index == 0).then_some(&after);
        let written =
            store.organization_write(Some(&before), after, &[], &Basis::default(), None).await.expect("a change");
        assert_eq!(written, OrganizationWriteOutcome::Done);
    }
    let user = store.user(UserId::parse(id(&goes)).expect("an id")).await.expect("the store").expect("a user");
    let write = UserWrite { before: Some(&user), ..UserWrite::default() };
    assert_eq!(store.user_write(&write).await.expect("a removal"), WriteOutcome::Done);
    assert_eq!(store.cleanup_tasks().await.expect("the work").len(), 4);
    app.environment.advance(3 * 24 * 60 * 60);
    app.run_housekeeping().await.expect("a kept house");
    assert_eq!(store.cleanup_tasks().await.expect("the work"), []);

    app.pack_search().await;

    // A mail fails and is sent later.
    let transport = Scripted { put_off: vec!["stays@mail.example".to_owned()], ..Scripted::default() };
    assert_eq!(transport.run(&app).await.len(), 0);
    app.environment.advance(5);
    assert_eq!(Scripted::default().run(&app).await.len(), 1);

    // An event is sent to a webhook.
    let receiver = Receiver::willing().await;
    webhooks::subscribe(&admin, &receiver.url(), &["user.created"]).await;
    admin.create_user("new", &json!({})).await;
    webhooks::deliver(&app, &webhooks::client()).await;
    assert_eq!(receiver.take().len(), 1);

    // The time of a deleted user is over.
    let over = admin.create_user("over", &json!({})).await;
    assert_eq!(admin.delete(&format!("{USERS}{}/", id(&over))).await.status, StatusCode::NO_CONTENT);
    app.environment.advance(40 * 24 * 60 * 60);
    app.run_housekeeping().await.expect("a kept house");
    app.cleanup().await.expect("the work");
    app.watch.acts()
}
