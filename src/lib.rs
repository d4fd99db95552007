//! Rollcall in one process: every function's routes in one router, for the local server and for tests.

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::runtime::complete;

/// The routes of every function.
pub fn app(directory: Arc<Directory>) -> Router {
    let router = auth::router(directory.clone())
        .merge(emails::router(directory.clone()))
        .merge(groups::router(directory.clone()))
        .merge(organizations::router(directory.clone()))
        .merge(users::router(directory.clone()));
    complete::<OpenWisp>(router, directory)
}
