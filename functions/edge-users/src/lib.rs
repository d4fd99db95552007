//! Edge users and their access history: `/api/users/…` (`contracts/edge.md` sections 3 to 6 and 8).

mod handlers;
mod history;
mod wire;

pub use history::AttemptResponse;
pub use wire::{UserResponse, fields};

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::edge::Edge;
use shared::error::Cause;
use shared::web::endpoint::{Access, Endpoint, Reads, Route, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/users/",
    name: "Users",
    access: Access::Staff,
    reads: Reads::UserCount(&["format", "page"]),
    ..Endpoint::PLAIN
};

const DETAIL: Endpoint = Endpoint { path: "/api/users/{id}/", name: "User", access: Access::User, ..Endpoint::PLAIN };

const HISTORY: Endpoint =
    Endpoint { path: "/api/users/{id}/history/", name: "Access History", access: Access::User, ..Endpoint::PLAIN };

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&LIST).get(handlers::list).post(handlers::create),
        Route::new(&DETAIL).get(handlers::read).patch(handlers::update).delete(handlers::delete),
        Route::new(&HISTORY).get(history::list),
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
