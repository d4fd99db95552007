//! SCIM 2.0 in words.

mod discovery;
mod groups;
mod me;
pub mod schemas;
mod together;
mod users;

use super::operations::{Api, Asked, Body, Refusal};

const USERS: &str = "SCIM: users";
const GROUPS: &str = "SCIM: groups";
const TOGETHER: &str = "SCIM: search and bulk";
const DISCOVERY: &str = "SCIM: discovery";

/// What is shown of one resource.
const SHOWN: &[&str] = &["attributes", "excludedAttributes"];
/// Reading one resource.
const READ: &[&str] = &["attributes", "excludedAttributes", "If-None-Match"];
/// Changing one resource.
const CHANGED: &[&str] = &["attributes", "excludedAttributes", "If-Match"];

const SCIM_JSON: Option<(&str, &str)> = Some(("content-type", "application/scim+json"));
const USER_ID: &str = r#"{"type": "string", "format": "uuid"}"#;
const GROUP_ID: &str = r#"{"type": "string", "pattern": "^[1-9][0-9]*$"}"#;

/// A body whose schema is one of [`schemas`].
const fn body(name: &'static str, example: &'static str) -> Body {
    Body { name, fields: None, partial: false, extra: "{}", example }
}

pub const SCIM: Api = Api {
    name: "Scim",
    media_type: "application/scim+json",
    schemes: &["Bearer", "Basic"],
    authorization: "Bearer {api_token}",
    tags: &[
        (
            USERS,
            "SCIM 2.0 (RFC 7643, RFC 7644, cursors of RFC 9865), by which identity providers create, change and switch off users. Superusers see all users. Others see the members of the organizations that they manage, except superusers; other users return 404.\n\nThe final slash of a path is optional. Names of attributes are read in any letter case. Unknown and read-only attributes of a body are ignored. A user who is not active is still there.\n\nA filter compares attributes: `userName eq \"jane\"`, `emails[type eq \"work\" and value co \"@mail.example\"]`, `name.familyName sw \"D\" and not (active eq false)`. The operators are `eq`, `ne`, `co`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` and `pr`. Among more than 1,000 users, a filter must compare names, e-mail addresses, `externalId` or `id`; otherwise it is refused with `tooMany`.\n\n`ETag` is the version of a resource. A change with `If-Match` is made to that version only.",
        ),
        (
            GROUPS,
            "The groups of the OpenWISP API and their members. A group that is created here grants no permissions. Up to 1,000 members change in the request, more within minutes. Lists leave out `members` of groups with more than 5,000, unless `attributes` asks for them.",
        ),
        (TOGETHER, "Users and groups together, and several requests in one."),
        (DISCOVERY, "What this API can do, and the attributes of users and groups. A filter is refused with 403."),
    ],
    notes: &[],
    parts: &[
        ("/scim/v2/ResourceTypes/{id}/", r#"{"type": "string", "examples": ["User"]}"#, "The id of a resource type."),
        (
            "/scim/v2/Schemas/{id}/",
            r#"{"type": "string", "examples": ["urn:ietf:params:scim:schemas:core:2.0:Group"]}"#,
            "The URN of a schema.",
        ),
        ("/scim/v2/Users/{id}/", USER_ID, "The user's id."),
        ("/scim/v2/Groups/{id}/", GROUP_ID, "The group's id."),
    ],
    refusals: &[
        Refusal {
            status: 304,
            name: "NotModified",
            says: "The caller has this version already.",
            asked: Asked::With("GET", "/scim/v2/Me", Some(("if-none-match", "*")), ""),
        },
        Refusal {
            status: 400,
            name: "BadRequest",
            says: "Malformed body, filter or path, or an invalid value; `scimType` says which. Nothing was changed.",
            asked: Asked::With("POST", "/scim/v2/Users", SCIM_JSON, r#"{"userName": "jane:doe"}"#),
        },
        Refusal {
            status: 401,
            name: "Unauthorized",
            says: "The credentials are missing or wrong.",
            asked: Asked::With("GET", "/scim/v2/Users", Some(("authorization", "Bearer wrong")), ""),
        },
        Refusal {
            status: 403,
            name: "Forbidden",
            says: "The caller may not do this.",
            asked: Asked::With("GET", "/scim/v2/Schemas?filter=name%20eq%20User", None, ""),
        },
        Refusal {
            status: 404,
            name: "NotFound",
            says: "No such object, or the caller cannot see it.",
            asked: Asked::With("GET", "/scim/v2/Users/11111111-1111-4111-8111-111111111111", None, ""),
        },
        Refusal {
            status: 409,
            name: "Conflict",
            says: "Another user or group has a value that must be unique. Nothing was changed.",
            asked: Asked::With("POST", "/scim/v2/Users", SCIM_JSON, r#"{"userName": "admin"}"#),
        },
        Refusal {
            status: 412,
            name: "PreconditionFailed",
            says: "`If-Match` names no current version. Nothing was changed.",
            asked: Asked::With("DELETE", "/scim/v2/Groups/1", Some(("if-match", "W/\"0\"")), ""),
        },
        Refusal {
            status: 413,
            name: "TooLarge",
            says: "The body is larger than 1 MiB, or has more than 100 bulk operations.",
            asked: Asked::WriteOutcome(
                r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "413", "detail": "The body has more than 1 MB."}"#,
            ),
        },
        Refusal {
            status: 415,
            name: "UnsupportedMediaType",
            says: "The body is not JSON.",
            asked: Asked::With("POST", "/scim/v2/Users", Some(("content-type", "text/plain")), "x"),
        },
        Refusal {
            status: 429,
            name: "Throttled",
            says: "Too many wrong passwords, for this account or from this IP address.",
            asked: Asked::WriteOutcome(
                r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "429", "detail": "Too many attempts. Try again in 900 seconds."}"#,
            ),
        },
        Refusal {
            status: 503,
            name: "Unavailable",
            says: "The store is unavailable, or too many requests change the same record; try again.",
            asked: Asked::WriteOutcome(
                r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "503", "detail": "Try again later."}"#,
            ),
        },
    ],
    // In the order in which they are made for the examples.
    operations: &[
        users::CREATE_USER,
        users::LIST_USERS,
        users::SEARCH_USERS,
        users::READ_USER,
        users::REPLACE_USER,
        users::UPDATE_USER,
        me::READ_ME,
        me::REPLACE_ME,
        me::UPDATE_ME,
        groups::CREATE_GROUP,
        groups::LIST_GROUPS,
        groups::SEARCH_GROUPS,
        groups::READ_GROUP,
        groups::REPLACE_GROUP,
        groups::UPDATE_GROUP,
        together::SEARCH,
        together::BULK,
        groups::DELETE_GROUP,
        users::DELETE_USER,
        discovery::READ_CONFIGURATION,
        discovery::LIST_RESOURCE_TYPES,
        discovery::READ_RESOURCE_TYPE,
        discovery::LIST_SCHEMAS,
        discovery::READ_SCHEMA,
    ],
};
