//! OpenWISP users: `/api/v1/users/user/…` (`contracts/openwisp.md` section 7).

mod handlers;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get};
use shared::Directory;
use shared::dialect::openwisp::endpoint::{Access, Endpoint, mount_all};
use shared::model::Model;

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/user/",
    name: "Users List Create",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::Model(Model::User),
    fields: wire::row_fields,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/",
    name: "User Detail",
    allow: "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::Model(Model::User),
    fields: wire::detail_fields,
};

/// The addresses of the API that this function serves, and their methods.
pub fn endpoints() -> Vec<(&'static Endpoint, MethodRouter<Arc<Directory>>)> {
    vec![
        (&LIST, get(handlers::list).post(handlers::create)),
        (&DETAIL, get(handlers::read).put(handlers::replace).patch(handlers::update).delete(handlers::delete)),
    ]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all(&directory, endpoints()).with_state(directory)
}
