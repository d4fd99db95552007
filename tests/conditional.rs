//! Conditional requests: `ETag` on every answer about one record, `If-Match` on its changes (`contracts/openwisp.md` section 15).

use axum::body::Body;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Browser, Client, TestApp, USERS, request};

const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";

/// A change of a record by somebody who has seen it with that tag.
async fn change_at(client: &Client, method: Method, path: &str, tag: &str, body: &Value) -> Answer {
    let request = request(method, path).header(CONTENT_TYPE, "application/json").header(IF_MATCH, tag);
    client.ask(request, Body::from(body.to_string())).await
}

fn tag(answer: &Answer) -> String {
    let tag = answer.header("etag").unwrap_or_else(|| panic!("no tag: {answer:?}"));
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
    tag.to_owned()
}

#[track_caller]
fn is_refused(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{answer:?}");
    let told = answer.json();
    assert!(told["detail"].as_str().is_some_and(|text| text.starts_with("The object has changed")), "{told}");
}

/// Somebody who may change a record through one API, and how.
struct Place {
    client: Client,
    path: String,
    method: Method,
    /// Two bodies that change it, one after the other.
    bodies: [Value; 2],
    can_be_deleted: bool,
}

/// A record of each kind in each API.
async fn places(app: &TestApp) -> Vec<Place> {
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let openwisp = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let addresses = admin.get(&format!("{openwisp}email/")).await.json();
    let address = format!("{openwisp}email/{}/", addresses["results"][0]["id"]);
    let group = admin.post(GROUPS, &json!({"name": "Readers"})).await.json();
    let organization = admin.post(ORGANIZATIONS, &json!({"name": "Library", "slug": "library"})).await.json();
    let openl2m = app.keyed(&app.api_token("admin").await);
    let users = openl2m.get("/api/admin/users/").await.json();
    let number =
        users.as_array().expect("users").iter().find(|user| user["username"] == "jane").expect("jane")["id"].clone();
    let edge = app.basic("admin", crate::support::PASSWORD);
    let found = edge.get("/api/users/?username=jane").await.json();
    let edge_id = found[0]["id"].as_str().expect("an id").to_owned();
    let names = || ["A", "B"].map(|name| json!({"first_name": name}));
    let place = |client: &Client, path, method, bodies, can_be_deleted| Place {
        client: client.clone(),
        path,
        method,
        bodies,
        can_be_deleted,
    };
    vec![
        place(&openl2m, format!("/api/admin/users/{number}/"), Method::PATCH, names(), false),
        place(&openl2m, format!("/api/admin/users/{number}/"), Method::POST, names(), false),
        place(&admin, address, Method::PATCH, [false, true].map(|primary| json!({"primary": primary})), true),
        place(
            &admin,
            format!("{GROUPS}{}/", group["id"]),
            Method::PATCH,
            ["Writers", "Editors"].map(|name| json!({"name": name})),
            true,
        ),
        place(
            &admin,
            format!("{ORGANIZATIONS}{}/", organization["id"].as_str().expect("an id")),
            Method::PATCH,
            ["Museum", "Archive"].map(|name| json!({"name": name})),
            true,
        ),
        place(&admin, openwisp, Method::PATCH, names(), false),
        place(&edge, format!("/api/users/{edge_id}/"), Method::PATCH, names(), true),
    ]
}

#[tokio::test]
async fn a_change_of_another_version_is_refused_everywhere() {
    let app = TestApp::start().await;
    for Place { client, path, method, bodies, can_be_deleted } in places(&app).await {
        let [first, second] = &bodies;
        let seen = tag(&client.get(&path).await);
        let changed = change_at(&client, method.clone(), &path, &seen, first).await;
        assert!(changed.status.is_success(), "{path}: {changed:?}");
        let newer = tag(&changed);
        assert_ne!(newer, seen, "{path}");
        let present = client.get(&path).await;
        assert_eq!(tag(&present), newer, "{path}");
        for stale in [&*seen, "\"0\"", "W/\"0\"", "", "nonsense", &format!("W/{newer}")] {
            is_refused(&change_at(&client, method.clone(), &path, stale, second).await);
        }
        if can_be_deleted {
            is_refused(&change_at(&client, Method::DELETE, &path, &seen, &Value::Null).await);
        }
        assert_eq!(client.get(&path).await.json(), present.json(), "{path}: nothing was changed");
        let listed = format!("{seen}, {newer}");
        assert!(change_at(&client, method.clone(), &path, &listed, second).await.status.is_success(), "{path}");
        assert!(change_at(&client, method.clone(), &path, "*", first).await.status.is_success(), "{path}");
        assert!(client.json(method, &path, Some(second)).await.status.is_success(), "{path}: without a condition");
        if can_be_deleted {
            let last = tag(&client.get(&path).await);
            let gone = change_at(&client, Method::DELETE, &path, &last, &Value::Null).await;
            assert_eq!(gone.status, StatusCode::NO_CONTENT, "{path}");
        }
    }
}

#[tokio::test]
async fn the_tag_of_a_creation_is_that_of_the_next_read() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("owner", &json!({})).await;
    let emails = format!("{USERS}{}/email/", user["id"].as_str().expect("an id"));
    for (list, body) in [
        (GROUPS, json!({"name": "Readers"})),
        (ORGANIZATIONS, json!({"name": "Library", "slug": "library"})),
        (USERS, json!({"username": "jane", "email": "jane@mail.example", "password": crate::support::PASSWORD})),
        (&*emails, json!({"email": "second@mail.example"})),
    ] {
        let made = admin.post(list, &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let id = made.json()["id"].clone();
        let path = format!("{list}{}/", id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        assert_eq!(tag(&made), tag(&admin.get(&path).await), "{list}");
    }
    let edge = app.basic("admin", crate::support::PASSWORD);
    let body = json!({
        "username": "edge", "password": crate::support::PASSWORD, "first_name": "Edge", "last_name": "Tester",
        "email": "edge@mail.example",
    });
    let made = edge.post("/api/users/", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let path = format!("/api/users/{}/", made.json()["id"].as_str().expect("an id"));
    assert_eq!(tag(&made), tag(&edge.get(&path).await));
}

#[tokio::test]
async fn who_may_not_change_a_record_learns_nothing_of_its_version() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let target = admin.create_user("target", &json!({})).await;
    admin.create_user("stranger", &json!({})).await;
    let path = format!("{USERS}{}/", target["id"].as_str().expect("an id"));
    let seen = tag(&admin.get(&path).await);
    let stranger = app.signed_in("stranger").await;
    for version in [&*seen, "\"0\""] {
        let answer = change_at(&stranger, Method::PATCH, &path, version, &json!({"first_name": "A"})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
        assert_eq!(answer.header("etag"), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_50_writers_with_the_same_tag_wins() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    let seen = tag(&admin.get(&path).await);
    let writers = (0..50).map(|number| {
        let (admin, path, seen) = (admin.clone(), path.clone(), seen.clone());
        tokio::spawn(async move {
            (number, change_at(&admin, Method::PATCH, &path, &seen, &json!({"notes": number.to_string()})).await)
        })
    });
    let mut winners = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        let (number, answer) = writer.await.expect("no panic");
        match answer.status {
            StatusCode::OK => winners.push(number),
            _ => is_refused(&answer),
        }
    }
    let [winner] = winners[..] else { panic!("{winners:?}") };
    assert_eq!(admin.get(&path).await.json()["notes"], winner.to_string());
}

#[tokio::test]
async fn a_form_overwrites_no_change_that_its_sender_has_not_seen() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let group = admin.post(GROUPS, &json!({"name": "Readers"})).await.json();
    let path = format!("{GROUPS}{}/", group["id"]);
    let mut browser = Browser::signed_in(&app, "admin").await;
    let page = browser.get(&path).await.text();
    let seen = tag(&admin.get(&path).await);
    let field = format!("name=\"_if_match\" value=\"{}\"", seen.replace('"', "&quot;"));
    assert_eq!(page.matches(&field).count(), 3, "to change, raw and to delete: {page}");

    admin.patch(&path, &json!({"name": "Writers"})).await;
    let fields = [("_if_match", &*seen), ("name", "Editors")];
    let answer = browser.send("PUT", &path, &fields).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    let page = answer.text();
    assert!(page.contains("Nothing was changed.") && page.contains("The object has changed"), "{page}");
    assert!(page.contains("value=\"Editors\"") && page.contains(&field), "what was typed is still there: {page}");
    assert_eq!(browser.send("DELETE", &path, &fields).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(admin.get(&path).await.json()["name"], "Writers");

    let newer = tag(&admin.get(&path).await);
    assert_eq!(browser.send("PUT", &path, &[("_if_match", &newer), ("name", "Editors")]).await.status, StatusCode::OK);
    assert_eq!(admin.get(&path).await.json()["name"], "Editors");
}
