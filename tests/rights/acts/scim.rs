//! Acts through SCIM.

use serde_json::{Map, Value, json};

use super::{Api, Draft, Scene, made, of_user, password_in};

const ROOT: &str = "/scim/v2";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Attributes of users, and some that nobody may set.
const ATTRIBUTES: &[&str] = &[
    "userName",
    "externalId",
    "active",
    "emails",
    "phoneNumbers",
    "name",
    "title",
    "roles",
    "password",
    "groups",
    "is_superuser",
    "urn:rollcall:scim:schemas:1.0:User",
];

/// Attributes that somebody may change about oneself, and some others.
const OWN: &[&str] = &["name", "nickName", "locale", "password", "emails", "active", "roles", "externalId"];

fn attribute(scene: &Scene<'_>, name: &str) -> Value {
    match name {
        "userName" => scene.field("username"),
        "emails" => json!([{"value": scene.address(), "type": "work"}]),
        "phoneNumbers" => json!([{"value": scene.phone()}]),
        "name" => json!({"givenName": scene.dice.fresh(), "familyName": scene.dice.fresh()}),
        "password" => scene.field("password"),
        "active" => json!(scene.dice.percent(70)),
        "roles" => json!([{"value": scene.dice.fresh()}]),
        "groups" => json!([{"value": scene.groups().first().map(u64::to_string)}]),
        "is_superuser" => json!(true),
        "urn:rollcall:scim:schemas:1.0:User" => {
            json!({"expirationDate": (scene.day)(1), "organizations": [{"value": scene.organization(), "isManager": true}]})
        }
        _ => json!(scene.dice.fresh()),
    }
}

/// One attribute, or a few.
fn attributes(scene: &Scene<'_>, names: &[&str]) -> Map<String, Value> {
    let mut body = Map::new();
    for _ in 0..=scene.dice.below(2) {
        if let Some(&name) = scene.dice.one(names) {
            body.insert(name.to_owned(), attribute(scene, name));
        }
    }
    body
}

fn patch(operations: &[Value]) -> Value {
    json!({"schemas": [PATCH], "Operations": operations})
}

pub(super) fn create_user(scene: &mut Scene<'_>) -> Option<Draft> {
    let mut body = attributes(scene, ATTRIBUTES);
    for name in ["userName", "emails", "password"] {
        body.insert(name.to_owned(), attribute(scene, name));
    }
    Some(made(&format!("{ROOT}/Users"), Value::Object(body)))
}

pub(super) fn replace_user(scene: &mut Scene<'_>) -> Option<Draft> {
    let mut body = attributes(scene, ATTRIBUTES);
    let person = scene.target(Api::Scim)?;
    body.entry("userName").or_insert_with(|| json!(person.user.username));
    let body = Value::Object(body);
    let password = password_in(&body);
    Some(Draft { password, ..of_user(person, format!("{ROOT}/Users/{}", person.user.id), Some(body)) })
}

pub(super) fn change_user(scene: &mut Scene<'_>) -> Option<Draft> {
    let value = Value::Object(attributes(scene, ATTRIBUTES));
    let password = password_in(&value);
    let person = scene.target(Api::Scim)?;
    let body = patch(&[json!({"op": "replace", "value": value})]);
    Some(Draft { password, ..of_user(person, format!("{ROOT}/Users/{}", person.user.id), Some(body)) })
}

pub(super) fn delete_user(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::Scim)?;
    Some(of_user(person, format!("{ROOT}/Users/{}", person.user.id), None))
}

/// Some people, as members; rather such as are in sight.
fn members(scene: &Scene<'_>) -> Vec<Value> {
    let people = (0..=scene.dice.below(2)).filter_map(|_| scene.target(Api::Scim));
    people.map(|person| json!({"value": person.user.id})).collect()
}

pub(super) fn create_group(scene: &mut Scene<'_>) -> Option<Draft> {
    let mut body = json!({"displayName": scene.dice.fresh(), "permissions": scene.groups()});
    if scene.dice.percent(40) {
        body["members"] = json!(members(scene));
    }
    Some(made(&format!("{ROOT}/Groups"), body))
}

/// The path of a group, and its name; rather one that gives nothing that the caller lacks.
fn group(scene: &Scene<'_>) -> Option<(String, String)> {
    let fitting = scene.groups();
    let all: Vec<_> = scene.state.groups.values().collect();
    let suits: Vec<_> = all.iter().copied().filter(|group| fitting.contains(&group.id.0)).collect();
    let group = scene.dice.one(if suits.is_empty() { &all } else { &suits })?;
    Some((format!("{ROOT}/Groups/{}", group.id), group.name.clone()))
}

pub(super) fn replace_group(scene: &mut Scene<'_>) -> Option<Draft> {
    let (path, name) = group(scene)?;
    let name = if scene.dice.percent(30) { scene.dice.fresh() } else { name };
    let mut body = json!({ "displayName": name });
    if scene.dice.percent(60) {
        body["members"] = json!(members(scene));
    }
    Some(made(&path, body))
}

pub(super) fn change_group(scene: &mut Scene<'_>) -> Option<Draft> {
    let (path, _) = group(scene)?;
    let verb = scene.dice.one(&["add", "Remove", "replace", "add"])?;
    let operation = match scene.dice.below(5) {
        0 => json!({"op": "replace", "path": "displayName", "value": scene.dice.fresh()}),
        _ => json!({"op": verb, "path": "members", "value": members(scene)}),
    };
    Some(made(&path, patch(&[operation])))
}

pub(super) fn delete_group(scene: &mut Scene<'_>) -> Option<Draft> {
    let (path, _) = group(scene)?;
    Some(Draft { path, body: None, target: None, password: None })
}

pub(super) fn replace_oneself(scene: &mut Scene<'_>) -> Option<Draft> {
    let mut body = attributes(scene, &["name", "nickName", "locale"]);
    body.insert("userName".to_owned(), json!(scene.caller.user.username));
    if let Some(email) = scene.caller.user.email.as_ref().filter(|_| scene.dice.percent(80)) {
        body.insert("emails".to_owned(), json!([{ "value": email }]));
    }
    Some(of_user(scene.caller, format!("{ROOT}/Me"), Some(Value::Object(body))))
}

pub(super) fn change_oneself(scene: &mut Scene<'_>) -> Option<Draft> {
    let value = Value::Object(attributes(scene, OWN));
    let password = password_in(&value);
    let body = patch(&[json!({"op": "add", "value": value})]);
    Some(Draft { password, ..of_user(scene.caller, format!("{ROOT}/Me"), Some(body)) })
}

/// Several of the others at once, but none that changes a password.
pub(super) fn bulk(scene: &mut Scene<'_>) -> Option<Draft> {
    let mut operations = Vec::new();
    for _ in 0..=scene.dice.below(2) {
        let (method, draft) = match scene.dice.below(5) {
            0 => ("POST", create_group(scene)),
            1 => ("PATCH", change_group(scene)),
            2 => ("PUT", replace_group(scene)),
            3 => ("DELETE", delete_user(scene)),
            _ => ("PATCH", change_user(scene)),
        };
        if let Some(Draft { path, body, password: None, .. }) = draft {
            let path = path.trim_start_matches(ROOT);
            operations.push(json!({"method": method, "path": path, "bulkId": scene.dice.fresh(), "data": body}));
        }
    }
    Some(made(&format!("{ROOT}/Bulk"), json!({ "Operations": operations })))
}
