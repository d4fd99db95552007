//! Users and groups together.

use super::{TOGETHER, body};
use crate::docs::operations::{Answer, Operation, Shape};

pub const SEARCH: Operation = Operation {
    method: "POST",
    path: "/scim/v2/.search/",
    id: "searchScim",
    tag: TOGETHER,
    summary: "Search users and groups",
    description: "Users come first. `cursor` is refused (400).",
    queries: &[],
    body: Some(body(
        "ScimSearch",
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "id eq \"{jane}\" or displayName eq \"Staff\"", "attributes": ["userName", "displayName"]}"#,
    )),
    answer: Answer { status: 200, says: "A page of users and groups.", shape: Shape::Known("ScimPage") },
    refuses: &[],
    at: "/scim/v2/.search",
    keeps: &[],
};

pub const BULK: Operation = Operation {
    method: "POST",
    path: "/scim/v2/Bulk/",
    id: "bulkScim",
    tag: TOGETHER,
    summary: "Make several requests in one",
    description: "Each operation succeeds or fails by itself, and needs the permission of the request that it stands for. Operations that name others by `bulkId` wait for them.",
    queries: &[],
    body: Some(body(
        "ScimBulk",
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "failOnErrors": 1, "Operations": [{"method": "POST", "path": "/Users", "bulkId": "bob", "data": {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "bob@mail.example"}}, {"method": "PATCH", "path": "/Groups/{group}", "data": {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:bob"}]}]}}]}"#,
    )),
    answer: Answer {
        status: 200,
        says: "The outcome of each operation, which may be an error.",
        shape: Shape::Known("ScimBulkOutcome"),
    },
    refuses: &[],
    at: "/scim/v2/Bulk",
    keeps: &[(
        "/Operations/0/location",
        "bob",
        "http://rollcall.example/scim/v2/Users/019aab41-a3f0-7d15-9b42-0c6e8f1a7d23",
    )],
};
