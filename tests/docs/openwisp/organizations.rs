//! Organizations.

use super::LIST_QUERIES;
use crate::docs::operations::{Answer, Body, Operation, Shape, of};

pub const CREATE_ORGANIZATION: Operation = Operation {
    method: "POST",
    path: "/api/v1/users/organization/",
    id: "createOrganization",
    tag: "OpenWISP: organizations",
    summary: "Create an organization",
    description: "It has no owner yet; its first manager becomes the owner.",
    queries: &[],
    body: Some(Body {
        name: "NewOrganization",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"name": "Harbour Works", "slug": "harbour-works", "email": "office@harbour.example"}"#,
    }),
    answer: Answer {
        status: 201,
        says: "The organization, without its owner.",
        shape: Shape::One("OrganizationRow", of::<organizations::OrganizationRowResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/organization/",
    keeps: &[("/id", "organization", "019aab41-9c02-7a1e-b6a5-2f6de1a0c7b3")],
};

pub const LIST_ORGANIZATIONS: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/organization/",
    id: "listOrganizations",
    tag: "OpenWISP: organizations",
    summary: "List organizations",
    description: "Newest first.",
    queries: LIST_QUERIES,
    body: None,
    answer: Answer {
        status: 200,
        says: "A page of organizations.",
        shape: Shape::Page("OrganizationRow", of::<organizations::OrganizationRowResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/organization/?page_size=1",
    keeps: &[],
};

pub const READ_ORGANIZATION: Operation = Operation {
    method: "GET",
    path: "/api/v1/users/organization/{id}/",
    id: "readOrganization",
    tag: "OpenWISP: organizations",
    summary: "Read an organization",
    description: "",
    queries: &[],
    body: None,
    answer: Answer {
        status: 200,
        says: "The organization.",
        shape: Shape::One("Organization", of::<organizations::OrganizationDetailResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/organization/{organization}/",
    keeps: &[("/owner/organization_user", "membership", "019aab41-9d52-7e07-8c5f-0b9c3f1d6a20")],
};

pub const REPLACE_ORGANIZATION: Operation = Operation {
    method: "PUT",
    path: "/api/v1/users/organization/{id}/",
    id: "replaceOrganization",
    tag: "OpenWISP: organizations",
    summary: "Replace an organization",
    description: "`name` and `slug` are required; in JSON, other omitted fields keep their values. `is_active: false` immediately hides the organization from its managers.",
    queries: &[],
    body: Some(Body {
        name: "OrganizationReplacement",
        fields: None,
        partial: false,
        extra: "{}",
        example: r#"{"name": "Harbour Works Ltd", "slug": "harbour-works", "owner": {"organization_user": "{membership}"}}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The updated organization.",
        shape: Shape::One("Organization", of::<organizations::OrganizationDetailResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/organization/{organization}/",
    keeps: &[],
};

pub const UPDATE_ORGANIZATION: Operation = Operation {
    method: "PATCH",
    path: "/api/v1/users/organization/{id}/",
    id: "updateOrganization",
    tag: "OpenWISP: organizations",
    summary: "Update an organization",
    description: "Omitted fields keep their values.",
    queries: &[],
    body: Some(Body {
        name: "OrganizationChanges",
        fields: None,
        partial: true,
        extra: "{}",
        example: r#"{"description": "Boats and nets", "owner": {"organization_user": null}}"#,
    }),
    answer: Answer {
        status: 200,
        says: "The updated organization.",
        shape: Shape::One("Organization", of::<organizations::OrganizationDetailResponse>),
    },
    refuses: &[],
    at: "/api/v1/users/organization/{organization}/",
    keeps: &[],
};

pub const DELETE_ORGANIZATION: Operation = Operation {
    method: "DELETE",
    path: "/api/v1/users/organization/{id}/",
    id: "deleteOrganization",
    tag: "OpenWISP: organizations",
    summary: "Delete an organization",
    description: "Also deletes its memberships; the users stay.",
    queries: &[],
    body: None,
    answer: Answer { status: 204, says: "Deleted.", shape: Shape::Nothing },
    refuses: &[],
    at: "/api/v1/users/organization/{organization}/",
    keeps: &[],
};
