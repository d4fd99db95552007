//! What people are told of an operation, beside what the code says itself.
//!
//! The operations of an API are made one after the other on an empty directory, as its superuser,
//! so each example may use what earlier ones have made. Their answers are the document's examples.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use shared::web::fields::Field;

/// One API.
pub struct Api {
    /// What its components are called after.
    pub name: &'static str,
    /// The media type of its responses.
    pub media_type: &'static str,
    /// How its credentials are called among the document's; each suffices.
    pub schemes: &'static [&'static str],
    /// The `Authorization` header of the superuser, with [variables](Operation::keeps).
    pub authorization: &'static str,
    /// Headings: name and introduction.
    pub tags: &'static [(&'static str, &'static str)],
    /// What fields mean, by their last name.
    pub notes: &'static [(&'static str, &'static str)],
    /// What parts of paths are: name, schema, meaning.
    pub parts: &'static [(&'static str, &'static str, &'static str)],
    /// How it refuses.
    pub refusals: &'static [Refusal],
    /// The operations, in the order of reading and of trying them out.
    pub operations: &'static [Operation],
}

/// One method of one endpoint.
pub struct Operation {
    pub method: &'static str,
    /// The endpoint's path.
    pub path: &'static str,
    pub id: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    /// Names of [`QUERIES`].
    pub queries: &'static [&'static str],
    pub body: Option<Body>,
    pub answer: Answer,
    /// Statuses of refusals that do not follow from the rest.
    pub refuses: &'static [u16],
    /// The address of the example.
    pub at: &'static str,
    /// Values of the answer that later examples name: a pointer, the variable, and what the document shows in its place.
    pub keeps: &'static [(&'static str, &'static str, &'static str)],
}

/// What a request holds.
pub struct Body {
    /// What its schema is called.
    pub name: &'static str,
    /// The fields, where the endpoint does not know them.
    pub fields: Option<fn() -> Vec<&'static Field>>,
    /// Whether nothing is required.
    pub partial: bool,
    /// More properties, or others than the fields say, as a JSON object.
    pub extra: &'static str,
    pub example: &'static str,
}

/// What an answer holds.
pub struct Answer {
    pub status: u16,
    pub says: &'static str,
    pub shape: Shape,
}

/// The shape of an answer.
pub enum Shape {
    Nothing,
    /// An object of that name.
    One(&'static str, fn(&mut SchemaGenerator) -> Schema),
    /// An array of them.
    Many(&'static str, fn(&mut SchemaGenerator) -> Schema),
    /// A page of them, in an envelope.
    Page(&'static str, fn(&mut SchemaGenerator) -> Schema),
    /// A part of a list that continues from marks, in an envelope.
    Continued(&'static str, fn(&mut SchemaGenerator) -> Schema),
    /// An object for which there is no type: its schema.
    WriteOutcome(&'static str, &'static str),
    /// An object with a schema that is written elsewhere.
    Known(&'static str),
    /// Nothing, or that object with 200 for callers who say what they want of it.
    NothingUnlessAsked(&'static str),
}

/// One way to refuse, which operations have in common.
pub struct Refusal {
    pub status: u16,
    pub name: &'static str,
    pub says: &'static str,
    /// What it is told.
    pub asked: Asked,
}

/// A request that is refused.
pub enum Asked {
    /// As the superuser: method, address, header, body.
    With(&'static str, &'static str, Option<(&'static str, &'static str)>, &'static str),
    /// Nothing that could be asked here: the answer, as a JSON object.
    WriteOutcome(&'static str),
}

/// The header of a JSON body.
pub const JSON: Option<(&str, &str)> = Some(("content-type", "application/json"));

pub const TOO_LARGE: Refusal = Refusal {
    status: 413,
    name: "TooLarge",
    says: "The body is larger than 1 MiB, or larger than 64 KiB for endpoints without credentials.",
    asked: Asked::WriteOutcome(r#"{"detail": "The request body is too large."}"#),
};

pub const THROTTLED: Refusal = Refusal {
    status: 429,
    name: "Throttled",
    says: "Too many wrong passwords, for this account or from this IP address.",
    asked: Asked::WriteOutcome(r#"{"detail": "Request was throttled. Expected available in 900 seconds."}"#),
};

pub const UNAVAILABLE: Refusal = Refusal {
    status: 503,
    name: "Unavailable",
    says: "The store is unavailable, or too many requests change the same record; try again.",
    asked: Asked::WriteOutcome(r#"{"detail": "Service temporarily unavailable, try again later."}"#),
};

/// 403, in the words of an API.
pub const fn forbidden(says: &'static str) -> Refusal {
    let asked = Asked::WriteOutcome(r#"{"detail": "You do not have permission to perform this action."}"#);
    Refusal { status: 403, name: "Forbidden", says, asked }
}

/// 415, for a body that is sent to that address.
pub const fn unsupported(address: &'static str) -> Refusal {
    let asked = Asked::With("POST", address, Some(("content-type", "text/plain")), "x");
    Refusal { status: 415, name: "UnsupportedMediaType", says: "The body is neither JSON nor a form.", asked }
}

/// The parameters of queries: name, schema, meaning.
pub const QUERIES: &[(&str, &str, &str)] = &[
    (
        "page",
        r#"{"type": ["integer", "string"], "minimum": 1, "default": 1, "examples": [1, "last"]}"#,
        "Page number from 1, or `last`. A page that does not exist is 404.",
    ),
    (
        "page_size",
        r#"{"type": "integer", "minimum": 1, "maximum": 100, "default": 10, "examples": [10]}"#,
        "Rows per page, at most 100.",
    ),
    (
        "page_size_100",
        r#"{"type": "integer", "minimum": 1, "maximum": 100, "default": 100, "examples": [50]}"#,
        "Items per page, at most 100.",
    ),
    (
        "after",
        r#"{"type": "integer", "minimum": 0, "examples": [0]}"#,
        "Return a part of the list: users with greater ids. Without it, the whole list is returned.",
    ),
    (
        "after_mark",
        r#"{"type": "string", "examples": ["0e2d31cfc2f5a4e#019aab41-9d51-7c39-9f0d-6a1b5de2f844"]}"#,
        "Where the part begins, as the link `next` says it.",
    ),
    (
        "limit",
        r#"{"type": "integer", "minimum": 1, "maximum": 5000, "default": 1000, "examples": [100]}"#,
        "Maximum number of users in a part.",
    ),
    (
        "target",
        r#"{"type": "string", "examples": ["user:01890a5d-ac96-774b-bcce-b302099a8057"]}"#,
        "Only events that happened to this: `user:<id>`, `group:<number>`, `organization:<id>`, `webhook:<id>` or `directory`.",
    ),
    ("actor", r#"{"type": "string", "format": "uuid"}"#, "Only events that this user caused."),
    (
        "action",
        r#"{"type": "string", "examples": ["user.created", "user.updated,user.deleted"]}"#,
        "Only these actions; several with commas.",
    ),
    ("since", r#"{"type": "string", "format": "date-time"}"#, "Only events that happened then or later."),
    ("until", r#"{"type": "string", "format": "date-time"}"#, "Only events that happened earlier."),
    ("after_of_events", r#"{"type": "string", "examples": ["12.3"]}"#, "Only events after this cursor."),
    ("before", r#"{"type": "string", "examples": ["12.3"]}"#, "Only events before this cursor."),
    ("order", r#"{"type": "string", "enum": ["newest", "oldest"], "default": "newest"}"#, "Which come first."),
    (
        "limit_of_events",
        r#"{"type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "examples": [10]}"#,
        "Events per page, at most 1,000.",
    ),
    (
        "limit_of_deliveries",
        r#"{"type": "integer", "minimum": 1, "maximum": 500, "default": 100, "examples": [10]}"#,
        "Deliveries per page, at most 500.",
    ),
    (
        "username",
        r#"{"type": "string", "examples": ["bob"]}"#,
        "Only users whose user name contains this, ignoring case.",
    ),
    (
        "first_name",
        r#"{"type": "string", "examples": ["bo"]}"#,
        "Only users whose first name contains this, ignoring case.",
    ),
    (
        "last_name",
        r#"{"type": "string", "examples": ["smi"]}"#,
        "Only users whose last name contains this, ignoring case.",
    ),
    (
        "email",
        r#"{"type": "string", "examples": ["mail.example"]}"#,
        "Only users whose e-mail address contains this, ignoring case.",
    ),
    (
        "search",
        r#"{"type": "string", "maxLength": 150, "examples": ["jane home.example"]}"#,
        "Only users for whom each of these words (at most eight) is part of the user name, first name, last name or e-mail address, ignoring case.",
    ),
    (
        "organization",
        r#"{"type": "string", "format": "uuid", "examples": ["019aab41-9c02-7a1e-b6a5-2f6de1a0c7b3"]}"#,
        "Only members of the organization with this id.",
    ),
    ("group", r#"{"type": "integer", "minimum": 1, "examples": [1]}"#, "Only users in the group with this id."),
    (
        "is_active",
        // A text, since Swagger UI offers true and false by a list without a name.
        r#"{"type": "string", "pattern": "^(true|false)$", "examples": ["true"]}"#,
        "Only active or only inactive users.",
    ),
    (
        "filter",
        r#"{"type": "string", "examples": ["userName eq \"jane\""]}"#,
        "Only resources that meet this condition.",
    ),
    (
        "attributes",
        r#"{"type": "string", "examples": ["userName,emails.value"]}"#,
        "Only these attributes, with commas between them, beside `schemas` and `id`.",
    ),
    (
        "excludedAttributes",
        r#"{"type": "string", "examples": ["groups"]}"#,
        "All attributes but these, with commas between them.",
    ),
    (
        "startIndex",
        r#"{"type": "integer", "minimum": 1, "default": 1, "examples": [1]}"#,
        "The number of the first resource, from 1.",
    ),
    (
        "count",
        r#"{"type": "integer", "minimum": 0, "maximum": 1000, "default": 100, "examples": [10]}"#,
        "Resources per page; more than 1,000 are 1,000.",
    ),
    (
        "cursor",
        r#"{"type": "string"}"#,
        "Pages by cursor instead of `startIndex`: empty for the first page, then the `nextCursor` of the page before. A cursor is good for an hour.",
    ),
    (
        "sortBy",
        r#"{"type": "string", "examples": ["userName"]}"#,
        "The attribute to sort by. Ignored among more than 1,000 users.",
    ),
    (
        "sortOrder",
        r#"{"type": "string", "enum": ["ascending", "descending"], "default": "ascending"}"#,
        "The order of `sortBy`.",
    ),
    ("If-Match", TAG_SCHEMA, "Change the resource only if it has one of these versions."),
    ("If-None-Match", TAG_SCHEMA, "Send the resource only if it has none of these versions."),
];

/// The schema of an `ETag`, or of a list of them.
const TAG_SCHEMA: &str = r#"{"type": "string", "pattern": "^([*]|W/\"[0-9]+\"(, W/\"[0-9]+\")*)$"}"#;

/// The schema of `T`, whole.
pub fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}
