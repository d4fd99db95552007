//! SCIM 2.0 (`contracts/scim.md`).

mod access;
mod bulk;
mod clients;
mod discovery;
mod groups;
mod lists;
mod me;
mod okta_spec;
mod races;
mod users;

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, request};

pub const ROOT: &str = "/scim/v2";
pub const USERS: &str = "/scim/v2/Users";
pub const GROUPS: &str = "/scim/v2/Groups";
pub const USER_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE_URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub const ROLLCALL_URN: &str = "urn:rollcall:scim:schemas:1.0:User";
pub const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Somebody who speaks SCIM.
#[derive(Clone)]
pub struct Provider(pub Client);

impl Provider {
    /// An identity provider with the token of that user.
    pub async fn of(app: &TestApp, username: &str) -> Self {
        Self(app.signed_in(username).await)
    }

    /// A request; its answer speaks SCIM.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let begun = request(method.clone(), path);
        let answer = match body {
            Some(body) => self.0.ask(begun.header("content-type", "application/scim+json"), body.to_string()).await,
            None => self.0.ask(begun, "").await,
        };
        assert_eq!(answer.header("content-type"), Some("application/scim+json"), "{method} {path}: {answer:?}");
        if answer.status.as_u16() >= 400 {
            let error = answer.json();
            assert_eq!(error["schemas"], json!([ERROR_URN]), "{error}");
            assert_eq!(error["status"], answer.status.as_str(), "{error}");
            assert!(error["detail"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    /// PATCH with these operations.
    pub async fn patch(&self, path: &str, operations: Value) -> Answer {
        self.ask(Method::PATCH, path, Some(&json!({"schemas": [PATCH_URN], "Operations": operations}))).await
    }

    /// GET that must succeed.
    pub async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {answer:?}");
        answer.json()
    }

    /// The resources of a list with that filter.
    pub async fn find(&self, path: &str, filter: &str) -> Vec<Value> {
        let list = self.read(&format!("{path}?filter={}", encoded(filter))).await;
        let resources = list["Resources"].as_array().expect("resources").clone();
        assert_eq!(list["totalResults"], resources.len(), "{list}");
        resources
    }

    /// Makes a user of that name, with more attributes.
    pub async fn create(&self, username: &str, more: Value) -> Value {
        let mut user = json!({"schemas": [USER_URN], "userName": username});
        for (name, value) in more.as_object().expect("attributes") {
            user[name] = value.clone();
        }
        let answer = self.post(USERS, &user).await;
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
        answer.json()
    }

    /// Makes a group with these members.
    pub async fn create_group(&self, name: &str, members: &[&Value]) -> Value {
        let members: Vec<Value> = members.iter().map(|user| json!({"value": user["id"]})).collect();
        let answer = self.post(GROUPS, &json!({"schemas": [GROUP_URN], "displayName": name, "members": members})).await;
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
        answer.json()
    }
}

/// The path of a resource.
pub fn at(resource: &Value) -> String {
    let location = resource["meta"]["location"].as_str().expect("a location");
    location.trim_start_matches("http://rollcall.example").to_owned()
}

/// A text as part of a query.
pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Status and reason of an answer.
pub fn told(answer: &Answer) -> (u16, String) {
    let reason = answer.json()["scimType"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), reason)
}

/// The ids of a group's members, sorted.
pub async fn members(provider: &Provider, group: &Value) -> Vec<String> {
    let group = provider.read(&at(group)).await;
    let members = group["members"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<String> =
        members.iter().map(|member| member["value"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}

/// The ids of users, sorted.
pub fn ids(users: &[&Value]) -> Vec<String> {
    let mut ids: Vec<String> = users.iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}
