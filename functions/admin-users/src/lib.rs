//! OpenL2M users: `/api/admin/users/…`, and the first requests of its clients (`contracts/openl2m.md`).

mod compressed_json;
mod discovery;
mod handlers;
mod profile;
mod wire;

pub use wire::{UserResponse, fields};

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::openl2m::OpenL2m;
use shared::error::Cause;
use shared::web::endpoint::{Access, Endpoint, Reads, Route, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/admin/users/",
    name: "Api Admin Users",
    access: Access::Superuser,
    reads: Reads::UserCount(&["format"]),
    ..Endpoint::PLAIN
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/admin/users/{number}/",
    name: "Api Admin User Detail",
    access: Access::Superuser,
    ..Endpoint::PLAIN
};

const ROOT: Endpoint = Endpoint { path: "/api/", name: "Api Root", access: Access::User, ..Endpoint::PLAIN };

const ADMIN: Endpoint =
    Endpoint { path: "/api/admin/", name: "Api Admin", access: Access::Superuser, ..Endpoint::PLAIN };

const SWITCHES: Endpoint =
    Endpoint { path: "/api/switches/", name: "Api Switches", access: Access::User, ..Endpoint::PLAIN };

const ENVIRONMENT: Endpoint =
    Endpoint { path: "/api/environment/", name: "Api Environment", access: Access::User, ..Endpoint::PLAIN };

const STATS: Endpoint = Endpoint { path: "/api/stats/", name: "Api Stats", access: Access::User, ..Endpoint::PLAIN };

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&LIST).get(handlers::list).post(handlers::create),
        Route::new(&DETAIL).get(handlers::read).post(handlers::update).patch(handlers::update),
        Route::new(&ROOT).get(discovery::root),
        Route::new(&ADMIN).get(discovery::admin),
        Route::new(&SWITCHES).get(discovery::switches),
        Route::new(&ENVIRONMENT).get(discovery::environment),
        Route::new(&STATS).get(discovery::stats),
    ]
}

/// Serves this function's routes in Lambda until the process ends.
///
/// # Errors
/// When a setting is missing or invalid, or the Lambda runtime is not available.
pub fn run() -> Result<(), Cause> {
    shared::lambda::serve::<OpenL2m>(router)
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all::<OpenL2m>(&directory, routes()).with_state(directory)
}
