//! How a function starts in Lambda, and what surrounds every request wherever it is served.

mod surround;

use std::sync::Arc;

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use axum::Router;
use axum::body::Body;
use http::uri::PathAndQuery;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tower::ServiceExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use self::surround::{complete, surrounded};
use crate::ambient::System;
use crate::config::{Config, KeyLocation};
use crate::dialect::Dialect;
use crate::directory::{Directory, Settings};
use crate::error::Cause;
use crate::sign_in::keys::{KeyRing, KeySource};
use crate::sign_in::password::{HashCost, Hasher};
use crate::store::{Connection, Patience, Store};
use crate::web::surroundings::{Base, ClientAddress, RequestId};

/// The roots that AWS's endpoints are signed under. The system's 145 roots would cost 5 ms of every cold start.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// How many bytes of body, as Lambda counts them, an answer may have: 6 MB but for what its headers take.
const MOST_ANSWER: usize = 6 * 1024 * 1024 - 64 * 1024;

/// Reads secrets from AWS Systems Manager Parameter Store.
#[derive(Debug, Clone)]
pub struct Parameters(aws_sdk_ssm::Client);

impl Parameters {
    /// A reader with these means.
    pub fn new(
        region: &str,
        credentials: SharedCredentialsProvider,
        http: SharedHttpClient,
        endpoint: Option<String>,
    ) -> Self {
        let mut config = aws_sdk_ssm::Config::builder()
            .behavior_version(aws_sdk_ssm::config::BehaviorVersion::latest())
            .region(aws_sdk_ssm::config::Region::new(region.to_owned()))
            .credentials_provider(credentials)
            .http_client(http);
        config.set_endpoint_url(endpoint);
        Self(aws_sdk_ssm::Client::from_conf(config.build()))
    }

    /// The decrypted value of a parameter.
    ///
    /// # Errors
    /// When it is not there, may not be read, or the service does not answer.
    pub async fn secret(&self, name: &str) -> Result<String, Cause> {
        let output = self.0.get_parameter().name(name).with_decryption(true).send().await?;
        let value = output.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| format!("the parameter {name} has no value").into())
    }
}

/// Runs a function's routes in Lambda until the process ends.
///
/// # Errors
/// When a setting cannot be used, or the Lambda runtime is not there.
pub async fn serve<D: Dialect>(router: impl FnOnce(Arc<Directory>) -> Router) -> Result<(), lambda_http::Error> {
    let config = Config::from_environment()?;
    log_as_json(&config);
    let directory = Arc::new(function_directory(&config)?);
    let app = complete::<D>(router(directory.clone()), directory);
    lambda_http::run(lambda_http::service_fn(move |request| {
        let app = app.clone();
        async move { app.oneshot(from_gateway(request)).await }
    }))
    .await
}

/// Logs as JSON lines on standard output, as CloudWatch wants them; `RUST_LOG` chooses what.
pub fn log_as_json(config: &Config) {
    // The span of an invocation names its request; the list of spans around it would say the same again.
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
    // A second call in one process changes nothing.
    let _ = tracing_subscriber::registry().with(lines).with(config.log.clone()).try_init();
}

/// The directory of a function: everything from the environment that Lambda gives it.
///
/// # Errors
/// When credentials or signing keys are not set.
pub fn function_directory(config: &Config) -> Result<Directory, Cause> {
    let connection = function_connection(config)?;
    let keys = match &config.signing_keys {
        Some(KeyLocation::File(path)) => KeySource::File(path.clone()),
        Some(KeyLocation::Parameter(name)) => {
            let http = http_client_for(config.ssm_endpoint.as_deref());
            let credentials = connection.credentials.clone();
            let parameters = Parameters::new(&connection.region, credentials, http, config.ssm_endpoint.clone());
            KeySource::Parameter(name.clone(), parameters)
        }
        None => return Err("ROLLCALL_SIGNING_KEYS should be ssm:NAME or a file".into()),
    };
    Ok(directory(config, connection, keys, Patience::default()))
}

/// The connection of a function, with the static credentials that Lambda puts into the environment.
///
/// # Errors
/// When they are not there.
pub fn function_connection(config: &Config) -> Result<Connection, Cause> {
    let keys = config.access_keys.clone().ok_or("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY should be set")?;
    Ok(Connection {
        endpoint: config.endpoint.clone(),
        region: config.region.clone().ok_or("AWS_REGION should be set")?,
        credentials: SharedCredentialsProvider::new(Credentials::new(
            keys.id,
            keys.secret,
            keys.session,
            None,
            "environment",
        )),
        http: http_client_for(config.endpoint.as_deref()),
    })
}

/// A directory as `config` says, on that connection.
pub fn directory(config: &Config, connection: Connection, keys: KeySource, patience: Patience) -> Directory {
    let ambient = System::shared();
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Directory::new(
        Store::new(connection, &config.table, ambient.clone(), patience),
        ambient.clone(),
        KeyRing::new(keys, ambient.clone()),
        Hasher::new(HashCost::DEFAULT, ambient, at_once),
        Settings {
            token_life: config.token_life,
            throttle: config.throttle,
            public_url: config.public_url.clone(),
            cost_header: config.cost_header,
            answer_limit: config.in_lambda.then_some(MOST_ANSWER),
            docs_readers: config.docs_readers,
        },
    )
}

/// What carries requests to AWS, or, `plain`, to a local engine without TLS.
pub fn http_client(plain: bool) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    if plain {
        return builder.build_http();
    }
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => builder.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https(),
        Err(_) => system_http_client(),
    }
}

/// What carries requests to a service of AWS, or to the endpoint that stands in for it.
pub fn http_client_for(endpoint: Option<&str>) -> SharedHttpClient {
    match endpoint {
        None => http_client(false),
        Some(url) if url.starts_with("http://") => http_client(true),
        Some(_) => system_http_client(),
    }
}

/// What carries requests to a server whose certificate the system trusts.
pub fn system_http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// A request as API Gateway hands it on: with its surroundings, and with the path that the local server would see.
pub fn from_gateway(request: lambda_http::Request) -> http::Request<Body> {
    let id = request.lambda_context_ref().map(|context| context.request_id.clone());
    let (stage, address) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => (context.stage.clone(), context.http.source_ip.clone()),
        _ => (None, None),
    };
    let raw_path = request.raw_http_path().to_owned();
    let (mut parts, body) = request.into_parts();
    // The path as it came: lambda_http puts the stage before it even where a custom domain hides the stage.
    let (stage, path) = split_stage(stage.as_deref(), &raw_path);
    let scheme = parts.uri.scheme_str().unwrap_or("https");
    let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let base = Base::new(scheme, host, stage);
    if let Some(uri) = relative(path, parts.uri.query()) {
        parts.uri = uri;
    }
    parts.extensions.insert(base);
    parts.extensions.insert(ClientAddress(address));
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

/// `/prod/api` as `/prod` and `/api`; a path outside the stage has no stage before it.
fn split_stage<'a>(stage: Option<&str>, path: &'a str) -> (&'a str, &'a str) {
    let stage = stage.filter(|stage| *stage != "$default");
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    match rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) => path.split_at(path.len() - rest.len()),
        None => ("", path),
    }
}

/// What cannot stand in the path of an address. A `%` can: it begins what was left encoded.
const NOT_IN_PATHS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'\\').add(b'^').add(b'`');

/// The address of a path that the gateway has decoded.
fn relative(path: &str, query: Option<&str>) -> Option<http::Uri> {
    // A decoded `?` or `#` belongs to the path, and what lambda_http took for the query begins there.
    let query = query.filter(|_| !path.contains(['?', '#'])).map(|query| format!("?{query}"));
    let path = if path.starts_with('/') { path } else { "/" };
    let path = utf8_percent_encode(path, NOT_IN_PATHS);
    format!("{path}{}", query.unwrap_or_default()).parse::<PathAndQuery>().ok().map(http::Uri::from)
}
