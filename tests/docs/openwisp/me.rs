//! One's own tokens and sessions.

use super::LIST_QUERIES;
use crate::docs::operations::{Answer, Operation, Shape, of};

pub const LIST_OWN_TOKENS: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/me/tokens/",
    id: "listOwnTokens",
    tag: "Your own tokens and sessions",
    summary: "List your API tokens",
    description: "Oldest first. Tokens ended by a password reset or a promotion are not listed.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer {
        status: 200,
        says: "A page of API tokens.",
        shape: Shape::Page("OwnToken", of::<auth::OwnTokenResponse>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/me/tokens/",
    keeps: &[],
};

pub const READ_OWN_TOKEN: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/me/tokens/{token}/",
    id: "readOwnToken",
    tag: "Your own tokens and sessions",
    summary: "Read one of your API tokens",
    description: "Without the token itself, which was shown only once.",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "The API token.", shape: Shape::One("OwnToken", of::<auth::OwnTokenResponse>) },
    refuses: &[],
    at: "/api/rollcall/v1/me/tokens/{my_token}/",
    keeps: &[],
};

pub const DELETE_OWN_TOKEN: Operation = Operation {
    method: "DELETE",
    path: "/api/rollcall/v1/me/tokens/{token}/",
    id: "deleteOwnToken",
    tag: "Your own tokens and sessions",
    summary: "Delete one of your API tokens",
    description: "It stops working immediately.",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/rollcall/v1/me/tokens/{my_token}/",
    keeps: &[],
};

pub const LIST_OWN_SESSIONS: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/me/sessions/",
    id: "listOwnSessions",
    tag: "Your own tokens and sessions",
    summary: "List your sessions",
    description: "The browsers in which you are signed in, oldest first.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer {
        status: 200,
        says: "A page of sessions.",
        shape: Shape::Page("Session", of::<auth::SessionResponse>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/me/sessions/",
    keeps: &[],
};

pub const READ_OWN_SESSION: Operation = Operation {
    method: "GET",
    path: "/api/rollcall/v1/me/sessions/{session}/",
    id: "readOwnSession",
    tag: "Your own tokens and sessions",
    summary: "Read one of your sessions",
    description: "A browser in which you are signed in.",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "The session.", shape: Shape::One("Session", of::<auth::SessionResponse>) },
    refuses: &[],
    at: "/api/rollcall/v1/me/sessions/{my_session}/",
    keeps: &[],
};

pub const DELETE_OWN_SESSION: Operation = Operation {
    method: "DELETE",
    path: "/api/rollcall/v1/me/sessions/{session}/",
    id: "deleteOwnSession",
    tag: "Your own tokens and sessions",
    summary: "End one of your sessions",
    description: "It signs you out in that browser.",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/rollcall/v1/me/sessions/{my_other_session}/",
    keeps: &[],
};

pub const SIGN_OUT_EVERYWHERE: Operation = Operation {
    method: "DELETE",
    path: "/api/rollcall/v1/me/sessions/",
    id: "signOutEverywhere",
    tag: "Your own tokens and sessions",
    summary: "Sign out everywhere",
    description: "Ends all your sessions and signed tokens, including the one used for this request. API tokens stay.",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "All sessions and signed tokens have ended.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/rollcall/v1/me/sessions/",
    keeps: &[],
};
