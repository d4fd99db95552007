//! API tokens (section 7) and what they cost.

use serde_json::{Value, json};

use super::{admin, detail, make, path_of, token_of, told};
use crate::support::{PASSWORD, Table, TestApp};

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[tokio::test]
async fn a_token_is_good_for_365_days_and_not_a_moment_longer() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    // The year from 22 November 2026 has no leap day; the one from March 2027 has.
    app.script.advance(100 * 24 * 60 * 60);
    let token = token_of(&admin, &bob).await;
    assert_eq!((&text(&token["created_on"])[..10], &text(&token["expires"])[..10]), ("2027-03-02", "2028-03-01"));
    assert_eq!(text(&token["created_on"])[10..], text(&token["expires"])[10..]);
    let client = app.keyed(&format!("bob:{}", text(&token["token"])));
    app.script.advance(365 * 24 * 60 * 60 - 1);
    assert_eq!(client.get(&path_of(&bob)).await.status, 200);
    app.script.advance(1);
    assert_eq!(told(&client.get(&path_of(&bob)).await), (401, detail("Invalid token.")));
    let listed = admin.get(&format!("{}tokens/", path_of(&bob))).await.json();
    assert_eq!(listed[0]["id"], token["id"], "it is listed all the same");
}

#[tokio::test]
async fn use_is_noted_at_most_once_a_minute() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let token = token_of(&admin, &bob).await;
    let client = app.keyed(&format!("bob:{}", text(&token["token"])));
    let path = format!("{}tokens/{}/", path_of(&bob), text(&token["id"]));
    let used = async || admin.get(&path).await.json()["last_used"].clone();
    assert_eq!(used().await, Value::Null);
    client.get(&path_of(&bob)).await;
    let first = used().await;
    assert!(first.is_string());
    // The token, its owner, and the user that is shown; the attempt alone is written.
    let (read, write) = client.get(&path).await.cost();
    assert!(read <= 2.0 + 4.0, "{read}");
    assert!((0.9..1.1).contains(&write), "{write}");
    assert_eq!(used().await, first);
    app.script.advance(61);
    let (_, write) = client.get(&path).await.cost();
    assert!((1.9..2.1).contains(&write), "{write}");
    assert!(text(&used().await) > text(&first));
    assert_eq!(admin.get(&path).await.json()["updated_on"], token["created_on"]);
}

#[tokio::test]
async fn bad_bodies_are_told_and_change_nothing() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({})).await;
    let tokens = format!("{}tokens/", path_of(&bob));
    for (body, sentence) in [
        (json!({}), "This field is required."),
        (json!({"title": " "}), "This field may not be blank."),
        (json!({"title": null}), "This field may not be null."),
        (json!({"title": true}), "Not a valid string."),
    ] {
        assert_eq!(told(&admin.post(&tokens, &body).await), (400, json!({"title": [sentence]})));
    }
    let token = token_of(&admin, &bob).await;
    let path = format!("{tokens}{}/", text(&token["id"]));
    for (value, sentence) in
        [(json!("perhaps"), "Must be a valid boolean."), (Value::Null, "This field may not be null.")]
    {
        assert_eq!(told(&admin.patch(&path, &json!({"active": value})).await), (400, json!({"active": [sentence]})));
    }
    let ignored = json!({"expires": "2099-01-01T00:00:00.000000", "token": "f", "user": "x", "title": "Other"});
    let unchanged = admin.patch(&path, &ignored).await.json();
    assert_eq!(unchanged, admin.get(&path).await.json());
    assert_eq!(
        (unchanged["title"].clone(), unchanged["updated_on"].clone()),
        (json!("T"), token["created_on"].clone())
    );
}

#[tokio::test]
async fn a_token_is_found_below_its_owner_alone() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let (bob, eve) = (make(&admin, "bob", json!({})).await, make(&admin, "eve", json!({})).await);
    let token = token_of(&admin, &bob).await;
    let path = format!("{}tokens/{}/", path_of(&eve), text(&token["id"]));
    assert_eq!(told(&admin.get(&path).await), (404, detail("Not found.")));
    assert_eq!(told(&admin.patch(&path, &json!({"active": false})).await), (404, detail("Not found.")));
    assert_eq!(told(&admin.delete(&path).await), (404, detail("Not found.")));
    let right = format!("{}tokens/{}/", path_of(&bob), text(&token["id"]));
    assert_eq!(admin.get(&right).await.json()["active"], true);
}

#[tokio::test]
async fn everything_of_a_removed_user_goes() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let mut clients = vec![app.basic("bob", PASSWORD)];
    // More than a request cleans up by itself.
    for _ in 0..60 {
        let token = token_of(&admin, &bob).await;
        clients.push(app.keyed(&format!("bob:{}", text(&token["token"]))));
    }
    for client in &clients {
        client.get(&path_of(&bob)).await;
    }
    assert_eq!(admin.delete(&path_of(&bob)).await.status, 204);
    assert_eq!(told(&clients[1].get(super::USERS).await), (401, detail("Invalid token.")));
    assert_eq!(told(&clients[60].get(super::USERS).await), (401, detail("Invalid token.")));
    Table::read(&app.database).assert_sound();
    app.directory.follow_up().await.expect("the work done");
    let table = Table::read(&app.database);
    table.assert_sound();
    assert!(table.items.keys().all(|(pk, _)| !pk.starts_with("TOKEN")), "{:?}", table.items.keys());
    let left = table.items.keys().filter(|(pk, _)| pk.starts_with("ACCEPTED#")).count();
    let admins = admin.get("/api/users/?username=admin").await.json();
    let own = admin.get(&format!("{}history/?page_size=100", path_of(&admins[0]))).await.json();
    assert_eq!(left + 2, own.as_array().expect("attempts").len(), "only the superuser's attempts stay");
}
