//! Memberships of a user, one by one (`contracts/openwisp.md` section 15).

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Browser, Client, NOBODY, Table, TestApp, USERS};

const ORGANIZATIONS: &str = "/api/v1/users/organization/";

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

async fn organization(admin: &Client, name: &str) -> String {
    let answer = admin.post(ORGANIZATIONS, &json!({"name": name, "slug": name})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    id_of(&answer.json())
}

/// The memberships of a user, below whose address they stand.
fn memberships_of(user: &str) -> String {
    format!("{USERS}{user}/organization/")
}

async fn join(client: &Client, user: &str, organization: &str, is_admin: bool) -> Value {
    let body = json!({"organization": organization, "is_admin": is_admin});
    let answer = client.post(&memberships_of(user), &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

/// A user with the group Administrator who manages the organizations.
async fn manager(app: &TestApp, admin: &Client, name: &str, organizations: &[&String]) -> (String, Client) {
    let user = id_of(&admin.create_user(name, &json!({"groups": [1]})).await);
    for organization in organizations {
        join(admin, &user, organization, true).await;
    }
    (user, app.signed_in(name).await)
}

#[tokio::test]
async fn a_superuser_adds_reads_changes_and_removes_a_membership() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (b, a) = (organization(&admin, "b").await, organization(&admin, "a").await);
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    let list = memberships_of(&user);
    let (in_b, in_a) = (join(&admin, &user, &b, false).await, join(&admin, &user, &a, true).await);
    assert_eq!(in_b, json!({"id": in_b["id"], "organization": b, "is_admin": false}));
    // By name.
    let expected = json!({"count": 2, "next": null, "previous": null, "results": [in_a, in_b]});
    assert_eq!(admin.get(&list).await.json(), expected);
    let detail = format!("{list}{b}/");
    assert_eq!(admin.get(&detail).await.json(), in_b);
    // The id is the one by which an owner is named.
    let owner = json!({"owner": {"organization_user": in_b["id"]}});
    assert_eq!(admin.patch(&format!("{ORGANIZATIONS}{b}/"), &owner).await.status, StatusCode::OK);
    let none = json!({"owner": {"organization_user": ""}});
    assert_eq!(admin.patch(&format!("{ORGANIZATIONS}{b}/"), &none).await.json()["owner"], Value::Null);
    let changed = admin.patch(&detail, &json!({"is_admin": true, "organization": a})).await;
    assert_eq!(changed.json(), json!({"id": in_b["id"], "organization": b, "is_admin": true}));
    // The same once more is no toggle.
    assert_eq!(admin.patch(&detail, &json!({"is_admin": true})).await.json(), changed.json());
    assert_eq!(admin.patch(&detail, &json!({})).await.json(), changed.json());
    assert_eq!(admin.delete(&detail).await.status, StatusCode::NO_CONTENT);
    let gone = (StatusCode::NOT_FOUND, json!({"detail": "No OrganizationUser matches the given query."}));
    for answer in [
        admin.get(&detail).await,
        admin.delete(&detail).await,
        admin.patch(&detail, &json!({"is_admin": true})).await,
        admin.get(&format!("{list}{NOBODY}/")).await,
    ] {
        assert_eq!((answer.status, answer.json()), gone);
    }
    let row = admin.get(&format!("{USERS}{user}/")).await.json();
    assert_eq!(row["organization_users"], json!([{"is_admin": true, "organization": a}]));
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn what_is_wrong_with_a_membership_is_told_and_nothing_changes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    let list = memberships_of(&user);
    join(&admin, &user, &crew, true).await;
    let detail = format!("{list}{crew}/");
    let owners = "The membership of the organization's owner cannot be changed; remove the ownership first.";
    let before = Table::read(&app.engine).items;
    for (method, path, body, told) in [
        (Method::POST, &list, json!({}), json!({"organization": ["This field is required."]})),
        (Method::POST, &list, json!({"organization": ""}), json!({"organization": ["This field may not be null."]})),
        (
            Method::POST,
            &list,
            json!({"organization": "zz", "is_admin": "maybe"}),
            json!({
                "organization": ["“zz” is not a valid UUID."], "is_admin": ["Must be a valid boolean."],
            }),
        ),
        (
            Method::POST,
            &list,
            json!({"organization": NOBODY}),
            json!({
                "organization": [format!("Invalid pk \"{NOBODY}\" - object does not exist.")],
            }),
        ),
        (
            Method::POST,
            &list,
            json!({"organization": format!("urn:uuid:{NOBODY}")}),
            json!({
                "organization": [format!("Invalid pk \"urn:uuid:{NOBODY}\" - object does not exist.")],
            }),
        ),
        (
            Method::POST,
            &list,
            json!({"organization": crew}),
            json!({
                "__all__": ["Organization user with this User and Organization already exists."],
            }),
        ),
        (Method::PATCH, &detail, json!({"is_admin": null}), json!({"is_admin": ["This field may not be null."]})),
        // The first manager has become the owner.
        (Method::PATCH, &detail, json!({"is_admin": false}), json!({ "detail": owners })),
        (Method::DELETE, &detail, json!({}), json!({ "detail": owners })),
    ] {
        let answer = admin.json(method.clone(), path, Some(&body)).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, told), "{method} {path} {body}");
    }
    let after = Table::read(&app.engine).items;
    assert_eq!(before.len(), after.len());
    let nobody = admin.get(&memberships_of(NOBODY)).await;
    assert_eq!((nobody.status, nobody.json()), (StatusCode::NOT_FOUND, json!({"detail": "Not found."})));
}

#[tokio::test]
async fn a_manager_acts_on_memberships_of_the_organizations_that_it_manages() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let [own, second, foreign] = [
        organization(&admin, "own").await,
        organization(&admin, "second").await,
        organization(&admin, "foreign").await,
    ];
    let (_, manager) = manager(&app, &admin, "manager", &[&own, &second]).await;
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    let list = memberships_of(&user);
    // Out of sight.
    assert_eq!(manager.get(&list).await.status, StatusCode::NOT_FOUND);
    assert_eq!(manager.post(&list, &json!({ "organization": own })).await.status, StatusCode::NOT_FOUND);
    join(&admin, &user, &own, false).await;
    join(&admin, &user, &foreign, false).await;
    let seen = manager.get(&list).await.json();
    assert_eq!((&seen["count"], &seen["results"][0]["organization"]), (&json!(1), &json!(own)));
    join(&manager, &user, &second, true).await;
    let at = |organization: &str| format!("{list}{organization}/");
    assert_eq!(manager.get(&at(&second)).await.status, StatusCode::OK);
    assert_eq!(manager.patch(&at(&own), &json!({"is_admin": true})).await.json()["is_admin"], true);
    assert_eq!(manager.patch(&at(&own), &json!({"is_admin": false})).await.json()["is_admin"], false);
    let unseen = (StatusCode::NOT_FOUND, json!({"detail": "No OrganizationUser matches the given query."}));
    for answer in [
        manager.get(&at(&foreign)).await,
        manager.patch(&at(&foreign), &json!({"is_admin": true})).await,
        manager.delete(&at(&foreign)).await,
    ] {
        assert_eq!((answer.status, answer.json()), unseen);
    }
    let named = manager.post(&list, &json!({ "organization": foreign })).await;
    let told = json!({"organization": [format!("Invalid pk \"{foreign}\" - object does not exist.")]});
    assert_eq!((named.status, named.json()), (StatusCode::BAD_REQUEST, told));
    assert_eq!(manager.delete(&at(&second)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(manager.delete(&at(&own)).await.status, StatusCode::NO_CONTENT);
    // Nothing in common any more.
    assert_eq!(manager.get(&list).await.status, StatusCode::NOT_FOUND);
    let left = admin.get(&list).await.json();
    assert_eq!((&left["count"], &left["results"][0]["organization"]), (&json!(1), &json!(foreign)));
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn a_manager_changes_no_membership_of_who_holds_more() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let [own, foreign] = [organization(&admin, "own").await, organization(&admin, "foreign").await];
    let (_, manager) = manager(&app, &admin, "manager", &[&own]).await;
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    join(&admin, &user, &own, false).await;
    join(&admin, &user, &foreign, true).await;
    let detail = format!("{}{own}/", memberships_of(&user));
    let forbidden = (StatusCode::FORBIDDEN, json!({"detail": "You do not have permission to perform this action."}));
    for answer in [manager.delete(&detail).await, manager.patch(&detail, &json!({"is_admin": true})).await] {
        assert_eq!((answer.status, answer.json()), forbidden);
    }
    assert_eq!(admin.get(&detail).await.json()["is_admin"], false);
}

#[tokio::test]
async fn the_right_depends_on_the_permission_about_memberships() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    join(&admin, &user, &crew, true).await;
    let other = id_of(&admin.create_user("joe", &json!({})).await);
    join(&admin, &other, &crew, false).await;
    // All about users, and of memberships only to see them.
    let some = json!({"user_permissions": [25, 26, 27, 28, 24]});
    assert_eq!(admin.patch(&format!("{USERS}{user}/"), &some).await.status, StatusCode::OK);
    let client = app.signed_in("jane").await;
    let detail = format!("{}{crew}/", memberships_of(&other));
    assert_eq!(client.get(&detail).await.status, StatusCode::OK);
    for answer in [
        client.post(&memberships_of(&other), &json!({ "organization": crew })).await,
        client.patch(&detail, &json!({"is_admin": true})).await,
        client.delete(&detail).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn memberships_in_closed_organizations_are_for_superusers() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let (_, manager) = manager(&app, &admin, "manager", &[&crew]).await;
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    join(&admin, &user, &crew, false).await;
    admin.patch(&format!("{ORGANIZATIONS}{crew}/"), &json!({"is_active": false})).await;
    let detail = format!("{}{crew}/", memberships_of(&user));
    assert_eq!(manager.delete(&detail).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.patch(&detail, &json!({"is_admin": true})).await.json()["is_admin"], true);
    assert_eq!(admin.delete(&detail).await.status, StatusCode::NO_CONTENT);
    join(&admin, &user, &crew, false).await;
    Table::read(&app.engine).assert_sound();
}

#[tokio::test]
async fn options_describe_what_can_be_sent() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    join(&admin, &user, &crew, false).await;
    let list = admin.json(Method::OPTIONS, &memberships_of(&user), None).await.json();
    assert_eq!(list["actions"]["POST"]["organization"]["required"], true);
    let detail = admin.json(Method::OPTIONS, &format!("{}{crew}/", memberships_of(&user)), None).await.json();
    assert_eq!(detail["actions"]["PATCH"]["organization"]["read_only"], true);
    assert_eq!(detail["actions"]["PATCH"]["is_admin"]["type"], "boolean");
}

#[tokio::test]
async fn a_browser_adds_changes_and_removes_by_forms() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = organization(&admin, "crew").await;
    let user = id_of(&admin.create_user("jane", &json!({})).await);
    let mut browser = Browser::signed_in(&app, "admin").await;
    let list = memberships_of(&user);
    assert!(browser.get(&format!("{USERS}{user}/")).await.text().contains(&format!("href=\"{list}\"")));
    let page = browser.get(&list).await.text();
    assert!(page.contains(&format!("<option value=\"{crew}\">crew</option>")), "{page}");
    let made = browser.send("POST", &list, &[("organization", &crew), ("is_admin", "true")]).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    admin.patch(&format!("{ORGANIZATIONS}{crew}/"), &json!({"owner": {"organization_user": null}})).await;
    let detail = format!("{list}{crew}/");
    assert!(browser.get(&list).await.text().contains(&format!("href=\"{detail}\"")));
    let page = browser.get(&detail).await.text();
    assert!(page.contains("<h2>Change</h2>") && page.contains("name=\"_method\" value=\"PATCH\""), "{page}");
    let changed = browser.send("PATCH", &detail, &[("is_admin", "false")]).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(admin.get(&detail).await.json()["is_admin"], false);
    let gone = browser.send("DELETE", &detail, &[]).await;
    assert_eq!(gone.status, StatusCode::OK, "{gone:?}");
    assert_eq!(admin.get(&list).await.json()["count"], 0);
}

#[tokio::test]
async fn an_owner_is_chosen_from_the_members_in_sight() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let [own, other] = [organization(&admin, "own").await, organization(&admin, "other").await];
    let (_, _) = manager(&app, &admin, "manager", &[&own]).await;
    let mut members = Vec::new();
    for (name, organization, is_superuser) in [("jane", &own, false), ("joe", &other, false), ("root", &own, true)] {
        let user = id_of(&admin.create_user(name, &json!({ "is_superuser": is_superuser })).await);
        members.push(id_of(&join(&admin, &user, organization, false).await));
    }
    let path = format!("{ORGANIZATIONS}{own}/");
    let option = |membership: &str, name: &str| format!("<option value=\"{membership}\">{name}</option>");
    let mut browser = Browser::signed_in(&app, "manager").await;
    let page = browser.get(&path).await.text();
    assert!(page.contains(&option(&members[0], "jane")), "{page}");
    assert!(!page.contains("joe") && !page.contains("root"), "{page}");
    let mut browser = Browser::signed_in(&app, "admin").await;
    let page = browser.get(&path).await.text();
    assert!(page.contains(&option(&members[2], "root")) && !page.contains("joe"), "{page}");
}
