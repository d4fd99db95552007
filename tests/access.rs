//! Every address × every kind of caller × every method: who gets which status.
//!
//! A new endpoint is new rows; one without rows fails the build.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, USERS};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The callers, in the order of the columns.
const CALLERS: [&str; 9] = ["nobody", "inactive", "plain", "staff", "view", "add", "change", "delete", "superuser"];

/// What each caller gets. `{id}` is a user whom nobody but superusers can see.
const TABLE: [(&str, &str, [u16; 9]); 35] = [
    //                                          nobody inactive plain staff view add change delete superuser
    ("/api/v1/users/token/", "GET", [405; 9]),
    ("/api/v1/users/token/", "HEAD", [405; 9]),
    ("/api/v1/users/token/", "POST", [200; 9]),
    ("/api/v1/users/token/", "PUT", [405; 9]),
    ("/api/v1/users/token/", "PATCH", [405; 9]),
    ("/api/v1/users/token/", "DELETE", [405; 9]),
    ("/api/v1/users/token/", "OPTIONS", [200; 9]),
    ("/api/v1/users/user/", "GET", [401, 401, 403, 403, 200, 403, 200, 403, 200]),
    ("/api/v1/users/user/", "HEAD", [401, 401, 403, 403, 200, 403, 200, 403, 200]),
    ("/api/v1/users/user/", "POST", [401, 401, 403, 403, 403, 201, 403, 403, 201]),
    ("/api/v1/users/user/", "PUT", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/user/", "PATCH", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/user/", "DELETE", [401, 401, 403, 403, 403, 403, 403, 405, 405]),
    ("/api/v1/users/user/", "OPTIONS", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/users/user/{id}/", "GET", [401, 401, 403, 403, 404, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/", "HEAD", [401, 401, 403, 403, 404, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/", "POST", [401, 401, 403, 403, 403, 405, 403, 403, 405]),
    ("/api/v1/users/user/{id}/", "PUT", [401, 401, 403, 403, 403, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/", "PATCH", [401, 401, 403, 403, 403, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/", "DELETE", [401, 401, 403, 403, 403, 403, 403, 404, 204]),
    ("/api/v1/users/user/{id}/", "OPTIONS", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("/accounts/confirm-email/{key}/", "GET", [200; 9]),
    ("/accounts/confirm-email/{key}/", "HEAD", [200; 9]),
    ("/accounts/confirm-email/{key}/", "POST", [403; 9]),
    ("/accounts/confirm-email/{key}/", "PUT", [405; 9]),
    ("/accounts/confirm-email/{key}/", "PATCH", [405; 9]),
    ("/accounts/confirm-email/{key}/", "DELETE", [405; 9]),
    ("/accounts/confirm-email/{key}/", "OPTIONS", [405; 9]),
    ("/accounts/email-verification-success/", "GET", [200; 9]),
    ("/accounts/email-verification-success/", "HEAD", [200; 9]),
    ("/accounts/email-verification-success/", "POST", [405; 9]),
    ("/accounts/email-verification-success/", "PUT", [405; 9]),
    ("/accounts/email-verification-success/", "PATCH", [405; 9]),
    ("/accounts/email-verification-success/", "DELETE", [405; 9]),
    ("/accounts/email-verification-success/", "OPTIONS", [405; 9]),
];

/// The caller of a column.
async fn caller(app: &TestApp, admin: &Client, who: &str) -> Client {
    let permission = |id: u64| json!({ "user_permissions": [id] });
    let change = match who {
        "nobody" => return app.anonymous(),
        "inactive" => json!({"is_active": false}),
        "staff" => json!({"is_staff": true}),
        "add" => permission(25),
        "change" => permission(26),
        "delete" => permission(27),
        "view" => permission(28),
        "superuser" => json!({"is_superuser": true}),
        _ => json!({}),
    };
    let user = admin.create_user(who, &json!({})).await;
    let client = app.signed_in(who).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    assert_eq!(admin.patch(&path, &change).await.status, StatusCode::OK);
    client
}

/// A body that whoever may send it gets through.
fn body(path: &str, serial: usize) -> Value {
    match path {
        "/api/v1/users/token/" => json!({"username": "admin", "password": PASSWORD}),
        _ => json!({
            "username": format!("new{serial}"), "email": format!("new{serial}@mail.example"), "password": PASSWORD,
        }),
    }
}

#[test]
fn every_address_and_method_has_a_row_and_every_row_an_address() {
    let endpoints = rollcall::openwisp_endpoints();
    let addresses = endpoints.iter().map(|endpoint| endpoint.path).chain(auth::PAGES);
    let mounted: BTreeSet<(&str, &str)> = addresses.flat_map(|path| METHODS.map(|method| (path, method))).collect();
    let rows: BTreeSet<(&str, &str)> = TABLE.iter().map(|(path, method, _)| (*path, *method)).collect();
    assert_eq!(rows, mounted);
    assert_eq!(rows.len(), TABLE.len(), "no row stands twice");
    for endpoint in endpoints {
        let allowed: BTreeSet<&str> = endpoint.allow.split(", ").collect();
        for (_, method, statuses) in TABLE.iter().filter(|(path, ..)| *path == endpoint.path) {
            assert_eq!(statuses.contains(&405), !allowed.contains(method), "{method} {}", endpoint.path);
        }
    }
}

#[tokio::test]
async fn everyone_gets_what_the_table_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut clients = Vec::new();
    for who in CALLERS {
        clients.push(caller(&app, &admin, who).await);
    }
    let mut wrong = Vec::new();
    let mut serial = 0;
    for (template, method, expected) in TABLE {
        let mut got = [0; 9];
        for (client, status) in clients.iter().zip(&mut got) {
            serial += 1;
            let path = if template.contains("{id}") {
                let target = admin.create_user(&format!("target{serial}"), &json!({})).await;
                template.replace("{id}", target["id"].as_str().expect("an id"))
            } else {
                template.replace("{key}", "x")
            };
            let method: Method = method.parse().expect("a method");
            let answer = client.json(method, &path, Some(&body(template, serial))).await;
            *status = answer.status.as_u16();
            assert_eq!(answer.header("www-authenticate").is_some(), *status == 401);
        }
        if got != expected {
            wrong.push(format!("{method} {template}: {got:?}, not {expected:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
