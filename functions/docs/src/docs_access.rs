//! Who may read the documentation (`contracts/openwisp.md` sections 14 and 15): any user, or everybody, depending on a
//! setting.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{ALLOW, CACHE_CONTROL, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::html;
use shared::Directory;
use shared::auth::Credential;
use shared::config::DocsAccess;
use shared::dialect::edge::Edge;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::{openwisp::page::Viewer, openwisp::page::html_document, openwisp::page::respond};
use shared::directory::RequestOrigin;
use shared::error::{Error, Result, Unauthenticated};
use shared::web::BaseUrl;
use shared::web::dialect::Dialect as _;
use shared::web::failure::render;
use shared::web::negotiation::{Representation, negotiate};

/// Passes a request on if its sender may read.
pub async fn admit(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    base: BaseUrl,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match may_read(&directory, &origin, request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(error) => refusal(error, &base, &request),
    };
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Accept, Authorization, Cookie"));
    response
}

async fn may_read(directory: &Directory, origin: &RequestOrigin, headers: &HeaderMap) -> Result<()> {
    if directory.settings().docs_access == DocsAccess::Everybody {
        return Ok(());
    }
    let credential = credential(headers)?.ok_or(Error::Unauthenticated(Unauthenticated::NoCredentials))?;
    directory.authenticate(&credential, origin).await.map(|_| ())
}

/// A bearer token, a name with a password or a token, or a browser session.
fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
    match OpenWisp::credential(headers)? {
        Some(Credential::Session(session)) => Ok(Edge::credential(headers)?.or(Some(Credential::Session(session)))),
        Some(credential) => Ok(Some(credential)),
        None => Edge::credential(headers),
    }
}

/// Without a login: 403, or for a browser a redirect to the login page.
fn refusal(error: Error, base: &BaseUrl, request: &Request) -> Response {
    let is_unauthenticated = matches!(error, Error::Unauthenticated(_));
    let mut response = match error {
        wrong @ Error::Unauthenticated(Unauthenticated::WrongPassword) => render::<Edge>(&wrong.into()),
        other => render::<OpenWisp>(&other.into()),
    };
    if !is_unauthenticated {
        return response;
    }
    if negotiate(request.uri(), request.headers()).is_ok_and(|chosen| chosen == Representation::Html) {
        let here = format!("{}{}", base.prefix(), request.uri().path());
        let content = html! {
            h1 { "Documentation" }
            p { "The documentation is for users of this directory. Sign in, or send a bearer token or a user name and password." }
        };
        response = respond(&html_document("Documentation", base, Viewer::Stranger(&here), &content));
    }
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().remove(WWW_AUTHENTICATE);
    response
}
