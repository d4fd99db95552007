//! Organizations of a user.

use super::LIST_QUERIES;
use crate::docs::operations::{Answer, Body, Operation, Shape, of};

pub const LIST_MEMBERSHIPS: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/user/{id}/organization/",
    id: "listMemberships",
    tag: "OpenWISP: memberships",
    summary: "List a user's memberships",
    description: "Sorted by the organizations' names. Managers see only memberships in the organizations that they manage.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer {
        status: 200,
        says: "A page of memberships.",
        shape: Shape::Page("OrganizationUser", of::<users::OrganizationUserResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/organization/",
    keeps: &[("/results/0/id", "membership", "019aab41-9d52-7e07-8c5f-0b9c3f1d6a20")],
};

pub const READ_MEMBERSHIP: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/user/{id}/organization/{organization}/",
    id: "readMembership",
    tag: "OpenWISP: memberships",
    summary: "Read a membership",
    description: "",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "The membership.",
        shape: Shape::One("OrganizationUser", of::<users::OrganizationUserResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/organization/{organization}/",
    keeps: &[],
};

pub const UPDATE_MEMBERSHIP: Operation = Operation {
    method: "PATCH",
    path: "/api/v1/users/user/{id}/organization/{organization}/",
    id: "updateMembership",
    tag: "OpenWISP: memberships",
    summary: "Change a membership",
    description: "Makes a member a manager, or a manager an ordinary member. The membership of the organization's owner cannot be changed (400).",
    queries: &[],
    body: Some(Body {
        name: "OrganizationUserChanges",
        fields: None,
        partial: true,
        extra: "{}",
        example: r#"{"is_admin": false}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The updated membership.",
        shape: Shape::One("OrganizationUser", of::<users::OrganizationUserResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/organization/{organization}/",
    keeps: &[],
};

pub const DELETE_MEMBERSHIP: Operation = Operation {
    method: "DELETE",
    path: "/api/v1/users/user/{id}/organization/{organization}/",
    id: "deleteMembership",
    tag: "OpenWISP: memberships",
    summary: "Delete a membership",
    description: "Removes the user from the organization. The membership of the organization's owner cannot be deleted (400).",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/organization/{organization}/",
    keeps: &[],
};

pub const CREATE_MEMBERSHIP: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/user/{id}/organization/",
    id: "createMembership",
    tag: "OpenWISP: memberships",
    summary: "Add a membership",
    description: "Makes the user a member of an organization. Callers other than superusers must manage it.",
    queries: &[],
    body: Some(Body {
        name: "NewOrganizationUser",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"organization": "{organization}", "is_admin": true}"#,
    }),
    answer: Answer {
        status: 201,
        says: "The membership.",
        shape: Shape::One("OrganizationUser", of::<users::OrganizationUserResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/user/{jane}/organization/",
    keeps: &[("/id", "new_membership", "019aab41-9d53-7b11-a4c6-2d8e5f7a9b30")],
};
