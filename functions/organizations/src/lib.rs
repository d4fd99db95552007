//! OpenWISP organizations: `/api/v1/users/organization/…` (`contracts/openwisp.md` section 12).

mod handlers;
mod wire;

pub use wire::{OrganizationDetailResponse, OrganizationRowResponse};

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::error::Cause;
use shared::model::Model;
use shared::web::endpoint::{Access, Endpoint, Route, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/organization/",
    name: "Organization List Create",
    about: "The organizations that you can see, newest first.",
    access: Access::Model(Model::Organization),
    fields: wire::row_fields,
    ..Endpoint::PLAIN
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/organization/{id}/",
    name: "Organization Detail",
    about: "An organization.",
    access: Access::Model(Model::Organization),
    fields: wire::detail_fields,
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
