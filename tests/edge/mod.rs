//! The Edge Users API (`contracts/edge.md`).

mod authentication;
mod documented;
mod history;
mod lists;
mod tokens;
mod users;

use serde_json::{Value, json};

use crate::support::{Answer, Client, PASSWORD, TestApp};

/// The users.
const USERS: &str = "/api/users/";

/// The superuser `admin`, by password.
fn admin(app: &TestApp) -> Client {
    app.basic("admin", PASSWORD)
}

/// Makes a user of that name with the tests' password and these fields besides; gives the answer.
async fn make(admin: &Client, username: &str, fields: Value) -> Value {
    let mut body = json!({
        "username": username, "password": PASSWORD, "first_name": "Edge", "last_name": "Tester",
        "email": format!("{username}@mail.example"),
    });
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    let answer = admin.post(USERS, &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// The address of a user.
fn path_of(user: &Value) -> String {
    format!("{USERS}{}/", user["id"].as_str().expect("an id"))
}

/// Makes a token of a user; gives the answer.
async fn token_of(admin: &Client, user: &Value) -> Value {
    let answer = admin.post(&format!("{}tokens/", path_of(user)), &json!({"title": "T"})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// Status and body.
fn told(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json())
}

fn detail(text: &str) -> Value {
    json!({ "detail": text })
}
