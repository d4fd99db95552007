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

const CONFIRM: &str = "/accounts/confirm-email/{key}/";
const CONFIRMED: &str = "/accounts/email-verification-success/";

/// The pages for browsers that this function serves beside the API.
pub const PAGES: [&str; 2] = [CONFIRM, CONFIRMED];

/// The addresses of the API that this function serves, and their methods.
pub fn endpoints() -> Vec<(&'static Endpoint, MethodRouter<Arc<Directory>>)> {
    vec![(&TOKEN, post(handlers::obtain_token))]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all(&directory, endpoints())
        .route(CONFIRM, get(pages::ask).post(pages::confirm))
        .route(CONFIRMED, get(pages::confirmed))
        .with_state(directory)
}
