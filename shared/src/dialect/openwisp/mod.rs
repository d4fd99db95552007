//! How the OpenWISP Users API speaks (`contracts/openwisp.md` section 4).

pub mod endpoint;
pub mod metadata;
pub mod page;

use axum::response::Response;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::Dialect;
use super::answers::{answer, respond};
use crate::error::{Error, Result, Unauthenticated};
use crate::sign_in::Credential;

/// The OpenWISP Users API.
#[derive(Debug, Clone, Copy)]
pub enum OpenWisp {}

impl Dialect for OpenWisp {
    fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
        let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
        let refused = |why| Err(Error::Unauthenticated(why));
        let words: Vec<&[u8]> =
            header.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        match words[..] {
            [scheme, ..] if !scheme.eq_ignore_ascii_case(b"bearer") => Ok(None),
            [_, token] => match std::str::from_utf8(token) {
                Ok(token) => Ok(Some(Credential::Bearer(token.to_owned()))),
                Err(_) => refused(Unauthenticated::TokenCharacters),
            },
            [_] => refused(Unauthenticated::EmptyToken),
            [] => Ok(None),
            _ => refused(Unauthenticated::TokenWithSpaces),
        }
    }

    fn render(error: &Error) -> Response {
        let (status, body) = answer(error);
        respond(status, body, error, "Bearer")
    }
}
