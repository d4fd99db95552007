//! How a function starts in Lambda, and how it reads the events of API Gateway.

mod event;

use std::sync::Arc;

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::body::Body;
use http::uri::PathAndQuery;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{LambdaEvent, RequestExt as _};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tower::ServiceExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use self::event::readable;
use crate::auth::keys::KeySource;
use crate::aws::{Parameters, http_client_for};
use crate::bootstrap::directory;
use crate::config::{Config, KEY_LOCATION, KeyLocation, SIGNING_KEYS, VERIFYING_KEYS};
use crate::directory::Directory;
use crate::error::Cause;
use crate::store::{Connection, RetryPolicy};
use crate::web::dialect::Dialect;
use crate::web::middleware::with_fallback;
use crate::web::path::decoded_once;
use crate::web::request_context::{BaseUrl, ClientIp, LinkBaseUrl, RequestId};

/// Reads the settings from Lambda's environment, begins to log, and runs a function's work on one thread.
///
/// # Errors
/// When a setting is invalid, the work fails, or the runtime cannot start.
pub fn run<W: Future<Output = Result<(), Cause>>>(work: impl FnOnce(Config) -> W) -> Result<(), Cause> {
    let config = Config::from_environment()?;
    log_as_json(&config);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work(config))
}

/// Serves a function's routes in Lambda until the process ends.
///
/// # Errors
/// When a setting is missing or invalid, or the Lambda runtime is not available.
pub fn serve<D: Dialect>(router: impl FnOnce(Arc<Directory>) -> Router) -> Result<(), Cause> {
    run(|config| serve_requests::<D>(config, router))
}

async fn serve_requests<D: Dialect>(
    config: Config,
    router: impl FnOnce(Arc<Directory>) -> Router,
) -> Result<(), Cause> {
    if D::HAS_SIGNED_TOKENS && config.keys().is_none() {
        return Err(format!("set {SIGNING_KEYS} or {VERIFYING_KEYS} to {KEY_LOCATION}").into());
    }
    let directory = Arc::new(function_directory(&config)?);
    let app = with_fallback::<D>(router(directory.clone()), directory);
    let responses = lambda_http::Adapter::from(lambda_http::service_fn(move |request| {
        let app = app.clone();
        async move { app.oneshot(from_gateway(request)).await }
    }));
    let events = responses.map_request(|event: LambdaEvent<LambdaRequest>| {
        let LambdaEvent { payload, context } = event;
        LambdaEvent { payload: readable(payload), context }
    });
    lambda_http::lambda_runtime::run(events).await
}

/// Logs JSON lines to standard output for CloudWatch; `RUST_LOG` sets the levels.
fn log_as_json(config: &Config) {
    // The span of an invocation names its request; the list of enclosing spans would repeat it.
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
    // A second call in one process changes nothing.
    let _ = tracing_subscriber::registry().with(lines).with(config.log.clone()).try_init();
}

/// The directory of a function, configured from Lambda's environment. Without a setting for keys it has no keys.
///
/// # Errors
/// When no credentials are set.
pub fn function_directory(config: &Config) -> Result<Directory, Cause> {
    let connection = function_connection(config)?;
    let keys = match config.keys() {
        Some(KeyLocation::File(path)) => KeySource::File(path.clone()),
        Some(KeyLocation::Parameter(name)) => {
            let http = http_client_for(config.ssm_endpoint.as_deref());
            let credentials = connection.credentials.clone();
            let parameters = Parameters::new(&connection.region, credentials, http, config.ssm_endpoint.clone());
            KeySource::Parameter(name.clone(), parameters)
        }
        None => KeySource::Nowhere,
    };
    Ok(directory(config, connection, keys, RetryPolicy::default()))
}

/// The connection of a function, with the static credentials in Lambda's environment.
///
/// # Errors
/// When they are not set.
pub fn function_connection(config: &Config) -> Result<Connection, Cause> {
    let keys = config.access_keys.clone().ok_or("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")?;
    Ok(Connection {
        endpoint: config.endpoint.clone(),
        region: config.region.clone().ok_or("AWS_REGION is not set")?,
        credentials: SharedCredentialsProvider::new(Credentials::new(
            keys.id,
            keys.secret,
            keys.session,
            None,
            "environment",
        )),
        http: http_client_for(config.endpoint.as_deref()),
        is_signed: true,
    })
}

/// Adapts a request from API Gateway: adds its context, and the path that the local server would see.
pub fn from_gateway(request: lambda_http::Request) -> http::Request<Body> {
    let id = request.lambda_context_ref().map(|context| context.request_id.clone());
    let (stage, address, domain) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            (context.stage.clone(), context.http.source_ip.clone(), context.domain_name.clone())
        }
        _ => (None, None, None),
    };
    let raw_path = request.raw_http_path().to_owned();
    let (mut parts, body) = request.into_parts();
    // The path as sent: lambda_http prepends the stage even if a custom domain hides it.
    let (stage, path) = split_stage(stage.as_deref(), &raw_path);
    let scheme = parts.uri.scheme_str().unwrap_or("https");
    let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    // The mapping of a custom domain leads to a stage that its URLs do not contain.
    let is_own_domain = domain.as_ref().is_some_and(|domain| !domain.contains(".execute-api."));
    let prefix = if is_own_domain { "" } else { stage };
    let base = BaseUrl::new(scheme, host, prefix);
    // A substitute for the gateway may set none.
    let links = LinkBaseUrl(format!("https://{}{prefix}", domain.as_deref().unwrap_or("localhost")));
    if let Some(uri) = relative(path, parts.uri.query()) {
        parts.uri = uri;
    }
    parts.uri = decoded_once(parts.uri);
    parts.extensions.insert(base);
    parts.extensions.insert(links);
    parts.extensions.insert(ClientIp(address));
    if let Some(id) = id {
        parts.extensions.insert(RequestId(id));
    }
    let bytes = match body {
        lambda_http::Body::Text(text) => text.into_bytes(),
        lambda_http::Body::Binary(bytes) => bytes,
        _ => Vec::new(),
    };
    http::Request::from_parts(parts, Body::from(bytes))
}

/// The first segments of our paths.
const ROOTS: [&str; 4] = ["api", "accounts", ".well-known", "scim"];

/// Splits `/prod/api` into `/prod` and `/api`; a path outside the stage has no stage prefix. If a stage has the name of
/// one of our first segments, it is a prefix only before such a segment.
fn split_stage<'a>(stage: Option<&str>, path: &'a str) -> (&'a str, &'a str) {
    let stage = stage.filter(|stage| *stage != "$default");
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    let is_ours = |path: &str| path.split('/').nth(1).is_some_and(|first| ROOTS.contains(&first));
    match rest.filter(|rest| rest.is_empty() || rest.starts_with('/')).filter(|rest| is_ours(rest) || !is_ours(path)) {
        Some(rest) => path.split_at(path.len() - rest.len()),
        None => ("", path),
    }
}

/// Characters not allowed in a path. A `%` is allowed: it begins an escape.
const NOT_IN_PATHS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'\\').add(b'^').add(b'`');

/// The URI of a path that the gateway has decoded.
fn relative(path: &str, query: Option<&str>) -> Option<http::Uri> {
    // A decoded `?` or `#` belongs to the path; lambda_http starts the query there.
    let query = query.filter(|_| !path.contains(['?', '#'])).map(|query| format!("?{query}"));
    let path = if path.starts_with('/') { path } else { "/" };
    let path = utf8_percent_encode(path, NOT_IN_PATHS);
    format!("{path}{}", query.unwrap_or_default()).parse::<PathAndQuery>().ok().map(http::Uri::from)
}
