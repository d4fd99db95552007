//! Rollcall in one process: every function's routes in one router, for the local server and for tests.

pub mod dynamodb_endpoint;
pub mod embedded;
pub mod http_server;
pub mod import;
pub mod mail;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use shared::Directory;
use shared::dialect::edge::Edge;
use shared::dialect::openl2m::OpenL2m;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::scim::Scim;
use shared::web::endpoint::{Route, not_found};
use shared::web::middleware::with_middleware;
use shared::web::path::decoded_once;
use tower::Layer as _;
use tower::util::MapRequestLayer;

/// The prefixes of OpenL2M's paths.
const OPENL2M: [&str; 4] = ["/api/admin", "/api/switches", "/api/environment", "/api/stats"];

/// The OpenWISP endpoints of all functions.
pub fn openwisp_routes() -> Vec<Route> {
    let routes = [
        auth::routes(),
        deleted::routes(),
        emails::routes(),
        events::routes(),
        groups::routes(),
        organizations::routes(),
        users::routes(),
    ];
    routes.into_iter().flatten().collect()
}

/// The OpenL2M endpoints of all functions.
pub fn openl2m_routes() -> Vec<Route> {
    [admin_users::routes(), auth::openl2m_routes()].into_iter().flatten().collect()
}

/// The Edge endpoints of all functions.
pub fn edge_routes() -> Vec<Route> {
    [edge_tokens::routes(), edge_users::routes()].into_iter().flatten().collect()
}

/// The SCIM endpoints.
pub fn scim_routes() -> Vec<Route> {
    scim::routes()
}

/// The routes of every function.
pub fn app(directory: Arc<Directory>) -> Router {
    let whole = directory.clone();
    let router = auth::router(directory.clone())
        .merge(admin_users::router(directory.clone()))
        .merge(deleted::router(directory.clone()))
        .merge(docs::router(directory.clone()))
        .merge(edge_tokens::router(directory.clone()))
        .merge(edge_users::router(directory.clone()))
        .merge(emails::router(directory.clone()))
        .merge(events::router(directory.clone()))
        .merge(groups::router(directory.clone()))
        .merge(organizations::router(directory.clone()))
        .merge(scim::router(directory.clone()))
        .merge(users::router(directory.clone()))
        .fallback(async move |request: Request| no_route(&directory, request).await);
    let router = with_middleware::<OpenWisp>(router, whole);
    // Before routing.
    let decoded = MapRequestLayer::new(|mut request: Request| {
        *request.uri_mut() = decoded_once(std::mem::take(request.uri_mut()));
        request
    });
    Router::new().fallback_service(decoded.layer(router))
}

/// Unknown paths get the response of the API that they would belong to.
async fn no_route(directory: &Directory, request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/scim/") {
        not_found::<Scim>(directory, request).await
    } else if path.starts_with("/api/users/") {
        not_found::<Edge>(directory, request).await
    } else if OPENL2M.iter().any(|start| path.starts_with(start)) {
        not_found::<OpenL2m>(directory, request).await
    } else {
        not_found::<OpenWisp>(directory, request).await
    }
}
