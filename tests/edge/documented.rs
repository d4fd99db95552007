//! The calls of the document, with their whole answers.

use http::Method;
use serde_json::json;

use super::{USERS, admin, told};
use crate::support::TestApp;

#[tokio::test]
async fn users_are_created_listed_retrieved_updated_and_deleted() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let body = json!({
        "username": "bob", "password": "Pass@1233", "first_name": "Bob", "last_name": "Smith",
        "email": "bob@mail.example", "memberships": ["RED", "WHITE", "GREEN", "AMBER"],
    });
    // The document writes this address without its slash.
    let created = admin.post("/api/users", &body).await;
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    let url = format!("http://rollcall.example/api/users/{id}/");
    let mut bob = json!({
        "id": id, "url": url, "date_joined": created.json()["date_joined"], "previous_login_date": null,
        "preferences": null, "username": "bob", "first_name": "Bob", "last_name": "Smith", "email": "bob@mail.example",
        "description": "", "is_active": true, "is_superuser": false, "is_staff": false, "can_inbox": true,
        "allow_rest_access": false, "organization": null, "memberships": ["WHITE", "GREEN", "AMBER", "RED"],
        "access_tokens_url": format!("{url}tokens/"), "login_history_url": format!("{url}history/"),
    });
    assert_eq!(told(&created), (201, bob.clone()));
    assert_eq!(created.header("location"), Some(&*url));
    let joined = bob["date_joined"].as_str().expect("a moment");
    assert_eq!((joined.len(), &joined[..11]), (26, "2026-11-22T"));

    let list = admin.get("/api/users/?first_name=bo").await;
    assert_eq!(told(&list), (200, json!([bob])));
    assert_eq!(list.header("link"), None);
    assert_eq!(list.header("vary"), Some("Accept"));
    assert_eq!(list.header("allow"), Some("GET, POST, HEAD, OPTIONS"));
    let path = format!("{USERS}{id}");
    assert_eq!(told(&admin.get(&path).await), (200, bob.clone()));

    bob["first_name"] = json!("joseph");
    assert_eq!(told(&admin.patch(&path, &json!({"first_name": "joseph"})).await), (202, bob.clone()));
    // What was read may be sent back.
    assert_eq!(told(&admin.patch(&path, &bob).await), (202, bob.clone()));
    for nothing in ["", "{}"] {
        let answer = admin.with_body(Method::PATCH, &path, "application/json", nothing).await;
        assert_eq!(told(&answer), (202, bob.clone()));
    }
    let deleted = admin.delete(&path).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    for path in [path.clone(), format!("{path}/tokens"), format!("{path}/history/")] {
        assert_eq!(told(&admin.get(&path).await), (404, super::detail("Not found.")));
    }
    let again = admin.post(USERS, &body).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.json()["id"], bob["id"]);
}

#[tokio::test]
async fn tokens_are_created_listed_retrieved_switched_and_deleted() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = super::make(&admin, "bob", json!({"allow_rest_access": true})).await;
    let tokens = format!("{}tokens", super::path_of(&bob));
    let created = admin.post(&tokens, &json!({"title": "My New Token"})).await;
    let mut token = created.json();
    let secret = token["token"].as_str().expect("a secret").to_owned();
    let id = token["id"].as_str().expect("an id").to_owned();
    let url = format!("http://rollcall.example{tokens}/{id}/");
    let made = token["created_on"].clone();
    let expected = json!({
        "id": id, "url": url, "user": bob["id"], "title": "My New Token", "token": secret, "hashed_token": "********",
        "active": true, "created_on": made, "updated_on": made, "last_used": null, "expires": token["expires"],
    });
    assert_eq!(told(&created), (201, expected));
    assert_eq!(created.header("location"), Some(&*url));
    assert_eq!(secret.len(), 40);
    token["token"] = json!("");
    let path = format!("{tokens}/{id}");
    assert_eq!(told(&admin.get(&format!("{tokens}/")).await), (200, json!([token])));
    assert_eq!(told(&admin.get(&path).await), (200, token.clone()));
    assert!(app.items().iter().all(|item| !format!("{item:?}").contains(&secret)), "the secret is stored nowhere");

    // As `curl -d` sends it, marked as a form.
    let switched = admin.form(Method::PATCH, &path, r#"{"active": false}"#).await;
    token["active"] = json!(false);
    token["updated_on"] = switched.json()["updated_on"].clone();
    assert!(token["updated_on"].as_str() > token["created_on"].as_str());
    assert_eq!(told(&switched), (202, token.clone()));
    // The literal line of the document, after the shell: a parse error, no silent success.
    let literal = admin.form(Method::PATCH, &path, "{ active: false }").await;
    assert_eq!(literal.status, 400);
    assert!(literal.json()["detail"].as_str().expect("a sentence").starts_with("JSON parse error"));
    let client = app.keyed(&format!("bob:{secret}"));
    assert_eq!(told(&client.get(&super::path_of(&bob)).await), (401, super::detail("Invalid token.")));
    assert_eq!(admin.patch(&path, &json!({"active": true})).await.status, 202);
    assert_eq!(client.get(&super::path_of(&bob)).await.status, 200);
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(told(&client.get(&super::path_of(&bob)).await), (401, super::detail("Invalid token.")));
}

#[tokio::test]
async fn the_history_shows_attempts_newest_first() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let bob = super::make(&admin, "bob", json!({})).await;
    let begun = |client: &crate::support::Client, agent: Option<&str>| {
        let mut request =
            crate::support::request(Method::GET, USERS).extension(shared::web::ClientIp(Some("192.0.2.7".to_owned())));
        if let Some(agent) = agent {
            request = request.header("user-agent", agent);
        }
        (client.clone(), request)
    };
    let (client, request) = begun(&app.basic("bob", "wrong"), Some("curl/8.5.0"));
    client.ask(request, "").await;
    let (client, request) = begun(&app.basic("bob", crate::support::PASSWORD), None);
    assert_eq!(client.ask(request.header("x-forwarded-for", "203.0.113.9"), "").await.status, 403);
    let history = admin.get(&format!("{}history/", super::path_of(&bob))).await;
    let at = |index: usize| history.json()[index]["attempted_on"].clone();
    assert_eq!(
        told(&history),
        (
            200,
            json!([
                {"success": true, "user_agent": null, "attempted_on": at(0), "remote_address": "192.0.2.7"},
                {"success": false, "user_agent": "curl/8.5.0", "attempted_on": at(1), "remote_address": "192.0.2.7"},
            ])
        )
    );
    assert!(at(0).as_str() > at(1).as_str());
}
