//! OpenWISP groups: `/api/v1/users/group/…` (`contracts/openwisp.md` section 11).

mod handlers;
mod wire;

pub use wire::GroupResponse;

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::error::Cause;
use shared::model::Model;
use shared::web::endpoint::{Access, Endpoint, Route, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/group/",
    name: "Group List Create",
    about: "The groups, sorted by name. A group grants its permissions to its users.",
    access: Access::Model(Model::Group),
    fields: wire::fields,
    ..Endpoint::PLAIN
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/group/{number}/",
    name: "Group Detail",
    about: "A group and its permissions.",
    access: Access::Model(Model::Group),
    fields: wire::fields,
    ..Endpoint::PLAIN
};

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&LIST).get(handlers::list).post(handlers::create),
        Route::new(&DETAIL).get(handlers::read).put(handlers::change).patch(handlers::change).delete(handlers::delete),
    ]
}

/// Serves this function's routes in Lambda until the process ends.
///
/// # Errors
/// When a setting is missing or invalid, or the Lambda runtime is not available.
pub fn run() -> Result<(), Cause> {
    shared::lambda::serve::<OpenWisp>(router)
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all::<OpenWisp>(&directory, routes()).with_state(directory)
}
