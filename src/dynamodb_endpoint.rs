//! The embedded engine as a DynamoDB endpoint, for functions that run as separate processes.
//!
//! It is only for programs on this machine that know its key, not for web pages: the store contains password hashes.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use shared::model::ambient::{System, random};

use crate::embedded::Engine;

/// The header that names the operation.
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// The largest request of DynamoDB: a batch of writes.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// An access key for one endpoint.
#[derive(Clone)]
pub struct AccessKey {
    /// `AWS_ACCESS_KEY_ID`: requests without it are refused.
    pub id: String,
    /// `AWS_SECRET_ACCESS_KEY`: clients sign with it. The endpoint does not check signatures.
    pub secret: String,
}

#[derive(Clone)]
struct Endpoint {
    engine: Engine,
    key: AccessKey,
    address: SocketAddr,
}

impl AccessKey {
    /// A new key, with 128 random bits in each part.
    pub fn random() -> Self {
        let text = || format!("{:032x}", u128::from_ne_bytes(random(&System)));
        Self { id: text(), secret: text() }
    }
}

/// Serves requests with `key` that use `address`, or a name of this machine, as the host.
pub fn router(engine: Engine, key: AccessKey, address: SocketAddr) -> Router {
    let largest = DefaultBodyLimit::max(MOST_BYTES);
    Router::new().route("/", post(respond)).layer(largest).with_state(Endpoint { engine, key, address })
}

async fn respond(State(endpoint): State<Endpoint>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    if headers.contains_key(ORIGIN) {
        return refused(StatusCode::FORBIDDEN, "AccessDeniedException", "Web pages may not use this endpoint.");
    }
    if !endpoint.is_called(text(HOST)) {
        let said = format!("Use this endpoint as http://{}.", endpoint.address);
        return refused(StatusCode::FORBIDDEN, "AccessDeniedException", &said);
    }
    if access_key(text(AUTHORIZATION)) != Some(&*endpoint.key.id) {
        let said = "Wrong access key; `rollcall dynamodb` prints the right one when it starts.";
        return refused(StatusCode::BAD_REQUEST, "UnrecognizedClientException", said);
    }
    let target = text(TARGET).to_owned();
    let engine = endpoint.engine;
    // The engine works on the calling thread, after waiting for all other calls.
    match tokio::task::spawn_blocking(move || engine.respond(&target, &body)).await {
        Ok((status, body)) => told(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "The storage engine failed."),
    }
}

impl Endpoint {
    /// Whether `Host` names this endpoint. A foreign name that resolves to this machine does not.
    fn is_called(&self, host: &str) -> bool {
        let port = self.address.port().to_string();
        let name = host.strip_suffix(&*port).and_then(|rest| rest.strip_suffix(':'));
        let own = self.address.to_string();
        host == own || name.is_some_and(|name| ["localhost", "127.0.0.1", "[::1]"].contains(&name))
    }
}

/// The key with which a request claims to be signed (AWS Signature Version 4).
fn access_key(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?.split_once("Credential=")?;
    credential.split('/').next()
}

fn refused(status: StatusCode, kind: &str, said: &str) -> Response {
    let body = serde_json::json!({ "__type": format!("com.amazon.coral.service#{kind}"), "message": said });
    told(status, body.to_string())
}

fn told(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_clients_put_it() {
        let header =
            "AWS4-HMAC-SHA256 Credential=abc/20261129/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(access_key(header), Some("abc"));
        assert_eq!(access_key("AWS4-HMAC-SHA256 SignedHeaders=host, Credential=abc/x"), Some("abc"));
        for other in ["", "Basic abc", "AWS4-HMAC-SHA256 Signature=0"] {
            assert_eq!(access_key(other), None);
        }
    }

    #[test]
    fn an_endpoint_is_called_by_names_of_this_machine() {
        let endpoint = |address: &str| Endpoint {
            engine: Engine::in_memory().expect("an engine"),
            key: AccessKey::random(),
            address: address.parse().expect("an address"),
        };
        let local = endpoint("127.0.0.1:8000");
        for host in ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"] {
            assert!(local.is_called(host), "{host}");
        }
        for host in
            ["", "evil.example", "evil.example:8000", "localhost", "localhost:80", "localhost:18000", "10.0.0.7:8000"]
        {
            assert!(!local.is_called(host), "{host}");
        }
        assert!(endpoint("10.0.0.7:8000").is_called("10.0.0.7:8000"));
    }
}
