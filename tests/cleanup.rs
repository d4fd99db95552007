//! What follows from removals and changes that touch more records than one request works through.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use shared::store::{Direction, RetryPolicy};

use crate::support::{Client, Fault, Faults, Options, Plan, Table, TestApp};

/// More than a request does by itself, so that work is left.
const MANY: usize = 60;

const ORGANIZATIONS: &str = "/api/v1/users/organization/";

async fn organization(admin: &Client, name: &str) -> String {
    let answer = admin.post(ORGANIZATIONS, &json!({ "name": name, "slug": name })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["id"].as_str().expect("an id").to_owned()
}

async fn detail(admin: &Client, user: &Value) -> Value {
    admin.get(&format!("/api/v1/users/user/{}/", user["id"].as_str().expect("an id"))).await.json()
}

async fn work_left(app: &TestApp) -> usize {
    app.directory.store().cleanup_tasks().await.expect("the work").len()
}

#[tokio::test]
async fn a_removed_group_is_gone_at_once_and_from_every_record_after_the_work() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let group = admin.post("/api/v1/users/group/", &json!({ "name": "many", "permissions": [28] })).await.json();
    let mut users = Vec::new();
    for index in 0..MANY {
        users.push(admin.create_user(&format!("u{index}"), &json!({ "groups": [group["id"]] })).await);
    }
    let path = format!("/api/v1/users/group/{}/", group["id"]);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(work_left(&app).await, 1);
    for user in [&users[0], &users[MANY - 1]] {
        assert_eq!(detail(&admin, user).await["groups"], json!([]));
        assert_eq!(
            app.signed_in(user["username"].as_str().expect("a name")).await.get("/api/v1/users/user/").await.status,
            403
        );
    }
    for row in admin.get("/api/v1/users/user/?page_size=100").await.json()["results"].as_array().expect("rows") {
        assert_eq!(row["groups"], json!([]));
    }
    app.cleanup().await.expect("the work");
    assert_eq!(work_left(&app).await, 0);
    let id = shared::model::GroupId(group["id"].as_u64().expect("an id"));
    assert_eq!(app.directory.store().group_users(id, None, 1000).await.expect("users"), []);
    for user in [&users[0], &users[MANY - 1]] {
        let id = shared::model::UserId::parse(user["id"].as_str().expect("an id")).expect("an id");
        assert!(app.directory.store().user(id).await.expect("a user").expect("a user").groups.is_empty());
    }
    // Doing it again changes nothing.
    app.cleanup().await.expect("no work");
}

#[tokio::test]
async fn a_removed_organization_is_gone_at_once_and_its_members_stay() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (gone, kept) = (organization(&admin, "gone").await, organization(&admin, "kept").await);
    let mut users = Vec::new();
    for index in 0..MANY {
        let membership = json!({ "organization_users": { "organization": gone, "is_admin": index == 0 } });
        users.push(admin.create_user(&format!("u{index}"), &membership).await);
    }
    for user in [&users[0], &users[MANY - 1]] {
        let path = format!("/api/v1/users/user/{}/", user["id"].as_str().expect("an id"));
        let answer = admin.patch(&path, &json!({ "organization_users": { "organization": kept } })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    assert_eq!(admin.delete(&format!("{ORGANIZATIONS}{gone}/")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(work_left(&app).await, 1);
    let left = json!([{ "is_admin": false, "organization": kept }]);
    for user in [&users[0], &users[MANY - 1]] {
        assert_eq!(detail(&admin, user).await["organization_users"], left);
    }
    assert_eq!(detail(&admin, &users[1]).await["organization_users"], json!([]));
    app.cleanup().await.expect("the work");
    assert_eq!(work_left(&app).await, 0);
    let id = shared::model::OrganizationId::parse(&gone).expect("an id");
    assert_eq!(app.directory.store().members(id, None, Direction::ToOlder, 1000).await.expect("members"), []);
    assert_eq!(app.directory.store().member_count(id).await.expect("a count").members, 0);
    assert_eq!(app.directory.store().managers(id, None, 1000).await.expect("managers"), []);
    for user in [&users[0], &users[MANY - 1]] {
        assert_eq!(detail(&admin, user).await["organization_users"], left);
    }
}

#[tokio::test]
async fn a_renamed_organization_changes_the_order_of_memberships() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (one, two) = (organization(&admin, "b-one").await, organization(&admin, "c-two").await);
    let user = admin.create_user("jane", &json!({ "organization_users": { "organization": one } })).await;
    let path = format!("/api/v1/users/user/{}/", user["id"].as_str().expect("an id"));
    admin.patch(&path, &json!({ "organization_users": { "organization": two } })).await;
    let order = async || -> Vec<String> {
        let listed = detail(&admin, &user).await["organization_users"].clone();
        let ids = listed.as_array().expect("memberships").iter();
        ids.map(|m| m["organization"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(order().await, [one.clone(), two.clone()]);
    let renamed = admin.patch(&format!("{ORGANIZATIONS}{two}/"), &json!({ "name": "a-two" })).await;
    assert_eq!(renamed.status, StatusCode::OK);
    assert_eq!(order().await, [two, one]);
    assert_eq!(work_left(&app).await, 0);
}

#[tokio::test]
async fn a_removed_user_leaves_no_membership_and_owns_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = organization(&admin, "o0").await;
    let user =
        admin.create_user("jane", &json!({ "organization_users": { "organization": first, "is_admin": true } })).await;
    let path = format!("/api/v1/users/user/{}/", user["id"].as_str().expect("an id"));
    let mut all = vec![first];
    for index in 1..55 {
        let id = organization(&admin, &format!("o{index}")).await;
        let membership = json!({ "organization_users": { "organization": id, "is_admin": true } });
        assert_eq!(admin.patch(&path, &membership).await.status, StatusCode::OK);
        all.push(id);
    }
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(work_left(&app).await, 1);
    app.cleanup().await.expect("the work");
    assert_eq!(work_left(&app).await, 0);
    for id in all {
        assert_eq!(admin.get(&format!("{ORGANIZATIONS}{id}/")).await.json()["owner"], Value::Null);
        let id = shared::model::OrganizationId::parse(&id).expect("an id");
        assert_eq!(app.directory.store().members(id, None, Direction::ToOlder, 10).await.expect("members"), []);
        assert_eq!(app.directory.store().member_count(id).await.expect("a count").members, 0);
    }
}

/// An organization of that name with so many members, the first of whom are its managers.
async fn crowded(admin: &Client, name: &str, members: usize, managers: usize) -> (String, Vec<Value>) {
    let id = organization(admin, name).await;
    let mut users = Vec::new();
    for index in 0..members {
        let membership = json!({ "organization": id, "is_admin": index < managers });
        let fields = json!({ "groups": [1], "organization_users": membership });
        users.push(admin.create_user(&format!("{name}{index}"), &fields).await);
    }
    (id, users)
}

/// How many managers of an organization have a record that says so.
fn managers_of(app: &TestApp, organization: &str) -> usize {
    let table = Table::read(&app.engine);
    table.assert_sound();
    let manages = |user: &&crate::support::invariants::Item| {
        user.get("manages").and_then(Value::as_array).is_some_and(|ids| ids.contains(&json!(organization)))
    };
    table.users().filter(manages).count()
}

#[tokio::test]
async fn a_closed_organization_is_followed_by_its_managers_alone_and_piece_by_piece() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (id, _) = crowded(&admin, "first", MANY + 10, MANY).await;
    let path = format!("{ORGANIZATIONS}{id}/");
    let versions = || -> BTreeMap<String, i64> {
        let table = Table::read(&app.engine);
        let plain = table.users().filter(|user| user["username"].as_str().expect("a name").starts_with("first6"));
        let plain = plain.filter(|user| user["username"] != "first6");
        plain.map(|user| (user["id"].to_string(), user["version"].as_i64().expect("a version"))).collect()
    };
    let before = versions();
    assert_eq!(managers_of(&app, &id), MANY);
    assert_eq!(admin.patch(&path, &json!({ "is_active": false })).await.status, StatusCode::OK);
    assert_eq!(managers_of(&app, &id), MANY - 50, "the request itself has done some");
    assert_eq!(work_left(&app).await, 1);
    // Another change meanwhile begins anew.
    assert_eq!(admin.patch(&path, &json!({ "is_active": true })).await.status, StatusCode::OK);
    app.cleanup().await.expect("the work");
    assert_eq!(managers_of(&app, &id), MANY);
    assert_eq!(work_left(&app).await, 0);
    assert_eq!(versions(), before, "members who manage nothing are not written");
}

#[tokio::test]
async fn following_a_closed_organization_goes_on_after_every_trouble() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (id, _) = crowded(&admin, "first", MANY, MANY).await;
    let path = format!("{ORGANIZATIONS}{id}/");
    let hasty = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_millis(100) };
    for (round, call) in [0, 1, 2, 5, 12, 20].into_iter().enumerate() {
        let is_active = round % 2 == 1;
        assert_eq!(admin.patch(&path, &json!({ "is_active": is_active })).await.status, StatusCode::OK);
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let other = app.another(Options { retry_policy: hasty, connection, ..Options::default() });
        faults.follow(Plan::At { call, fault: Fault::RequestLost, lasting: true });
        assert!(other.cleanup().await.is_err(), "at call {call}");
        assert_eq!(work_left(&app).await, 1);
        app.cleanup().await.expect("the work");
        assert_eq!(managers_of(&app, &id), if is_active { MANY } else { 0 }, "at call {call}");
        assert_eq!(work_left(&app).await, 0);
    }
}

#[tokio::test]
async fn a_closed_organization_is_out_of_sight_at_once_for_all_its_managers() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // More than the request follows among its managers and among its members.
    let many = 2 * MANY;
    let (id, users) = crowded(&admin, "crew", many, many).await;
    let path = format!("{ORGANIZATIONS}{id}/");
    let mut managers = Vec::new();
    for user in &users {
        managers.push(app.signed_in(user["username"].as_str().expect("a name")).await);
    }
    let one = format!("/api/v1/users/user/{}/", users[0]["id"].as_str().expect("an id"));
    assert_eq!(admin.patch(&path, &json!({ "is_active": false })).await.status, StatusCode::OK);
    let late = Table::read(&app.engine).users().filter(|user| user.contains_key("manages")).count();
    assert!(late > 0, "some are not followed yet");
    for (index, manager) in managers.iter().enumerate() {
        assert_eq!(manager.get("/api/v1/users/user/").await.json()["count"], 0, "{index}");
        assert_eq!(manager.get(&one).await.status, StatusCode::NOT_FOUND, "{index}");
        assert_eq!(manager.get(&format!("{one}email/")).await.status, StatusCode::NOT_FOUND, "{index}");
        let body = json!({
            "username": "more", "email": "more@mail.example", "password": "x",
            "organization_users": { "organization": id, "is_admin": false },
        });
        assert_eq!(manager.post("/api/v1/users/user/", &body).await.status, StatusCode::BAD_REQUEST, "{index}");
    }
    assert_eq!(admin.patch(&path, &json!({ "is_active": true })).await.status, StatusCode::OK);
    app.cleanup().await.expect("the work");
    for manager in &managers {
        assert_eq!(manager.get("/api/v1/users/user/").await.json()["count"], many);
    }
}

#[tokio::test]
async fn counters_of_a_removed_organization_go_with_its_last_member() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (id, _) = crowded(&admin, "crew", MANY, 1).await;
    let counters = || {
        let table = Table::read(&app.engine);
        table.assert_sound();
        table.partition(&format!("MEMBERCOUNT#{id}")).count()
    };
    assert_eq!(admin.delete(&format!("{ORGANIZATIONS}{id}/")).await.status, StatusCode::NO_CONTENT);
    assert!(counters() > 0);
    // Two at once, of whom neither knows what the other has done.
    let (one, two) = (app.another(Options::default()), app.another(Options::default()));
    let (first, second) = tokio::join!(one.cleanup(), two.cleanup());
    first.and(second).expect("the work");
    assert_eq!(counters(), 0);
}
