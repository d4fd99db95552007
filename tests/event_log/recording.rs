//! What is recorded of each change.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared::directory::SystemCaller;
use shared::model::Username;

use super::newest;
use crate::support::{Browser, Client, Options, PASSWORD, TOKEN, TestApp, USERS, request};

const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const NEW: &str = "an0ther-Passw0rd";

fn id(object: &Value) -> String {
    object["id"].as_str().map_or_else(|| object["id"].to_string(), ToOwned::to_owned)
}

/// The newest event, which is this action on that target.
async fn last(client: &Client, action: &str, target: &str) -> Value {
    let event = newest(client, 1).await.swap_remove(0);
    let kind = event["target"]["type"].as_str().expect("a kind");
    let of = format!("{kind}:{}", event["target"]["id"].as_str().unwrap_or_default());
    assert_eq!((event["action"].as_str(), &of[..]), (Some(action), target), "{event:#}");
    event
}

#[tokio::test]
async fn a_user_from_creation_to_deletion() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({"first_name": "Jane", "groups": [1]})).await;
    let target = format!("user:{}", id(&jane));
    let path = format!("{USERS}{}/", id(&jane));

    let made = last(&admin, "user.created", &target).await;
    assert_eq!(made["changes"]["first_name"], json!({"new": "Jane"}));
    assert_eq!(made["changes"]["groups"], json!({"new": [1]}));
    assert_eq!(made["changes"]["password"], json!({}), "a secret is told as changed alone");
    assert_eq!((&made["version"], &made["target"]["name"]), (&json!(1), &json!("jane")));
    let actor = &made["actor"];
    assert_eq!((&actor["type"], &actor["username"]), (&json!("user"), &json!("admin")));
    assert_eq!((&actor["credential"], &actor["via"]), (&json!("signed_token"), &json!("POST /api/v1/users/user/")));
    assert!(actor["request"].as_str().is_some_and(|id| !id.is_empty()), "{actor}");

    admin.patch(&path, &json!({"first_name": "Janet", "is_active": false, "bio": "x".repeat(3000)})).await;
    let changed = last(&admin, "user.updated", &target).await;
    assert_eq!(changed["changes"]["first_name"], json!({"old": "Jane", "new": "Janet"}));
    assert_eq!(changed["changes"]["is_active"], json!({"old": true}));
    assert_eq!(changed["changes"]["bio"], json!({}), "a text that does not fit is told as changed alone");
    assert_eq!(changed["version"], 2);

    let before = newest(&admin, 1).await;
    assert_eq!(admin.patch(&path, &json!({"first_name": "Janet"})).await.status, StatusCode::OK);
    assert_eq!(newest(&admin, 1).await, before, "what changes nothing is no event");

    let password = json!({"current_password": null, "new_password": NEW, "confirm_password": NEW});
    let answer = admin.put(&format!("{path}password/"), &password).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let set = last(&admin, "password.set", &target).await;
    assert_eq!(set["changes"], json!({"password": {}}));

    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    let deleted = last(&admin, "user.deleted", &target).await;
    assert_eq!((&deleted["target"]["name"], &deleted["changes"]), (&json!("jane"), &json!({})));

    let items = serde_json::to_string(&app.items()).expect("items");
    assert!(!items.contains(NEW) && !items.contains(PASSWORD));
    let texts: Vec<String> = newest(&admin, 1000).await.iter().map(Value::to_string).collect();
    assert!(texts.iter().all(|text| !text.contains("$argon2") && !text.contains("bearer")), "{texts:#?}");
}

#[tokio::test]
async fn groups_organizations_memberships_and_addresses() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = admin.create_user("jane", &json!({})).await;
    let user = format!("user:{}", id(&jane));

    let group = admin.post(GROUPS, &json!({"name": "Editors", "permissions": [25]})).await.json();
    let target = format!("group:{}", id(&group));
    let made = last(&admin, "group.created", &target).await;
    assert_eq!(made["changes"], json!({"name": {"new": "Editors"}, "permissions": {"new": [25]}}));
    let path = format!("{GROUPS}{}/", id(&group));
    admin.patch(&path, &json!({"name": "Writers"})).await;
    let changed = last(&admin, "group.updated", &target).await;
    assert_eq!(changed["changes"], json!({"name": {"old": "Editors", "new": "Writers"}}));
    admin.delete(&path).await;
    last(&admin, "group.deleted", &target).await;

    let organization = admin.post(ORGANIZATIONS, &json!({"name": "One", "slug": "one"})).await.json();
    let target = format!("organization:{}", id(&organization));
    last(&admin, "organization.created", &target).await;
    let path = format!("{ORGANIZATIONS}{}/", id(&organization));
    admin.patch(&path, &json!({"is_active": false})).await;
    let changed = last(&admin, "organization.updated", &target).await;
    assert_eq!(changed["changes"], json!({"is_active": {"old": true, "new": false}}));
    admin.patch(&path, &json!({"is_active": true})).await;

    let memberships = format!("{USERS}{}/organization/", id(&jane));
    let membership = json!({"organization": id(&organization), "is_admin": false});
    assert_eq!(admin.post(&memberships, &membership).await.status, StatusCode::CREATED);
    let joined = last(&admin, "membership.created", &user).await;
    assert_eq!(joined["changes"]["membership.organization"], json!({"new": id(&organization)}));
    let membership = format!("{memberships}{}/", id(&organization));
    admin.patch(&membership, &json!({"is_admin": true})).await;
    let changed = last(&admin, "membership.updated", &user).await;
    assert_eq!(changed["changes"]["membership.is_admin"], json!({"old": false, "new": true}));

    let emails = format!("{USERS}{}/email/", id(&jane));
    let address = json!({"email": "jane@work.example"});
    assert_eq!(admin.post(&emails, &address).await.status, StatusCode::CREATED);
    let added = last(&admin, "user.updated", &user).await;
    assert!(added["changes"]["addresses"]["new"].to_string().contains("jane@work.example"), "{added:#}");
    admin.delete(&path).await;
    last(&admin, "organization.deleted", &target).await;
}

#[tokio::test]
async fn tokens_and_sessions() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let jane = id(&admin.create_user("jane", &json!({})).await);
    let user = format!("user:{jane}");

    app.token("jane").await;
    let signed_in = last(&admin, "signin.accepted", &user).await;
    assert_eq!((&signed_in["actor"]["id"], &signed_in["actor"]["credential"]), (&json!(jane), &json!("password")));

    let key = app.api_token("jane").await;
    let made = last(&admin, "token.created", &user).await;
    assert!(made["changes"]["token"]["new"].is_string() && !made.to_string().contains(&key), "{made:#}");

    let own = app.bearer(&key);
    let token = own.get("/api/rollcall/v1/me/tokens/").await.json()["results"][0]["id"].clone();
    own.delete(&format!("/api/rollcall/v1/me/tokens/{}/", token.as_str().expect("an id"))).await;
    let deleted = last(&admin, "token.deleted", &user).await;
    assert_eq!((&deleted["changes"]["token"]["old"], &deleted["actor"]["token"]), (&token, &token));

    let mut browser = Browser::signed_in(&app, "jane").await;
    let began = last(&admin, "signin.accepted", &user).await;
    assert_eq!(began["actor"]["via"], "POST /accounts/login/");
    let page = browser.get("/accounts/logout/").await;
    assert_eq!(page.status, StatusCode::OK);
    let csrf = browser.token();
    browser.send("POST", "/accounts/logout/", &[("csrfmiddlewaretoken", &csrf)]).await;
    last(&admin, "session.ended", &user).await;

    let bearer = app.signed_in("jane").await;
    assert_eq!(bearer.delete("/api/rollcall/v1/me/sessions/").await.status, StatusCode::NO_CONTENT);
    last(&admin, "session.all_ended", &user).await;
}

#[tokio::test]
async fn failures_locks_and_unlocking() {
    let app = TestApp::with(Options { throttle: true, ..Options::default() }).await;
    let admin = app.admin().await;
    let jane = id(&admin.create_user("jane", &json!({})).await);
    let user = format!("user:{jane}");
    let guess = |name: &'static str, network: String| {
        let begun = request(Method::POST, TOKEN)
            .header("content-type", "application/json")
            .extension(shared::web::ClientIp(Some(network)));
        let body = json!({"username": name, "password": "wrong"}).to_string();
        let anonymous = app.anonymous();
        async move { anonymous.ask(begun, body).await.status }
    };
    assert_eq!(guess("jane", "2001:db8:1:2::7".to_owned()).await, StatusCode::BAD_REQUEST);
    let refused = last(&admin, "signin.refused", &user).await;
    assert_eq!(
        (&refused["actor"]["type"], &refused["actor"]["network"]),
        (&json!("anonymous"), &json!("2001:db8:1:2::"))
    );
    // For an unknown name, the target is an id that nobody has.
    guess("nobody", "192.0.2.1".to_owned()).await;
    let unknown = newest(&admin, 1).await.swap_remove(0);
    assert_eq!((&unknown["action"], &unknown["target"]["name"]), (&json!("signin.refused"), &Value::Null));
    assert_ne!(unknown["target"]["id"], json!(jane));

    let edge = app.basic("jane", "wrong").get("/api/users/").await;
    assert_eq!(edge.status, StatusCode::UNAUTHORIZED);
    let refused = last(&admin, "signin.refused", &user).await;
    assert_eq!(refused["actor"]["via"], "GET /api/users/");

    for network in 0..99 {
        guess("jane", format!("192.0.2.{network}")).await;
    }
    let locked: Vec<Value> = newest(&admin, 300).await;
    let locked: Vec<_> = locked.iter().filter(|event| event["action"] == "user.locked").collect();
    assert_eq!(locked.len(), 1, "once, when the last failure that counts was counted");
    assert_eq!(locked[0]["target"]["id"], json!(jane));

    let unlocked = admin.post(&format!("/api/rollcall/v1/users/{jane}/unlock/"), &json!({})).await;
    assert_eq!(unlocked.status, StatusCode::OK);
    let event = last(&admin, "user.unlocked", &user).await;
    assert_eq!(event["changes"]["failures"]["new"], 100);

    // A throttled attempt writes nothing.
    let before = newest(&admin, 1000).await.len();
    let mut throttled = 0;
    for _ in 0..30 {
        throttled += usize::from(guess("joan", "198.51.100.1".to_owned()).await == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!((throttled, newest(&admin, 1000).await.len()), (20, before + 10));
}

#[tokio::test]
async fn mailed_links_commands_and_jobs() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!({"email": "jane@mail.example", "email_verified": true, "expiration_date": app.day(1)});
    let jane = id(&admin.create_user("jane", &fields).await);
    let user = format!("user:{jane}");
    admin.post("/api/v1/users/password/reset/", &json!({"input": "jane"})).await;
    let mails = app.mails().await;
    last(&admin, "password.reset_mailed", &user).await;
    let link = format!("{:?}", mails.last().expect("a mail").kind);
    assert!(!newest(&admin, 1).await[0].to_string().contains("/key/"), "no secret of a mail: {link}");

    let name = Username::parse("jane").expect("a name");
    app.directory.set_edge_staff(SystemCaller::Operator, &name, true).await.expect("a role");
    let changed = last(&admin, "user.updated", &user).await;
    assert_eq!(
        (&changed["actor"]["type"], &changed["changes"]["is_edge_staff"]["new"]),
        (&json!("operator"), &json!(true))
    );

    let before = newest(&admin, 1000).await.len();
    app.environment.advance(3 * 24 * 60 * 60);
    app.expire_accounts().await.expect("the dates");
    let expired = last(&admin, "user.updated", &user).await;
    assert_eq!(
        (&expired["actor"]["via"], &expired["changes"]["is_active"]),
        (&json!("housekeeping"), &json!({"old": true}))
    );
    assert_eq!(newest(&admin, 1000).await.len(), before + 1);
}
