//! The conventions of the Edge Users API (`contracts/edge.md` sections 1, 9 and 10).

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::error_bodies::{detail, respond, status_and_body};
use super::{authorization, messages, refused};
use crate::auth::Credential;
use crate::directory::{Caller, Directory, Policy, RequestOrigin, Rights, UserDetail, Visibility};
use crate::error::{Entity, Error, Result, Rule, Unauthenticated, Violation};
use crate::model::{EdgeId, Field};
use crate::web::Rejection;
use crate::web::dialect::{Dialect, Exchange};
use crate::web::endpoint::Access;
use crate::web::failure::render;
use crate::web::negotiation::Representation;
use crate::web::request_context::origin;

/// The Soltra Edge Users API.
#[derive(Debug, Clone, Copy)]
pub enum Edge {}

impl Dialect for Edge {
    type Extra = ();

    fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
        let Some((scheme, words)) = authorization(headers) else { return Ok(None) };
        match (&scheme[..], &words[..]) {
            (b"basic", [pair]) => basic(pair).map(Some),
            (b"basic", []) => refused(Unauthenticated::EmptyBasic),
            (b"basic", _) => refused(Unauthenticated::BasicWithSpaces),
            (b"token", [pair]) => named_token(pair).map(Some),
            (b"token", []) => refused(Unauthenticated::EmptyToken),
            (b"token", _) => refused(Unauthenticated::TokenWithSpaces),
            _ => Ok(None),
        }
    }

    async fn caller(directory: &Directory, credential: &Credential, origin: &RequestOrigin) -> Result<Caller> {
        let found = directory.authenticate_and_record(credential, origin).await?;
        directory.caller(found, Policy::Roles).await
    }

    fn permits(exchange: &Exchange<Self>, caller: &Caller, _: &Method) -> bool {
        match exchange.route.endpoint.access {
            Access::Anyone | Access::User => true,
            Access::Staff => matches!(caller.rights, Rights::Everything | Rights::Staff),
            Access::Superuser | Access::Model(_) | Access::Oneself => caller.rights == Rights::Everything,
        }
    }

    fn render(rejection: &Rejection) -> Response {
        let unauthorized = |sentence| (StatusCode::UNAUTHORIZED, detail(sentence));
        let (status, body) = match rejection {
            Rejection::Domain(Error::NotFound(_)) => (StatusCode::NOT_FOUND, detail("Not found.")),
            Rejection::Domain(Error::Invalid(violations)) => {
                (StatusCode::BAD_REQUEST, messages::by_field_in(violations, sentence))
            }
            Rejection::Domain(Error::Unauthenticated(Unauthenticated::WrongPassword)) => {
                unauthorized("Invalid username/password.")
            }
            other => status_and_body(other),
        };
        respond(status, body, rejection, "Basic realm=\"api\"")
    }

    /// Callers without valid credentials do not learn which paths exist (section 1).
    async fn not_found(directory: &Directory, parts: &mut Parts) -> Response {
        let origin = origin(parts);
        let known = match Self::credential(&parts.headers) {
            Ok(Some(credential)) => Self::caller(directory, &credential, &origin).await.map(drop),
            Ok(None) => refused(Unauthenticated::NoCredentials),
            Err(error) => Err(error),
        };
        render::<Self>(&known.err().map_or(Rejection::NoRoute, Rejection::Domain))
    }

    fn representation(_: &Uri, _: &HeaderMap) -> Result<Representation, Rejection> {
        Ok(Representation::Json(None))
    }
}

/// The user named by a part of the path, if the caller may see that user.
///
/// # Errors
/// As [`Directory::user_by_edge_id`]; an invalid id matches nobody (section 2.1).
pub async fn user_of(directory: &Directory, caller: &Caller, id: &str) -> Result<UserDetail> {
    match EdgeId::parse(id) {
        Some(id) => directory.user_by_edge_id(caller, id).await,
        // For a caller who may see only one user, all others are forbidden, whether they exist or not (section 10).
        None if caller.visibility() == Visibility::Oneself => Err(Error::Forbidden),
        None => Err(Error::NotFound(Entity::User)),
    }
}

/// `base64(username:password)`, read as UTF-8 or else as ISO 8859-1 (RFC 7617).
pub(super) fn basic(pair: &[u8]) -> Result<Credential> {
    let bytes = STANDARD.decode(pair).map_err(|_| Error::Unauthenticated(Unauthenticated::BasicNotBase64))?;
    let text =
        String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    let (username, password) = text.split_once(':').unwrap_or((&text, ""));
    Ok(Credential::Basic { username: username.to_owned(), password: password.to_owned() })
}

/// `username:token`, plain or in base64 (which has no colon).
fn named_token(pair: &[u8]) -> Result<Credential> {
    let invalid = || Error::Unauthenticated(Unauthenticated::InvalidToken);
    let bytes = if pair.contains(&b':') { pair.to_vec() } else { STANDARD.decode(pair).map_err(|_| invalid())? };
    let text = String::from_utf8(bytes).map_err(|_| invalid())?;
    let (username, token) = text.split_once(':').ok_or_else(invalid)?;
    Ok(Credential::NamedToken { username: username.to_owned(), token: token.to_owned() })
}

/// The message for a taken user name is shorter here (section 5.2).
fn sentence(violation: &Violation) -> String {
    match violation.rule {
        Rule::Taken if violation.field == Field::Username => messages::UNIQUE.to_owned(),
        _ => messages::sentence(violation),
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use proptest::prelude::*;

    use super::*;

    fn read(header: &str) -> Result<Option<Credential>> {
        Edge::credential(&HeaderMap::from_iter([(AUTHORIZATION, header.parse().expect("a header"))]))
    }

    #[test]
    fn pairs_are_split_at_the_first_colon() {
        for header in ["Basic amFuZTpQYTpzczp3", "basic amFuZTpQYTpzczp3"] {
            let Ok(Some(Credential::Basic { username, password })) = read(header) else { panic!("{header}") };
            assert_eq!((&username[..], &password[..]), ("jane", "Pa:ss:w"));
        }
        for header in ["Token jane:Pa:ss:w", "TOKEN amFuZTpQYTpzczp3"] {
            let Ok(Some(Credential::NamedToken { username, token })) = read(header) else { panic!("{header}") };
            assert_eq!((&username[..], &token[..]), ("jane", "Pa:ss:w"));
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_read_as_latin_1() {
        let header = format!("Basic {}", STANDARD.encode(b"jane:p\xe4ss"));
        let Ok(Some(Credential::Basic { password, .. })) = read(&header) else { panic!("{header}") };
        assert_eq!(password, "päss");
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(scheme in "(Basic|Token|)", rest in "[ -~]{0,40}") {
            let _ = read(&format!("{scheme} {rest}"));
        }
    }
}
