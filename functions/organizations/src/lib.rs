//! OpenWISP organizations: `/api/v1/users/organization/…` (`contracts/openwisp.md` section 12).

mod handlers;
mod wire;

pub use wire::{OrganizationDetailResponse, OrganizationRowResponse};

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use shared::Directory;
use shared::dialect::{
    openwisp::endpoint::Access, openwisp::endpoint::Endpoint, openwisp::endpoint::Endpoints,
    openwisp::endpoint::mount_all,
};
use shared::model::Model;

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/organization/",
    name: "Organization List Create",
    about: "The organizations that you can see, newest first.",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Model(Model::Organization),
    below_user: false,
    filters: &[],
    fields: wire::row_fields,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/organization/{id}/",
    name: "Organization Detail",
    about: "An organization.",
    allow: "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::Model(Model::Organization),
    below_user: false,
    filters: &[],
    fields: wire::detail_fields,
};

/// The paths that this function serves, and their methods.
pub fn endpoints() -> Endpoints {
    vec![
        (&LIST, get(handlers::list).post(handlers::create)),
        (&DETAIL, get(handlers::read).put(handlers::change).patch(handlers::change).delete(handlers::delete)),
    ]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all(&directory, endpoints()).with_state(directory)
}
