//! The Edge Users API (`contracts/edge.md`).

mod addresses;
mod authentication;
mod authorization;
mod cross;
mod documented;
mod fields;
mod history;
mod lists;
mod races;
mod tokens;
mod users;

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, PASSWORD, TestApp};

/// The users.
const USERS: &str = "/api/users/";

/// The superuser `admin`, by password.
fn admin(app: &TestApp) -> Client {
    app.basic("admin", PASSWORD)
}

/// What makes a user of that name with the tests' password and these fields besides.
fn body(username: &str, fields: &Value) -> Value {
    let mut body = json!({
        "username": username, "password": PASSWORD, "first_name": "Edge", "last_name": "Tester",
        "email": format!("{username}@mail.example"),
    });
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

/// Makes such a user; gives the answer.
async fn make(admin: &Client, username: &str, fields: Value) -> Value {
    let answer = admin.post(USERS, &body(username, &fields)).await;
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

/// A client with the name of a user and a token that was just made.
fn with_token(app: &TestApp, username: &str, token: &Value) -> Client {
    app.keyed(&format!("{username}:{}", text(&token["token"])))
}

/// The path and query of an answer's link of that relation.
fn link_of(answer: &Answer, relation: &str) -> Option<String> {
    let end = format!(">; rel=\"{relation}\"");
    let url = answer.header("link")?.split(", ").find_map(|link| link.strip_suffix(&end)?.strip_prefix('<'))?;
    Some(path(&Value::from(url)))
}

/// Status and body.
fn told(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json())
}

fn detail(text: &str) -> Value {
    json!({ "detail": text })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The path and query of an absolute URL.
fn path(url: &Value) -> String {
    text(url).strip_prefix("http://rollcall.example").expect("our host").to_owned()
}

/// What a user's history shows to that client.
async fn history(client: &Client, user: &Value) -> Vec<Value> {
    let answer = client.get(&format!("{}history/?page_size=100", path_of(user))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json().as_array().expect("attempts").clone()
}

#[track_caller]
fn forbidden(answer: &Answer) {
    assert_eq!(told(answer), (403, detail("You do not have permission to perform this action.")));
}

#[track_caller]
fn not_found(answer: &Answer) {
    assert_eq!(told(answer), (404, detail("Not found.")));
}

#[track_caller]
fn unauthorized(answer: &Answer, sentence: &str) {
    assert_eq!(told(answer), (401, detail(sentence)));
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"api\""));
}

/// Every method that clients are known to try.
fn every_method() -> [Method; 7] {
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
}
