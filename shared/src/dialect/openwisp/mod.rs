//! The conventions of the OpenWISP Users API (`contracts/openwisp.md` section 4).

pub mod endpoint;
pub mod metadata;
pub mod page;

use axum::extract::FromRequestParts as _;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, Method};

use self::page::Viewer;
use super::error_bodies::{respond, status_and_body};
use super::{authorization, refused};
use crate::auth::Credential;
use crate::directory::Directory;
use crate::directory::RequestOrigin;
use crate::directory::sign_in::Identity;
use crate::error::{Result, Unauthenticated};
use crate::web::cookies::{Cookie, cookie};
use crate::web::csrf::Token;
use crate::web::dialect::Dialect;
use crate::web::negotiation::{Representation, negotiate};
use crate::web::{BaseUrl, Rejection};

/// The session cookie of a browser (section 16).
const SESSION: &str = "sessionid";

/// The OpenWISP Users API.
#[derive(Debug, Clone, Copy)]
pub enum OpenWisp {}

impl Dialect for OpenWisp {
    const HAS_SIGNED_TOKENS: bool = true;

    fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
        match authorization(headers) {
            Some((scheme, words)) if scheme == b"bearer" => match words[..] {
                [token] => match std::str::from_utf8(token) {
                    Ok(token) => Ok(Some(Credential::Bearer(token.to_owned()))),
                    Err(_) => refused(Unauthenticated::TokenCharacters),
                },
                [] => refused(Unauthenticated::EmptyToken),
                _ => refused(Unauthenticated::TokenWithSpaces),
            },
            // Credentials of other schemes are ignored.
            _ => Ok(session(headers)),
        }
    }

    fn render(rejection: &Rejection) -> Response {
        let (status, body) = status_and_body(rejection);
        respond(status, body, rejection, "Bearer")
    }

    /// A page, if the client prefers that (section 15); at `/` the home page.
    async fn not_found(directory: &Directory, parts: &mut Parts) -> Response {
        let chosen = negotiate(&parts.uri, &parts.headers);
        if chosen.is_ok_and(|chosen| chosen == Representation::Html)
            && let Ok(base) = BaseUrl::from_request_parts(parts, &()).await
        {
            let is_read = [Method::GET, Method::HEAD].contains(&parts.method);
            if is_read && parts.uri.path() == page::HOME_PATH {
                return home(directory, &base, &parts.headers).await;
            }
            return page::not_found(&base);
        }
        Self::render(&Rejection::NoRoute)
    }
}

/// The page at `/`, for any visitor.
async fn home(directory: &Directory, base: &BaseUrl, headers: &HeaderMap) -> Response {
    let signed_in = match session(headers) {
        Some(session) => directory.authenticate(&session, &RequestOrigin::default()).await.ok(),
        None => None,
    };
    let Some(Identity { user, .. }) = signed_in else {
        return page::respond(&page::home(base, Viewer::Stranger(page::HOME_PATH)));
    };
    let token = Token::of(headers, directory);
    let mut response = page::respond(&page::home(base, Viewer::SignedIn(user.username.as_str(), &token)));
    token.set(response.headers_mut(), base);
    response
}

/// The session of a browser.
pub fn session(headers: &HeaderMap) -> Option<Credential> {
    let text = cookie(headers, SESSION).filter(|text| !text.is_empty())?;
    Some(Credential::Session(text.to_owned()))
}

/// The cookie that keeps a session for this many seconds; an empty session ends it.
pub fn session_cookie(session: &str, life: i64) -> Cookie<'_> {
    Cookie { name: SESSION, value: session, life: Some(life), readable: false }
}
