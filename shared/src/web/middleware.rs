//! Middleware around every request: its id in the logs, its cost, the headers of every response, and a response where
//! no handler returned one.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;

use crate::directory::Directory;
use crate::directory::measured;
use crate::error::{Error, Refusal};
use crate::model::ambient::random;
use crate::web::cookies::trusted;
use crate::web::dialect::Dialect;
use crate::web::endpoint::not_found;
use crate::web::failure::render;
use crate::web::request_context::{BaseUrl, ClientIp, LinkBaseUrl, RequestId};

/// Headers of every response (`contracts/openwisp.md` section 4, `contracts/openl2m.md` section 8).
const SECURITY: [(&str, &str); 4] = [
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// The content security policy of pages that set none: our stylesheet and our forms, no scripts.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                           frame-ancestors 'none'; base-uri 'none'";

/// Adds the middleware to a function's routes. Unknown paths get the response of dialect `D`.
pub fn with_fallback<D: Dialect>(router: Router, directory: Arc<Directory>) -> Router {
    let whole = directory.clone();
    let router = router.fallback(async move |request: Request| not_found::<D>(&directory, request).await);
    with_middleware::<D>(router, whole)
}

/// The same for routes that respond to every path. A panic is rendered in dialect `D`.
pub fn with_middleware<D: Dialect>(router: Router, directory: Arc<Directory>) -> Router {
    router
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            render::<D>(&Error::internal("a handler panicked").into())
        }))
        .layer(from_fn_with_state(directory, handle::<D>))
}

/// The values of `X-Forwarded-For`, to which each proxy appends the address that has sent it the request.
fn forwarded_for(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    headers.get_all("x-forwarded-for").iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect()
}

/// The size of a response as transported: base64 if it is compressed, else a JSON string. It inspects the bytes only of
/// responses near the limit.
async fn carried(response: Response, limit: usize) -> (usize, Response) {
    let exact = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    if response.headers().contains_key(CONTENT_ENCODING) {
        return (exact.div_ceil(3) * 4, response);
    }
    // Each byte may become two.
    if exact <= limit / 2 || exact > limit {
        return (exact, response);
    }
    let (parts, body) = response.into_parts();
    match to_bytes(body, limit).await {
        Ok(bytes) => {
            let size = bytes.len() + bytes.iter().filter(|b| matches!(b, b'"' | b'\\' | b'\n')).count();
            (size, Response::from_parts(parts, Body::from(bytes)))
        }
        Err(error) => {
            let failed = (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
            (0, failed.into_response())
        }
    }
}

async fn handle<D: Dialect>(State(directory): State<Arc<Directory>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request.extensions().get::<RequestId>().map_or_else(|| new_id(&directory), |id| id.0.clone());
    request.extensions_mut().insert(RequestId(id.clone()));
    if let Some(url) = &directory.settings().public_url {
        request.extensions_mut().insert(BaseUrl(url.clone()));
        request.extensions_mut().insert(LinkBaseUrl(url.clone()));
    }
    let base = request.extensions().get::<BaseUrl>().cloned();
    let is_https = base.as_ref().is_some_and(BaseUrl::is_https);
    if let Some(base) = &base {
        trusted(request.headers_mut(), base);
    }
    if let Some(ClientIp(Some(text))) = request.extensions().get()
        && let Ok(peer) = text.parse()
    {
        let client = directory.settings().trusted_proxies.client_of(peer, &forwarded_for(request.headers()));
        request.extensions_mut().insert(ClientIp(Some(client.to_string())));
    }
    let method = request.method().clone();
    // The route, not the path: paths can contain the keys of mailed links.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let (mut response, cost) = measured(next.run(request)).await;
    if let Some(limit) = directory.settings().answer_limit {
        let (size, whole) = carried(response, limit).await;
        // The client would never receive it.
        response = if size > limit { render::<D>(&Error::Refused(Refusal::PageTooLarge).into()) } else { whole };
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Most responses contain personal data or secrets. Public ones set their own header.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page && !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    if directory.settings().cost_header
        && let Ok(cost) =
            HeaderValue::from_str(&format!("read={}, write={}, waits={}", cost.read, cost.write, cost.waits))
    {
        headers.insert("x-rollcall-cost", cost);
    }
    tracing::info!(
        request.id = id,
        http.method = %method,
        http.route = route,
        http.status = response.status().as_u16(),
        duration_ms = began.elapsed().as_secs_f64() * 1000.0,
        read_units = cost.read,
        write_units = cost.write,
        waits = cost.waits,
        "answered"
    );
    response
}

fn new_id(directory: &Directory) -> String {
    uuid::Builder::from_random_bytes(random(directory.ambient())).into_uuid().to_string()
}
