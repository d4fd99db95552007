//! Who may do what (section 10). Which status each address gives is in the access table.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{USERS, admin, body, forbidden, make, path, text, token_of, with_token};
use crate::support::{Client, PASSWORD, TestApp};

/// An id that nobody has.
const NO_ID: &str = "0123456789abcdef01234567";

/// A user of that kind, as it is, and a client of it.
async fn somebody(app: &TestApp, admin: &Client, username: &str, fields: Value) -> (Value, Client) {
    let user = make(admin, username, fields).await;
    (user, app.basic(username, PASSWORD))
}

#[tokio::test]
async fn who_is_not_let_in_may_nothing_until_let_in() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let (user, bob) = somebody(&app, &admin, "bob", json!({})).await;
    let at = path(&user["url"]);
    let token = path(&token_of(&admin, &user).await["url"]);
    let addresses = [USERS.to_owned(), at.clone(), format!("{at}tokens/"), token, format!("{at}history/")];
    for address in &addresses {
        for method in [Method::GET, Method::POST, Method::PATCH, Method::DELETE] {
            forbidden(&bob.json(method, address, Some(&json!({}))).await);
        }
    }
    for (is_let_in, status) in [(true, StatusCode::OK), (false, StatusCode::FORBIDDEN)] {
        admin.patch(&at, &json!({"allow_rest_access": is_let_in})).await;
        assert_eq!(bob.get(&at).await.status, status, "on the next request");
    }
    for office in ["is_staff", "is_superuser"] {
        admin.patch(&at, &json!({office: true})).await;
        assert_eq!(bob.get(USERS).await.status, StatusCode::OK, "{office}");
        admin.patch(&at, &json!({office: false})).await;
        assert_eq!(bob.get(USERS).await.status, StatusCode::FORBIDDEN, "{office}");
    }
}

#[tokio::test]
async fn regular_users_reach_themselves_alone_and_cannot_probe() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let (user, bob) = somebody(&app, &admin, "bob", json!({"allow_rest_access": true})).await;
    let (other, _) = somebody(&app, &admin, "jane", json!({})).await;
    let others_token = token_of(&admin, &other).await;
    for id in [text(&other["id"]), NO_ID, "x"] {
        let at = format!("{USERS}{id}/");
        let token = format!("{at}tokens/{}/", text(&others_token["id"]));
        for (method, address) in [
            (Method::GET, at.clone()),
            (Method::PATCH, at.clone()),
            (Method::DELETE, at.clone()),
            (Method::GET, format!("{at}tokens/")),
            (Method::POST, format!("{at}tokens/")),
            (Method::GET, token.clone()),
            (Method::PATCH, token.clone()),
            (Method::DELETE, token),
            (Method::GET, format!("{at}history/")),
        ] {
            // Also when what is sent could not be read.
            let answer = bob.with_body(method.clone(), &address, "application/json", "{").await;
            forbidden(&answer);
        }
    }
    let own = path(&user["url"]);
    forbidden(&bob.delete(&own).await);
    let token = token_of(&bob, &user).await;
    for address in [&own, &format!("{own}tokens/"), &format!("{own}history/"), &path(&token["url"])] {
        assert_eq!(bob.get(address).await.status, StatusCode::OK, "{address}");
    }
    let at = path(&token["url"]);
    assert_eq!(bob.patch(&at, &json!({"active": false})).await.status, StatusCode::ACCEPTED);
    assert_eq!(bob.delete(&at).await.status, StatusCode::NO_CONTENT);
    // A token of another is not found below the own path.
    let misplaced = format!("{own}tokens/{}/", text(&others_token["id"]));
    assert_eq!(bob.get(&misplaced).await.status, StatusCode::NOT_FOUND);
    assert_eq!(bob.delete(&misplaced).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.get(&path(&others_token["url"])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn regular_users_change_five_fields_of_themselves() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let (user, bob) = somebody(&app, &admin, "bob", json!({"allow_rest_access": true})).await;
    somebody(&app, &admin, "jane", json!({})).await;
    let at = path(&user["url"]);
    let changes = json!({
        "first_name": "Robert", "last_name": null, "email": "robert@mail.example", "description": "Night shift",
        "password": "Other-lantern-77",
    });
    let answer = bob.patch(&at, &changes).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(bob.get(&at).await.status, StatusCode::UNAUTHORIZED, "the password is another");
    let bob = app.basic("bob", "Other-lantern-77");
    let now = bob.get(&at).await.json();
    assert_eq!(now["last_name"], Value::Null);
    assert_eq!(bob.patch(&at, &now).await.status, StatusCode::ACCEPTED, "sending back what was read");
    for (field, value) in [
        ("username", json!("robert")),
        ("is_active", json!(false)),
        ("is_superuser", json!(true)),
        ("is_staff", json!(true)),
        ("can_inbox", json!(false)),
        ("allow_rest_access", json!(false)),
        ("organization", json!("A label")),
        ("memberships", json!(["WHITE", "RED"])),
        // Neither whether the name is taken nor that something else is wrong is told.
        ("username", json!("jane")),
    ] {
        forbidden(&bob.patch(&at, &json!({field: value, "first_name": "Eve"})).await);
        forbidden(&bob.patch(&at, &json!({field: value, "first_name": "", "email": "bad"})).await);
        assert_eq!(bob.patch(&at, &json!({field: now[field]})).await.status, StatusCode::ACCEPTED, "{field} as it is");
    }
    let after = bob.get(&at).await.json();
    let without_time = |user: &Value| {
        let mut user = user.clone();
        user["previous_login_date"] = Value::Null;
        user
    };
    assert_eq!(without_time(&after), without_time(&now), "a refusal leaves all undone");
}

#[tokio::test]
async fn staff_manages_all_but_superusers() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let (own, staff) = somebody(&app, &admin, "clerk", json!({"is_staff": true})).await;
    let (boss, _) = somebody(&app, &admin, "boss", json!({"is_superuser": true})).await;
    let at = path(&boss["url"]);
    let token = path(&token_of(&admin, &boss).await["url"]);
    // To look is allowed.
    for address in [&at, &format!("{at}tokens/"), &token, &format!("{at}history/")] {
        assert_eq!(staff.get(address).await.status, StatusCode::OK, "{address}");
    }
    for change in [json!({}), json!({"first_name": "X"}), json!({"is_superuser": false}), json!({"password": PASSWORD})]
    {
        forbidden(&staff.patch(&at, &change).await);
    }
    forbidden(&staff.delete(&at).await);
    forbidden(&staff.post(&format!("{at}tokens/"), &json!({"title": "T"})).await);
    forbidden(&staff.patch(&token, &json!({"active": false})).await);
    forbidden(&staff.delete(&token).await);
    // Whether there is such a token is not told either.
    forbidden(&staff.delete(&format!("{at}tokens/{NO_ID}/")).await);
    assert_eq!(admin.get(&at).await.json(), boss);

    forbidden(&staff.post(USERS, &body("eve", &json!({"is_superuser": true}))).await);
    assert_eq!(admin.get("/api/users/?username=eve").await.text(), "[]");
    let (jane, _) = somebody(&app, &staff, "jane", json!({"is_staff": true})).await;
    for user in [&jane, &own] {
        let at = path(&user["url"]);
        forbidden(&staff.patch(&at, &json!({"is_superuser": true, "first_name": "X"})).await);
        assert_eq!(admin.get(&at).await.json()["first_name"], "Edge");
        let read = staff.get(&at).await.json();
        assert_eq!(staff.patch(&at, &read).await.status, StatusCode::ACCEPTED, "what was read may be sent back");
        let token = path(&token_of(&staff, user).await["url"]);
        assert_eq!(staff.patch(&token, &json!({"active": false})).await.status, StatusCode::ACCEPTED);
        assert_eq!(staff.delete(&token).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(staff.delete(&path(&jane["url"])).await.status, StatusCode::NO_CONTENT);
    // Methods come before addresses for who has all rights.
    assert_eq!(staff.put(&format!("{USERS}{NO_ID}/"), &json!({})).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(staff.get(&format!("{USERS}{NO_ID}/")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_becomes_a_superuser_is_out_of_reach_of_staff_at_once() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    somebody(&app, &admin, "clerk", json!({"is_staff": true})).await;
    let (jane, _) = somebody(&app, &admin, "jane", json!({})).await;
    let at = path(&jane["url"]);
    let staff = app.basic("clerk", PASSWORD);
    assert_eq!(staff.patch(&at, &json!({"first_name": "X"})).await.status, StatusCode::ACCEPTED);
    admin.patch(&at, &json!({"is_superuser": true})).await;
    forbidden(&staff.patch(&at, &json!({"first_name": "Y"})).await);
    forbidden(&staff.post(&format!("{at}tokens/"), &json!({"title": "T"})).await);
}

#[tokio::test]
async fn a_token_of_a_superuser_has_the_rights_of_that_moment() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_superuser": true})).await;
    let token = token_of(&admin, &user).await;
    let client = with_token(&app, "bob", &token);
    make(&client, "jane", json!({"is_superuser": true})).await;
    admin.patch(&path(&user["url"]), &json!({"is_superuser": false, "is_staff": true})).await;
    let body = body("eve", &json!({"is_superuser": true}));
    forbidden(&client.post(USERS, &body).await);
    admin.patch(&path(&user["url"]), &json!({"is_staff": false})).await;
    forbidden(&client.get(USERS).await);
    forbidden(&app.basic("bob", PASSWORD).get(USERS).await);
}
