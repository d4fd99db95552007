//! What every OpenWISP endpoint does before and after its handler, in the contract's order of checks:
//! address (404), representation (406), credentials (401), permission (403), method (405); then the handler.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, any};
use axum::{Json, Router};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, VARY};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde::Serialize as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{OpenWisp, metadata, page};
use crate::dialect::Dialect;
use crate::directory::{Caller, Directory};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{Model, UserId};
use crate::web::failure::render;
use crate::web::fields::Field;
use crate::web::negotiation::{Representation, negotiate};
use crate::web::{Base, Failure};

/// One address of the API and what is the same for all its methods.
#[derive(Debug)]
pub struct Endpoint {
    /// The path, with its final slash; `{id}` is a UUID, `{number}` a decimal number.
    pub path: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The `Allow` header.
    pub allow: &'static str,
    /// Who may ask.
    pub access: Access,
    /// The fields that the caller could send, for the method that takes them all.
    pub fields: fn(is_superuser: bool) -> Vec<&'static Field>,
}

/// Who may ask an endpoint at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; credentials are not looked at.
    Anyone,
    /// Who has the model's permission for the method.
    Model(Model),
}

/// The caller whom the endpoint has let in.
#[derive(Debug)]
pub struct Admitted(pub Caller);

impl<S: Sync> FromRequestParts<S> for Admitted {
    type Rejection = Failure<OpenWisp>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Self::Rejection> {
        let caller = parts.extensions.remove::<Caller>();
        caller.map(Self).ok_or_else(|| Error::Unauthenticated(Unauthenticated::NoCredentials).into())
    }
}

/// Adds an endpoint to a router: with its final slash the methods, without it a redirect for every method.
pub fn mount(
    router: Router<Arc<Directory>>,
    directory: &Arc<Directory>,
    endpoint: &'static Endpoint,
    methods: MethodRouter<Arc<Directory>>,
) -> Router<Arc<Directory>> {
    let site = Site { endpoint, directory: directory.clone(), methods: methods.clone().with_state(directory.clone()) };
    let habits = from_fn_with_state(site, around);
    let methods = methods.fallback(method_not_allowed).layer(habits);
    let bare = endpoint.path.trim_end_matches('/');
    router.route(endpoint.path, methods).route(bare, any(add_final_slash))
}

/// A router of these endpoints.
pub fn mount_all(
    directory: &Arc<Directory>,
    endpoints: Vec<(&'static Endpoint, MethodRouter<Arc<Directory>>)>,
) -> Router<Arc<Directory>> {
    endpoints.into_iter().fold(Router::new(), |router, (endpoint, methods)| mount(router, directory, endpoint, methods))
}

/// An endpoint where it is mounted.
#[derive(Clone)]
struct Site {
    endpoint: &'static Endpoint,
    directory: Arc<Directory>,
    /// Its methods, to find out whether the caller can read an object.
    methods: MethodRouter,
}

async fn around(State(site): State<Site>, parameters: Parameters, request: Request, next: Next) -> Response {
    if !is_address(&parameters) {
        return render::<OpenWisp>(&Error::NoRoute);
    }
    let endpoint = site.endpoint;
    let line = format!("{} {}", request.method(), request.uri());
    let chosen = negotiate(request.uri(), request.headers());
    let representation = *chosen.as_ref().unwrap_or(&Representation::Json(None));
    let answer = match chosen {
        Ok(_) => admitted(&site, request, next).await,
        Err(error) => Err(error),
    };
    let mut response = answer.unwrap_or_else(|error| render::<OpenWisp>(&error));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow));
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    represent(response, representation, endpoint, &line).await
}

/// Lets the request through to its handler if its sender may make it.
async fn admitted(site: &Site, mut request: Request, next: Next) -> Result<Response> {
    let Site { endpoint, directory, .. } = site;
    let caller = match endpoint.access {
        Access::Anyone => None,
        Access::Model(model) => {
            let credential = OpenWisp::credential(request.headers())?;
            let credential = credential.ok_or(Error::Unauthenticated(Unauthenticated::NoCredentials))?;
            let user = directory.authenticate(&credential).await?;
            let rights = directory.rights(&user).await?;
            let caller = Caller { user, rights };
            if !caller.may_request(request.method(), model) {
                return Err(Error::Forbidden);
            }
            Some((caller, model))
        }
    };
    if request.method() == Method::OPTIONS {
        return describe(site, caller, request).await;
    }
    if let Some((caller, _)) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

/// Answers OPTIONS: with the fields of POST on a list and of PUT on an object, if the caller could perform that.
async fn describe(site: &Site, caller: Option<(Caller, Model)>, mut request: Request) -> Result<Response> {
    let Site { endpoint, methods, .. } = site;
    let taking = [Method::POST, Method::PUT].into_iter().find(|method| endpoint.allow.contains(method.as_str()));
    let is_superuser = caller.as_ref().is_none_or(|(caller, _)| caller.user.is_superuser);
    let fields = (endpoint.fields)(is_superuser);
    let mut could = true;
    if let Some((caller, model)) = caller {
        could = taking.as_ref().is_some_and(|method| caller.may_request(method, model));
        if could && taking == Some(Method::PUT) && endpoint.allow.contains(Method::GET.as_str()) {
            // An object that the caller cannot read is not described.
            request.extensions_mut().insert(caller);
            *request.method_mut() = Method::GET;
            could = methods.clone().oneshot(request).await.is_ok_and(|answer| answer.status().is_success());
        }
    }
    let action = taking.as_ref().filter(|_| could).map(|method| (method, fields));
    Ok(Json(metadata::describe(endpoint, action)).into_response())
}

async fn method_not_allowed(method: Method) -> Failure<OpenWisp> {
    Error::MethodNotAllowed(method).into()
}

/// 301 to the same address with its final slash, whatever the method.
async fn add_final_slash(parameters: Parameters, base: Base, uri: Uri) -> Response {
    if !is_address(&parameters) {
        return render::<OpenWisp>(&Error::NoRoute);
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{}/{query}", base.prefix(), uri.path());
    let mut response = Redirect::permanent(&target).into_response();
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(&target) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The path's variable parts, unless they are no text.
type Parameters = std::result::Result<RawPathParams, RawPathParamsRejection>;

/// Whether the path's variable parts are spelled as the endpoint's addresses are.
fn is_address(parameters: &Parameters) -> bool {
    parameters.as_ref().is_ok_and(|parameters| {
        parameters.iter().all(|(name, value)| match name {
            "id" => UserId::parse(value).is_some(),
            "number" => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
            _ => true,
        })
    })
}

/// Writes an answer as the client wants it: handlers give compact JSON.
async fn represent(
    response: Response,
    representation: Representation,
    endpoint: &'static Endpoint,
    line: &str,
) -> Response {
    if representation == Representation::Json(None) || response.headers().get(CONTENT_TYPE).is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return render::<OpenWisp>(&Error::internal("an answer that cannot be read"));
    };
    let value = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    let (kind, text) = match representation {
        Representation::Json(spaces) => ("application/json", indented(&value, spaces.unwrap_or_default())),
        Representation::Html => ("text/html; charset=utf-8", page::answer(endpoint.name, line, &parts, &value)),
    };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Response::from_parts(parts, Body::from(text))
}

pub(super) fn indented(value: &Value, spaces: usize) -> String {
    let indent = " ".repeat(spaces);
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => value.to_string(),
    }
}
