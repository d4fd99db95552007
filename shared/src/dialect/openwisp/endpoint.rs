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
use serde_json::Value;
use tower::Layer as _;

use super::{OpenWisp, metadata, page};
use crate::dialect::Dialect;
use crate::directory::{Act, Caller, Directory};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{Model, User, UserId};
use crate::web::failure::render;
use crate::web::fields::Field;
use crate::web::negotiation::{Representation, indented, negotiate};
use crate::web::{Base, ClientAddress, Failure};

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
    /// Whether the address lies below a user, `{id}`, whom the caller must be able to see.
    pub below_user: bool,
    /// The fields that the caller could send, for the method that takes them all.
    pub fields: fn(is_superuser: bool) -> Vec<&'static Field>,
}

/// Who may ask an endpoint at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; credentials are not looked at.
    Anyone,
    /// Any user.
    User,
    /// Who has the model's permission for the method.
    Model(Model),
    /// The user that `{id}` names, and who may change users.
    Oneself,
}

/// The user below whom the endpoint lies.
#[derive(Debug)]
pub struct Parent(pub User);

impl<S: Sync> FromRequestParts<S> for Parent {
    type Rejection = Failure<OpenWisp>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Self::Rejection> {
        let parent = parts.extensions.remove::<User>();
        parent.map(Self).ok_or_else(|| Error::NoRoute.into())
    }
}

/// Adds an endpoint to a router: with its final slash the methods, without it a redirect for every method.
fn mount(
    router: Router<Arc<Directory>>,
    directory: &Arc<Directory>,
    endpoint: &'static Endpoint,
    methods: MethodRouter<Arc<Directory>>,
) -> Router<Arc<Directory>> {
    let habits = from_fn_with_state((endpoint, directory.clone()), around);
    // Around the choice of the method, not around each method: OPTIONS asks whether GET would succeed.
    let methods = habits.layer(methods.fallback(method_not_allowed).with_state(directory.clone()));
    let bare = endpoint.path.trim_end_matches('/');
    router.route_service(endpoint.path, methods).route(bare, any(add_final_slash))
}

/// What is mounted where: an endpoint and its methods.
pub type Endpoints = Vec<(&'static Endpoint, MethodRouter<Arc<Directory>>)>;

/// A router of these endpoints.
pub fn mount_all(directory: &Arc<Directory>, endpoints: Endpoints) -> Router<Arc<Directory>> {
    endpoints.into_iter().fold(Router::new(), |router, (endpoint, methods)| mount(router, directory, endpoint, methods))
}

async fn around(
    State((endpoint, directory)): State<(&'static Endpoint, Arc<Directory>)>,
    parameters: Parameters,
    request: Request,
    next: Next,
) -> Response {
    let Some(parameters) = address(parameters) else {
        return render::<OpenWisp>(&Error::NoRoute);
    };
    let is_head = request.method() == Method::HEAD;
    let line = format!("{} {}", request.method(), request.uri());
    let chosen = negotiate(request.uri(), request.headers());
    let representation = *chosen.as_ref().unwrap_or(&Representation::Json(None));
    let answer = match chosen {
        Ok(_) => admitted(endpoint, &directory, &parameters, request, next).await,
        Err(error) => Err(error),
    };
    let mut response = answer.unwrap_or_else(|error| render::<OpenWisp>(&error));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow));
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    let mut response = represent(response, representation, endpoint, &line).await;
    if is_head {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Lets the request through to its handler if its sender may make it.
async fn admitted(
    endpoint: &'static Endpoint,
    directory: &Directory,
    parameters: &RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response> {
    let caller = match endpoint.access {
        Access::Anyone => None,
        access => {
            let credential = OpenWisp::credential(request.headers())?;
            let credential = credential.ok_or(Error::Unauthenticated(Unauthenticated::NoCredentials))?;
            let address = request.extensions().get::<ClientAddress>().and_then(|address| address.0.as_deref());
            let user = directory.authenticate(&credential, address).await?;
            let rights = directory.rights(&user).await?;
            let caller = Caller { user, rights };
            if !may_request(&caller, access, request.method(), parameters) {
                return Err(Error::Forbidden);
            }
            Some(caller)
        }
    };
    if endpoint.below_user
        && let Some(caller) = &caller
    {
        let parent = directory.user_alone(caller, user_id(parameters).ok_or(Error::NoRoute)?).await.map_err(
            |error| match error {
                Error::NotFound(_) => Error::NoRoute,
                other => other,
            },
        )?;
        request.extensions_mut().insert(parent);
    }
    if request.method() == Method::OPTIONS {
        return describe(endpoint, caller, parameters, request, next).await;
    }
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

/// Whether a caller may make a request of that method at all.
fn may_request(caller: &Caller, access: Access, method: &Method, parameters: &RawPathParams) -> bool {
    match access {
        Access::Anyone | Access::User => true,
        Access::Model(model) => caller.may(Act::Request(method, model)),
        // OPTIONS needs no more than credentials.
        Access::Oneself if *method == Method::OPTIONS => true,
        // Whether the present password is right is asked later.
        Access::Oneself => user_id(parameters).is_some_and(|of| caller.may(Act::SetPassword { of, proven: true })),
    }
}

fn user_id(parameters: &RawPathParams) -> Option<UserId> {
    parameters.iter().find(|(name, _)| *name == "id").and_then(|(_, value)| UserId::parse(value))
}

/// Answers OPTIONS: with the fields of POST on a list and of PUT on an object, if the caller could perform that.
async fn describe(
    endpoint: &'static Endpoint,
    caller: Option<Caller>,
    parameters: &RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response> {
    let taking = [Method::POST, Method::PUT].into_iter().find(|method| endpoint.allow.contains(method.as_str()));
    let is_superuser = caller.as_ref().is_none_or(|caller| caller.user.is_superuser);
    let fields = (endpoint.fields)(is_superuser);
    let mut could = true;
    if let (Some(caller), Access::Oneself) = (&caller, endpoint.access) {
        could = may_request(caller, endpoint.access, &Method::PUT, parameters);
    }
    if let (Some(caller), Access::Model(model)) = (caller, endpoint.access) {
        could = taking.as_ref().is_some_and(|method| caller.may(Act::Request(method, model)));
        if could && taking == Some(Method::PUT) && endpoint.allow.contains(Method::GET.as_str()) {
            // An object that the caller cannot read is not described.
            request.extensions_mut().insert(caller);
            *request.method_mut() = Method::GET;
            could = next.run(request).await.status().is_success();
        }
    }
    let action = taking.as_ref().filter(|_| could).map(|method| (method, fields));
    Ok(Json(metadata::describe(endpoint, action)).into_response())
}

async fn method_not_allowed(method: Method) -> Failure<OpenWisp> {
    Error::MethodNotAllowed(method).into()
}

/// 301 to the same address with its final slash, whatever the method.
pub async fn add_final_slash(parameters: Parameters, base: Base, uri: Uri) -> Response {
    if address(parameters).is_none() {
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

/// The path's variable parts, if they are spelled as the endpoint's addresses are.
fn address(parameters: Parameters) -> Option<RawPathParams> {
    let parameters = parameters.ok()?;
    let spelled = parameters.iter().all(|(name, value)| match name {
        "id" => UserId::parse(value).is_some(),
        "number" => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
        _ => true,
    });
    spelled.then_some(parameters)
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
