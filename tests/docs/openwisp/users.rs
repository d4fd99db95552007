//! Users.

use crate::docs::operations::{Answer, Body, Operation, Shape, of};

const USER_QUERIES: &[&str] = &["search", "is_active", "organization", "group", "page", "page_size"];

pub const CREATE_USER: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/user/",
    id: "createUser",
    tag: "OpenWISP: users",
    summary: "Create a user",
    description: "The e-mail address becomes one of the user's addresses, in lower case. Unless `email_verified` is true, a mail with a link asks the user to confirm it.\n\nIn a form, an omitted boolean is false: without `is_active=true` the new user is inactive.",
    queries: &[],
    body: Some(Body {
        name: "NewUser",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"username": "jane", "email": "jane@home.example", "password": "Velvet-harbour-7", "email_verified": true, "first_name": "Jane", "groups": [{group}], "organization_users": {"organization": "{organization}", "is_admin": true}}"#,
    }),
    answer: Answer {
        status: 201,
        says: "The user, with the fields of a list.",
        shape: Shape::One("UserRow", of::<users::UserRowResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/",
    keeps: &[("/id", "jane", "019aab41-9d51-7c39-9f0d-6a1b5de2f844")],
};

pub const LIST_USERS: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/user/",
    id: "listUsers",
    tag: "OpenWISP: users",
    summary: "List users",
    description: "Newest first. Filters can be combined. A filter value that is unknown, or that the caller cannot see, matches no users.",
    queries: USER_QUERIES,
    body: None,
    answer: Answer {
        status: 200,
        says: "A page of users.",
        shape: Shape::Page("UserRow", of::<users::UserRowResponse>),
    },
    refuses: &[400],
    at: "/api/v1/users/user/?search=jane+home&page_size=1",
    keeps: &[],
};

pub const READ_USER: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/user/{id}/",
    id: "readUser",
    tag: "OpenWISP: users",
    summary: "Read a user",
    description: "",
    queries: &[],
    body: None,
    answer: Answer { status: 200, says: "The user.", shape: Shape::One("User", of::<users::UserDetailResponse>) },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/",
    keeps: &[],
};

pub const REPLACE_USER: Operation = Operation {
    method: "PUT",
    path: "/api/v1/users/user/{id}/",
    id: "replaceUser",
    tag: "OpenWISP: users",
    summary: "Replace a user",
    description: "Only `username` is required. If fields are omitted, JSON keeps their values; a form makes booleans false and lists empty. The last active superuser must stay an active superuser.",
    queries: &[],
    body: Some(Body {
        name: "UserReplacement",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"username": "jane", "first_name": "Jane", "last_name": "Doe", "birth_date": "1990-04-30"}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The updated user.",
        shape: Shape::One("User", of::<users::UserDetailResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/",
    keeps: &[],
};

pub const UPDATE_USER: Operation = Operation {
    method: "PATCH",
    path: "/api/v1/users/user/{id}/",
    id: "updateUser",
    tag: "OpenWISP: users",
    summary: "Update a user",
    description: "Omitted fields keep their values. `null` clears a nullable field. The last active superuser must stay an active superuser.",
    queries: &[],
    body: Some(Body {
        name: "UserChanges",
        fields: None,
        partial: true,
        extra: "{}",
        example: r#"{"phone_number": "+39 333 123 4567", "expiration_date": "2030-12-31"}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The updated user.",
        shape: Shape::One("User", of::<users::UserDetailResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/",
    keeps: &[],
};

pub const UNLOCK_USER: Operation = Operation {
    method: "POST",
    path: "/api/rollcall/v1/users/{id}/unlock/",
    id: "unlockUser",
    tag: "OpenWISP: users",
    summary: "Unlock a user",
    description: "After 100 consecutive failed logins, a user can sign in only from networks used before. \
                  This removes the restriction.",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "The user can sign in from every network.",
        shape: Shape::One("Unlocked", of::<users::Unlocked>),
    },
    refuses: &[],
    at: "/api/rollcall/v1/users/{jane}/unlock/",
    keeps: &[],
};

pub const DELETE_USER: Operation = Operation {
    method: "DELETE",
    path: "/api/v1/users/user/{id}/",
    id: "deleteUser",
    tag: "OpenWISP: users",
    summary: "Delete a user",
    description: "Frees the user name, e-mail addresses and telephone number, and ends memberships, tokens and sessions. The user can be \
                  restored for some time. The last active superuser cannot be deleted (400).",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/",
    keeps: &[],
};
