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
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, VARY};
use http::request::Parts as RequestParts;
use http::response::Parts;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tower::Layer as _;

use super::page::browse::{Asked, Choices, open};
use super::{OpenWisp, metadata, page};
use crate::dialect::Dialect;
use crate::directory::{Act, Caller, Directory};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{Model, Permission, User, UserId};
use crate::sign_in::Credential;
use crate::web::csrf::{self, Forgery, Token};
use crate::web::endpoint::nowhere;
use crate::web::failure::render;
use crate::web::fields::{Field, FieldKind};
use crate::web::negotiation::{Representation, indented, negotiate};
use crate::web::{Base, ClientAddress, Failure};

/// One address of the API and what is the same for all its methods.
#[derive(Debug)]
pub struct Endpoint {
    /// The path, with its final slash; `{id}` is a UUID, `{number}` a decimal number.
    pub path: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What it is for, in a sentence; for pages.
    pub about: &'static str,
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

    async fn from_request_parts(parts: &mut RequestParts, _: &S) -> std::result::Result<Self, Self::Rejection> {
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
    base: Base,
    request: Request,
    next: Next,
) -> Response {
    let Some(parameters) = address(parameters) else {
        return nowhere::<OpenWisp>(&directory, request).await;
    };
    let is_head = request.method() == Method::HEAD;
    let chosen = negotiate(request.uri(), request.headers());
    let representation = *chosen.as_ref().unwrap_or(&Representation::Json(None));
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut asked = Asked { method, uri, base, caller: None, token: None, form: None };
    let answer = match chosen {
        Ok(Representation::Html) if endpoint.access == Access::Anyone => {
            open_to_anyone(endpoint, &directory, &parameters, request, next, &mut asked).await
        }
        Ok(_) => admitted(endpoint, &directory, &parameters, request, next, &mut asked).await,
        Err(error) => Err(error),
    };
    let mut response = answer.unwrap_or_else(|error| render::<OpenWisp>(&error));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow));
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Cookie"));
    if asked.token.is_some() {
        // Nor is it shown to who goes back to it after the session.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let mut response = match representation {
        Representation::Json(None) => response,
        Representation::Json(Some(spaces)) => spaced(response, spaces).await,
        Representation::Html => page_of(response, endpoint, &directory, &parameters, &asked).await,
    };
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
    asked: &mut Asked,
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
            asked.caller = Some(caller.clone());
            if matches!(credential, Credential::Session(_)) {
                asked.token = Some(Token::of(request.headers(), directory));
                if !request.method().is_safe() {
                    request = match from_our_pages(request, asked).await {
                        Ok(request) => request,
                        Err(refusal) => return Ok(*refusal),
                    };
                }
            }
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

/// The request that a browser's form stands for, which must come from our own pages (section 16);
/// or the answer that refuses it.
async fn from_our_pages(request: Request, asked: &mut Asked) -> std::result::Result<Request, Box<Response>> {
    let opened = open(request).await.map_err(|failure| Box::new(failure.into_response()))?;
    let checked = csrf::check(opened.request.headers(), &asked.base, opened.form.as_ref());
    checked.map_err(|why| Box::new(forged(why)))?;
    asked.form.clone_from(&opened.form);
    let request = opened.meant();
    asked.method = request.method().clone();
    Ok(request)
}

/// Where credentials are not looked at, a page still tells who has signed in, and takes that user's forms.
async fn open_to_anyone(
    endpoint: &'static Endpoint,
    directory: &Directory,
    parameters: &RawPathParams,
    request: Request,
    next: Next,
    asked: &mut Asked,
) -> Result<Response> {
    if let Ok(Some(credential @ Credential::Session(_))) = OpenWisp::credential(request.headers())
        && let Ok(user) = directory.authenticate(&credential, None).await
    {
        let rights = directory.rights(&user).await?;
        asked.caller = Some(Caller { user, rights });
        asked.token = Some(Token::of(request.headers(), directory));
    }
    let opened = match open(request).await {
        Ok(opened) => opened,
        Err(failure) => return Ok(failure.into_response()),
    };
    let is_ours = csrf::check(opened.request.headers(), &asked.base, opened.form.as_ref()).is_ok();
    asked.form.clone_from(&opened.form);
    let request = if is_ours && asked.token.is_some() { opened.meant() } else { opened.request };
    asked.method = request.method().clone();
    admitted(endpoint, directory, parameters, request, next, asked).await
}

/// 403, and why the request may have been forged (section 16).
fn forged(why: Forgery) -> Response {
    let reason = match why {
        Forgery::OtherSite => "Origin checking failed.",
        Forgery::NoToken => "CSRF token missing.",
        Forgery::NoCookie => "CSRF cookie not set.",
        Forgery::WrongToken => "CSRF token incorrect.",
    };
    (StatusCode::FORBIDDEN, Json(json!({ "detail": format!("CSRF Failed: {reason}") }))).into_response()
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

/// An answer with its JSON indented: handlers give compact JSON.
async fn spaced(response: Response, spaces: usize) -> Response {
    if response.headers().get(CONTENT_TYPE).is_none() {
        return response;
    }
    rewritten(response, "application/json", |_, value| indented(value, spaces)).await
}

/// An answer as a page.
async fn page_of(
    response: Response,
    endpoint: &'static Endpoint,
    directory: &Directory,
    parameters: &RawPathParams,
    asked: &Asked,
) -> Response {
    // A browser stays where it is on 204; that something was deleted is told by a page.
    let is_gone = response.status() == StatusCode::NO_CONTENT && asked.form.is_some();
    if !is_gone && response.headers().get(CONTENT_TYPE).is_none() {
        return response;
    }
    let may = |method: &Method| match (&asked.caller, endpoint.access) {
        (_, Access::Anyone) => true,
        (Some(caller), access) => may_request(caller, access, method, parameters),
        (None, _) => false,
    };
    // Whoever gets no form needs no choices.
    let table = if asked.token.is_some() { (endpoint.fields)(true) } else { Vec::new() };
    let choices = choices(&table, directory).await.ok();
    let mut response = rewritten(response, "text/html; charset=utf-8", |parts, value| {
        page::browse::page(endpoint, asked, may, choices.as_ref(), parts, value).into_string()
    })
    .await;
    if is_gone {
        *response.status_mut() = StatusCode::OK;
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(token) = &asked.token {
        token.set(response.headers_mut(), &asked.base);
    }
    response
}

/// What fields of references can name.
async fn choices(table: &[&'static Field], directory: &Directory) -> Result<Choices> {
    let mut choices = Choices::new();
    for field in table.iter().filter(|field| matches!(field.kind, FieldKind::References)) {
        let named = if field.name == "groups" {
            directory.groups().await?.into_iter().map(|group| (group.id.0, group.name)).collect()
        } else {
            Permission::all().map(|permission| (permission.id().0, permission.to_string())).collect()
        };
        choices.push((field.name, named));
    }
    Ok(choices)
}

/// An answer with another body, made from the headers and the JSON that it had.
async fn rewritten(response: Response, kind: &'static str, write: impl FnOnce(&Parts, &Value) -> String) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return render::<OpenWisp>(&Error::internal("an answer that cannot be read"));
    };
    let value = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    let text = write(&parts, &value);
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Response::from_parts(parts, Body::from(text))
}
