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
use axum::routing::{any, get};
use shared::Directory;
use shared::dialect::openl2m::OpenL2m;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::{
    openwisp::page::ACCOUNT_PATH, openwisp::page::LOGIN_PATH, openwisp::page::LOGOUT_PATH, openwisp::page::STYLE_PATH,
};
use shared::error::Cause;
use shared::web::endpoint::{Access, Endpoint, Route, add_final_slash, mount_all};

const TOKEN: Endpoint = Endpoint {
    path: "/api/v1/users/token/",
    name: "Obtain Auth Token",
    about: "Exchanges a user name and password for a token. Send it in the header Authorization: Bearer.",
    access: Access::Anyone,
    fields: token_fields,
    ..Endpoint::PLAIN
};

const CHANGE: Endpoint = Endpoint {
    path: "/api/v1/users/user/password/change/",
    name: "Password Change",
    about: "Changes your own password. This ends your sessions in other browsers and your signed tokens.",
    access: Access::User,
    fields: password::change_fields,
    ..Endpoint::PLAIN
};

const RESET: Endpoint = Endpoint {
    path: "/api/v1/users/password/reset/",
    name: "Password Reset",
    about: "Mails a password reset link to the user with this name, e-mail address or telephone number.",
    access: Access::Anyone,
    fields: password::reset_fields,
    ..Endpoint::PLAIN
};

const RESET_CONFIRM: Endpoint = Endpoint {
    path: "/api/v1/users/password/reset/confirm/",
    name: "Password Reset Confirm",
    about: "Sets a new password with the two parts of a mailed link.",
    access: Access::Anyone,
    fields: password::confirm_fields,
    ..Endpoint::PLAIN
};

const CONFIRM: &str = "/accounts/confirm-email/{key}/";
const CONFIRMED: &str = "/accounts/email-verification-success/";
const RESET_PAGE: &str = "/accounts/password/reset/key/{pair}/";
const RESET_DONE: &str = "/accounts/password/reset/key/done/";

/// The pages for browsers that this function serves in addition to the API.
pub const PAGES: [&str; 8] =
    [CONFIRM, CONFIRMED, RESET_PAGE, RESET_DONE, LOGIN_PATH, LOGOUT_PATH, ACCOUNT_PATH, STYLE_PATH];

/// The endpoints that this function serves, with their handlers.
pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::new(&TOKEN).post(handlers::obtain_token),
        Route::new(&CHANGE).post(password::change),
        Route::new(&RESET).post(password::request_reset),
        Route::new(&RESET_CONFIRM).post(password::confirm_reset),
    ];
    routes.extend(me::routes());
    routes
}

/// The OpenL2M endpoints that this function serves, with their handlers.
pub fn openl2m_routes() -> Vec<Route> {
    vec![Route::new(&openl2m::TOKEN).post(openl2m::obtain_token)]
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
    mount_all::<OpenWisp>(&directory, routes())
        .route(CONFIRM, get(pages::ask).post(pages::confirm))
        .route("/accounts/confirm-email/{key}", any(add_final_slash::<OpenWisp>))
        .route(CONFIRMED, get(pages::confirmed))
        .route(RESET_PAGE, get(reset_pages::open).post(reset_pages::submit))
        .route(RESET_DONE, get(reset_pages::done))
        .route(LOGIN_PATH, get(session_pages::ask).post(session_pages::sign_in))
        .route(LOGOUT_PATH, get(session_pages::ask_to_leave).post(session_pages::sign_out))
        .route(ACCOUNT_PATH, get(account_page::show).post(account_page::act))
        .route(STYLE_PATH, get(session_pages::style))
        .route("/accounts/login", any(add_final_slash::<OpenWisp>))
        .route("/accounts/logout", any(add_final_slash::<OpenWisp>))
        .route("/accounts/me", any(add_final_slash::<OpenWisp>))
        .route("/accounts/email-verification-success", any(add_final_slash::<OpenWisp>))
        .route("/accounts/password/reset/key/{pair}", any(add_final_slash::<OpenWisp>))
        .merge(mount_all::<OpenL2m>(&directory, openl2m_routes()))
        .with_state(directory)
}
