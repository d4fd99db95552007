//! Groups.

use super::LIST_QUERIES;
use crate::docs::operations::{Answer, Body, Operation, Shape, of};

/// Permissions are numbers, or texts that begin with one.
const PERMISSIONS: &str = r#"{"permissions": {"type": "array", "title": "Permissions", "items": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+(:.*)?$"}]}}}"#;

pub const CREATE_GROUP: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/group/",
    id: "createGroup",
    tag: "OpenWISP: groups",
    summary: "Create a group",
    description: "Read the ids of permissions from a group that has them, such as `Administrator`.",
    queries: &[],
    body: Some(Body {
        name: "NewGroup",
        fields: None,
        partial: false,
        extra: PERMISSIONS,
        example: r#"{"name": "Front desk", "permissions": [28]}"#,
    }),
    answer: Answer { status: 201, says: "The group.", shape: Shape::One("Group", of::<groups::GroupResponse>) },
    refuses: &[],
    at: "/api/v1/users/group/",
    keeps: &[("/id", "group", "")],
};

pub const LIST_GROUPS: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/group/",
    id: "listGroups",
    tag: "OpenWISP: groups",
    summary: "List groups",
    description: "Sorted by name.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer { status: 200, says: "A page of groups.", shape: Shape::Page("Group", of::<groups::GroupResponse>) },
    refuses: &[],
    at: "/api/v1/users/group/?page=last&page_size=2",
    keeps: &[],
};

pub const READ_GROUP: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/group/{number}/",
    id: "readGroup",
    tag: "OpenWISP: groups",
    summary: "Read a group",
    description: "",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "The group.", shape: Shape::One("Group", of::<groups::GroupResponse>) },
    refuses: &[],
    at: "/api/v1/users/group/{group}/",
    keeps: &[],
};

pub const REPLACE_GROUP: Operation = Operation {
    method: "PUT",
    path: "/api/v1/users/group/{number}/",
    id: "replaceGroup",
    tag: "OpenWISP: groups",
    summary: "Replace a group",
    description: "If `permissions` is omitted, JSON keeps the current ones and a form clears them.",
    queries: &[],
    body: Some(Body {
        name: "NewGroup",
        fields: None,
        partial: false,
        extra: PERMISSIONS,
        example: r#"{"name": "Reception", "permissions": ["28: user | Can view user"]}"#,
    }),
    answer: Answer { status: 200, says: "The updated group.", shape: Shape::One("Group", of::<groups::GroupResponse>) },
    refuses: &[],
    at: "/api/v1/users/group/{group}/",
    keeps: &[],
};

pub const UPDATE_GROUP: Operation = Operation {
    method: "PATCH",
    path: "/api/v1/users/group/{number}/",
    id: "updateGroup",
    tag: "OpenWISP: groups",
    summary: "Update a group",
    description: "Omitted fields keep their values.",
    queries: &[],
    body: Some(Body {
        name: "GroupChanges",
        fields: None,
        partial: true,
        extra: PERMISSIONS,
        example: r#"{"permissions": [26, 28]}"#,
    }),
    answer: Answer { status: 200, says: "The updated group.", shape: Shape::One("Group", of::<groups::GroupResponse>) },
    refuses: &[],
    at: "/api/v1/users/group/{group}/",
    keeps: &[],
};

pub const DELETE_GROUP: Operation = Operation {
    method: "DELETE",
    path: "/api/v1/users/group/{number}/",
    id: "deleteGroup",
    tag: "OpenWISP: groups",
    summary: "Delete a group",
    description: "Its users lose the permissions that it granted.",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/v1/users/group/{group}/",
    keeps: &[],
};
