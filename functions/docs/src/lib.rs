//! The live documentation of all APIs, and the public keys that verify tokens (`contracts/openwisp.md` section 14).
//!
//! `openapi.json` is written by the tests from what the functions read and answer (`tests/docs.rs`),
//! so that nothing here depends on any of them.

mod assets;
mod handlers;
mod readers;
mod reference;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get};
use http::Method;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::openwisp::endpoint::add_final_slash;
use shared::web::Failure;
use shared::{Directory, Error};

/// The addresses that only readers of the documentation may ask.
pub const DOCUMENTS: [&str; 4] = ["/api/v1/docs/", "/api/v1/docs.json", "/api/v1/docs.yaml", "/api/v1/redoc/"];
/// Where the keys are, by which everybody can verify tokens (RFC 7517).
pub const KEYS: &str = "/.well-known/jwks.json";

pub use handlers::KeysOut;

/// The OpenAPI document, as it stands in the repository: with any server.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// The addresses of what the pages load, which everybody may ask.
pub fn asset_paths() -> impl Iterator<Item = &'static str> {
    assets::ALL.iter().map(|asset| asset.path)
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    let [page, json, yaml, reference] = DOCUMENTS;
    let documents = Router::new()
        .route(page, only(get(handlers::page)))
        .route(json, only(get(handlers::json)))
        .route(yaml, only(get(handlers::yaml)))
        .route(reference, only(get(handlers::reference)))
        .route_layer(from_fn_with_state(directory.clone(), readers::admit))
        .route("/api/v1/docs", any(add_final_slash))
        .route("/api/v1/redoc", any(add_final_slash))
        .route(KEYS, only(get(handlers::keys)));
    assets::ALL
        .iter()
        .fold(documents, |router, asset| router.route(asset.path, only(get(async move || asset))))
        .with_state(directory)
}

/// Other methods are told so.
fn only(methods: MethodRouter<Arc<Directory>>) -> MethodRouter<Arc<Directory>> {
    methods.fallback(async |method: Method| Failure::<OpenWisp>::from(Error::MethodNotAllowed(method)))
}
