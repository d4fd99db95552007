//! Rollcall in one process: every function's routes in one router, for the local server and for tests.

pub mod embedded;
pub mod import;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use shared::Directory;
use shared::dialect::edge::Edge;
use shared::dialect::openl2m::OpenL2m;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::openwisp::endpoint::Endpoint;
use shared::runtime::surrounded;
use shared::web::endpoint::{self, nowhere};

/// What OpenL2M's addresses begin with.
const OPENL2M: [&str; 4] = ["/api/admin", "/api/switches", "/api/environment", "/api/stats"];

/// The addresses of the OpenWISP API that all functions together serve.
pub fn openwisp_endpoints() -> Vec<&'static Endpoint> {
    let all =
        [auth::endpoints(), emails::endpoints(), groups::endpoints(), organizations::endpoints(), users::endpoints()];
    all.into_iter().flatten().map(|(endpoint, _)| endpoint).collect()
}

/// The addresses of the OpenL2M API that all functions together serve.
pub fn openl2m_endpoints() -> Vec<&'static endpoint::Endpoint> {
    let all = [admin_users::endpoints(), auth::openl2m_endpoints()];
    all.into_iter().flatten().map(|(endpoint, _)| endpoint).collect()
}

/// The addresses of the Edge API that all functions together serve.
pub fn edge_endpoints() -> Vec<&'static endpoint::Endpoint> {
    let all = [edge_tokens::endpoints(), edge_users::endpoints()];
    all.into_iter().flatten().map(|(endpoint, _)| endpoint).collect()
}

/// The routes of every function.
pub fn app(directory: Arc<Directory>) -> Router {
    let whole = directory.clone();
    let router = auth::router(directory.clone())
        .merge(admin_users::router(directory.clone()))
        .merge(docs::router(directory.clone()))
        .merge(edge_tokens::router(directory.clone()))
        .merge(edge_users::router(directory.clone()))
        .merge(emails::router(directory.clone()))
        .merge(groups::router(directory.clone()))
        .merge(organizations::router(directory.clone()))
        .merge(users::router(directory.clone()))
        .fallback(async move |request: Request| no_route(&directory, request).await);
    surrounded::<OpenWisp>(router, whole)
}

/// Addresses that nobody has answer as the API does to which they would belong.
async fn no_route(directory: &Directory, request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/users/") {
        nowhere::<Edge>(directory, request).await
    } else if OPENL2M.iter().any(|start| path.starts_with(start)) {
        nowhere::<OpenL2m>(directory, request).await
    } else {
        nowhere::<OpenWisp>(directory, request).await
    }
}
