//! API tokens of Edge users: `/api/users/{id}/tokens/…` (`contracts/edge.md` section 7).

mod handlers;
mod wire;

pub use wire::{TokenResponse, change_fields, fields};

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use shared::Directory;
use shared::dialect::edge::Edge;
use shared::web::endpoint::{Access, Endpoint, Endpoints, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/users/{id}/tokens/",
    name: "Tokens",
    allow: "GET, POST, HEAD, OPTIONS",
    access: Access::User,
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/users/{id}/tokens/{token}/",
    name: "Token",
    allow: "GET, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::User,
};

/// The paths that this function serves, and their methods.
pub fn endpoints() -> Endpoints {
    vec![
        (&LIST, get(handlers::list).post(handlers::create)),
        (&DETAIL, get(handlers::read).patch(handlers::update).delete(handlers::delete)),
    ]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all::<Edge>(&directory, endpoints()).with_state(directory)
}
