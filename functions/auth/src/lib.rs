//! Signing in: tokens, and the pages that confirm an e-mail address (`contracts/openwisp.md` sections 6 and 13.1).

mod handlers;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use shared::Directory;
use shared::dialect::openwisp::endpoint::{Access, Endpoint, add_final_slash, mount};

const TOKEN: Endpoint = Endpoint {
    path: "/api/v1/users/token/",
    name: "Obtain Auth Token",
    allow: "POST, OPTIONS",
    access: Access::Anyone,
    fields: handlers::token_fields,
};

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount(Router::new(), &directory, &TOKEN, post(handlers::obtain_token))
        .route("/accounts/confirm-email/{key}/", get(pages::ask).post(pages::confirm))
        .route("/accounts/confirm-email/{key}", any(add_final_slash))
        .route("/accounts/email-verification-success/", get(pages::confirmed))
        .route("/accounts/email-verification-success", any(add_final_slash))
        .with_state(directory)
}
