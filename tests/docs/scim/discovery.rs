//! What the API says about itself.

use super::DISCOVERY;
use crate::docs::operations::{Answer, Operation, Shape};

pub const READ_CONFIGURATION: Operation = Operation {
    method: "GET",
    path: "/scim/v2/ServiceProviderConfig/",
    id: "readScimConfiguration",
    tag: DISCOVERY,
    summary: "Read what the API can do",
    description: "",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "Features and limits.", shape: Shape::Known("ScimConfiguration") },
    refuses: &[403],
    at: "/scim/v2/ServiceProviderConfig",
    keeps: &[],
};

pub const LIST_RESOURCE_TYPES: Operation = Operation {
    method: "GET",
    path: "/scim/v2/ResourceTypes/",
    id: "listScimResourceTypes",
    tag: DISCOVERY,
    summary: "List the kinds of resources",
    description: "",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "Users and groups.", shape: Shape::Known("ScimResourceTypePage") },
    refuses: &[403],
    at: "/scim/v2/ResourceTypes",
    keeps: &[],
};

pub const READ_RESOURCE_TYPE: Operation = Operation {
    method: "GET",
    path: "/scim/v2/ResourceTypes/{id}/",
    id: "readScimResourceType",
    tag: DISCOVERY,
    summary: "Read a kind of resources",
    description: "",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "The resource type.", shape: Shape::Known("ScimResourceType") },
    refuses: &[403],
    at: "/scim/v2/ResourceTypes/User",
    keeps: &[],
};

pub const LIST_SCHEMAS: Operation = Operation {
    method: "GET",
    path: "/scim/v2/Schemas/",
    id: "listScimSchemas",
    tag: DISCOVERY,
    summary: "List the schemas",
    description: "",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "The schemas of users, of their extensions, and of groups.",
        shape: Shape::Known("ScimSchemaPage"),
    },
    refuses: &[403],
    at: "/scim/v2/Schemas",
    keeps: &[],
};

pub const READ_SCHEMA: Operation = Operation {
    method: "GET",
    path: "/scim/v2/Schemas/{id}/",
    id: "readScimSchema",
    tag: DISCOVERY,
    summary: "Read a schema",
    description: "",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "The schema.", shape: Shape::Known("ScimSchema") },
    refuses: &[403],
    at: "/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group",
    keeps: &[],
};
