//! What every OpenWISP endpoint does before and after its handler, in the contract's order of checks: path (404),
//! representation (406), credentials (401), permission (403), method (405); then the handler.

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

use super::page::browse::{Choices, PageContext};
use super::page::forms::{begin, open, take_content, take_method};
use super::{OpenWisp, metadata, page};
use crate::auth::Credential;
use crate::directory::{Act, Caller, Directory, PageRange, Policy, RequestOrigin, Subject};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{Action, Model, OrganizationId, Permission, UserId};
use crate::web::body::LetIn;
use crate::web::csrf::{self, Forgery, Token};
use crate::web::dialect::Dialect;
use crate::web::endpoint::not_found;
use crate::web::failure::render;
use crate::web::fields::{Field, FieldKind};
use crate::web::negotiation::{Representation, indented, negotiate};
use crate::web::request_context::origin;
use crate::web::{BaseUrl, Failure, Rejection};

/// The most choices that a field of a page offers. If there are more, users type the value.
const MOST_CHOICES: usize = 100;

/// An endpoint of the API, and what its methods have in common.
#[derive(Debug)]
pub struct Endpoint {
    /// The path, with its final slash; `{id}` and `{organization}` are UUIDs, `{number}` a decimal number.
    pub path: &'static str,
    /// Its display name.
    pub name: &'static str,
    /// Its purpose, in a sentence; for pages.
    pub about: &'static str,
    /// The `Allow` header.
    pub allow: &'static str,
    /// Who may use it.
    pub access: Access,
    /// Whether the path lies below a user, `{id}`, whom the caller must be able to see.
    pub below_user: bool,
    /// The query parameters that filter a list.
    pub filters: &'static [&'static Field],
    /// The fields that the caller can send with the method that takes all of them.
    pub fields: fn(is_superuser: bool) -> Vec<&'static Field>,
}

/// Who may use an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; credentials are ignored.
    Anyone,
    /// Any user.
    User,
    /// Users with the model's permission for the method.
    Model(Model),
    /// The user named by `{id}`, and users who may change users.
    Oneself,
}

/// The user below whom the endpoint lies.
#[derive(Debug)]
pub struct Parent(pub Subject);

impl<S: Sync> FromRequestParts<S> for Parent {
    type Rejection = Failure<OpenWisp>;

    async fn from_request_parts(parts: &mut RequestParts, _: &S) -> std::result::Result<Self, Self::Rejection> {
        let parent = parts.extensions.remove::<Subject>();
        parent.map(Self).ok_or_else(|| Rejection::NoRoute.into())
    }
}

/// Adds an endpoint to a router: its methods on the path with a final slash, a redirect for every method without it.
fn mount(
    router: Router<Arc<Directory>>,
    directory: &Arc<Directory>,
    endpoint: &'static Endpoint,
    methods: MethodRouter<Arc<Directory>>,
) -> Router<Arc<Directory>> {
    let habits = from_fn_with_state((endpoint, directory.clone()), around);
    // Around the dispatch by method, not around each method: OPTIONS checks whether GET would succeed.
    let methods = habits.layer(methods.fallback(method_not_allowed).with_state(directory.clone()));
    let bare = endpoint.path.trim_end_matches('/');
    router.route_service(endpoint.path, methods).route(bare, any(add_final_slash))
}

/// Endpoints and their methods.
pub type Endpoints = Vec<(&'static Endpoint, MethodRouter<Arc<Directory>>)>;

/// A router for these endpoints.
pub fn mount_all(directory: &Arc<Directory>, endpoints: Endpoints) -> Router<Arc<Directory>> {
    endpoints.into_iter().fold(Router::new(), |router, (endpoint, methods)| mount(router, directory, endpoint, methods))
}

async fn around(
    State((endpoint, directory)): State<(&'static Endpoint, Arc<Directory>)>,
    parameters: Parameters,
    base: BaseUrl,
    request: Request,
    next: Next,
) -> Response {
    let Some(parameters) = address(parameters) else {
        return not_found::<OpenWisp>(&directory, request).await;
    };
    let is_head = request.method() == Method::HEAD;
    let chosen = negotiate(request.uri(), request.headers());
    let representation = *chosen.as_ref().unwrap_or(&Representation::Json(None));
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut asked = PageContext { method, uri, base, caller: None, token: None, form: None };
    let response = match chosen {
        Ok(Representation::Html) if endpoint.access == Access::Anyone => {
            Box::pin(open_to_anyone(endpoint, &directory, &parameters, request, next, &mut asked)).await
        }
        Ok(_) => admitted(endpoint, &directory, &parameters, request, next, &mut asked).await,
        Err(error) => Err(error),
    };
    let mut response = response.unwrap_or_else(|error| render::<OpenWisp>(&error));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow));
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Cookie"));
    if asked.token.is_some() {
        // Nor may a browser show it from its history after the session.
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

/// Passes the request to its handler if the caller is allowed to make it.
async fn admitted(
    endpoint: &'static Endpoint,
    directory: &Directory,
    parameters: &RawPathParams,
    mut request: Request,
    next: Next,
    asked: &mut PageContext,
) -> Result<Response, Rejection> {
    let caller = match endpoint.access {
        Access::Anyone => None,
        access => {
            let credential = OpenWisp::credential(request.headers())?;
            let credential = credential.ok_or(Error::Unauthenticated(Unauthenticated::NoCredentials))?;
            let (parts, body) = request.into_parts();
            let found = directory.authenticate(&credential, &origin(&parts)).await?;
            request = Request::from_parts(parts, body);
            let caller = directory.caller(found, Policy::Permissions).await?;
            asked.caller = Some(caller.clone());
            let mut form = Form::None;
            if matches!(credential, Credential::Session(_)) {
                asked.token = Some(Token::of(request.headers(), directory));
                if !request.method().is_safe() {
                    (request, form) = match from_our_pages(request, asked).await? {
                        Ok(begun) => begun,
                        Err(why) => return Ok(forged(why)),
                    };
                }
            }
            if !may_request(&caller, access, request.method(), parameters) {
                return Err(Error::Forbidden.into());
            }
            request.extensions_mut().insert(LetIn);
            if form != Form::None {
                (request, asked.form) = open(request).await?;
                if let (Some(sent), Form::StandIn) = (&asked.form, form) {
                    take_content(&mut request, sent);
                }
            }
            Some(caller)
        }
    };
    if endpoint.below_user
        && let Some(caller) = &caller
    {
        let id = user_id(parameters).ok_or(Rejection::NoRoute)?;
        let parent = directory.subject(caller, id).await;
        let parent = parent.map_err(|error| match error {
            Error::NotFound(_) => Rejection::NoRoute,
            other => other.into(),
        })?;
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

/// The form in a browser's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// No form.
    None,
    /// A form with a method other than POST.
    Plain,
    /// A form that may replace the method or the data of its request.
    StandIn,
}

/// The request of a browser, with the method that its form names; or why it does not come from one of our own pages
/// (section 16). It reads only as much of the form as it needs.
async fn from_our_pages(
    request: Request,
    asked: &mut PageContext,
) -> Result<std::result::Result<(Request, Form), Forgery>, Rejection> {
    let (mut request, form) = begin(request).await?;
    if let Err(why) = csrf::check(request.headers(), &asked.base, form.as_ref()) {
        return Ok(Err(why));
    }
    let kind = match &form {
        None => Form::None,
        Some(form) if *request.method() == Method::POST => {
            take_method(&mut request, form);
            Form::StandIn
        }
        Some(_) => Form::Plain,
    };
    asked.method = request.method().clone();
    Ok(Ok((request, kind)))
}

/// Where credentials are ignored, a page still shows who has signed in, and accepts that user's forms.
async fn open_to_anyone(
    endpoint: &'static Endpoint,
    directory: &Directory,
    parameters: &RawPathParams,
    request: Request,
    next: Next,
    asked: &mut PageContext,
) -> Result<Response, Rejection> {
    if let Ok(Some(credential @ Credential::Session(_))) = OpenWisp::credential(request.headers())
        && let Ok(found) = directory.authenticate(&credential, &RequestOrigin::default()).await
    {
        asked.caller = Some(directory.caller(found, Policy::Permissions).await?);
        asked.token = Some(Token::of(request.headers(), directory));
    }
    let (mut request, form) = open(request).await?;
    let is_ours = csrf::check(request.headers(), &asked.base, form.as_ref()).is_ok();
    let stands_in = is_ours && asked.token.is_some() && *request.method() == Method::POST;
    if let Some(form) = form.as_ref().filter(|_| stands_in) {
        take_method(&mut request, form);
        take_content(&mut request, form);
    }
    asked.form = form;
    asked.method = request.method().clone();
    admitted(endpoint, directory, parameters, request, next, asked).await
}

/// 403, with the reason why the request may be forged (section 16).
fn forged(why: Forgery) -> Response {
    let reason = match why {
        Forgery::OtherSite => "Origin checking failed.",
        Forgery::NoToken => "CSRF token missing.",
        Forgery::NoCookie => "CSRF cookie not set.",
        Forgery::WrongToken => "CSRF token incorrect.",
    };
    (StatusCode::FORBIDDEN, Json(json!({ "detail": format!("CSRF Failed: {reason}") }))).into_response()
}

/// Whether a caller may make a request with this method at all.
fn may_request(caller: &Caller, access: Access, method: &Method, parameters: &RawPathParams) -> bool {
    match access {
        Access::Anyone | Access::User => true,
        Access::Model(model) => action_of(method).is_none_or(|action| caller.may(Act::Request(action, model))),
        // OPTIONS only needs credentials.
        Access::Oneself if *method == Method::OPTIONS => true,
        // Whether the current password is right is checked later.
        Access::Oneself => user_id(parameters).is_some_and(|of| caller.may(Act::SetPassword { of, proven: true })),
    }
}

/// How a request with this method acts on objects of a model; `None` if it needs no permission.
fn action_of(method: &Method) -> Option<Action> {
    match *method {
        Method::GET | Method::HEAD => Some(Action::View),
        Method::POST => Some(Action::Add),
        Method::PUT | Method::PATCH => Some(Action::Change),
        Method::DELETE => Some(Action::Delete),
        _ => None,
    }
}

fn user_id(parameters: &RawPathParams) -> Option<UserId> {
    parameters.iter().find(|(name, _)| *name == "id").and_then(|(_, value)| UserId::parse(value))
}

fn organization_id(parameters: &RawPathParams) -> Option<OrganizationId> {
    parameters.iter().find(|(name, _)| *name == "id").and_then(|(_, value)| OrganizationId::parse(value))
}

/// Responds to OPTIONS: with the fields of POST on a list, and of PUT or else PATCH on an object, if the caller could
/// perform that.
async fn describe(
    endpoint: &'static Endpoint,
    caller: Option<Caller>,
    parameters: &RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, Rejection> {
    let taking = [Method::POST, Method::PUT, Method::PATCH];
    let taking = taking.into_iter().find(|method| endpoint.allow.contains(method.as_str()));
    let is_superuser = caller.as_ref().is_none_or(|caller| caller.user.is_superuser);
    let fields = (endpoint.fields)(is_superuser);
    let mut could = true;
    if let (Some(caller), Access::Oneself) = (&caller, endpoint.access) {
        could = may_request(caller, endpoint.access, &Method::PUT, parameters);
    }
    if let (Some(caller), Access::Model(model)) = (caller, endpoint.access) {
        let may = |action| caller.may(Act::Request(action, model));
        could = taking.as_ref().and_then(action_of).is_some_and(may);
        if could && taking != Some(Method::POST) && endpoint.allow.contains(Method::GET.as_str()) {
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
    Rejection::MethodNotAllowed(method).into()
}

/// 301 to the same path with its final slash, for every method.
pub async fn add_final_slash(parameters: Parameters, base: BaseUrl, uri: Uri) -> Response {
    if address(parameters).is_none() {
        return render::<OpenWisp>(&Rejection::NoRoute);
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

/// The path's variable parts, unless they are not text.
type Parameters = std::result::Result<RawPathParams, RawPathParamsRejection>;

/// The path's variable parts, if they have the required form.
fn address(parameters: Parameters) -> Option<RawPathParams> {
    let parameters = parameters.ok()?;
    let spelled = parameters.iter().all(|(name, value)| match name {
        "id" | "organization" => UserId::parse(value).is_some(),
        "number" => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
        _ => true,
    });
    spelled.then_some(parameters)
}

/// A response with its JSON indented: handlers return compact JSON.
async fn spaced(response: Response, spaces: usize) -> Response {
    if response.headers().get(CONTENT_TYPE).is_none() {
        return response;
    }
    rewritten(response, "application/json", |_, value| indented(value, spaces)).await
}

/// A response as a page.
async fn page_of(
    response: Response,
    endpoint: &'static Endpoint,
    directory: &Directory,
    parameters: &RawPathParams,
    asked: &PageContext,
) -> Response {
    // A browser ignores 204, so a page reports a deletion.
    let is_gone = response.status() == StatusCode::NO_CONTENT && asked.form.is_some();
    if !is_gone && response.headers().get(CONTENT_TYPE).is_none() {
        return response;
    }
    let may = |method: &Method| match (&asked.caller, endpoint.access) {
        (_, Access::Anyone) => true,
        (Some(caller), access) => may_request(caller, access, method, parameters),
        (None, _) => false,
    };
    // Without forms, no choices are needed.
    let mut choices = Some(Choices::new());
    let mut table = if asked.token.is_some() { (endpoint.fields)(true) } else { Vec::new() };
    if let Some(caller) = &asked.caller {
        table.extend(endpoint.filters);
        choices = choices_of(&table, directory, caller, parameters).await.ok();
    }
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

/// The values that reference fields can have, as far as the caller sees them. Lists that are too long are omitted.
async fn choices_of(
    table: &[&'static Field],
    directory: &Directory,
    caller: &Caller,
    parameters: &RawPathParams,
) -> Result<Choices> {
    let mut choices = Choices::new();
    let fields = table.iter().flat_map(|field| match field.kind {
        FieldKind::Nested(children) => children.iter().collect(),
        _ => vec![*field],
    });
    for field in fields {
        let named: Vec<(String, String)> = match (field.kind, field.name) {
            (FieldKind::References, "groups") | (FieldKind::Reference, "group") => {
                let groups = directory.groups(PageRange::ALL).await?.items.into_iter();
                groups.map(|group| (group.id.to_string(), group.name)).collect()
            }
            (FieldKind::References, _) => {
                Permission::all().map(|permission| (permission.id().to_string(), permission.to_string())).collect()
            }
            (FieldKind::Reference, "owner.organization_user") => {
                let Some(id) = organization_id(parameters) else { continue };
                let members = directory.members_of(caller, id, MOST_CHOICES).await?;
                let Some(members) = members else { continue };
                members.into_iter().map(|(id, username)| (id.to_string(), username.to_string())).collect()
            }
            (FieldKind::Reference, _) => {
                let range = PageRange::From { skip: 0, limit: MOST_CHOICES };
                let page = directory.organizations(caller, range).await?;
                if page.total.number() > u64::try_from(MOST_CHOICES).unwrap_or(u64::MAX) {
                    continue;
                }
                let named = page.items.into_iter();
                named.map(|organization| (organization.id.to_string(), organization.name)).collect()
            }
            _ => continue,
        };
        choices.push((field.name, named));
    }
    Ok(choices)
}

/// A response with a new body, made from its headers and JSON.
async fn rewritten(response: Response, kind: &'static str, write: impl FnOnce(&Parts, &Value) -> String) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return render::<OpenWisp>(&Error::internal("malformed response").into());
    };
    let value = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    let text = write(&parts, &value);
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Response::from_parts(parts, Body::from(text))
}
