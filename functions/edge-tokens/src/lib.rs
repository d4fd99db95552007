//! API tokens of Edge users: `/api/users/{id}/tokens/…` (`contracts/edge.md` section 7).

mod handlers;
mod wire;

pub use wire::{TokenResponse, change_fields, fields};

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::edge::Edge;
use shared::error::Cause;
use shared::web::endpoint::{Access, Endpoint, Route, mount_all};

const LIST: Endpoint =
    Endpoint { path: "/api/users/{id}/tokens/", name: "Tokens", access: Access::User, ..Endpoint::PLAIN };

const DETAIL: Endpoint =
    Endpoint { path: "/api/users/{id}/tokens/{token}/", name: "Token", access: Access::User, ..Endpoint::PLAIN };

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&LIST).get(handlers::list).post(handlers::create),
        Route::new(&DETAIL).get(handlers::read).patch(handlers::update).delete(handlers::delete),
    ]
}

/// Serves this function's routes in Lambda until the process ends.
///
/// # Errors
/// When a setting is missing or invalid, or the Lambda runtime is not available.
pub fn run() -> Result<(), Cause> {
    shared::lambda::serve::<Edge>(router)
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all::<Edge>(&directory, routes()).with_state(directory)
}
