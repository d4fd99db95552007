//! Pages for browsers. The template library escapes all text from users.

pub(super) mod browse;
mod choices;
mod fields;
mod filters;
pub(super) mod forms;
mod home;
mod json;

pub(super) use self::home::home;

use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use maud::{DOCTYPE, Markup, html};

use crate::web::BaseUrl;
use crate::web::csrf::Token;

/// The stylesheet of all pages.
pub const STYLE: &str = include_str!("style.css");
/// The path of the stylesheet.
pub const STYLE_PATH: &str = "/accounts/style.css";
/// The login page.
pub const LOGIN_PATH: &str = "/accounts/login/";
/// The logout page.
pub const LOGOUT_PATH: &str = "/accounts/logout/";

/// The home page.
pub(super) const HOME_PATH: &str = "/";
const DOCUMENTATION: &str = "/api/v1/docs/";

/// The lists in the navigation of every page.
const LISTS: [(&str, &str); 3] = [
    ("/api/v1/users/user/", "Users"),
    ("/api/v1/users/group/", "Groups"),
    ("/api/v1/users/organization/", "Organizations"),
];
/// The page "Your account".
pub const ACCOUNT_PATH: &str = "/accounts/me/";

/// Changes with the stylesheet, so that browsers can cache it.
const STYLE_VERSION: u32 = fnv(STYLE.as_bytes());

/// The viewer of a page.
#[derive(Debug, Clone, Copy)]
pub enum Viewer<'a> {
    /// Anybody, on a page that is the same for all viewers.
    Anybody,
    /// A visitor without a login; the path to return to after signing in.
    Stranger(&'a str),
    /// The user with that name, with this browser's token for forms.
    SignedIn(&'a str, &'a Token),
    /// The user with that name, authenticated by a credential that the browser does not store.
    Known(&'a str),
}

/// A page as a response that is never cached.
pub fn respond(page: &Markup) -> Response {
    ([(CACHE_CONTROL, "no-store")], Html(page.0.as_str().to_owned())).into_response()
}

/// 404 for browsers.
pub(super) fn not_found(base: &BaseUrl) -> Response {
    let content = html! { div.narrow { h1 { "Not found" } p { "There is no page at this URL." } } };
    (StatusCode::NOT_FOUND, respond(&html_document("Not found", base, Viewer::Anybody, &content))).into_response()
}

/// A whole page: its content with title, header and navigation.
pub fn html_document(title: &str, base: &BaseUrl, viewer: Viewer<'_>, content: &Markup) -> Markup {
    let prefix = base.prefix();
    let body = html! {
        a.skip href="#main" { "Skip to content" }
        header.site {
            div.bar {
                a.brand href={ (prefix) (HOME_PATH) } { "Rollcall" }
                nav aria-label="Site" {
                    ul {
                        @for (path, name) in LISTS { li { a href={ (prefix) (path) } { (name) } } }
                        li { a href={ (prefix) (DOCUMENTATION) } { "Documentation" } }
                    }
                }
                (account(prefix, viewer))
            }
        }
        main id="main" tabindex="-1" { (content) }
    };
    layout(title, &[&format!("{prefix}{STYLE_PATH}?v={STYLE_VERSION}")], &body)
}

/// An HTML document with links to its stylesheets.
pub fn layout(title: &str, styles: &[&str], body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                // Without this, browsers request /favicon.ico.
                link rel="icon" href="data:,";
                @for style in styles { link rel="stylesheet" href=(style); }
            }
            body { (body) }
        }
    }
}

/// The current user, and links to sign in or out.
fn account(prefix: &str, viewer: Viewer<'_>) -> Markup {
    html! {
        @match viewer {
            Viewer::Anybody => {}
            Viewer::Stranger(next) => {
                div.account { a.button href={ (prefix) (LOGIN_PATH) "?next=" (encoded(next)) } { "Sign in" } }
            }
            Viewer::SignedIn(username, token) => {
                div.account {
                    a href={ (prefix) (ACCOUNT_PATH) } title="Your account" {
                        span.unseen { "Signed in as " } (username)
                    }
                    form method="post" action={ (prefix) (LOGOUT_PATH) } {
                        (token.field())
                        button.quiet type="submit" { "Sign out" }
                    }
                }
            }
            Viewer::Known(username) => { div.account { span { (username) } } }
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The 32-bit FNV-1a hash (RFC 9923).
const fn fnv(bytes: &[u8]) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u32).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash
}
