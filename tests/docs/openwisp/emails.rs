//! E-mail addresses of a user.

use super::LIST_QUERIES;
use crate::docs::operations::{Answer, Body, Operation, Shape, of};

pub const CREATE_EMAIL: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/user/{id}/email/",
    id: "createEmail",
    tag: "OpenWISP: e-mail addresses",
    summary: "Add an e-mail address",
    description: "No mail is sent. An address that any user has confirmed cannot be added.",
    queries: &[],
    body: Some(Body {
        name: "NewEmail",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"email": "jane.doe@work.example", "primary": false}"#,
    }),
    answer: Answer { status: 201, says: "The address.", shape: Shape::One("Email", of::<emails::AddressResponse>) },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/email/",
    keeps: &[("/id", "email", "")],
};

pub const LIST_EMAILS: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/user/{id}/email/",
    id: "listEmails",
    tag: "OpenWISP: e-mail addresses",
    summary: "List a user's e-mail addresses",
    description: "Sorted by id.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer {
        status: 200,
        says: "A page of addresses.",
        shape: Shape::Page("Email", of::<emails::AddressResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/email/",
    keeps: &[],
};

pub const READ_EMAIL: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/user/{id}/email/{number}/",
    id: "readEmail",
    tag: "OpenWISP: e-mail addresses",
    summary: "Read an e-mail address",
    description: "",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "The address.", shape: Shape::One("Email", of::<emails::AddressResponse>) },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/email/{email}/",
    keeps: &[],
};

pub const REPLACE_EMAIL: Operation = Operation {
    method: "PUT",
    path: "/api/v1/users/user/{id}/email/{number}/",
    id: "replaceEmail",
    tag: "OpenWISP: e-mail addresses",
    summary: "Replace an e-mail address",
    description: "A changed address is not confirmed, and links mailed to the old one stop working.",
    queries: &[],
    body: Some(Body {
        name: "EmailReplacement",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"email": "j.doe@work.example"}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The updated address.",
        shape: Shape::One("Email", of::<emails::AddressResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/email/{email}/",
    keeps: &[],
};

pub const UPDATE_EMAIL: Operation = Operation {
    method: "PATCH",
    path: "/api/v1/users/user/{id}/email/{number}/",
    id: "updateEmail",
    tag: "OpenWISP: e-mail addresses",
    summary: "Update an e-mail address",
    description: "To make another address the primary one, first set `primary` of the current one to false.",
    queries: &[],
    body: Some(Body {
        name: "EmailChanges",
        fields: None,
        partial: true,
        extra: "{}",
        example: r#"{"verified": true}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The updated address.",
        shape: Shape::One("Email", of::<emails::AddressResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/email/{email}/",
    keeps: &[],
};

pub const DELETE_EMAIL: Operation = Operation {
    method: "DELETE",
    path: "/api/v1/users/user/{id}/email/{number}/",
    id: "deleteEmail",
    tag: "OpenWISP: e-mail addresses",
    summary: "Delete an e-mail address",
    description: "Works for the primary and the last address too. The user's `email` stays.",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/email/{email}/",
    keeps: &[],
};
