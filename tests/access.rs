//! Every address × every kind of caller × every method: who gets which status.
//!
//! A new endpoint is new rows; one without rows fails the build.

mod managers;

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, USERS};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The callers, in the order of the columns.
const CALLERS: [&str; 9] = ["nobody", "inactive", "plain", "staff", "view", "add", "change", "delete", "superuser"];

/// What each caller gets. What addresses name is out of sight for all but superusers, groups apart.
#[rustfmt::skip]
const TABLE: [(&str, &str, [u16; 9]); 203] = [
    // nobody, inactive, plain, staff, view, add, change, delete, superuser
    ("/api/v1/users/token/", "GET", [405; 9]),
    ("/api/v1/users/token/", "HEAD", [405; 9]),
    ("/api/v1/users/token/", "POST", [200; 9]),
    ("/api/v1/users/token/", "PUT", [405; 9]),
    ("/api/v1/users/token/", "PATCH", [405; 9]),
    ("/api/v1/users/token/", "DELETE", [405; 9]),
    ("/api/v1/users/token/", "OPTIONS", [200; 9]),
    ("/api/v1/users/password/reset/", "GET", [405; 9]),
    ("/api/v1/users/password/reset/", "HEAD", [405; 9]),
    ("/api/v1/users/password/reset/", "POST", [200; 9]),
    ("/api/v1/users/password/reset/", "PUT", [405; 9]),
    ("/api/v1/users/password/reset/", "PATCH", [405; 9]),
    ("/api/v1/users/password/reset/", "DELETE", [405; 9]),
    ("/api/v1/users/password/reset/", "OPTIONS", [200; 9]),
    ("/api/v1/users/password/reset/confirm/", "GET", [405; 9]),
    ("/api/v1/users/password/reset/confirm/", "HEAD", [405; 9]),
    ("/api/v1/users/password/reset/confirm/", "POST", [400; 9]),
    ("/api/v1/users/password/reset/confirm/", "PUT", [405; 9]),
    ("/api/v1/users/password/reset/confirm/", "PATCH", [405; 9]),
    ("/api/v1/users/password/reset/confirm/", "DELETE", [405; 9]),
    ("/api/v1/users/password/reset/confirm/", "OPTIONS", [200; 9]),
    ("/api/v1/users/user/password/change/", "GET", [401, 401, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/users/user/password/change/", "HEAD", [401, 401, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/users/user/password/change/", "POST", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/users/user/password/change/", "PUT", [401, 401, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/users/user/password/change/", "PATCH", [401, 401, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/users/user/password/change/", "DELETE", [401, 401, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/users/user/password/change/", "OPTIONS", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
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
    ("/api/v1/users/user/{id}/password/", "GET", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/user/{id}/password/", "HEAD", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/user/{id}/password/", "POST", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/user/{id}/password/", "PUT", [401, 401, 403, 403, 403, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/password/", "PATCH", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/user/{id}/password/", "DELETE", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/user/{id}/password/", "OPTIONS", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/users/user/{id}/email/", "GET", [401, 401, 403, 403, 404, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/email/", "HEAD", [401, 401, 403, 403, 404, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/email/", "POST", [401, 401, 403, 403, 403, 404, 403, 403, 201]),
    ("/api/v1/users/user/{id}/email/", "PUT", [401, 401, 403, 403, 403, 403, 404, 403, 405]),
    ("/api/v1/users/user/{id}/email/", "PATCH", [401, 401, 403, 403, 403, 403, 404, 403, 405]),
    ("/api/v1/users/user/{id}/email/", "DELETE", [401, 401, 403, 403, 403, 403, 403, 404, 405]),
    ("/api/v1/users/user/{id}/email/", "OPTIONS", [401, 401, 404, 404, 404, 404, 404, 404, 200]),
    ("/api/v1/users/user/{id}/email/{number}/", "GET", [401, 401, 403, 403, 404, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/email/{number}/", "HEAD", [401, 401, 403, 403, 404, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/email/{number}/", "POST", [401, 401, 403, 403, 403, 404, 403, 403, 405]),
    ("/api/v1/users/user/{id}/email/{number}/", "PUT", [401, 401, 403, 403, 403, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/email/{number}/", "PATCH", [401, 401, 403, 403, 403, 403, 404, 403, 200]),
    ("/api/v1/users/user/{id}/email/{number}/", "DELETE", [401, 401, 403, 403, 403, 403, 403, 404, 204]),
    ("/api/v1/users/user/{id}/email/{number}/", "OPTIONS", [401, 401, 404, 404, 404, 404, 404, 404, 200]),
    ("/api/v1/users/group/", "GET", [401, 401, 403, 403, 200, 403, 200, 403, 200]),
    ("/api/v1/users/group/", "HEAD", [401, 401, 403, 403, 200, 403, 200, 403, 200]),
    ("/api/v1/users/group/", "POST", [401, 401, 403, 403, 403, 201, 403, 403, 201]),
    ("/api/v1/users/group/", "PUT", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/group/", "PATCH", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/group/", "DELETE", [401, 401, 403, 403, 403, 403, 403, 405, 405]),
    ("/api/v1/users/group/", "OPTIONS", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/users/group/{number}/", "GET", [401, 401, 403, 403, 200, 403, 200, 403, 200]),
    ("/api/v1/users/group/{number}/", "HEAD", [401, 401, 403, 403, 200, 403, 200, 403, 200]),
    ("/api/v1/users/group/{number}/", "POST", [401, 401, 403, 403, 403, 405, 403, 403, 405]),
    ("/api/v1/users/group/{number}/", "PUT", [401, 401, 403, 403, 403, 403, 200, 403, 200]),
    ("/api/v1/users/group/{number}/", "PATCH", [401, 401, 403, 403, 403, 403, 200, 403, 200]),
    ("/api/v1/users/group/{number}/", "DELETE", [401, 401, 403, 403, 403, 403, 403, 204, 204]),
    ("/api/v1/users/group/{number}/", "OPTIONS", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/users/organization/", "GET", [401, 401, 403, 403, 200, 403, 200, 403, 200]),
    ("/api/v1/users/organization/", "HEAD", [401, 401, 403, 403, 200, 403, 200, 403, 200]),
    ("/api/v1/users/organization/", "POST", [401, 401, 403, 403, 403, 201, 403, 403, 201]),
    ("/api/v1/users/organization/", "PUT", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/organization/", "PATCH", [401, 401, 403, 403, 403, 403, 405, 403, 405]),
    ("/api/v1/users/organization/", "DELETE", [401, 401, 403, 403, 403, 403, 403, 405, 405]),
    ("/api/v1/users/organization/", "OPTIONS", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/users/organization/{id}/", "GET", [401, 401, 403, 403, 404, 403, 404, 403, 200]),
    ("/api/v1/users/organization/{id}/", "HEAD", [401, 401, 403, 403, 404, 403, 404, 403, 200]),
    ("/api/v1/users/organization/{id}/", "POST", [401, 401, 403, 403, 403, 405, 403, 403, 405]),
    ("/api/v1/users/organization/{id}/", "PUT", [401, 401, 403, 403, 403, 403, 404, 403, 200]),
    ("/api/v1/users/organization/{id}/", "PATCH", [401, 401, 403, 403, 403, 403, 404, 403, 200]),
    ("/api/v1/users/organization/{id}/", "DELETE", [401, 401, 403, 403, 403, 403, 403, 404, 204]),
    ("/api/v1/users/organization/{id}/", "OPTIONS", [401, 401, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/docs/", "GET", [403, 403, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/docs/", "HEAD", [403, 403, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/docs/", "POST", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs/", "PUT", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs/", "PATCH", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs/", "DELETE", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs/", "OPTIONS", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.json", "GET", [403, 403, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/docs.json", "HEAD", [403, 403, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/docs.json", "POST", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.json", "PUT", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.json", "PATCH", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.json", "DELETE", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.json", "OPTIONS", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.yaml", "GET", [403, 403, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/docs.yaml", "HEAD", [403, 403, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/docs.yaml", "POST", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.yaml", "PUT", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.yaml", "PATCH", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.yaml", "DELETE", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs.yaml", "OPTIONS", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/redoc/", "GET", [403, 403, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/redoc/", "HEAD", [403, 403, 200, 200, 200, 200, 200, 200, 200]),
    ("/api/v1/redoc/", "POST", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/redoc/", "PUT", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/redoc/", "PATCH", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/redoc/", "DELETE", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/redoc/", "OPTIONS", [403, 403, 405, 405, 405, 405, 405, 405, 405]),
    ("/api/v1/docs/swagger-ui-bundle.js", "GET", [200; 9]),
    ("/api/v1/docs/swagger-ui-bundle.js", "HEAD", [200; 9]),
    ("/api/v1/docs/swagger-ui-bundle.js", "POST", [405; 9]),
    ("/api/v1/docs/swagger-ui-bundle.js", "PUT", [405; 9]),
    ("/api/v1/docs/swagger-ui-bundle.js", "PATCH", [405; 9]),
    ("/api/v1/docs/swagger-ui-bundle.js", "DELETE", [405; 9]),
    ("/api/v1/docs/swagger-ui-bundle.js", "OPTIONS", [405; 9]),
    ("/api/v1/docs/swagger-ui.css", "GET", [200; 9]),
    ("/api/v1/docs/swagger-ui.css", "HEAD", [200; 9]),
    ("/api/v1/docs/swagger-ui.css", "POST", [405; 9]),
    ("/api/v1/docs/swagger-ui.css", "PUT", [405; 9]),
    ("/api/v1/docs/swagger-ui.css", "PATCH", [405; 9]),
    ("/api/v1/docs/swagger-ui.css", "DELETE", [405; 9]),
    ("/api/v1/docs/swagger-ui.css", "OPTIONS", [405; 9]),
    ("/api/v1/docs/start.js", "GET", [200; 9]),
    ("/api/v1/docs/start.js", "HEAD", [200; 9]),
    ("/api/v1/docs/start.js", "POST", [405; 9]),
    ("/api/v1/docs/start.js", "PUT", [405; 9]),
    ("/api/v1/docs/start.js", "PATCH", [405; 9]),
    ("/api/v1/docs/start.js", "DELETE", [405; 9]),
    ("/api/v1/docs/start.js", "OPTIONS", [405; 9]),
    ("/api/v1/docs/docs.css", "GET", [200; 9]),
    ("/api/v1/docs/docs.css", "HEAD", [200; 9]),
    ("/api/v1/docs/docs.css", "POST", [405; 9]),
    ("/api/v1/docs/docs.css", "PUT", [405; 9]),
    ("/api/v1/docs/docs.css", "PATCH", [405; 9]),
    ("/api/v1/docs/docs.css", "DELETE", [405; 9]),
    ("/api/v1/docs/docs.css", "OPTIONS", [405; 9]),
    ("/.well-known/jwks.json", "GET", [200; 9]),
    ("/.well-known/jwks.json", "HEAD", [200; 9]),
    ("/.well-known/jwks.json", "POST", [405; 9]),
    ("/.well-known/jwks.json", "PUT", [405; 9]),
    ("/.well-known/jwks.json", "PATCH", [405; 9]),
    ("/.well-known/jwks.json", "DELETE", [405; 9]),
    ("/.well-known/jwks.json", "OPTIONS", [405; 9]),
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
    ("/accounts/password/reset/key/{pair}/", "GET", [200; 9]),
    ("/accounts/password/reset/key/{pair}/", "HEAD", [200; 9]),
    ("/accounts/password/reset/key/{pair}/", "POST", [403; 9]),
    ("/accounts/password/reset/key/{pair}/", "PUT", [405; 9]),
    ("/accounts/password/reset/key/{pair}/", "PATCH", [405; 9]),
    ("/accounts/password/reset/key/{pair}/", "DELETE", [405; 9]),
    ("/accounts/password/reset/key/{pair}/", "OPTIONS", [405; 9]),
    ("/accounts/password/reset/key/done/", "GET", [200; 9]),
    ("/accounts/password/reset/key/done/", "HEAD", [200; 9]),
    ("/accounts/password/reset/key/done/", "POST", [405; 9]),
    ("/accounts/password/reset/key/done/", "PUT", [405; 9]),
    ("/accounts/password/reset/key/done/", "PATCH", [405; 9]),
    ("/accounts/password/reset/key/done/", "DELETE", [405; 9]),
    ("/accounts/password/reset/key/done/", "OPTIONS", [405; 9]),
    ("/accounts/login/", "GET", [200; 9]),
    ("/accounts/login/", "HEAD", [200; 9]),
    ("/accounts/login/", "POST", [403; 9]),
    ("/accounts/login/", "PUT", [405; 9]),
    ("/accounts/login/", "PATCH", [405; 9]),
    ("/accounts/login/", "DELETE", [405; 9]),
    ("/accounts/login/", "OPTIONS", [405; 9]),
    ("/accounts/logout/", "GET", [200; 9]),
    ("/accounts/logout/", "HEAD", [200; 9]),
    ("/accounts/logout/", "POST", [403; 9]),
    ("/accounts/logout/", "PUT", [405; 9]),
    ("/accounts/logout/", "PATCH", [405; 9]),
    ("/accounts/logout/", "DELETE", [405; 9]),
    ("/accounts/logout/", "OPTIONS", [405; 9]),
    ("/accounts/style.css", "GET", [200; 9]),
    ("/accounts/style.css", "HEAD", [200; 9]),
    ("/accounts/style.css", "POST", [405; 9]),
    ("/accounts/style.css", "PUT", [405; 9]),
    ("/accounts/style.css", "PATCH", [405; 9]),
    ("/accounts/style.css", "DELETE", [405; 9]),
    ("/accounts/style.css", "OPTIONS", [405; 9]),
];

/// The caller of a column.
async fn caller(app: &TestApp, admin: &Client, who: &str) -> Client {
    // The same action on e-mail addresses, groups, organizations and users.
    let permission = |action: u64| json!({"user_permissions": [1 + action, 9 + action, 13 + action, 25 + action]});
    let change = match who {
        "nobody" => return app.anonymous(),
        "inactive" => json!({"is_active": false}),
        "staff" => json!({"is_staff": true}),
        "add" => permission(0),
        "change" => permission(1),
        "delete" => permission(2),
        "view" => permission(3),
        "superuser" => json!({"is_superuser": true}),
        _ => json!({}),
    };
    let user = admin.create_user(who, &json!({})).await;
    let client = app.signed_in(who).await;
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    assert_eq!(admin.patch(&path, &change).await.status, StatusCode::OK);
    client
}

/// An address of that form, of something that was made for it.
async fn target(admin: &Client, template: &str, serial: usize) -> String {
    let name = format!("target{serial}");
    let made = async |path: &str, body: Value| {
        let answer = admin.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["id"].to_string().replace('"', "")
    };
    if !template.contains('{') {
        template.to_owned()
    } else if template.starts_with(USERS) {
        let user = admin.create_user(&name, &json!({})).await;
        let path = template.replace("{id}", user["id"].as_str().expect("an id"));
        match path.split_once("{number}") {
            None => path,
            Some((list, rest)) => {
                let number = made(list, json!({"email": format!("more.{name}@mail.example")})).await;
                format!("{list}{number}{rest}")
            }
        }
    } else if let Some((list, rest)) = template.split_once("{number}") {
        format!("{list}{}{rest}", made(list, json!({"name": name, "permissions": []})).await)
    } else if let Some((list, rest)) = template.split_once("{id}") {
        format!("{list}{}{rest}", made(list, json!({"name": name, "slug": name})).await)
    } else {
        template.replace("{key}", "x").replace("{pair}", "x-y")
    }
}

/// A body that whoever may send it gets through, as far as there is one.
fn body(template: &str, serial: usize) -> Value {
    let (name, address) = (format!("new{serial}"), format!("new{serial}@mail.example"));
    let secret = format!("Quarry-violet-{serial}");
    match template {
        "/api/v1/users/token/" => json!({"username": "admin", "password": PASSWORD}),
        "/api/v1/users/password/reset/" => json!({"input": "admin"}),
        "/api/v1/users/user/password/change/" => {
            json!({"old_password": PASSWORD, "new_password1": secret, "new_password2": secret})
        }
        "/api/v1/users/user/{id}/password/" => {
            json!({"current_password": null, "new_password": secret, "confirm_password": secret})
        }
        path if path.contains("/email/") => json!({ "email": address }),
        path if path.contains("/group/") => json!({"name": name, "permissions": []}),
        path if path.contains("/organization/") => json!({"name": name, "slug": name}),
        _ => json!({"username": name, "email": address, "password": PASSWORD}),
    }
}

#[test]
fn every_address_and_method_has_a_row_and_every_row_an_address() {
    let endpoints = rollcall::openwisp_endpoints();
    let addresses = endpoints.iter().map(|endpoint| endpoint.path).chain(auth::PAGES);
    let addresses = addresses.chain(docs::DOCUMENTS).chain(docs::asset_paths()).chain([docs::KEYS]);
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
    let mut targets = BTreeMap::<&str, String>::new();
    for (template, method, expected) in TABLE {
        let mut got = [0; 9];
        for (client, status) in clients.iter().zip(&mut got) {
            serial += 1;
            let path = match targets.get(template) {
                Some(path) => path.clone(),
                None => target(&admin, template, serial).await,
            };
            let method: Method = method.parse().expect("a method");
            let answer = client.json(method, &path, Some(&body(template, serial))).await;
            *status = answer.status.as_u16();
            if *status == 204 {
                targets.remove(template);
            } else {
                targets.insert(template, path);
            }
            assert_eq!(answer.header("www-authenticate").is_some(), *status == 401);
        }
        if got != expected {
            wrong.push(format!("{method} {template}: {got:?}, not {expected:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
