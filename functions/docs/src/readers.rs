//! Who may read the documentation (`contracts/openwisp.md` sections 14 and 15): any user, or everybody if a setting says so.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, CACHE_CONTROL, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::html;
use shared::Directory;
use shared::config::Readers;
use shared::dialect::Dialect as _;
use shared::dialect::edge::Edge;
use shared::dialect::openwisp::OpenWisp;
use shared::error::{Error, Result, Unauthenticated};
use shared::sign_in::Credential;
use shared::web::ClientAddress;
use shared::web::failure::render;
use shared::web::negotiation::{Representation, negotiate};

use crate::handlers::page_of;

/// Lets a request through if its sender may read.
pub async fn admit(
    State(directory): State<Arc<Directory>>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match may_read(&directory, address.as_deref(), request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(error) => refusal(&error, &request),
    };
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Accept, Authorization"));
    response
}

async fn may_read(directory: &Directory, address: Option<&str>, headers: &HeaderMap) -> Result<()> {
    if directory.settings().docs_readers == Readers::Everybody {
        return Ok(());
    }
    let credential = credential(headers)?.ok_or(Error::Unauthenticated(Unauthenticated::NoCredentials))?;
    directory.authenticate(&credential, address).await.map(|_| ())
}

/// A bearer token, or a name with a password or a token.
fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
    match OpenWisp::credential(headers)? {
        Some(credential) => Ok(Some(credential)),
        None => Edge::credential(headers),
    }
}

/// Who is not signed in is told 403 here, and a browser where to go.
fn refusal(error: &Error, request: &Request) -> Response {
    let mut response = match error {
        Error::Unauthenticated(Unauthenticated::WrongPassword) => render::<Edge>(error),
        other => render::<OpenWisp>(other),
    };
    if !matches!(error, Error::Unauthenticated(_)) {
        return response;
    }
    if negotiate(request.uri(), request.headers()).is_ok_and(|chosen| chosen == Representation::Html) {
        response = page_of(
            "Documentation",
            &html! {
                main.message {
                    h1 { "Documentation" }
                    p { "The documentation is for users of this directory: it needs a bearer token, or a user name and a password." }
                }
            },
        )
        .into_response();
    }
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().remove(WWW_AUTHENTICATE);
    response
}
