//! Users.

use super::{CHANGED, READ, SHOWN, USERS, body};
use crate::docs::operations::{Answer, Operation, Shape};

/// The parameters of a list.
pub const LIST_QUERIES: &[&str] =
    &["filter", "attributes", "excludedAttributes", "startIndex", "count", "cursor", "sortBy", "sortOrder"];

pub const CREATE_USER: Operation = Operation {
    method: "POST",
    path: "/scim/v2/Users/",
    id: "createScimUser",
    tag: USERS,
    summary: "Create a user",
    description: "E-mail addresses count as verified, and no mail is sent. A manager of one organization makes its users members of it; a manager of several cannot create users here.",
    queries: SHOWN,
    body: Some(body(
        "NewScimUser",
        r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"], "externalId": "00u1a2b3c4", "userName": "jane@mail.example", "name": {"givenName": "Jane", "familyName": "Doe"}, "emails": [{"value": "jane@mail.example", "type": "work", "primary": true}], "title": "Engineer", "active": true, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Research"}}"#,
    )),
    answer: Answer { status: 201, says: "The user.", shape: Shape::Known("ScimUser") },
    refuses: &[409],
    at: "/scim/v2/Users",
    keeps: &[("/id", "jane", "019aab41-9d51-7c39-9f0d-6a1b5de2f844")],
};

pub const LIST_USERS: Operation = Operation {
    method: "GET",
    path: "/scim/v2/Users/",
    id: "listScimUsers",
    tag: USERS,
    summary: "List users",
    description: "Newest first, unless `sortBy` says otherwise. No match is an empty list.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer { status: 200, says: "A page of users.", shape: Shape::Known("ScimUserPage") },
    refuses: &[400],
    at: "/scim/v2/Users?filter=userName%20eq%20%22jane@mail.example%22&count=10",
    keeps: &[],
};

pub const SEARCH_USERS: Operation = Operation {
    method: "POST",
    path: "/scim/v2/Users/.search/",
    id: "searchScimUsers",
    tag: USERS,
    summary: "List users, by a body",
    description: "As the list, for parameters that shall not be in the address.",
    queries: &[],
    body: Some(body(
        "ScimSearch",
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "emails.value co \"mail.example\"", "attributes": ["userName", "active", "meta"], "sortBy": "userName", "count": 10}"#,
    )),
    answer: Answer { status: 200, says: "A page of users.", shape: Shape::Known("ScimUserPage") },
    refuses: &[],
    at: "/scim/v2/Users/.search",
    keeps: &[],
};

pub const READ_USER: Operation = Operation {
    method: "GET",
    path: "/scim/v2/Users/{id}/",
    id: "readScimUser",
    tag: USERS,
    summary: "Read a user",
    description: "",
    queries: READ,
    body: None,
    answer: Answer { status: 200, says: "The user.", shape: Shape::Known("ScimUser") },
    refuses: &[304],
    at: "/scim/v2/Users/{jane}",
    keeps: &[],
};

pub const REPLACE_USER: Operation = Operation {
    method: "PUT",
    path: "/scim/v2/Users/{id}/",
    id: "replaceScimUser",
    tag: USERS,
    summary: "Replace a user",
    description: "Attributes that are missing are removed, except `active` and `password`. The last active superuser cannot be switched off (403).",
    queries: CHANGED,
    body: Some(body(
        "NewScimUser",
        r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": "00u1a2b3c4", "userName": "jane@mail.example", "name": {"givenName": "Jane", "familyName": "Smith"}, "emails": [{"value": "jane@mail.example", "type": "work", "primary": true}], "active": true}"#,
    )),
    answer: Answer { status: 200, says: "The updated user.", shape: Shape::Known("ScimUser") },
    refuses: &[409, 412],
    at: "/scim/v2/Users/{jane}",
    keeps: &[],
};

pub const UPDATE_USER: Operation = Operation {
    method: "PATCH",
    path: "/scim/v2/Users/{id}/",
    id: "updateScimUser",
    tag: USERS,
    summary: "Update a user",
    description: "A path such as `emails[type eq \"work\"].value` creates the entry if it does not exist. The last active superuser cannot be switched off (403).",
    queries: CHANGED,
    body: Some(body(
        "ScimChanges",
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "active", "value": false}, {"op": "add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+393331234567"}]}"#,
    )),
    answer: Answer { status: 200, says: "The updated user.", shape: Shape::Known("ScimUser") },
    refuses: &[409, 412],
    at: "/scim/v2/Users/{jane}",
    keeps: &[],
};

pub const DELETE_USER: Operation = Operation {
    method: "DELETE",
    path: "/scim/v2/Users/{id}/",
    id: "deleteScimUser",
    tag: USERS,
    summary: "Delete a user",
    description: "The last active superuser cannot be deleted (403).",
    queries: &["If-Match"],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[412],
    at: "/scim/v2/Users/{jane}",
    keeps: &[],
};
