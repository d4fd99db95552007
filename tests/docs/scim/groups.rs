//! Groups and their members.

use super::users::LIST_QUERIES;
use super::{CHANGED, GROUPS, READ, SHOWN, body};
use crate::docs::operations::{Answer, Operation, Shape};

/// A version depends on the ids of members, which are random.
const VERSION: (&str, &str, &str) = ("/meta/version", "group_version", "W/\"3405691582\"");
const VERSION_IN_LIST: (&str, &str, &str) = ("/Resources/0/meta/version", "group_version", "W/\"3405691582\"");

pub const CREATE_GROUP: Operation = Operation {
    method: "POST",
    path: "/scim/v2/Groups/",
    id: "createScimGroup",
    tag: GROUPS,
    summary: "Create a group",
    description: "A member that does not exist is refused (400).",
    queries: SHOWN,
    body: Some(body(
        "NewScimGroup",
        r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Staff", "members": [{"value": "{jane}"}]}"#,
    )),
    answer: Answer { status: 201, says: "The group.", shape: Shape::Known("ScimGroup") },
    refuses: &[409],
    at: "/scim/v2/Groups",
    keeps: &[("/id", "group", ""), VERSION],
};

pub const LIST_GROUPS: Operation = Operation {
    method: "GET",
    path: "/scim/v2/Groups/",
    id: "listScimGroups",
    tag: GROUPS,
    summary: "List groups",
    description: "`excludedAttributes=members` makes it fast.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer { status: 200, says: "A page of groups.", shape: Shape::Known("ScimGroupPage") },
    refuses: &[400],
    at: "/scim/v2/Groups?filter=displayName%20eq%20%22Staff%22",
    keeps: &[VERSION_IN_LIST],
};

pub const SEARCH_GROUPS: Operation = Operation {
    method: "POST",
    path: "/scim/v2/Groups/.search/",
    id: "searchScimGroups",
    tag: GROUPS,
    summary: "List groups, by a body",
    description: "As the list, for parameters that shall not be in the address.",
    queries: &[],
    body: Some(body(
        "ScimSearch",
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "members.value eq \"{jane}\"", "attributes": ["displayName"]}"#,
    )),
    answer: Answer { status: 200, says: "A page of groups.", shape: Shape::Known("ScimGroupPage") },
    refuses: &[],
    at: "/scim/v2/Groups/.search",
    keeps: &[],
};

pub const READ_GROUP: Operation = Operation {
    method: "GET",
    path: "/scim/v2/Groups/{id}/",
    id: "readScimGroup",
    tag: GROUPS,
    summary: "Read a group",
    description: "",
    queries: READ,
    body: None,
    answer: Answer { status: 200, says: "The group.", shape: Shape::Known("ScimGroup") },
    refuses: &[304],
    at: "/scim/v2/Groups/{group}",
    keeps: &[VERSION],
};

pub const REPLACE_GROUP: Operation = Operation {
    method: "PUT",
    path: "/scim/v2/Groups/{id}/",
    id: "replaceScimGroup",
    tag: GROUPS,
    summary: "Replace a group",
    description: "Without `members` the group loses all that the caller sees.",
    queries: CHANGED,
    body: Some(body(
        "NewScimGroup",
        r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "externalId": "0oa1b2c3", "displayName": "Staff", "members": [{"value": "{jane}"}]}"#,
    )),
    answer: Answer { status: 200, says: "The updated group.", shape: Shape::Known("ScimGroup") },
    refuses: &[409, 412],
    at: "/scim/v2/Groups/{group}",
    keeps: &[VERSION],
};

pub const UPDATE_GROUP: Operation = Operation {
    method: "PATCH",
    path: "/scim/v2/Groups/{id}/",
    id: "updateScimGroup",
    tag: GROUPS,
    summary: "Update a group, or change its members",
    description: "`remove` with the path `members` removes those in `value`, and without `value` all; the path `members[value eq \"…\"]` names one. Users with the permission *Can change user* may change members too.",
    queries: CHANGED,
    body: Some(body(
        "ScimChanges",
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "add", "path": "members", "value": [{"value": "{me}"}]}, {"op": "remove", "path": "members[value eq \"{jane}\"]"}]}"#,
    )),
    answer: Answer { status: 204, says: "Changed.", shape: Shape::NothingUnlessAsked("ScimGroup") },
    refuses: &[409, 412],
    at: "/scim/v2/Groups/{group}",
    keeps: &[],
};

pub const DELETE_GROUP: Operation = Operation {
    method: "DELETE",
    path: "/scim/v2/Groups/{id}/",
    id: "deleteScimGroup",
    tag: GROUPS,
    summary: "Delete a group",
    description: "Its users lose the permissions that it granted.",
    queries: &["If-Match"],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[412],
    at: "/scim/v2/Groups/{group}",
    keeps: &[],
};
