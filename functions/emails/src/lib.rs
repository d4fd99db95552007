//! OpenWISP e-mail addresses of a user: `/api/v1/users/user/{id}/email/…` (`contracts/openwisp.md` section 10).

mod handlers;
mod wire;

pub use wire::AddressResponse;

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
    path: "/api/v1/users/user/{id}/email/",
    name: "Email List Create",
    about: "The e-mail addresses of a user.",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Model(Model::EmailAddress),
    below_user: true,
    filters: &[],
    fields: wire::new_fields,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/email/{number}/",
    name: "Email Update",
    about: "An e-mail address of a user.",
    allow: "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::Model(Model::EmailAddress),
    below_user: true,
    filters: &[],
    fields: wire::fields,
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
