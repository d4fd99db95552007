//! OpenWISP e-mail addresses of a user: `/api/v1/users/user/{id}/email/…` (`contracts/openwisp.md` section 10).

mod handlers;
mod wire;

pub use wire::AddressResponse;

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::error::Cause;
use shared::model::Model;
use shared::web::endpoint::{Access, Endpoint, Route, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/email/",
    name: "Email List Create",
    about: "The e-mail addresses of a user.",
    access: Access::Model(Model::EmailAddress),
    below_user: true,
    fields: wire::new_fields,
    ..Endpoint::PLAIN
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/v1/users/user/{id}/email/{number}/",
    name: "Email Update",
    about: "An e-mail address of a user.",
    access: Access::Model(Model::EmailAddress),
    below_user: true,
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
