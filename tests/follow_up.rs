//! What follows from removals and changes that touch more records than one request works through.

use http::StatusCode;
use serde_json::{Value, json};

use shared::store::Way;

use crate::support::{Client, TestApp};

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
    app.directory.store().work().await.expect("the work").len()
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
    app.directory.follow_up().await.expect("the work");
    assert_eq!(work_left(&app).await, 0);
    let id = shared::model::GroupId(group["id"].as_u64().expect("an id"));
    assert_eq!(app.directory.store().group_users(id, 1000).await.expect("users"), []);
    for user in [&users[0], &users[MANY - 1]] {
        let id = shared::model::UserId::parse(user["id"].as_str().expect("an id")).expect("an id");
        assert!(app.directory.store().user(id).await.expect("a user").expect("a user").groups.is_empty());
    }
    // Doing it again changes nothing.
    app.directory.follow_up().await.expect("no work");
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
    app.directory.follow_up().await.expect("the work");
    assert_eq!(work_left(&app).await, 0);
    let id = shared::model::OrganizationId::parse(&gone).expect("an id");
    assert_eq!(app.directory.store().members(id, None, Way::ToOlder, 1000).await.expect("members"), []);
    assert_eq!(app.directory.store().member_count(id).await.expect("a count").members, 0);
    assert_eq!(app.directory.store().managers(id, 1000).await.expect("managers"), []);
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
    app.directory.follow_up().await.expect("the work");
    assert_eq!(work_left(&app).await, 0);
    for id in all {
        assert_eq!(admin.get(&format!("{ORGANIZATIONS}{id}/")).await.json()["owner"], Value::Null);
        let id = shared::model::OrganizationId::parse(&id).expect("an id");
        assert_eq!(app.directory.store().members(id, None, Way::ToOlder, 10).await.expect("members"), []);
        assert_eq!(app.directory.store().member_count(id).await.expect("a count").members, 0);
    }
}
