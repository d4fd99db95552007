//! What surrounds every request: its name in the logs, its cost, the headers that every answer has,
//! and an answer where no handler gave one.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;

use crate::ambient::random;
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::error::Error;
use crate::store::measured;
use crate::web::endpoint::nowhere;
use crate::web::failure::render;
use crate::web::surroundings::{Base, RequestId};

/// Headers of every answer (`contracts/openwisp.md` section 4, `contracts/openl2m.md` section 8).
const SECURITY: [(&str, &str); 4] = [
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// What browsers may load and do on pages that name no policy of their own: our stylesheet and our forms, no script.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                           frame-ancestors 'none'; base-uri 'none'";

/// Adds to a function's routes what every request has around it. Addresses of no route answer in dialect `D`.
pub fn complete<D: Dialect>(router: Router, directory: Arc<Directory>) -> Router {
    let whole = directory.clone();
    let router = router.fallback(async move |request: Request| nowhere::<D>(&directory, request).await);
    surrounded::<D>(router, whole)
}

/// The same for routes that have an answer for every address. A panic is told in dialect `D`.
pub fn surrounded<D: Dialect>(router: Router, directory: Arc<Directory>) -> Router {
    router
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            render::<D>(&Error::internal("a handler panicked"))
        }))
        .layer(from_fn_with_state(directory, surround))
}

async fn surround(State(directory): State<Arc<Directory>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request.extensions().get::<RequestId>().map_or_else(|| new_id(&directory), |id| id.0.clone());
    if let Some(url) = &directory.settings().public_url {
        request.extensions_mut().insert(Base(url.clone()));
    }
    let method = request.method().clone();
    // The route, not the path: paths can hold the keys of mailed links.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let (mut response, cost) = measured(next.run(request)).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page && !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    if directory.settings().cost_header
        && let Ok(cost) = HeaderValue::from_str(&format!("read={}, write={}", cost.read, cost.write))
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
        "answered"
    );
    response
}

fn new_id(directory: &Directory) -> String {
    uuid::Builder::from_random_bytes(random(directory.ambient())).into_uuid().to_string()
}
