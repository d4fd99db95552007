//! Deleted users: out of sight everywhere, restored whole or refused with what is in the way, purged when due or asked.

mod cost;
mod erasure;
mod faults;
mod managers;
mod organizations;
mod person;
mod races;

use http::StatusCode;
use serde_json::{Value, json};
use shared::model::{User, UserId};

use crate::import::{exported, take_text};
use crate::support::{Browser, Client, NOBODY, PASSWORD, TOKEN, Table, TestApp, USERS};

const DELETED: &str = "/api/rollcall/v1/deleted/";
const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const DAY: i64 = 24 * 60 * 60;

fn id_of(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

fn detail(id: &str) -> String {
    format!("{USERS}{id}/")
}

fn deleted(id: &str) -> String {
    format!("{DELETED}{id}/")
}

fn restoring(id: &str) -> String {
    format!("{DELETED}{id}/restore/")
}

async fn delete(client: &Client, id: &str) {
    let answer = client.delete(&detail(id)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
}

async fn restore(client: &Client, id: &str) -> Value {
    let answer = client.post(&restoring(id), &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

async fn organization(admin: &Client, name: &str) -> String {
    let answer = admin.post(ORGANIZATIONS, &json!({"name": name, "slug": name})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    id_of(&answer.json())
}

/// Brings a user into an organization.
async fn join(admin: &Client, id: &str, organization: &str, is_admin: bool) {
    let membership = json!({"organization_users": {"organization": organization, "is_admin": is_admin}});
    let answer = admin.patch(&detail(id), &membership).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

async fn stored(app: &TestApp, id: &str) -> Option<User> {
    app.directory.store().user(UserId::parse(id).expect("an id")).await.expect("the store")
}

fn table(app: &TestApp) -> Table {
    let table = Table::read(&app.engine);
    table.assert_sound();
    table
}

/// Somebody with a value wherever there can be one.
async fn jane(admin: &Client, app: &TestApp) -> Value {
    let crew = organization(admin, "crew").await;
    let fields = json!({
        "first_name": "Janina", "last_name": "Doering", "phone_number": "+4915112345678", "groups": [1, 2],
        "expiration_date": app.day(30), "birth_date": "1990-01-02", "email_verified": true,
        "organization_users": {"organization": crew, "is_admin": true},
    });
    let jane = admin.create_user("jane", &fields).await;
    let id = id_of(&jane);
    let texts =
        json!({"bio": "Likes sailing", "notes": "Prefers mornings", "location": "Kiel", "user_permissions": [3]});
    assert_eq!(admin.patch(&detail(&id), &texts).await.status, StatusCode::OK);
    let more = json!({"email": "janina@second.example", "verified": true});
    assert_eq!(admin.post(&format!("{}email/", detail(&id)), &more).await.status, StatusCode::CREATED);
    join(admin, &id, &organization(admin, "watch").await, false).await;
    jane
}

#[tokio::test]
async fn a_deleted_user_is_out_of_sight_everywhere_and_comes_back_whole() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&jane(&admin, &app).await);
    let (openl2m, edge) = (app.keyed(&app.api_token("admin").await), app.basic("admin", PASSWORD));
    let user = stored(&app, &id).await.expect("jane");
    let paths = [
        (&admin, detail(&id)),
        (&admin, format!("{}email/", detail(&id))),
        (&admin, format!("{}organization/", detail(&id))),
        (&openl2m, format!("/api/admin/users/{}/", user.number)),
        (&edge, format!("/api/users/{}/", user.edge_id)),
    ];
    let lists = [
        (&admin, USERS.to_owned()),
        (&admin, format!("{USERS}?search=janin")),
        (&admin, format!("{USERS}?group=2")),
        (&openl2m, "/api/admin/users/".to_owned()),
        (&openl2m, "/api/admin/users/?after=0".to_owned()),
        (&edge, "/api/users/?last_name=doer".to_owned()),
    ];
    let read = async |pairs: &[(&Client, String)]| {
        let mut answers = Vec::new();
        for (client, path) in pairs {
            let answer = client.get(path).await;
            answers.push((answer.status.as_u16(), answer.json()));
        }
        answers
    };
    let (jwt, token) = (app.signed_in("jane").await, app.keyed(&app.api_token("jane").await));
    let mut browser = Browser::signed_in(&app, "jane").await;
    assert_eq!(browser.get("/accounts/me/").await.status, StatusCode::OK);
    app.basic("jane", "wrong").get("/api/users/").await;
    let (before, listed) = (read(&paths).await, read(&lists).await);
    assert!(before.iter().all(|(status, _)| *status == 200), "{before:?}");

    delete(&admin, &id).await;
    let gone: Vec<u16> = read(&paths).await.into_iter().map(|(status, _)| status).collect();
    assert_eq!(gone, [404, 404, 404, 400, 404]);
    for (_, list) in read(&lists).await {
        assert!(!list.to_string().contains("janina"), "{list}");
    }
    assert_eq!(admin.get(USERS).await.json()["count"], 1);
    for name in ["jane", "jane@mail.example", "+4915112345678"] {
        let login = app.anonymous().post(TOKEN, &json!({"username": name, "password": PASSWORD})).await;
        assert_eq!(login.status, StatusCode::BAD_REQUEST, "{name}");
    }
    assert_eq!(jwt.get("/api/rollcall/v1/me/tokens/").await.status, StatusCode::UNAUTHORIZED);
    table(&app);

    // Other processes know nothing of what this one remembers.
    let lost = restore(&admin, &id).await;
    assert_eq!(lost, json!({"id": id, "username": "jane", "lost_groups": [], "lost_organizations": []}));
    assert_eq!(read(&paths).await, before);
    assert_eq!(read(&lists).await, listed);
    let now = stored(&app, &id).await.expect("jane");
    assert!(now.version > user.version, "an old version names no new state");
    assert_eq!((now.number, now.edge_id, &now.password), (user.number, user.edge_id, &user.password));
    assert_eq!(now.manages, user.manages);
    // What was given out before stays ended.
    assert_eq!(jwt.get("/api/rollcall/v1/me/tokens/").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(token.get("/api/admin/users/").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get("/accounts/me/").await.status, StatusCode::SEE_OTHER);
    let history = edge.get(&format!("/api/users/{}/history/", user.edge_id)).await.json();
    assert!(history.to_string().contains("false"), "{history}");
    app.signed_in("jane").await;
    assert_eq!(admin.get(&deleted(&id)).await.status, StatusCode::NOT_FOUND);
    let table = table(&app);
    assert_eq!((table.work_left(), table.deleted().count()), (0, 0));
}

#[tokio::test]
async fn what_others_have_taken_meanwhile_is_named_and_nothing_changes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!({"phone_number": "+4915112345678"});
    let id = id_of(&admin.create_user("jane", &fields).await);
    delete(&admin, &id).await;
    let other = id_of(&admin.create_user("jane", &fields).await);
    let before = table(&app).items;
    let answer = admin.post(&restoring(&id), &json!({})).await;
    let taken = json!({
        "username": ["A user with that username already exists."],
        "email": [
            "email address with this email address already exists.", "user with this email address already exists.",
        ],
        "phone_number": ["user with this phone number already exists."],
    });
    assert_eq!((answer.status, answer.json()), (StatusCode::CONFLICT, taken));
    assert_eq!(table(&app).items, before);
    let renamed = json!({"username": "joan", "email": "joan@mail.example", "phone_number": null});
    assert_eq!(admin.patch(&detail(&other), &renamed).await.status, StatusCode::OK);
    // Its verified address is still the other's.
    let answer = admin.post(&restoring(&id), &json!({})).await;
    let taken = json!({"email": ["email address with this email address already exists."]});
    assert_eq!((answer.status, answer.json()), (StatusCode::CONFLICT, taken));
    delete(&admin, &other).await;
    restore(&admin, &id).await;
    table(&app);
}

#[tokio::test]
async fn ids_stay_taken_until_the_purge() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&admin.create_user("jane", &json!({})).await);
    admin.create_user("joe", &json!({})).await;
    let everything = exported(&app).await;
    delete(&admin, &id).await;
    assert!(!exported(&app).await.contains("jane"), "an export has no deleted users");
    // Parts of OpenL2M's list step over the number.
    let openl2m = app.keyed(&app.api_token("admin").await);
    let part = openl2m.get("/api/admin/users/?after=0&limit=2").await.json();
    assert!(part.to_string().contains("joe"), "{part}");
    let report = take_text(&app, &everything).await;
    assert_eq!((report.users.made, report.users.refused), (0, 1));
    let told: Vec<&str> = report.troubles.iter().map(|trouble| &trouble.reason[..]).collect();
    assert_eq!(told, [format!("it was deleted here; restore or purge the user {id} first")]);
    assert_eq!(admin.delete(&deleted(&id)).await.status, StatusCode::NO_CONTENT);
    let report = take_text(&app, &everything).await;
    assert_eq!((report.users.made, report.users.refused), (1, 0));
    assert_eq!(admin.get(&detail(&id)).await.json()["username"], "jane");
    table(&app);
}

#[tokio::test]
async fn the_last_superuser_stays_though_another_one_waits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let second = id_of(&admin.create_user("second", &json!({"is_superuser": true})).await);
    delete(&admin, &second).await;
    let own = id_of(&admin.get(USERS).await.json()["results"][0]);
    assert_eq!(admin.delete(&detail(&own)).await.status, StatusCode::BAD_REQUEST);
    restore(&admin, &second).await;
    delete(&admin, &own).await;
    let second = app.signed_in("second").await;
    restore(&second, &own).await;
    table(&app);
}

#[tokio::test]
async fn lists_show_the_last_deleted_first_part_by_part() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut ids = Vec::new();
    for index in 0..25 {
        let id = id_of(&admin.create_user(&format!("u{index}"), &json!({})).await);
        delete(&admin, &id).await;
        app.environment.advance(1);
        ids.insert(0, id);
    }
    let mut met = Vec::new();
    let mut path = DELETED.to_owned();
    let mut parts = 0;
    loop {
        let part = admin.get(&path).await.json();
        met.extend(part["results"].as_array().expect("rows").iter().map(id_of));
        parts += 1;
        let Some(next) = part["next"].as_str() else { break };
        path = next.strip_prefix("http://rollcall.example").expect("our host").to_owned();
    }
    assert_eq!((parts, met), (3, ids));
    let newest = admin.get(&format!("{DELETED}?page_size=1")).await.json()["results"][0].clone();
    assert_eq!(newest["username"], "u24");
    let own = id_of(&admin.get(USERS).await.json()["results"][0]);
    assert_eq!(newest["deleted_by"], own);
    // Nothing that a client makes up is a place in the list.
    for after in ["x", "", "%23", "zzzzzzzzzzzzzzz%2311111111-1111-4111-8111-111111111111"] {
        assert_eq!(admin.get(&format!("{DELETED}?after={after}")).await.status, StatusCode::OK, "{after}");
    }
}

#[tokio::test]
async fn nobody_is_restored_or_purged_twice_or_without_having_been_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&admin.create_user("jane", &json!({})).await);
    for id in [&id[..], NOBODY] {
        assert_eq!(admin.get(&deleted(id)).await.status, StatusCode::NOT_FOUND);
        assert_eq!(admin.delete(&deleted(id)).await.status, StatusCode::NOT_FOUND);
        let answer = admin.post(&restoring(id), &json!({})).await;
        let told = json!({"detail": "No User matches the given query."});
        assert_eq!((answer.status, answer.json()), (StatusCode::NOT_FOUND, told));
    }
    delete(&admin, &id).await;
    restore(&admin, &id).await;
    assert_eq!(admin.post(&restoring(&id), &json!({})).await.status, StatusCode::NOT_FOUND);
    // And again.
    delete(&admin, &id).await;
    assert_eq!(admin.delete(&deleted(&id)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.delete(&deleted(&id)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.post(&restoring(&id), &json!({})).await.status, StatusCode::NOT_FOUND);
    // The log of events is the job's.
    assert_eq!(table(&app).work_left(), 1);
    app.cleanup().await.expect("the work done");
    assert_eq!(table(&app).work_left(), 0);
}

#[tokio::test]
async fn browsers_restore_by_a_page() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&admin.create_user("jane", &json!({})).await);
    delete(&admin, &id).await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    let list = browser.get(DELETED).await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.text().contains(&format!("{id}/")), "the row leads to the user");
    let page = browser.get(&deleted(&id)).await.text();
    assert!(page.contains("jane@mail.example") && page.contains("Delete this"), "{page}");
    let restored = browser.send("POST", &restoring(&id), &[]).await;
    assert_eq!(restored.status, StatusCode::OK, "{restored:?}");
    assert_eq!(admin.get(&detail(&id)).await.status, StatusCode::OK);
}
