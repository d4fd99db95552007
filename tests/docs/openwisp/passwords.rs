//! Obtaining tokens, and passwords.

use crate::docs::operations::{Answer, Body, Operation, Shape, of};

pub const OBTAIN_TOKEN: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/token/",
    id: "obtainToken",
    tag: "OpenWISP: tokens and passwords",
    summary: "Obtain a token",
    description: "Exchanges a user name and password for a token. Send it as `Authorization: Bearer <token>`; it is valid for 30 days unless configured otherwise. Each call creates a new token; earlier ones stay valid. Resetting the password ends all of them.",
    queries: &[],
    body: Some(Body {
        name: "Login",
        fields: None,
        partial: false,
        extra: r#"{"username": {"type": "string", "title": "Username", "minLength": 1, "description": "A user name, an e-mail address or a telephone number."}}"#,
        example: r#"{"username": "admin", "password": "Orchid-lantern-42"}"#,
    }),
    answer: Answer { status: 200, says: "The token.", shape: Shape::One("Token", of::<auth::TokenResponse>) },
    refuses: &[429],
    at: "/api/v1/users/token/",
    keeps: &[(
        "/token",
        "token",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSIsImtpZCI6IkJHS0pxN1VhMFhDcyJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
    )],
};

pub const SET_PASSWORD: Operation = Operation {
    method: "PUT",
    path: "/api/v1/users/user/{id}/password/",
    id: "setPassword",
    tag: "OpenWISP: tokens and passwords",
    summary: "Set a user's password",
    description: "Also your own. If it is another user's, all tokens of that user end.",
    queries: &[],
    body: Some(Body {
        name: "SetPassword",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"current_password": null, "new_password": "Copper-meadow-11", "confirm_password": "Copper-meadow-11"}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The password was set.",
        shape: Shape::One("PasswordSet", of::<users::PasswordSet>),
    },
    refuses: &[429],
    at: "/api/v1/users/user/{jane}/password/",
    keeps: &[],
};

pub const RESET_PASSWORD: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/password/reset/",
    id: "resetPassword",
    tag: "OpenWISP: tokens and passwords",
    summary: "Request a password reset link",
    description: "Mails a link to every active user that matches the text. The response does not reveal whether there is one.",
    queries: &[],
    body: Some(Body {
        name: "ResetRequest",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"input": "jane@home.example"}"#,
    }),
    answer: Answer { status: 200, says: "Accepted.", shape: Shape::One("Done", of::<auth::DetailResponse>) },
    refuses: &[429],
    at: "/api/v1/users/password/reset/",
    keeps: &[],
};

pub const CONFIRM_RESET: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/password/reset/confirm/",
    id: "confirmReset",
    tag: "OpenWISP: tokens and passwords",
    summary: "Reset the password with a link",
    description: "`uid` and `token` are the parts of the mailed link, which works once and for three days. All tokens of the user end.",
    queries: &[],
    body: Some(Body {
        name: "ResetConfirmation",
        fields: None,
        partial: false,
        extra: r#"{"token": {"type": "string", "title": "Token", "minLength": 1, "description": "The part of the mailed link after the first `-`."}}"#,
        example: r#"{"uid": "{reset_uid}", "token": "{reset_token}", "new_password1": "Amber-thicket-93", "new_password2": "Amber-thicket-93"}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The password was set.",
        shape: Shape::One("Done", of::<auth::DetailResponse>),
    },
    refuses: &[429],
    at: "/api/v1/users/password/reset/confirm/",
    keeps: &[],
};

pub const CHANGE_PASSWORD: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/user/password/change/",
    id: "changePassword",
    tag: "OpenWISP: tokens and passwords",
    summary: "Change your own password",
    description: "Ends all other sessions and all signed tokens, including the one used for this request. API tokens stay.",
    queries: &[],
    body: Some(Body {
        name: "PasswordChange",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"old_password": "Orchid-lantern-42", "new_password1": "Amber-thicket-94", "new_password2": "Amber-thicket-94"}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The password was changed.",
        shape: Shape::One("Done", of::<auth::DetailResponse>),
    },
    refuses: &[429],
    at: "/api/v1/users/user/password/change/",
    keeps: &[],
};
