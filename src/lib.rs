//! Rollcall in one process: every function's routes in one router, for the local server and for tests.

use std::sync::Arc;

use axum::Router;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::openwisp::endpoint::Endpoint;
use shared::runtime::complete;

/// The addresses of the OpenWISP API that all functions together serve.
pub fn openwisp_endpoints() -> Vec<&'static Endpoint> {
    let all =
        [auth::endpoints(), emails::endpoints(), groups::endpoints(), organizations::endpoints(), users::endpoints()];
    all.into_iter().flatten().map(|(endpoint, _)| endpoint).collect()
}

/// The routes of every function.
pub fn app(directory: Arc<Directory>) -> Router {
    let router = auth::router(directory.clone())
        .merge(emails::router(directory.clone()))
        .merge(groups::router(directory.clone()))
        .merge(organizations::router(directory.clone()))
        .merge(users::router(directory.clone()));
    complete::<OpenWisp>(router, directory)
}
