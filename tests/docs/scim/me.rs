//! The caller's own user.

use super::{CHANGED, READ, USERS, body};
use crate::docs::operations::{Answer, Operation, Shape};

pub const READ_ME: Operation = Operation {
    method: "GET",
    path: "/scim/v2/Me/",
    id: "readScimMe",
    tag: USERS,
    summary: "Read yourself",
    description: "",
    queries: READ,
    body: None,
    answer: Answer { status: 200, says: "Your user.", shape: Shape::Known("ScimUser") },
    refuses: &[304],
    at: "/scim/v2/Me",
    keeps: &[("/id", "me", "019aab41-0b7e-7f02-8d4c-95f3a6b1c2d4")],
};

pub const REPLACE_ME: Operation = Operation {
    method: "PUT",
    path: "/scim/v2/Me/",
    id: "replaceScimMe",
    tag: USERS,
    summary: "Replace yourself",
    description: "Users without further permissions may change the parts of their name and what SCIM alone knows, except `roles` and the enterprise extension. Other changes are 403.",
    queries: CHANGED,
    body: Some(body(
        "NewScimUser",
        r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "admin", "name": {"givenName": "Ada"}}"#,
    )),
    answer: Answer { status: 200, says: "Your updated user.", shape: Shape::Known("ScimUser") },
    refuses: &[409, 412],
    at: "/scim/v2/Me",
    keeps: &[],
};

pub const UPDATE_ME: Operation = Operation {
    method: "PATCH",
    path: "/scim/v2/Me/",
    id: "updateScimMe",
    tag: USERS,
    summary: "Update yourself",
    description: "As for replacing yourself. The password can be changed too, in a request of its own.",
    queries: CHANGED,
    body: Some(body(
        "ScimChanges",
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "add", "path": "preferredLanguage", "value": "en"}]}"#,
    )),
    answer: Answer { status: 200, says: "Your updated user.", shape: Shape::Known("ScimUser") },
    refuses: &[409, 412],
    at: "/scim/v2/Me",
    keeps: &[],
};
