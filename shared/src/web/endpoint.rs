//! What endpoints of the APIs without pages do before and after their handlers, in the order of their contracts: path
//! (404), representation (406), credentials (401), permission (403), method (405); then the handler. For unknown paths,
//! a dialect may still require credentials.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::{Json, Router};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::{Value, json};
use tower::Layer as _;

use super::body::LetIn;
use super::failure::render;
use super::negotiation::{Representation, indented};
use super::request_context::origin;
use super::{Failure, Rejection};
use crate::directory::RequestOrigin;
use crate::directory::{Caller, Directory};
use crate::error::{Error, Result};
use crate::web::dialect::Dialect;

/// An endpoint, and what its methods have in common.
#[derive(Debug)]
pub struct Endpoint {
    /// The path, with its final slash; `{number}` is a decimal number. The path without the slash works too.
    pub path: &'static str,
    /// Its display name.
    pub name: &'static str,
    /// The `Allow` header.
    pub allow: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// Who may use an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; but if there are credentials, they must be valid.
    Anyone,
    /// Any user whom the API admits.
    User,
    /// Staff and superusers.
    Staff,
    /// Superusers.
    Superuser,
}

/// How an API admits callers.
pub trait Admission: Dialect {
    /// The format of the response.
    ///
    /// # Errors
    /// [`Rejection::NotAcceptable`], [`Rejection::NoRoute`].
    fn representation(uri: &Uri, headers: &HeaderMap) -> Result<Representation, Rejection>;

    /// The caller, with the rights that this API grants; `None` without credentials, if anyone may use the endpoint.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], or when the store is unavailable.
    fn admit(
        directory: &Directory,
        access: Access,
        headers: &HeaderMap,
        origin: &RequestOrigin,
    ) -> impl Future<Output = Result<Option<Caller>>> + Send;
}

/// Endpoints and their methods.
pub type Endpoints = Vec<(&'static Endpoint, MethodRouter<Arc<Directory>>)>;

/// A router for these endpoints, each with and without its final slash.
pub fn mount_all<D: Admission>(directory: &Arc<Directory>, endpoints: Endpoints) -> Router<Arc<Directory>> {
    endpoints.into_iter().fold(Router::new(), |router, (endpoint, methods)| {
        let habits = from_fn_with_state((endpoint, directory.clone()), around::<D>);
        let methods = methods.fallback(async |method: Method| Failure::<D>::from(Rejection::MethodNotAllowed(method)));
        let service = habits.layer(methods.with_state(directory.clone()));
        let bare = endpoint.path.trim_end_matches('/');
        let router = router.route_service(endpoint.path, service.clone());
        if bare == endpoint.path { router } else { router.route_service(bare, service) }
    })
}

/// The path's variable parts, unless they are not text.
type Parameters = std::result::Result<RawPathParams, RawPathParamsRejection>;

async fn around<D: Admission>(
    State((endpoint, directory)): State<(&'static Endpoint, Arc<Directory>)>,
    parameters: Parameters,
    request: Request,
    next: Next,
) -> Response {
    if !is_spelled_well(parameters) {
        return not_found::<D>(&directory, request).await;
    }
    let is_head = request.method() == Method::HEAD;
    let chosen = D::representation(request.uri(), request.headers());
    let representation = *chosen.as_ref().unwrap_or(&Representation::Json(None));
    let response = match chosen {
        Ok(_) => admitted::<D>(endpoint, &directory, request, next).await,
        Err(error) => Err(error),
    };
    let mut response = response.unwrap_or_else(|error| render::<D>(&error));
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(endpoint.allow));
    if !headers.contains_key(VARY) {
        headers.insert(VARY, HeaderValue::from_static("Accept"));
    }
    if let Representation::Json(Some(spaces)) = representation {
        response = spaced::<D>(response, spaces).await;
    }
    if is_head {
        *response.body_mut() = Body::empty();
    }
    response
}

async fn admitted<D: Admission>(
    endpoint: &'static Endpoint,
    directory: &Directory,
    request: Request,
    next: Next,
) -> Result<Response, Rejection> {
    let (mut parts, body) = request.into_parts();
    let caller = D::admit(directory, endpoint.access, &parts.headers, &origin(&parts)).await?;
    if parts.method == Method::OPTIONS {
        return Ok(Json(description(endpoint)).into_response());
    }
    if let Some(caller) = caller {
        if endpoint.access != Access::Anyone {
            parts.extensions.insert(LetIn);
        }
        parts.extensions.insert(caller);
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// The response for an unknown path.
pub async fn not_found<D: Dialect>(directory: &Directory, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let mut response = D::not_found(directory, &mut parts).await;
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    if parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// The response to OPTIONS.
fn description(endpoint: &Endpoint) -> Value {
    json!({
        "name": endpoint.name,
        "description": "",
        "renders": ["application/json"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    })
}

/// Whether every variable part of the path is text, and a number where required.
fn is_spelled_well(parameters: Parameters) -> bool {
    let fits =
        |name: &str, value: &str| !value.is_empty() && (name != "number" || value.bytes().all(|b| b.is_ascii_digit()));
    parameters.is_ok_and(|parameters| parameters.iter().all(|(name, value)| fits(name, value)))
}

/// The same response with its JSON indented.
async fn spaced<D: Dialect>(response: Response, spaces: usize) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return render::<D>(&Error::internal("malformed response").into());
    };
    let is_json = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let Some(value) = is_json.then(|| serde_json::from_slice::<Value>(&bytes).ok()).flatten() else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(indented(&value, spaces)))
}
