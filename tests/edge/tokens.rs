//! API tokens (section 7) and what they cost.

use http::StatusCode;
use serde_json::{Value, json};

use super::{USERS, admin, detail, link_of, make, path, path_of, text, token_of, told, with_token};
use crate::support::{PASSWORD, Table, TestApp};

#[tokio::test]
async fn a_token_is_good_for_365_days_and_not_a_moment_longer() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = make(&admin, "bob", json!({"allow_rest_access": true})).await;
    // The year from 22 November 2026 has no leap day; the one from March 2027 has.
    app.environment.advance(100 * 24 * 60 * 60);
    let token = token_of(&admin, &bob).await;
    assert_eq!((&text(&token["created_on"])[..10], &text(&token["expires"])[..10]), ("2027-03-02", "2028-03-01"));
    assert_eq!(text(&token["created_on"])[10..], text(&token["expires"])[10..]);
    let client = with_token(&app, "bob", &token);
    app.environment.advance(365 * 24 * 60 * 60 - 1);
    assert_eq!(client.get(&path_of(&bob)).await.status, 200);
    app.environment.advance(1);
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
    let client = with_token(&app, "bob", &token);
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
    app.environment.advance(61);
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
        clients.push(with_token(&app, "bob", &token));
    }
    for client in &clients {
        client.get(&path_of(&bob)).await;
    }
    assert_eq!(admin.delete(&path_of(&bob)).await.status, 204);
    assert_eq!(told(&clients[1].get(USERS).await), (401, detail("Invalid token.")));
    assert_eq!(told(&clients[60].get(USERS).await), (401, detail("Invalid token.")));
    Table::read(&app.engine).assert_sound();
    app.cleanup().await.expect("the work done");
    let table = Table::read(&app.engine);
    table.assert_sound();
    assert!(table.items.keys().all(|(pk, _)| !pk.starts_with("TOKEN")), "{:?}", table.items.keys());
    // The access history stays until the purge.
    let id = table.deleted().next().expect("bob").0;
    let purged = app.admin().await.delete(&format!("/api/rollcall/v1/deleted/{id}/")).await;
    assert_eq!(purged.status, 204);
    app.cleanup().await.expect("the work done");
    let table = Table::read(&app.engine);
    table.assert_sound();
    let left = table.items.keys().filter(|(pk, _)| pk.starts_with("ACCEPTED#")).count();
    let admins = admin.get("/api/users/?username=admin").await.json();
    let own = admin.get(&format!("{}history/?page_size=100", path_of(&admins[0]))).await.json();
    assert_eq!(left + 2, own.as_array().expect("attempts").len(), "only the superuser's attempts stay");
}

#[tokio::test]
async fn the_last_use_is_noted_at_once_and_then_once_a_minute() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_staff": true})).await;
    let token = token_of(&admin, &user).await;
    let at = path(&token["url"]);
    let client = with_token(&app, "bob", &token);
    let noted = async || admin.get(&at).await.json();
    assert_eq!(noted().await["last_used"], Value::Null);
    // Already in the answer to the first use.
    let first = client.get(&at).await.json()["last_used"].clone();
    assert_eq!(noted().await["last_used"], first);
    assert!(text(&first) > text(&token["created_on"]));
    app.environment.advance(50);
    client.get(USERS).await;
    assert_eq!(noted().await["last_used"], first);
    app.environment.advance(10);
    client.get(USERS).await;
    let second = noted().await;
    assert!(text(&second["last_used"]) > text(&first));
    assert_eq!(second["updated_on"], token["updated_on"], "use is no change");
    // What is refused is no use.
    app.environment.advance(2 * 60);
    admin.patch(&at, &json!({"active": false})).await;
    client.get(USERS).await;
    admin.patch(&at, &json!({"active": true})).await;
    admin.patch(&path(&user["url"]), &json!({"is_active": false})).await;
    client.get(USERS).await;
    assert_eq!(noted().await["last_used"], second["last_used"]);
}

#[tokio::test]
async fn tokens_outlive_a_change_of_the_password_and_can_be_switched() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_staff": true})).await;
    let [one, two] = [token_of(&admin, &user).await, token_of(&admin, &user).await];
    assert_ne!(one["token"], two["token"]);
    admin.patch(&path(&user["url"]), &json!({"password": "Other-lantern-77"})).await;
    let (first, second) = (with_token(&app, "bob", &one), with_token(&app, "bob", &two));
    assert_eq!(first.get(USERS).await.status, StatusCode::OK);
    for (is_active, status) in [(false, StatusCode::UNAUTHORIZED), (true, StatusCode::OK)] {
        let answer = admin.patch(&path(&one["url"]), &json!({"active": is_active})).await;
        assert_eq!(answer.json()["token"], "");
        assert_eq!(first.get(USERS).await.status, status);
        assert_eq!(second.get(USERS).await.status, StatusCode::OK, "the other one is left alone");
    }
}

#[tokio::test]
async fn tokens_are_listed_by_age_a_page_at_a_time() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({})).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(token_of(&admin, &user).await["id"].clone());
    }
    admin.delete(&format!("{}{}/", path(&user["access_tokens_url"]), text(&made.remove(1)))).await;
    let mut met = Vec::new();
    let mut next = Some(format!("{}?page_size=2", path(&user["access_tokens_url"])));
    while let Some(at) = next {
        let page = admin.get(&at).await;
        met.extend(page.json().as_array().expect("an array").iter().map(|token| token["id"].clone()));
        next = link_of(&page, "next");
    }
    assert_eq!(met, made);
}
