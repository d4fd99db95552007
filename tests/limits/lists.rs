//! Lists.

use serde_json::{Value, json};

use super::{refused, too_many};
use crate::support::{PASSWORD, TestApp, USERS};

#[tokio::test]
async fn lists_are_counted_before_anything_is_looked_up() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    let jane = admin.create_user("jane", &json!({})).await;
    let path = format!("{USERS}{}/", jane["id"].as_str().expect("an id"));
    let row = edge.get("/api/users/?username=jane").await.json();
    let at_edge = format!("/api/users/{}/", row[0]["id"].as_str().expect("an id"));
    let group = admin.post("/api/v1/users/group/", &json!({"name": "G", "permissions": []})).await.json();
    let group = format!("/api/v1/users/group/{}/", group["id"]);
    let l2m = app.keyed(&app.api_token("admin").await);
    let number = format!("/api/admin/users/{}/", row_number(&l2m).await);
    let numbers: Value = (1000..101_000).collect();
    let words: Value = (0..100_000).map(|number| format!("c{number}")).collect();
    for (client, path, field, list, most) in [
        (&admin, &path, "groups", &numbers, 25),
        (&admin, &path, "user_permissions", &numbers, 100),
        (&admin, &group, "permissions", &numbers, 100),
        (&l2m, &number, "groups", &numbers, 25),
        (&l2m, &number, "user_permissions", &numbers, 100),
        (&edge, &at_edge, "memberships", &words, 100),
    ] {
        // What it costs to refuse what is no list.
        let least = client.patch(path, &json!({field: "x"})).await.cost();
        let answer = client.patch(path, &json!({field: list})).await;
        refused(&answer, &json!({field: [too_many(most)]}));
        assert_eq!(answer.cost(), least, "{field}");
        let form = (0..900).map(|number| format!("{field}={number}")).collect::<Vec<_>>().join("&");
        let answer = client.form(http::Method::PATCH, path, &form).await;
        refused(&answer, &json!({field: [too_many(most)]}));
    }
}

async fn row_number(l2m: &crate::support::Client) -> Value {
    let rows = l2m.get("/api/admin/users/").await.json();
    let rows = rows.as_array().expect("rows").iter().find(|row| row["username"] == "jane").cloned();
    rows.expect("jane")["id"].clone()
}

#[tokio::test]
async fn ten_wrong_values_are_told_and_long_ones_are_cut() {
    let app = TestApp::start().await;
    let edge = app.basic("admin", PASSWORD);
    let id = edge.get("/api/users/").await.json()[0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/users/{id}/");
    let wrong: Vec<String> = (0..50).map(|number| format!("c{}", number % 30)).collect();
    let answer = edge.patch(&path, &json!({"memberships": wrong})).await;
    let told: Vec<String> = (0..10).map(|number| format!("\"c{number}\" is not a valid choice.")).collect();
    refused(&answer, &json!({"memberships": told}));
    let answer = edge.patch(&path, &json!({"memberships": ["x".repeat(100_000)]})).await;
    refused(&answer, &json!({"memberships": [format!("\"{}…\" is not a valid choice.", "x".repeat(100))]}));
    let admin = app.admin().await;
    let answer = admin.patch(&format!("{USERS}{}/", me(&admin).await), &json!({"groups": ["9".repeat(100_000)]})).await;
    let told = format!("Invalid pk \"{}…\" - object does not exist.", "9".repeat(100));
    refused(&answer, &json!({"groups": [told]}));
}

#[tokio::test]
async fn numbers_beyond_63_bits_name_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("{USERS}{}/", me(&admin).await);
    let answer = admin.patch(&path, &json!({"groups": [9_223_372_036_854_775_808_u64]})).await;
    refused(&answer, &json!({"groups": ["Invalid pk \"9223372036854775808\" - object does not exist."]}));
}

async fn me(admin: &crate::support::Client) -> String {
    let list = admin.get(USERS).await.json();
    list["results"][0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_page_far_behind_the_end_costs_the_count_alone() {
    let app = TestApp::start().await;
    let (admin, edge) = (app.admin().await, app.basic("admin", PASSWORD));
    for name in ["one", "two", "three"] {
        admin.create_user(name, &json!({})).await;
    }
    for path in [USERS, "/api/v1/users/organization/", "/api/v1/users/group/"] {
        let answer = admin.get(&format!("{path}?page=1000000000")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (404, json!({"detail": "Invalid page."})), "{path}");
        assert_eq!(answer.cost(), admin.get(&format!("{path}?page=2")).await.cost(), "{path}");
    }
    // The first request pays for its password.
    edge.get("/api/users/").await;
    for path in ["/api/users/", "/api/users/?first_name=a", "/api/users/?is_active=true"] {
        let sign = if path.contains('?') { '&' } else { '?' };
        let answer = edge.get(&format!("{path}{sign}page=1000000000")).await;
        assert_eq!(answer.status.as_u16(), 404, "{path}");
        let (near, far) = (edge.get(&format!("{path}{sign}page=2")).await.cost(), answer.cost());
        // How many users there are, in place of the search.
        assert!(far.0 <= near.0 + 1.0, "{path}: {far:?} {near:?}");
    }
}
