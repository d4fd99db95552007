//! The conventions of the OpenL2M Users Admin API (`contracts/openl2m.md` sections 2 and 8).

use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::error_bodies::{detail, respond, status_and_body};
use super::{authorization, messages, refused};
use crate::auth::Credential;
use crate::directory::{Caller, Directory, Policy, RequestOrigin, Rights};
use crate::error::{Entity, Error, Result, Unauthenticated};
use crate::web::Rejection;
use crate::web::dialect::{Dialect, Exchange};
use crate::web::endpoint::Access;
use crate::web::negotiation::{Representation, negotiate};

/// The OpenL2M Users Admin API.
#[derive(Debug, Clone, Copy)]
pub enum OpenL2m {}

impl Dialect for OpenL2m {
    type Extra = ();

    fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
        match authorization(headers) {
            Some((scheme, words)) if scheme == b"token" => match words[..] {
                [token] => match std::str::from_utf8(token) {
                    Ok(token) if token.is_ascii() => Ok(Some(Credential::ApiToken(token.to_owned()))),
                    _ => refused(Unauthenticated::TokenCharacters),
                },
                [] => refused(Unauthenticated::EmptyToken),
                _ => refused(Unauthenticated::TokenWithSpaces),
            },
            _ => Ok(None),
        }
    }

    async fn caller(directory: &Directory, credential: &Credential, origin: &RequestOrigin) -> Result<Caller> {
        let found = directory.authenticate(credential, origin).await?;
        directory.caller(found, Policy::Superusers).await
    }

    fn permits(exchange: &Exchange<Self>, caller: &Caller, _: &Method) -> bool {
        match exchange.route.endpoint.access {
            Access::Anyone | Access::User => true,
            Access::Staff | Access::Superuser | Access::Model(_) | Access::Oneself => {
                caller.rights == Rights::Everything
            }
        }
    }

    fn render(rejection: &Rejection) -> Response {
        let (status, body) = match rejection {
            Rejection::Domain(Error::NotFound(Entity::User)) => (StatusCode::BAD_REQUEST, reason("Invalid user id!")),
            Rejection::Domain(Error::Refused(refusal)) => {
                (StatusCode::BAD_REQUEST, reason(messages::refusal(*refusal)))
            }
            Rejection::Domain(Error::Unauthenticated(Unauthenticated::InvalidToken)) => {
                (StatusCode::UNAUTHORIZED, detail("Invalid token"))
            }
            Rejection::Domain(Error::Unauthenticated(Unauthenticated::ExpiredToken)) => {
                (StatusCode::UNAUTHORIZED, detail("Token expired"))
            }
            Rejection::Domain(Error::Unauthenticated(Unauthenticated::Inactive)) => {
                (StatusCode::UNAUTHORIZED, detail("User inactive"))
            }
            other => status_and_body(other),
        };
        respond(status, body, rejection, "Token")
    }

    fn representation(uri: &Uri, headers: &HeaderMap) -> Result<Representation, Rejection> {
        match negotiate(uri, headers)? {
            // There are no pages; clients that prefer HTML get JSON (section 10.8).
            Representation::Html => Ok(Representation::Json(None)),
            chosen @ (Representation::Json(_) | Representation::Lines) => Ok(chosen),
        }
    }
}

fn reason(sentence: &str) -> Value {
    json!({ "reason": sentence })
}
