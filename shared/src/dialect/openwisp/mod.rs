//! How the OpenWISP Users API speaks (`contracts/openwisp.md` section 4).

pub mod endpoint;
pub mod metadata;
pub mod page;

use axum::extract::FromRequestParts as _;
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;

use super::answers::{answer, respond};
use super::{Dialect, authorization, refused};
use crate::directory::Directory;
use crate::error::{Error, Result, Unauthenticated};
use crate::sign_in::Credential;
use crate::web::Base;
use crate::web::cookies::{Cookie, cookie};
use crate::web::negotiation::{Representation, negotiate};

/// What a browser keeps while its user is signed in (section 16).
const SESSION: &str = "sessionid";

/// The OpenWISP Users API.
#[derive(Debug, Clone, Copy)]
pub enum OpenWisp {}

impl Dialect for OpenWisp {
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
            // What another scheme carries is not looked at.
            _ => Ok(session(headers)),
        }
    }

    fn render(error: &Error) -> Response {
        let (status, body) = answer(error);
        respond(status, body, error, "Bearer")
    }

    /// A page, if that is preferred (section 15).
    async fn nowhere(_: &Directory, parts: &mut Parts) -> Response {
        let chosen = negotiate(&parts.uri, &parts.headers);
        if chosen.is_ok_and(|chosen| chosen == Representation::Html)
            && let Ok(base) = Base::from_request_parts(parts, &()).await
        {
            return page::nowhere(&base);
        }
        Self::render(&Error::NoRoute)
    }
}

/// The session that a browser shows.
fn session(headers: &HeaderMap) -> Option<Credential> {
    let text = cookie(headers, SESSION).filter(|text| !text.is_empty())?;
    Some(Credential::Session(text.to_owned()))
}

/// The cookie that keeps a session for so many seconds; for none, it ends it.
pub fn session_cookie(session: &str, life: i64) -> Cookie<'_> {
    Cookie { name: SESSION, value: session, path: "/", life: Some(life), readable: false }
}
