//! Deleted users and exports of persons: `/api/rollcall/v1/deleted/…`, `/api/rollcall/v1/users/{id}/export/`.

mod handlers;
mod person;
mod wire;

pub use person::PersonResponse;
pub use wire::{DeletedRowResponse, DeletedUserResponse, RestoredResponse};

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::error::Cause;
use shared::model::Model;
use shared::web::endpoint::{Access, Endpoint, Route, mount_all};

const LIST: Endpoint = Endpoint {
    path: "/api/rollcall/v1/deleted/",
    name: "Deleted Users",
    about: "The deleted users that you can see, the last deleted first. Each can be restored for some time.",
    access: Access::Model(Model::User),
    ..Endpoint::PLAIN
};

const DETAIL: Endpoint = Endpoint {
    path: "/api/rollcall/v1/deleted/{id}/",
    name: "Deleted User",
    about: "A deleted user. Deleting it here deletes everything that is left of the user, for good.",
    ..LIST
};

const RESTORE: Endpoint = Endpoint {
    path: "/api/rollcall/v1/deleted/{id}/restore/",
    name: "Restore User",
    about: "Brings a deleted user back, with ids, password, addresses, groups and organizations. Tokens and sessions \
            stay ended.",
    ..LIST
};

const EXPORT: Endpoint = Endpoint {
    path: "/api/rollcall/v1/users/{id}/export/",
    name: "Export User",
    about: "Everything that is stored about a user, without secrets. For superusers, and for the user.",
    access: Access::User,
    ..Endpoint::PLAIN
};

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&LIST).get(handlers::list),
        Route::new(&DETAIL).get(handlers::read).delete(handlers::purge),
        Route::new(&RESTORE).post(handlers::restore),
        Route::new(&EXPORT).get(person::export),
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
