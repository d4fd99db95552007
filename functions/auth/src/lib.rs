//! Authentication: tokens, browser sessions, the user's own account, and the pages of mailed links
//! (`contracts/openwisp.md` sections 6, 13 and 16), and OpenL2M tokens.

mod account_page;
mod handlers;
mod me;
mod openl2m;
mod pages;
mod password;
mod reset_pages;
mod session_pages;

pub use handlers::{TokenResponse, token_fields};
pub use me::{OwnTokenResponse, SessionResponse};
pub use openl2m::TokenResponse as OpenL2mTokenResponse;
pub use password::DetailResponse;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use shared::Directory;
use shared::dialect::openl2m::OpenL2m;
use shared::dialect::{
    openwisp::endpoint::Access, openwisp::endpoint::Endpoint, openwisp::endpoint::Endpoints,
    openwisp::endpoint::add_final_slash, openwisp::endpoint::mount_all,
};
use shared::dialect::{
    openwisp::page::ACCOUNT_PATH, openwisp::page::LOGIN_PATH, openwisp::page::LOGOUT_PATH, openwisp::page::STYLE_PATH,
};
use shared::web::endpoint;

const TOKEN: Endpoint = Endpoint {
    path: "/api/v1/users/token/",
    name: "Obtain Auth Token",
    about: "Exchanges a user name and password for a token. Send it in the header Authorization: Bearer.",
    allow: "POST, OPTIONS",
    access: Access::Anyone,
    below_user: false,
    filters: &[],
    fields: token_fields,
};

const CHANGE: Endpoint = Endpoint {
    path: "/api/v1/users/user/password/change/",
    name: "Password Change",
    about: "Changes your own password. This ends your sessions in other browsers and your signed tokens.",
    allow: "POST, OPTIONS",
    access: Access::User,
    below_user: false,
    filters: &[],
    fields: password::change_fields,
};

const RESET: Endpoint = Endpoint {
    path: "/api/v1/users/password/reset/",
    name: "Password Reset",
    about: "Mails a password reset link to the user with this name, e-mail address or telephone number.",
    allow: "POST, OPTIONS",
    access: Access::Anyone,
    below_user: false,
    filters: &[],
    fields: password::reset_fields,
};

const RESET_CONFIRM: Endpoint = Endpoint {
    path: "/api/v1/users/password/reset/confirm/",
    name: "Password Reset Confirm",
    about: "Sets a new password with the two parts of a mailed link.",
    allow: "POST, OPTIONS",
    access: Access::Anyone,
    below_user: false,
    filters: &[],
    fields: password::confirm_fields,
};

const CONFIRM: &str = "/accounts/confirm-email/{key}/";
const CONFIRMED: &str = "/accounts/email-verification-success/";
const RESET_PAGE: &str = "/accounts/password/reset/key/{pair}/";
const RESET_DONE: &str = "/accounts/password/reset/key/done/";

/// The pages for browsers that this function serves in addition to the API.
pub const PAGES: [&str; 8] =
    [CONFIRM, CONFIRMED, RESET_PAGE, RESET_DONE, LOGIN_PATH, LOGOUT_PATH, ACCOUNT_PATH, STYLE_PATH];

/// The paths that this function serves, and their methods.
pub fn endpoints() -> Endpoints {
    let mut endpoints: Endpoints = vec![
        (&TOKEN, post(handlers::obtain_token)),
        (&CHANGE, post(password::change)),
        (&RESET, post(password::request_reset)),
        (&RESET_CONFIRM, post(password::confirm_reset)),
    ];
    endpoints.extend(me::endpoints());
    endpoints
}

/// The OpenL2M paths that this function serves, and their methods.
pub fn openl2m_endpoints() -> endpoint::Endpoints {
    vec![(&openl2m::TOKEN, post(openl2m::obtain_token))]
}

/// The routes of this function.
pub fn router(directory: Arc<Directory>) -> Router {
    mount_all(&directory, endpoints())
        .route(CONFIRM, get(pages::ask).post(pages::confirm))
        .route("/accounts/confirm-email/{key}", any(add_final_slash))
        .route(CONFIRMED, get(pages::confirmed))
        .route(RESET_PAGE, get(reset_pages::open).post(reset_pages::submit))
        .route(RESET_DONE, get(reset_pages::done))
        .route(LOGIN_PATH, get(session_pages::ask).post(session_pages::sign_in))
        .route(LOGOUT_PATH, get(session_pages::ask_to_leave).post(session_pages::sign_out))
        .route(ACCOUNT_PATH, get(account_page::show).post(account_page::act))
        .route(STYLE_PATH, get(session_pages::style))
        .route("/accounts/login", any(add_final_slash))
        .route("/accounts/logout", any(add_final_slash))
        .route("/accounts/me", any(add_final_slash))
        .route("/accounts/email-verification-success", any(add_final_slash))
        .route("/accounts/password/reset/key/{pair}", any(add_final_slash))
        .merge(endpoint::mount_all::<OpenL2m>(&directory, openl2m_endpoints()))
        .with_state(directory)
}
