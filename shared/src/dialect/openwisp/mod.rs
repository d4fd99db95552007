//! How the OpenWISP Users API speaks (`contracts/openwisp.md` section 4).

pub mod endpoint;
pub mod metadata;
pub mod page;

use axum::response::Response;
use http::HeaderMap;

use super::answers::{answer, respond};
use super::{Dialect, authorization, refused};
use crate::error::{Error, Result, Unauthenticated};
use crate::sign_in::Credential;

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
            _ => Ok(None),
        }
    }

    fn render(error: &Error) -> Response {
        let (status, body) = answer(error);
        respond(status, body, error, "Bearer")
    }
}
