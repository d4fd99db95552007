//! The OpenL2M Users Admin API (`contracts/openl2m.md`).

mod budgets;
mod documented;
mod fields;
mod http;
mod lists;
mod tokens;
mod users;

use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp};

/// The users.
const USERS: &str = "/api/admin/users/";
/// Where tokens are obtained.
const TOKEN: &str = "/api/users/token/";

/// The superuser `admin` with a token of this API.
async fn admin(app: &TestApp) -> Client {
    app.keyed(&app.api_token("admin").await)
}

/// Makes a user of that name with these fields besides; gives the answer.
async fn make(admin: &Client, username: &str, fields: Value) -> Value {
    let mut body = json!({"username": username, "password": "first-password-1"});
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    let answer = admin.post(USERS, &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// The address of a user.
fn path_of(user: &Value) -> String {
    format!("{USERS}{}/", user["id"])
}

/// Status and body.
fn told(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json())
}
