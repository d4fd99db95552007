//! Groups and their members.

use std::collections::BTreeSet;

use http::header::{IF_MATCH, IF_NONE_MATCH};
use shared::model::ambient::Ambient as _;
use shared::model::{GroupId, User};

use super::*;
use crate::support::{Table, insert_many, plain_user};

async fn three(provider: &Provider) -> [Value; 3] {
    [
        provider.create("ada", json!({})).await,
        provider.create("bob", json!({})).await,
        provider.create("cyd", json!({})).await,
    ]
}

#[tokio::test]
async fn members_come_and_go_in_every_way_that_clients_know() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let [ada, bob, cyd] = three(&provider).await;
    let group = provider.create_group("Staff", &[&ada]).await;
    let value = |user: &Value| json!({"value": user["id"]});
    let one = |user: &Value| format!("members[value eq {}]", user["id"]);
    for (operation, after) in [
        (json!({"op": "add", "path": "members", "value": [value(&bob)]}), &[&ada, &bob][..]),
        (json!({"op": "Add", "path": "members", "value": [{"$ref": null, "value": cyd["id"]}]}), &[&ada, &bob, &cyd]),
        (json!({"op": "add", "path": "members", "value": value(&cyd)}), &[&ada, &bob, &cyd]),
        (json!({"op": "Remove", "path": "members", "value": [value(&ada)]}), &[&bob, &cyd]),
        (json!({"op": "remove", "path": one(&cyd)}), &[&bob]),
        (json!({"op": "remove", "path": one(&cyd)}), &[&bob]),
        (json!({"op": "add", "value": {"members": [value(&cyd)]}}), &[&bob, &cyd]),
        (json!({"op": "replace", "path": "members", "value": [value(&ada)]}), &[&ada]),
        (json!({"op": "replace", "value": {"members": [value(&ada), value(&bob)]}}), &[&ada, &bob]),
        (json!({"op": "replace", "path": "members", "value": []}), &[]),
        (json!({"op": "add", "path": "members", "value": [value(&ada), value(&ada)]}), &[&ada]),
        (json!({"op": "add", "path": "members", "value": []}), &[&ada]),
        (json!({"op": "remove", "path": "members"}), &[]),
        (json!({"op": "replace", "value": {"id": group["id"], "displayName": "People"}}), &[]),
    ] {
        let answer = provider.patch(&at(&group), json!([operation])).await;
        assert_eq!((answer.status.as_u16(), answer.body.is_empty()), (204, true), "{operation}: {answer:?}");
        assert_eq!(members(&provider, &group).await, ids(after), "{operation}");
        Table::read(&app.engine).assert_sound();
    }
    assert_eq!(provider.read(&at(&group)).await["displayName"], "People");
    // In one request, in order.
    let several = json!([
        {"op": "add", "path": "members", "value": [value(&ada), value(&bob)]},
        {"op": "remove", "path": one(&ada)},
        {"op": "add", "path": "members", "value": [value(&cyd)]},
    ]);
    assert_eq!(provider.patch(&at(&group), several).await.status.as_u16(), 204);
    assert_eq!(members(&provider, &group).await, ids(&[&bob, &cyd]));
    // A user tells its groups, which it cannot change.
    let seen = provider.read(&at(&bob)).await;
    assert_eq!(seen["groups"][0]["value"], group["id"]);
    assert_eq!(seen["groups"][0]["display"], "People");
    let refused = provider.patch(&at(&bob), json!([{"op": "remove", "path": "groups"}])).await;
    assert_eq!(told(&refused), (400, "mutability".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_a_member_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let [ada, bob, _] = three(&provider).await;
    let group = provider.create_group("Staff", &[&ada]).await;
    let other = provider.create_group("Other", &[]).await;
    let nobody = json!({"value": "00000000-1111-2222-3333-444444444444"});
    for member in [nobody, json!({"value": other["id"], "type": "Group"}), json!({"value": "x"}), json!({})] {
        let list = json!([{"value": bob["id"]}, member]);
        for operations in [
            json!([{"op": "add", "path": "members", "value": list}]),
            json!([{"op": "replace", "path": "members", "value": list}]),
            json!([{"op": "replace", "path": "displayName", "value": "New"}, {"op": "add", "value": {"members": list}}]),
        ] {
            let answer = provider.patch(&at(&group), operations).await;
            assert_eq!(answer.status.as_u16(), 400, "{member}");
            assert_eq!(told(&answer), (400, "invalidValue".to_owned()), "{member}");
        }
        let body = json!({"displayName": "New", "members": list});
        assert_eq!(told(&provider.put(&at(&group), &body).await), (400, "invalidValue".to_owned()), "{member}");
        assert_eq!(told(&provider.post(GROUPS, &body).await), (400, "invalidValue".to_owned()), "{member}");
    }
    assert_eq!(provider.find(GROUPS, "displayName eq \"New\"").await.len(), 0);
    assert_eq!(members(&provider, &group).await, ids(&[&ada]));
    for (operations, reason) in [
        (json!([]), "invalidValue"),
        (json!([{"op": "add", "path": "members.value", "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "members[display eq \"x\"]", "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "nothing", "value": "x"}]), "invalidPath"),
        (json!([{"op": "replace", "path": "id", "value": "7"}]), "mutability"),
        (json!([{"op": "remove", "path": "displayName"}]), "invalidValue"),
        (json!([{"op": "replace", "path": "displayName", "value": "x".repeat(151)}]), "invalidValue"),
        (json!([{"op": "remove"}]), "noTarget"),
        (json!([{"op": "move", "path": "members"}]), "invalidSyntax"),
    ] {
        let answer = provider.patch(&at(&group), operations.clone()).await;
        assert_eq!(answer.status.as_u16(), 400, "{operations}");
        assert_eq!(told(&answer), (400, reason.to_owned()), "{operations}: {answer:?}");
    }
    assert_eq!(provider.read(&at(&group)).await, group);
}

#[tokio::test]
async fn groups_have_names_of_their_own_and_ids_of_others() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let made = provider.post(GROUPS, &json!({"displayName": "Staff", "externalId": "00g1", "permissions": [1]})).await;
    assert_eq!(made.status.as_u16(), 201);
    let group = made.json();
    assert_eq!((&group["externalId"], &group["displayName"]), (&json!("00g1"), &json!("Staff")));
    assert_eq!(made.header("etag"), group["meta"]["version"].as_str());
    assert_eq!(made.header("location"), group["meta"]["location"].as_str());
    let seen =
        app.admin().await.get(&format!("/api/v1/users/group/{}/", group["id"].as_str().expect("an id"))).await.json();
    assert_eq!((&seen["name"], &seen["permissions"]), (&json!("Staff"), &json!([])));
    assert_eq!(told(&provider.post(GROUPS, &json!({"displayName": "Staff"})).await), (409, "uniqueness".to_owned()));
    // With case, as OpenWISP compares them.
    let other = provider.create_group("STAFF", &[]).await;
    let taken = provider.patch(&at(&other), json!([{"op": "replace", "path": "displayName", "value": "Staff"}])).await;
    assert_eq!(told(&taken), (409, "uniqueness".to_owned()));
    for body in [json!({}), json!({"displayName": ""}), json!({"displayName": "x".repeat(151)})] {
        assert_eq!(told(&provider.post(GROUPS, &body).await), (400, "invalidValue".to_owned()), "{body}");
    }
    let shown = provider
        .ask(
            Method::PATCH,
            &format!("{}?attributes=displayName", at(&other)),
            Some(&json!({"schemas": [PATCH_URN], "Operations": [{"op": "add", "value": {"externalId": "x"}}]})),
        )
        .await;
    assert_eq!((shown.status.as_u16(), &shown.json()["displayName"]), (200, &json!("STAFF")));
    // Without `members`, nobody is left; without `externalId`, none.
    let ada = provider.create("ada", json!({})).await;
    let member = json!([{"op": "add", "path": "members", "value": [{"value": ada["id"]}]}]);
    provider.patch(&at(&group), member).await;
    let bare = provider.put(&at(&group), &json!({"displayName": "Staff"})).await.json();
    assert_eq!((bare.get("members"), bare.get("externalId")), (None, None));
    assert_eq!(provider.delete(&at(&group)).await.status.as_u16(), 204);
    assert_eq!(provider.get(&at(&group)).await.status.as_u16(), 404);
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn versions_of_groups_tell_their_members_too() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let [ada, bob, _] = three(&provider).await;
    let group = provider.create_group("Staff", &[&ada]).await;
    let tag = group["meta"]["version"].as_str().expect("a version").to_owned();
    let with = async |method: Method, name: http::HeaderName, tag: &str, user: &Value| {
        let begun =
            request(method.clone(), &at(&group)).header(name, tag).header("content-type", "application/scim+json");
        let operation = json!({"op": "add", "path": "members", "value": [{"value": user["id"]}]});
        let body = json!({"schemas": [PATCH_URN], "Operations": [operation]}).to_string();
        provider.0.ask(begun, if method == Method::PATCH { body } else { String::new() }).await.status.as_u16()
    };
    assert_eq!(with(Method::GET, IF_NONE_MATCH, &tag, &ada).await, 304);
    assert_eq!(with(Method::PATCH, IF_MATCH, &tag, &bob).await, 204);
    assert_eq!(with(Method::GET, IF_NONE_MATCH, &tag, &ada).await, 200);
    assert_eq!(with(Method::PATCH, IF_MATCH, &tag, &bob).await, 412);
    assert_eq!(with(Method::DELETE, IF_MATCH, &tag, &bob).await, 412);
    let now = provider.read(&at(&group)).await["meta"]["version"].as_str().expect("a version").to_owned();
    assert_eq!(with(Method::DELETE, IF_MATCH, &now, &bob).await, 204);
}

#[tokio::test]
async fn of_all_who_change_one_version_of_a_group_one_alone_succeeds() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let [ada, bob, cyd] = three(&provider).await;
    let group = provider.create_group("Staff", &[]).await;
    let tag = group["meta"]["version"].as_str().expect("a version");
    let join = async |user: &Value| {
        let operation = json!({"op": "add", "path": "members", "value": [{"value": user["id"]}]});
        let begun =
            request(Method::PATCH, &at(&group)).header(IF_MATCH, tag).header("content-type", "application/scim+json");
        provider.0.ask(begun, json!({"Operations": [operation]}).to_string()).await.status.as_u16()
    };
    let (one, two, three) = tokio::join!(join(&ada), join(&bob), join(&cyd));
    let mut statuses = [one, two, three];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 412, 412]);
    assert_eq!(members(&provider, &group).await.len(), 1);
    Table::read(&app.engine).assert_sound();
}

/// A directory with so many members of the group with id 2, and as many others.
async fn crowd(app: &TestApp, count: i64) -> (Vec<User>, Vec<User>) {
    let newest = app.environment.now().plus_seconds(-800 * 24 * 60 * 60);
    let moments = |from: i64| (0..count).map(|index| newest.plus_seconds(-from - index)).collect::<Vec<_>>();
    let pattern = User { groups: BTreeSet::from([GroupId(2)]), ..plain_user(app, "member000000").await };
    let members = insert_many(app, &pattern, &moments(0)).await;
    let pattern = plain_user(app, "guest000000").await;
    let guests = insert_many(app, &pattern, &moments(400 * 24 * 60 * 60)).await;
    (members, guests)
}

#[tokio::test]
async fn more_than_a_thousand_members_are_followed_up() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let (old, new) = crowd(&app, 550).await;
    let path = format!("{GROUPS}/2");
    let list: Vec<Value> = new.iter().map(|user| json!({"value": user.id})).collect();
    let body = json!({"displayName": "Guests", "members": list});
    assert_eq!(provider.put(&path, &body).await.status.as_u16(), 200);
    let mut rounds = 0;
    while Table::read(&app.engine).work_left() > 0 {
        app.cleanup().await.expect("a cleanup");
        rounds += 1;
        assert!(rounds < 20, "the work ends");
    }
    let group = provider.read(&format!("{path}?attributes=members")).await;
    let now: BTreeSet<&str> =
        group["members"].as_array().expect("members").iter().filter_map(|one| one["value"].as_str()).collect();
    let wanted: BTreeSet<String> = new.iter().map(|user| user.id.to_string()).collect();
    assert_eq!(now, wanted.iter().map(String::as_str).collect(), "{} were there", old.len());
    let complaints = Table::read(&app.engine).complaints();
    // The crowd has numbers that no sequence has given.
    assert!(complaints.iter().all(|told| told.starts_with("the sequence USERS")), "{complaints:?}");
}

#[tokio::test]
async fn very_many_members_are_shown_only_to_who_asks_for_them() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let newest = app.environment.now().plus_seconds(-800 * 24 * 60 * 60);
    let moments: Vec<_> = (0..5_001).map(|index| newest.plus_seconds(-index)).collect();
    let pattern = User { groups: BTreeSet::from([GroupId(2)]), ..plain_user(&app, "member000000").await };
    let everybody = insert_many(&app, &pattern, &moments).await;
    let path = format!("{GROUPS}/2");
    assert_eq!(provider.read(&path).await.get("members"), None);
    let listed = provider.read(GROUPS).await;
    assert!(listed["Resources"].as_array().expect("groups").iter().all(|group| group.get("members").is_none()));
    let asked = provider.read(&format!("{path}?attributes=members")).await;
    assert_eq!(asked["members"].as_array().expect("members").len(), everybody.len());
}
