//! How the OpenL2M Users Admin API speaks (`contracts/openl2m.md` sections 2 and 8).

use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::answers::{answer, detail, respond};
use super::{Dialect, authorization, messages, refused};
use crate::directory::{Caller, Directory, Rights};
use crate::error::{Entity, Error, Result, Unauthenticated};
use crate::sign_in::{Credential, Visit};
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

    fn render(error: &Error) -> Response {
        let (status, body) = match error {
            Error::NotFound(Entity::User) => (StatusCode::BAD_REQUEST, reason("Invalid user id!")),
            Error::Refused(refusal) => (StatusCode::BAD_REQUEST, reason(messages::refusal(*refusal))),
            Error::Unauthenticated(Unauthenticated::InvalidToken) => {
                (StatusCode::UNAUTHORIZED, detail("Invalid token"))
            }
            Error::Unauthenticated(Unauthenticated::ExpiredToken) => {
                (StatusCode::UNAUTHORIZED, detail("Token expired"))
            }
            Error::Unauthenticated(Unauthenticated::Inactive) => (StatusCode::UNAUTHORIZED, detail("User inactive")),
            other => answer(other),
        };
        respond(status, body, error, "Token")
    }
}

impl Admission for OpenL2m {
    fn representation(uri: &Uri, headers: &HeaderMap) -> Result<Representation> {
        match negotiate(uri, headers)? {
            // There are no pages; whoever prefers one gets JSON (section 10.8).
            Representation::Html => Ok(Representation::Json(None)),
            json @ Representation::Json(_) => Ok(json),
        }
    }

    async fn admit(
        directory: &Directory,
        access: Access,
        headers: &HeaderMap,
        visit: &Visit,
    ) -> Result<Option<Caller>> {
        let Some(credential) = Self::credential(headers)? else {
            let missing = Err(Error::Unauthenticated(Unauthenticated::NoCredentials));
            return if access == Access::Anyone { Ok(None) } else { missing };
        };
        let user = directory.authenticate(&credential, visit.address.as_deref()).await?;
        let rights = if user.is_superuser { Rights::Everything } else { Rights::Oneself };
        if matches!(access, Access::Superuser | Access::Staff) && rights != Rights::Everything {
            return Err(Error::Forbidden);
        }
        Ok(Some(Caller { user, rights }))
    }
}

fn reason(sentence: &str) -> Value {
    json!({ "reason": sentence })
}
