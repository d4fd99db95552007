//! Every address of SCIM × every kind of caller × every method, and what a provisioner with few rights may do.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::support::{PASSWORD, Table};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// The callers, in the order of the columns. The provisioner may do everything with users and groups, in one organization.
const CALLERS: [&str; 6] = ["nobody", "inactive", "plain", "staff", "provisioner", "superuser"];

/// By address, in the order of [`METHODS`]: the user is another one, whom the provisioner does not see.
#[rustfmt::skip]
fn table() -> BTreeMap<&'static str, [[u16; 6]; 5]> {
    // Nobody signed in is asked for credentials first; a bad token is refused even where none is needed.
    let open = [[200, 401, 200, 200, 200, 200], [405, 401, 405, 405, 405, 405], [405, 401, 405, 405, 405, 405],
        [405, 401, 405, 405, 405, 405], [405, 401, 405, 405, 405, 405]];
    let none = [401, 401, 405, 405, 405, 405];
    let ruled = |status| [401, 401, 403, 403, status, status];
    // Whose method does not exist is told so if it may view such things at all.
    let off = ruled(405);
    BTreeMap::from([
        ("/scim/v2/ServiceProviderConfig/", open),
        ("/scim/v2/ResourceTypes/", open),
        ("/scim/v2/ResourceTypes/{id}/", open),
        ("/scim/v2/Schemas/", open),
        ("/scim/v2/Schemas/{id}/", open),
        ("/scim/v2/Users/", [ruled(200), ruled(201), off, off, off]),
        ("/scim/v2/Users/.search/", [off, ruled(200), off, off, off]),
        ("/scim/v2/Users/{id}/", [
            [401, 401, 403, 403, 404, 200], off, [401, 401, 403, 403, 404, 200], [401, 401, 403, 403, 404, 200],
            [401, 401, 403, 403, 404, 204],
        ]),
        ("/scim/v2/Groups/", [ruled(200), ruled(201), off, off, off]),
        ("/scim/v2/Groups/.search/", [off, ruled(200), off, off, off]),
        ("/scim/v2/Groups/{id}/", [ruled(200), off, ruled(200), ruled(204), ruled(204)]),
        ("/scim/v2/.search/", [none, ruled(200), none, none, none]),
        ("/scim/v2/Me/", [
            [401, 401, 200, 200, 200, 200], none, [401, 401, 200, 200, 200, 200], [401, 401, 200, 200, 200, 200], none,
        ]),
        ("/scim/v2/Bulk/", [none, [401, 401, 200, 200, 200, 200], none, none, none]),
    ])
}

fn body(method: &str, path: &str, caller: &str) -> Option<Value> {
    let body = match (method, path) {
        ("POST", USERS) => json!({"userName": format!("new-{caller}")}),
        ("POST", GROUPS) => json!({"displayName": format!("new-{caller}")}),
        ("POST", "/scim/v2/Bulk") => json!({"Operations": []}),
        ("POST", _) => json!({"count": 1}),
        ("PUT", "/scim/v2/Me") => json!({"userName": caller, "emails": [{"value": format!("{caller}@mail.example")}]}),
        ("PUT", _) if path.starts_with(USERS) => json!({"userName": "other"}),
        ("PUT", _) => json!({"displayName": "Group"}),
        ("PATCH", "/scim/v2/Me") => json!({"Operations": [{"op": "add", "value": {"title": "x"}}]}),
        ("PATCH", _) if path.starts_with(USERS) => json!({"Operations": [{"op": "add", "value": {"title": "x"}}]}),
        ("PATCH", _) => json!({"Operations": [{"op": "add", "value": {"externalId": "x"}}]}),
        _ => return None,
    };
    Some(body)
}

/// A directory with all callers; the organization of the provisioner.
async fn directory() -> (TestApp, String) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let organization = admin.post("/api/v1/users/organization/", &json!({"name": "One", "slug": "one"})).await.json();
    let organization = organization["id"].as_str().expect("an id").to_owned();
    let permissions: Vec<u64> = shared::model::Permission::all()
        .filter(|one| [shared::model::Model::User, shared::model::Model::Group].contains(&one.model))
        .map(|one| one.id().0)
        .collect();
    let group = json!({"name": "Provisioners", "permissions": permissions});
    let group = admin.post("/api/v1/users/group/", &group).await.json();
    for caller in ["inactive", "plain", "staff"] {
        admin.create_user(caller, &json!({"email": format!("{caller}@mail.example")})).await;
    }
    let membership = json!({"organization": organization, "is_admin": true});
    let fields =
        json!({"email": "provisioner@mail.example", "groups": [group["id"]], "organization_users": membership});
    admin.create_user("provisioner", &fields).await;
    (app, organization)
}

async fn make_staff(app: &TestApp, name: &str) {
    let edge = app.basic("admin", PASSWORD);
    let users = edge.get("/api/users/?page_size=100").await.json();
    let rows = users["results"].as_array().or(users.as_array()).expect("users").clone();
    let row = rows.into_iter().find(|row| row["username"] == name).expect("that user");
    let path = format!("/api/users/{}/", row["id"].as_str().expect("an id"));
    assert!(edge.patch(&path, &json!({"is_staff": true})).await.status.is_success());
}

#[tokio::test]
async fn everybody_gets_what_the_table_says() {
    let paths: BTreeSet<&str> = rollcall::scim_routes().iter().map(|route| route.endpoint.path).collect();
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), paths);
    let (app, _) = directory().await;
    make_staff(&app, "staff").await;
    let admin = Provider::of(&app, "admin").await;
    let mut clients = Vec::new();
    for caller in CALLERS {
        let client = match caller {
            "nobody" => app.anonymous(),
            "superuser" => app.admin().await,
            _ => app.signed_in(caller).await,
        };
        clients.push((caller, Provider(client)));
    }
    let inactive = admin.find(USERS, "userName eq inactive").await.remove(0);
    admin.patch(&at(&inactive), json!([{"op": "replace", "value": {"active": false}}])).await;
    let mut wrong = Vec::new();
    for (path, rows) in table() {
        for (method, row) in METHODS.iter().zip(rows) {
            for ((caller, client), status) in clients.iter().zip(row) {
                // Each is about something of its own.
                let name = format!("other-{caller}-{method}");
                let there = if path.starts_with("/scim/v2/Users/{") {
                    at(&admin.create(&name, json!({})).await)
                } else if path.starts_with("/scim/v2/Groups/{") {
                    at(&admin.create_group(&name, &[]).await)
                } else {
                    let of_schema = if path.contains("Schemas") { USER_URN } else { "Group" };
                    path.trim_end_matches('/').replace("{id}", of_schema)
                };
                let mut body = body(method, &there, if *caller == "superuser" { "admin" } else { caller });
                if let Some(body) = body.as_mut().filter(|_| there.starts_with("/scim/v2/Users/") && *method == "PUT") {
                    body["userName"] = json!(name);
                }
                if let Some(body) = body.as_mut().filter(|_| there.starts_with("/scim/v2/Groups/") && *method == "PUT")
                {
                    body["displayName"] = json!(name);
                }
                if *caller == "superuser" && there.ends_with("/Me") && *method == "PUT" {
                    body = Some(json!({"userName": "admin"}));
                }
                let answer = client.ask(method.parse().expect("a method"), &there, body.as_ref()).await;
                if answer.status.as_u16() != status {
                    wrong.push(format!("{method} {path} by {caller}: {} instead of {status}", answer.status));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    Table::read(&app.engine).assert_sound();
}

/// What docs/provisioning.md promises: a group with permissions, one organization, and no superuser.
#[tokio::test]
async fn a_provisioner_with_few_rights_fills_one_organization() {
    let (app, organization) = directory().await;
    let (admin, provider) = (Provider::of(&app, "admin").await, Provider::of(&app, "provisioner").await);
    let made = provider.create("jane", json!({"externalId": "1", "active": true})).await;
    let expected = json!([{"value": organization, "display": "One", "isManager": false}]);
    assert_eq!(made[ROLLCALL_URN]["organizations"], expected);
    assert_eq!(provider.find(USERS, "externalId eq \"1\"").await.len(), 1);
    // Who is out of sight can neither be read nor join, and stays a member without being shown.
    let hidden = admin.create("hidden", json!({"externalId": "2"})).await;
    assert_eq!(provider.get(&at(&hidden)).await.status.as_u16(), 404);
    assert_eq!(provider.find(USERS, "externalId eq \"2\"").await.len(), 0);
    assert_eq!(provider.find(USERS, "userName eq HIDDEN").await.len(), 0);
    assert_eq!(told(&provider.post(USERS, &json!({"userName": "Hidden"})).await), (409, "uniqueness".to_owned()));
    let group = provider.create_group("Staff", &[&made]).await;
    let add = |user: &Value| json!([{"op": "add", "path": "members", "value": [{"value": user["id"]}]}]);
    assert_eq!(told(&provider.patch(&at(&group), add(&hidden)).await), (400, "invalidValue".to_owned()));
    assert_eq!(admin.patch(&at(&group), add(&hidden)).await.status.as_u16(), 204);
    assert_eq!(members(&provider, &group).await, ids(&[&made]));
    let empty = json!([{"op": "replace", "path": "members", "value": []}]);
    assert_eq!(provider.patch(&at(&group), empty).await.status.as_u16(), 204);
    assert_eq!(members(&admin, &group).await, ids(&[&hidden]));
    // Nobody gets what the provisioner lacks: by a group, or by taking over somebody stronger.
    let strong = app
        .admin()
        .await
        .post("/api/v1/users/group/", &json!({"name": "Strong", "permissions": [1, 2, 3, 4]}))
        .await
        .json();
    let strong = json!({"meta": {"location": format!("{GROUPS}/{}", strong["id"])}});
    assert_eq!(told(&provider.patch(&at(&strong), add(&made)).await), (403, String::new()));
    assert_eq!(admin.patch(&at(&strong), add(&made)).await.status.as_u16(), 204);
    for change in [
        json!([{"op": "replace", "path": "active", "value": false}]),
        json!([{"op": "replace", "path": "password", "value": PASSWORD}]),
        json!([{"op": "replace", "path": "emails", "value": [{"value": "mine@mail.example"}]}]),
    ] {
        assert_eq!(told(&provider.patch(&at(&made), change.clone()).await), (403, String::new()), "{change}");
    }
    assert_eq!(told(&provider.delete(&at(&made)).await), (403, String::new()));
    // Who manages several organizations cannot say in which one somebody is.
    let other =
        app.admin().await.post("/api/v1/users/organization/", &json!({"name": "Two", "slug": "two"})).await.json();
    let me = provider.read("/scim/v2/Me").await;
    let path = format!("{}{}/organization/", crate::support::USERS, me["id"].as_str().expect("an id"));
    let also = json!({"organization": other["id"], "is_admin": true});
    assert_eq!(app.admin().await.post(&path, &also).await.status.as_u16(), 201);
    assert_eq!(told(&provider.post(USERS, &json!({"userName": "joe"})).await), (400, "invalidValue".to_owned()));
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn flags_and_permissions_are_out_of_reach() {
    let app = TestApp::start().await;
    let provider = Provider::of(&app, "admin").await;
    let more = json!({
        "is_superuser": true, "is_staff": true, "groups": [{"value": "1"}], "permissions": [1],
        ROLLCALL_URN: {"organizations": [{"value": "00000000-0000-0000-0000-000000000001", "isManager": true}]},
    });
    let made = provider.create("jane", more.clone()).await;
    let mut whole = made.clone();
    for (name, value) in more.as_object().expect("attributes") {
        whole[name] = value.clone();
    }
    assert_eq!(provider.put(&at(&made), &whole).await.json(), made);
    let path = format!("{}{}/", crate::support::USERS, made["id"].as_str().expect("an id"));
    let seen = app.admin().await.get(&path).await.json();
    assert_eq!((&seen["is_superuser"], &seen["is_staff"], &seen["groups"]), (&json!(false), &json!(false), &json!([])));
}

/// Whoever empties the group that grants the right to do so: all go, the caller last.
#[tokio::test]
async fn who_empties_the_own_group_empties_it() {
    let (app, _) = directory().await;
    let (admin, provider) = (Provider::of(&app, "admin").await, Provider::of(&app, "provisioner").await);
    let group = provider.find(GROUPS, "displayName eq Provisioners").await.remove(0);
    for change in [json!({"op": "remove", "path": "members"}), json!({"op": "replace", "path": "members", "value": []})]
    {
        let mut joining = vec![json!({"value": provider.read("/scim/v2/Me").await["id"]})];
        for index in 0..12 {
            let name = format!("{}{index}", change["op"].as_str().expect("a verb"));
            joining.push(json!({"value": provider.create(&name, json!({})).await["id"]}));
        }
        let all = json!([{"op": "add", "path": "members", "value": joining}]);
        assert_eq!(provider.patch(&at(&group), all).await.status.as_u16(), 204);
        assert_eq!(provider.patch(&at(&group), json!([change])).await.status.as_u16(), 204);
        assert_eq!(members(&admin, &group).await, ids(&[]));
        assert_eq!(provider.get(USERS).await.status.as_u16(), 403);
        let back = json!([{"op": "add", "path": "members", "value": [joining[0]]}]);
        assert_eq!(admin.patch(&at(&group), back).await.status.as_u16(), 204);
    }
    Table::read(&app.engine).assert_sound();
}
