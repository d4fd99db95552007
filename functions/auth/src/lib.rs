//! Signing in: tokens, and the pages that confirm an e-mail address (`contracts/openwisp.md` sections 6 and 13.1).

mod handlers;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use shared::Directory;
use shared::dialect::openwisp::endpoint::{Access, Endpoint, mount_all};

const TOKEN: Endpoint = Endpoint {
    path: "/api/v1/users/token/",
    name: "Obtain Auth Token",
    allow: "POST, OPTIONS",
    access: Access::Anyone,
    fields: handlers::token_fields,
};

/// The addresses of the API that this function serves, and their methods.
pub fn endpoints() -> Vec<(&'static Endpoint, MethodRouter<Arc<Directory>>)> {
    vec![(&TOKEN, post(handlers::obtain_token))]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all(&directory, endpoints())
        .route("/accounts/confirm-email/{key}/", get(pages::ask).post(pages::confirm))
        .route("/accounts/email-verification-success/", get(pages::confirmed))
        .with_state(directory)
}
