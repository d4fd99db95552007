//! The conventions of the OpenL2M Users Admin API (`contracts/openl2m.md` sections 2 and 8).

use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::error_bodies::{detail, respond, status_and_body};
use super::{authorization, messages, refused};
use crate::auth::Credential;
use crate::directory::RequestOrigin;
use crate::directory::{Caller, Directory, Policy, Rights};
use crate::error::{Entity, Error, Result, Unauthenticated};
use crate::web::Rejection;
use crate::web::dialect::Dialect;
use crate::web::endpoint::{Access, Admission};
use crate::web::negotiation::{Representation, negotiate};

/// The OpenL2M Users Admin API.
#[derive(Debug, Clone, Copy)]
pub enum OpenL2m {}

impl Dialect for OpenL2m {
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
}

impl Admission for OpenL2m {
    fn representation(uri: &Uri, headers: &HeaderMap) -> Result<Representation, Rejection> {
        match negotiate(uri, headers)? {
            // There are no pages; clients that prefer HTML get JSON (section 10.8).
            Representation::Html => Ok(Representation::Json(None)),
            json @ Representation::Json(_) => Ok(json),
        }
    }

    async fn admit(
        directory: &Directory,
        access: Access,
        headers: &HeaderMap,
        origin: &RequestOrigin,
    ) -> Result<Option<Caller>> {
        let Some(credential) = Self::credential(headers)? else {
            let missing = Err(Error::Unauthenticated(Unauthenticated::NoCredentials));
            return if access == Access::Anyone { Ok(None) } else { missing };
        };
        let found = directory.authenticate(&credential, origin).await?;
        let caller = directory.caller(found, Policy::Superusers).await?;
        if matches!(access, Access::Superuser | Access::Staff) && caller.rights != Rights::Everything {
            return Err(Error::Forbidden);
        }
        Ok(Some(caller))
    }
}

fn reason(sentence: &str) -> Value {
    json!({ "reason": sentence })
}
