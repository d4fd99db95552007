//! The live documentation of all APIs, and the public keys that verify tokens (`contracts/openwisp.md` section 14).
//!
//! The tests write `openapi.json` from the functions' requests and responses (`tests/docs.rs`), so this crate depends
//! on none of them.

mod assets;
mod docs_access;
mod handlers;
mod reference;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get};
use http::Method;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::error::Cause;
use shared::web::endpoint::add_final_slash;
use shared::web::{Failure, Rejection};

/// The paths that only readers of the documentation may use.
pub const DOCUMENTS: [&str; 4] = ["/api/v1/docs/", "/api/v1/docs.json", "/api/v1/docs.yaml", "/api/v1/redoc/"];
/// The path of the public keys, with which everybody can verify tokens (RFC 7517).
pub const KEYS: &str = "/.well-known/jwks.json";

pub use handlers::KeySet;

/// The OpenAPI document, as in the repository: without a specific server.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// The paths of the pages' assets, which are public.
pub fn asset_paths() -> impl Iterator<Item = &'static str> {
    assets::ALL.iter().map(|asset| asset.path)
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
    let [page, json, yaml, reference] = DOCUMENTS;
    let documents = Router::new()
        .route(page, only(get(handlers::page)))
        .route(json, only(get(handlers::json)))
        .route(yaml, only(get(handlers::yaml)))
        .route(reference, only(get(handlers::reference)))
        .route_layer(from_fn_with_state(directory.clone(), docs_access::admit))
        .route("/api/v1/docs", any(add_final_slash::<OpenWisp>))
        .route("/api/v1/redoc", any(add_final_slash::<OpenWisp>))
        .route(KEYS, only(get(handlers::keys)));
    assets::ALL
        .iter()
        .fold(documents, |router, asset| router.route(asset.path, only(get(async move || asset))))
        .with_state(directory)
}

/// Responds to all other methods with 405.
fn only(methods: MethodRouter<Arc<Directory>>) -> MethodRouter<Arc<Directory>> {
    methods.fallback(async |method: Method| Failure::<OpenWisp>::from(Rejection::MethodNotAllowed(method)))
}
