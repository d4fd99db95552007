//! Pages for browsers. Every text that came from somebody is escaped by the template library.

pub(super) mod browse;
mod fields;
mod forms;
mod json;

use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use maud::{DOCTYPE, Markup, html};

use crate::web::Base;
use crate::web::csrf::Token;

/// The stylesheet of all pages.
pub const STYLE: &str = include_str!("style.css");
/// Where it is served.
pub const STYLE_PATH: &str = "/accounts/style.css";
/// Where one signs in, and out.
pub const LOGIN_PATH: &str = "/accounts/login/";
/// Where one signs out.
pub const LOGOUT_PATH: &str = "/accounts/logout/";

const DOCUMENTATION: &str = "/api/v1/docs/";

/// The lists that every page leads to.
const LISTS: [(&str, &str); 3] = [
    ("/api/v1/users/user/", "Users"),
    ("/api/v1/users/group/", "Groups"),
    ("/api/v1/users/organization/", "Organizations"),
];
const CHANGE_PASSWORD: &str = "/api/v1/users/user/password/change/";

/// Changes with every change of the stylesheet, so that browsers keep it until then.
const STYLE_VERSION: u32 = fnv(STYLE.as_bytes());

/// Who looks at a page.
#[derive(Debug, Clone, Copy)]
pub enum Viewer<'a> {
    /// Whoever has opened a page that is the same for everybody.
    Anybody,
    /// Somebody who has not signed in; what to come back to after that.
    Stranger(&'a str),
    /// The user of that name, with this browser's token for forms.
    SignedIn(&'a str, &'a Token),
    /// The user of that name, by a credential that a browser does not keep.
    Known(&'a str),
}

/// A page as an answer that no cache keeps.
pub fn respond(page: &Markup) -> Response {
    ([(CACHE_CONTROL, "no-store")], Html(page.0.as_str().to_owned())).into_response()
}

/// 404 for browsers, at addresses of nothing.
pub(super) fn nowhere(base: &Base) -> Response {
    let content = html! { div.narrow { h1 { "Not found" } p { "There is nothing at this address." } } };
    (StatusCode::NOT_FOUND, respond(&whole("Not found", base, Viewer::Anybody, &content))).into_response()
}

/// A whole page: its title, and its content in what stands around every page.
pub fn whole(title: &str, base: &Base, viewer: Viewer<'_>, content: &Markup) -> Markup {
    let prefix = base.prefix();
    let body = html! {
        a.skip href="#main" { "Skip to content" }
        header.site {
            div.bar {
                a.brand href={ (prefix) (LISTS[0].0) } { "Rollcall" }
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
    frame(title, &[&format!("{prefix}{STYLE_PATH}?v={STYLE_VERSION}")], &body)
}

/// An HTML document, with the addresses of its stylesheets.
pub fn frame(title: &str, styles: &[&str], body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                // Without one, browsers ask for /favicon.ico.
                link rel="icon" href="data:,";
                @for style in styles { link rel="stylesheet" href=(style); }
            }
            body { (body) }
        }
    }
}

/// Who one is here, and the way in or out.
fn account(prefix: &str, viewer: Viewer<'_>) -> Markup {
    html! {
        @match viewer {
            Viewer::Anybody => {}
            Viewer::Stranger(next) => {
                div.account { a.button href={ (prefix) (LOGIN_PATH) "?next=" (encoded(next)) } { "Sign in" } }
            }
            Viewer::SignedIn(username, token) => {
                div.account {
                    a href={ (prefix) (CHANGE_PASSWORD) } title="Change your password" {
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

/// The hash of Fowler, Noll and Vo in its variant 1a of 32 bits (RFC 9923).
const fn fnv(bytes: &[u8]) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u32).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash
}
