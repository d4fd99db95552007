//! Edge users and their access history: `/api/users/…` (`contracts/edge.md` sections 3 to 6 and 8).

mod handlers;
mod history;
mod wire;

pub use history::AttemptResponse;
pub use wire::{UserResponse, fields};

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use shared::Directory;
use shared::dialect::edge::Edge;
use shared::web::endpoint::{Access, Endpoint, Endpoints, mount_all};

const LIST: Endpoint =
    Endpoint { path: "/api/users/", name: "Users", allow: "GET, POST, HEAD, OPTIONS", access: Access::Staff };

const DETAIL: Endpoint = Endpoint {
    path: "/api/users/{id}/",
    name: "User",
    allow: "GET, PATCH, DELETE, HEAD, OPTIONS",
    access: Access::User,
};

const HISTORY: Endpoint = Endpoint {
    path: "/api/users/{id}/history/",
    name: "Access History",
    allow: "GET, HEAD, OPTIONS",
    access: Access::User,
};

/// The paths that this function serves, and their methods.
pub fn endpoints() -> Endpoints {
    vec![
        (&LIST, get(handlers::list).post(handlers::create)),
        (&DETAIL, get(handlers::read).patch(handlers::update).delete(handlers::delete)),
        (&HISTORY, get(history::list)),
    ]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all::<Edge>(&directory, endpoints()).with_state(directory)
}
