//! What the endpoints of the APIs without pages do before and after their handlers, in the order of their contracts:
//! address (404), representation (406), credentials (401), permission (403), method (405); then the handler.
//! Where there is nothing, a dialect may ask for credentials all the same.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum::{Json, Router};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::{Value, json};
use tower::Layer as _;

use super::failure::render;
use super::negotiation::{Representation, indented};
use super::{ClientAddress, Failure};
use crate::dialect::Dialect;
use crate::directory::{Caller, Directory};
use crate::error::{Error, Result};
use crate::sign_in::Visit;

/// One address and what is the same for all its methods.
#[derive(Debug)]
pub struct Endpoint {
    /// The path, with its final slash; `{number}` is a decimal number. It answers the same without the slash.
    pub path: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The `Allow` header.
    pub allow: &'static str,
    /// Who may ask.
    pub access: Access,
}

/// Who may ask an endpoint at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, but whoever shows credentials must show good ones.
    Anyone,
    /// Any user whom the API lets in.
    User,
    /// Staff and superusers.
    Staff,
    /// Superusers.
    Superuser,
}

/// How an API lets callers in.
pub trait Admission: Dialect {
    /// How the answer is written.
    ///
    /// # Errors
    /// [`Error::NotAcceptable`], [`Error::NoRoute`].
    fn representation(uri: &Uri, headers: &HeaderMap) -> Result<Representation>;

    /// Who is asking, with the rights that this API gives; `None` for nobody where anyone may ask.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], or when the store does not answer.
    fn admit(
        directory: &Directory,
        access: Access,
        headers: &HeaderMap,
        visit: &Visit,
    ) -> impl Future<Output = Result<Option<Caller>>> + Send;
}

/// What is mounted where: an endpoint and its methods.
pub type Endpoints = Vec<(&'static Endpoint, MethodRouter<Arc<Directory>>)>;

/// A router of these endpoints, each with and without its final slash.
pub fn mount_all<D: Admission>(directory: &Arc<Directory>, endpoints: Endpoints) -> Router<Arc<Directory>> {
    endpoints.into_iter().fold(Router::new(), |router, (endpoint, methods)| {
        let habits = from_fn_with_state((endpoint, directory.clone()), around::<D>);
        let methods = methods.fallback(async |method: Method| Failure::<D>::from(Error::MethodNotAllowed(method)));
        let service = habits.layer(methods.with_state(directory.clone()));
        let bare = endpoint.path.trim_end_matches('/');
        let router = router.route_service(endpoint.path, service.clone());
        if bare == endpoint.path { router } else { router.route_service(bare, service) }
    })
}

/// The path's variable parts, unless they are no text.
type Parameters = std::result::Result<RawPathParams, RawPathParamsRejection>;

async fn around<D: Admission>(
    State((endpoint, directory)): State<(&'static Endpoint, Arc<Directory>)>,
    parameters: Parameters,
    request: Request,
    next: Next,
) -> Response {
    if !is_spelled_well(parameters) {
        return nowhere::<D>(&directory, request).await;
    }
    let is_head = request.method() == Method::HEAD;
    let chosen = D::representation(request.uri(), request.headers());
    let representation = *chosen.as_ref().unwrap_or(&Representation::Json(None));
    let answer = match chosen {
        Ok(_) => admitted::<D>(endpoint, &directory, request, next).await,
        Err(error) => Err(error),
    };
    let mut response = answer.unwrap_or_else(|error| render::<D>(&error));
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
) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    let caller = D::admit(directory, endpoint.access, &parts.headers, &visit(&parts)).await?;
    if parts.method == Method::OPTIONS {
        return Ok(Json(description(endpoint)).into_response());
    }
    if let Some(caller) = caller {
        parts.extensions.insert(caller);
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// The answer at an address where there is nothing.
pub async fn nowhere<D: Dialect>(directory: &Directory, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let mut response = D::nowhere(directory, &mut parts).await;
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    if parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Where a request comes from.
pub fn visit(parts: &Parts) -> Visit {
    let agent = parts.headers.get(http::header::USER_AGENT);
    Visit {
        address: parts.extensions.get::<ClientAddress>().and_then(|address| address.0.clone()),
        user_agent: agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned()),
    }
}

/// What OPTIONS tells.
fn description(endpoint: &Endpoint) -> Value {
    json!({
        "name": endpoint.name,
        "description": "",
        "renders": ["application/json"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    })
}

/// Whether every variable part of the path is there, is text, and is a number where it must be one.
fn is_spelled_well(parameters: Parameters) -> bool {
    let fits =
        |name: &str, value: &str| !value.is_empty() && (name != "number" || value.bytes().all(|b| b.is_ascii_digit()));
    parameters.is_ok_and(|parameters| parameters.iter().all(|(name, value)| fits(name, value)))
}

/// The same answer with its JSON indented.
async fn spaced<D: Dialect>(response: Response, spaces: usize) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return render::<D>(&Error::internal("an answer that cannot be read"));
    };
    let is_json = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let Some(value) = is_json.then(|| serde_json::from_slice::<Value>(&bytes).ok()).flatten() else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(indented(&value, spaces)))
}
