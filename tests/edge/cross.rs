//! One store behind all APIs: what is done by one is seen by the others (section 3).

use http::StatusCode;
use serde_json::{Value, json};

use super::{USERS, admin, body, history, make, path, text, token_of, told, unauthorized, with_token};
use crate::support::{PASSWORD, TOKEN, TestApp, USERS as OPENWISP};

#[tokio::test]
async fn a_user_of_openwisp_is_here_with_the_defaults() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let there = app.admin().await;
    let row = there.create_user("bob", &json!({"first_name": "Ada"})).await;
    let found = admin.get("/api/users/?username=bob").await.json();
    let user = &found[0];
    let url = text(&user["url"]);
    let expected = json!({
        "id": user["id"], "url": url, "date_joined": user["date_joined"], "previous_login_date": null,
        "preferences": null, "username": "bob", "first_name": "Ada", "last_name": null, "email": "bob@mail.example",
        "description": "", "is_active": true, "is_superuser": false, "is_staff": false, "can_inbox": true,
        "allow_rest_access": false, "organization": null, "memberships": ["WHITE"],
        "access_tokens_url": format!("{url}tokens/"), "login_history_url": format!("{url}history/"),
    });
    assert_eq!(found, json!([expected]));
    // The id stays, whatever changes.
    let there_at = format!("{OPENWISP}{}/", text(&row["id"]));
    there.patch(&there_at, &json!({"username": "robert", "is_staff": true, "last_name": "L"})).await;
    let renamed = admin.get(&path(&user["url"])).await.json();
    assert_eq!(renamed["username"], "robert");
    // The flag there is not the role here.
    assert_eq!((&renamed["is_staff"], &renamed["last_name"]), (&json!(false), &json!("L")));
    assert_eq!(app.basic("robert", PASSWORD).get(USERS).await.status, StatusCode::FORBIDDEN);
    admin.patch(&path(&user["url"]), &json!({"is_staff": true})).await;
    assert_eq!(admin.get("/api/users/?username=bob").await.text(), "[]");
    assert_eq!(app.basic("robert", PASSWORD).get(USERS).await.status, StatusCode::OK);
    // Signing in there is no access here.
    app.token("robert").await;
    assert_eq!(history(&admin, user).await.len(), 2);
    there.delete(&there_at).await;
    assert_eq!(admin.get(&path(&user["url"])).await.status, StatusCode::NOT_FOUND);
    unauthorized(&app.basic("robert", PASSWORD).get(USERS).await, "Invalid username/password.");
}

#[tokio::test]
async fn a_user_of_edge_is_known_to_openwisp() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let there = app.admin().await;
    let fields = json!({"is_staff": true, "organization": "A label", "memberships": ["RED"]});
    let user = make(&admin, "bob", fields).await;
    let list = there.get(&format!("{OPENWISP}?page_size=1")).await.json();
    let row = &list["results"][0];
    assert_eq!((&row["username"], &row["email"]), (&json!("bob"), &json!("bob@mail.example")));
    // A role here is no flag there, and a label no membership.
    assert_eq!((&row["is_staff"], &row["organization_users"]), (&json!(false), &json!([])));
    let there_at = format!("{OPENWISP}{}/", text(&row["id"]));
    let addresses = there.get(&format!("{there_at}email/")).await.json();
    assert_eq!((&addresses["count"], &addresses["results"][0]["verified"]), (&json!(1), &json!(false)));
    let answer = app.anonymous().post(TOKEN, &json!({"username": "bob", "password": PASSWORD})).await;
    assert_eq!(answer.status, StatusCode::OK, "the same password");
    // A change there leaves alone what only Edge knows.
    there.patch(&there_at, &json!({"first_name": "Robert"})).await;
    let mut expected = user.clone();
    expected["first_name"] = json!("Robert");
    assert_eq!(admin.get(&path(&user["url"])).await.json(), expected);
    // Names and addresses are unique over all.
    let body = body("bob", &json!({"email": "other@mail.example"}));
    assert_eq!(there.post(OPENWISP, &body).await.status, StatusCode::BAD_REQUEST);
    there.create_user("jane", &json!({})).await;
    assert_eq!(
        told(&admin.patch(&path(&user["url"]), &json!({"username": "jane"})).await),
        (400, json!({"username":["This field must be unique."]}))
    );
}

#[tokio::test]
async fn a_password_set_here_ends_what_was_signed_in_there_and_leaves_tokens_alone() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    let user = make(&admin, "bob", json!({"is_superuser": true})).await;
    let token = token_of(&admin, &user).await;
    let there = app.signed_in("bob").await;
    assert_eq!(there.get(OPENWISP).await.status, StatusCode::OK);
    admin.patch(&path(&user["url"]), &json!({"password": "Other-lantern-77"})).await;
    assert_eq!(there.get(OPENWISP).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(with_token(&app, "bob", &token).get(USERS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_shares_an_email_may_change_it() {
    let app = TestApp::start().await;
    let admin = admin(&app);
    // OpenL2M lets users share an e-mail.
    let root = admin.get("/api/users/?username=admin").await.json()[0].clone();
    let token = token_of(&admin, &root).await;
    let openl2m = app.keyed(text(&token["token"]));
    for name in ["jane", "bob"] {
        let body = json!({"username": name, "email": "both@mail.example", "password": PASSWORD});
        let answer = openl2m.post("/api/admin/users/", &body).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
    let bob: Value = admin.get("/api/users/?username=bob").await.json()[0].clone();
    let at = path(&bob["url"]);
    assert_eq!(bob["email"], "both@mail.example");
    assert_eq!(
        admin.patch(&at, &json!({"allow_rest_access": true, "password": PASSWORD})).await.status,
        StatusCode::ACCEPTED
    );
    let client = app.basic("bob", PASSWORD);
    let read = client.get(&at).await.json();
    let back = client.patch(&at, &json!({"email": read["email"], "username": "bob"})).await;
    assert_eq!(back.status, StatusCode::ACCEPTED, "{back:?}");
    let answer = client.patch(&at, &json!({"email": "own@mail.example"})).await;
    assert_eq!((answer.status, &answer.json()["email"]), (StatusCode::ACCEPTED, &json!("own@mail.example")));
}
