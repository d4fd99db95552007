//! Operations as clients send them (`contracts/scim.md` sections 6 and 7).

use serde_json::json;

use super::*;
use crate::schema::{ENTERPRISE_URN, USER};

#[expect(clippy::needless_pass_by_value, reason = "the operations are written where they are passed")]
fn patched(before: &Value, operations: Value) -> Result<Value, Problem> {
    let body = json!({"schemas": [PATCH_URN], "Operations": operations});
    let mut after = before.as_object().expect("a user").clone();
    for step in steps(&USER, body.as_object().expect("a body"))? {
        step.apply(&mut after)?;
    }
    Ok(Value::Object(after))
}

fn user() -> Value {
    json!({
        "userName": "jane", "active": true, "name": {"givenName": "Jane"},
        "emails": [{"value": "w@x.org", "type": "work", "primary": true}, {"value": "h@x.org", "type": "home"}],
        "groups": [{"value": "3"}],
    })
}

/// What a member of the user is after one operation.
#[expect(clippy::needless_pass_by_value, reason = "the operation is written where it is passed")]
fn after(operation: Value, name: &str) -> Value {
    patched(&user(), json!([operation])).expect("a user")[name].clone()
}

#[expect(clippy::needless_pass_by_value, reason = "the operation is written where it is passed")]
fn reason(operation: Value) -> Option<Reason> {
    patched(&user(), json!([operation])).expect_err("a problem").reason
}

#[test]
fn a_value_without_a_path_sets_what_it_names() {
    let value = json!({
        "active": "False", "name.familyName": "Doe", "unknown": 1, "id": "x", "groups": [], "NickName": "J",
        format!("{ENTERPRISE_URN}:department"): "Sales", "emails[type eq \"home\"].value": "new@x.org",
        "urn:ietf:params:scim:schemas:core:2.0:User:title": "Dr",
    });
    let user = patched(&user(), json!([{"op": "Replace", "value": value}])).expect("a user");
    assert_eq!(user["active"], false);
    assert_eq!(user["name"], json!({"givenName": "Jane", "familyName": "Doe"}));
    assert_eq!((&user["nickName"], &user["title"]), (&json!("J"), &json!("Dr")));
    assert_eq!(user[ENTERPRISE_URN], json!({"department": "Sales"}));
    assert_eq!(user["emails"][1]["value"], "new@x.org");
    assert_eq!(user["groups"], json!([{"value": "3"}]));
    assert!(user.get("unknown").is_none() && user.get("id").is_none());
}

#[test]
fn words_are_booleans_and_texts_are_managers() {
    for word in ["False", "false", "FALSE"] {
        assert_eq!(after(json!({"op": "replace", "path": "active", "value": word}), "active"), false);
    }
    let path = format!("{ENTERPRISE_URN}:manager");
    for value in [json!("26118915"), json!({"value": "26118915"}), json!([{"value": "26118915"}])] {
        let operation = json!({"op": "Add", "path": path, "value": value});
        let patched = patched(&user(), json!([operation]));
        if value.is_array() {
            assert_eq!(patched.expect_err("a problem").reason, Some(Reason::InvalidValue));
        } else {
            assert_eq!(patched.expect("a user")[ENTERPRISE_URN], json!({"manager": {"value": "26118915"}}));
        }
    }
}

#[test]
fn a_missing_entry_is_made_where_one_value_says_what_it_is() {
    for op in ["Add", "Replace"] {
        let made =
            after(json!({"op": op, "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1"}), "phoneNumbers");
        assert_eq!(made, json!([{"type": "mobile", "value": "+1"}]));
        let path = "emails[type eq \"other\" and primary eq true].value";
        assert_eq!(reason(json!({"op": op, "path": path, "value": "x"})), Some(Reason::NoTarget));
    }
    let path = "emails[type eq \"work\"].value";
    let changed = after(json!({"op": "Add", "path": path, "value": "new@x.org"}), "emails");
    assert_eq!((&changed[0]["value"], changed.as_array().map(Vec::len)), (&json!("new@x.org"), Some(2)));
}

#[test]
fn lists_grow_shrink_and_have_one_primary_entry() {
    let new = json!({"value": "n@x.org", "primary": true});
    let emails = after(json!({"op": "add", "path": "emails", "value": [new]}), "emails");
    let primary: Vec<&Value> = emails.as_array().expect("a list").iter().map(|entry| &entry["primary"]).collect();
    assert_eq!(primary, [&json!(false), &Value::Null, &json!(true)]);
    let again = after(json!({"op": "add", "path": "emails", "value": {"value": "h@x.org", "type": "home"}}), "emails");
    assert_eq!(again, user()["emails"]);
    let marked = after(json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "true"}), "emails");
    assert_eq!((&marked[0]["primary"], &marked[1]["primary"]), (&json!(false), &json!(true)));
    for path in ["emails[type eq \"work\"]", "emails[value sw \"w\"]"] {
        assert_eq!(after(json!({"op": "remove", "path": path}), "emails"), json!([user()["emails"][1]]));
    }
    let gone = after(json!({"op": "remove", "path": "emails", "value": [{"value": "w@x.org"}]}), "emails");
    assert_eq!(gone, json!([user()["emails"][1]]));
    assert_eq!(after(json!({"op": "remove", "path": "emails"}), "emails"), Value::Null);
    assert_eq!(after(json!({"op": "replace", "path": "emails", "value": []}), "emails"), Value::Null);
    let two = json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]);
    assert_eq!(reason(json!({"op": "replace", "path": "emails", "value": two})), Some(Reason::InvalidValue));
}

#[test]
fn an_extension_is_a_path_and_empties() {
    let value = json!({"department": "Sales", "COSTCENTER": 4130});
    let added = json!({"op": "add", "path": ENTERPRISE_URN, "value": value});
    let removed = json!({"op": "remove", "path": format!("{ENTERPRISE_URN}:department")});
    let both = patched(&user(), json!([added, removed])).expect("a user");
    assert_eq!(both[ENTERPRISE_URN], json!({"costCenter": "4130"}));
    let all = json!({"op": "remove", "path": ENTERPRISE_URN});
    assert_eq!(patched(&both, json!([all])).expect("a user").get(ENTERPRISE_URN), None);
}

#[test]
fn what_cannot_be_done_says_why() {
    for (operation, expected) in [
        (json!({"op": "replace", "path": "id", "value": "x"}), Reason::Mutability),
        (json!({"op": "remove", "path": "groups"}), Reason::Mutability),
        (json!({"op": "add", "path": "name.formatted", "value": "x"}), Reason::Mutability),
        (json!({"op": "add", "path": "shoes", "value": "x"}), Reason::InvalidPath),
        (json!({"op": "add", "path": "emails[", "value": "x"}), Reason::InvalidPath),
        (json!({"op": "add", "path": "title[value eq \"x\"]", "value": "x"}), Reason::InvalidPath),
        (json!({"op": "add", "path": "emails[shoe eq \"x\"]", "value": "x"}), Reason::InvalidPath),
        (json!({"op": "add", "path": 7, "value": "x"}), Reason::InvalidPath),
        (json!({"op": "remove"}), Reason::NoTarget),
        (json!({"op": "move", "path": "title"}), Reason::InvalidSyntax),
        (json!({"op": "add", "value": "x"}), Reason::InvalidValue),
        (json!({"op": "add", "path": "title", "value": {}}), Reason::InvalidValue),
        (json!({"op": "add", "path": "active", "value": "perhaps"}), Reason::InvalidValue),
        (json!({"op": "add", "path": "title", "value": "\u{0}"}), Reason::InvalidValue),
    ] {
        assert_eq!(reason(operation.clone()), Some(expected), "{operation}");
    }
    let whole = |body: Value| steps(&USER, body.as_object().expect("a body")).expect_err("a problem").reason;
    assert_eq!(whole(json!({"Operations": []})), Some(Reason::InvalidValue));
    assert_eq!(whole(json!({})), Some(Reason::InvalidSyntax));
    assert_eq!(whole(json!({"Operations": [7]})), Some(Reason::InvalidSyntax));
    assert_eq!(whole(json!({"schemas": ["x"], "Operations": [{"op": "add"}]})), Some(Reason::InvalidSyntax));
    let many = vec![json!({"op": "add", "path": "title", "value": "x"}); MOST_OPERATIONS + 1];
    assert_eq!(whole(json!({ "Operations": many })), Some(Reason::InvalidValue));
}
