//! What every endpoint does before and after its handler, in the order of the contracts: path (404), representation
//! (406), credentials (401), permission (403), method (405); then the handler.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::any;
use futures_util::future::join;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, VARY};
use http::{HeaderValue, Method, StatusCode, Uri};
use serde_json::Value;
use tower::Layer as _;

use super::body::Admitted;
use super::dialect::{Dialect, Exchange};
use super::failure::render;
use super::negotiation::{Representation, indented};
pub use super::route::{Access, Endpoint, Reads, Route};
use super::{BaseUrl, Failure, Rejection};
use crate::directory::{Directory, LateAttempt, RequestOrigin, Subject};
use crate::error::Error;

/// A router for these routes, in dialect `D`.
pub fn mount_all<D: Dialect>(directory: &Arc<Directory>, routes: Vec<Route>) -> Router<Arc<Directory>> {
    routes.into_iter().fold(Router::new(), |router, route| mount::<D>(router, directory, route))
}

/// Adds a route to a router, with and without its final slash.
fn mount<D: Dialect>(
    router: Router<Arc<Directory>>,
    directory: &Arc<Directory>,
    mut route: Route,
) -> Router<Arc<Directory>> {
    let handlers = std::mem::take(&mut route.handlers);
    let handlers = handlers.fallback(async |method: Method| Failure::<D>::from(Rejection::MethodNotAllowed(method)));
    let path = route.endpoint.path;
    // Around the dispatch by method, not around each method: OPTIONS may check whether GET would succeed.
    let checks = from_fn_with_state((Arc::new(route), directory.clone()), around::<D>);
    let service = checks.layer(handlers.with_state(directory.clone()));
    let router = router.route_service(path, service.clone());
    match path.trim_end_matches('/') {
        bare if bare == path => router,
        bare if D::REDIRECTS_TO_SLASH => router.route(bare, any(add_final_slash::<D>)),
        bare => router.route_service(bare, service),
    }
}

async fn around<D: Dialect>(
    State((route, directory)): State<(Arc<Route>, Arc<Directory>)>,
    parameters: Parameters,
    base: BaseUrl,
    origin: RequestOrigin,
    request: Request,
    next: Next,
) -> Response {
    let Some(parameters) = spelled_well::<D>(parameters) else { return not_found::<D>(&directory, request).await };
    let is_head = request.method() == Method::HEAD;
    let mut chosen = D::representation(request.uri(), request.headers());
    if matches!(chosen, Ok(Representation::Lines)) && !route.endpoint.has_lines {
        chosen = Err(Rejection::NotAcceptable);
    }
    let mut exchange = Exchange::<D> {
        route,
        directory,
        parameters,
        method: request.method().clone(),
        uri: request.uri().clone(),
        base,
        origin,
        representation: *chosen.as_ref().unwrap_or(&Representation::Json(None)),
        caller: None,
        extra: D::Extra::default(),
    };
    let is_handled = exchange.route.allows(&exchange.method) && exchange.method != Method::OPTIONS;
    if is_handled {
        exchange.origin.needs = exchange.needs();
        exchange.origin.late_attempt = exchange.lists_users().then(LateAttempt::default);
    }
    let response = match chosen {
        Ok(_) => {
            let response = admitted(&mut exchange, request, next).await;
            // A refused request has not recorded it yet.
            exchange.directory.record_late(&exchange.origin).await.map_err(Rejection::Domain).and(response)
        }
        Err(error) => Err(error),
    };
    let mut response = response.unwrap_or_else(|error| render::<D>(&error));
    let headers = response.headers_mut();
    if let Ok(allow) = HeaderValue::from_str(&exchange.route.allow()) {
        headers.insert(ALLOW, allow);
    }
    headers.entry(VARY).or_insert(HeaderValue::from_static(D::VARY));
    let mut response = D::present(&exchange, response).await;
    if let Representation::Json(Some(spaces)) = exchange.representation {
        response = spaced::<D>(response, spaces).await;
    }
    if is_head {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Passes the request to its handler if the caller is allowed to make it.
async fn admitted<D: Dialect>(exchange: &mut Exchange<D>, request: Request, next: Next) -> Result<Response, Rejection> {
    let endpoint = exchange.route.endpoint;
    let mut request = D::authenticate(exchange, request).await?;
    if !exchange.permits(request.method()) {
        return Err(Error::Forbidden.into());
    }
    if endpoint.access != Access::Anyone {
        request.extensions_mut().insert(Admitted);
    }
    request.extensions_mut().insert(exchange.representation);
    request = D::prepare(exchange, request).await?;
    if endpoint.below_user {
        request.extensions_mut().insert(parent(exchange).await?);
    }
    if request.method() == Method::OPTIONS {
        return Ok(D::describe(exchange, request, next).await);
    }
    if let Some(caller) = exchange.caller.clone().filter(|_| endpoint.access != Access::Anyone) {
        request.extensions_mut().insert(caller);
    }
    let (recorded, response) = join(exchange.directory.record_late(&exchange.origin), next.run(request)).await;
    recorded?;
    Ok(response)
}

/// The user below whom the path lies.
async fn parent<D: Dialect>(exchange: &Exchange<D>) -> Result<Subject, Rejection> {
    let (Some(caller), Some(id)) = (&exchange.caller, exchange.user_id()) else { return Err(Rejection::NoRoute) };
    exchange.directory.subject(caller, id).await.map_err(|error| match error {
        Error::NotFound(_) => Rejection::NoRoute,
        other => other.into(),
    })
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

/// 301 to the same path with its final slash, for every method.
pub async fn add_final_slash<D: Dialect>(parameters: Parameters, base: BaseUrl, uri: Uri) -> Response {
    if spelled_well::<D>(parameters).is_none() {
        return render::<D>(&Rejection::NoRoute);
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
type Parameters = Result<RawPathParams, RawPathParamsRejection>;

/// The path's variable parts, if they have the required form.
fn spelled_well<D: Dialect>(parameters: Parameters) -> Option<RawPathParams> {
    let fits = |(name, value): (&str, &str)| match name {
        "number" => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
        _ => !value.is_empty() && D::fits(name, value),
    };
    parameters.ok().filter(|parameters| parameters.iter().all(fits))
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
