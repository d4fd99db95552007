//! Which partitions of the table are written, as seen between the store and the engine.
//!
//! A record whose partition was not written has not changed, so nobody needs to read it again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use shared::store::Connection;

/// What stands before the partition key of an item in a request's body.
const BEFORE_KEY: &str = "\"pk\":{\"S\":\"";
/// Calls that write nothing.
const READS: [&str; 5] = ["GetItem", "BatchGetItem", "Query", "DescribeTable", "DescribeTimeToLive"];

/// The partitions that were written since they were last taken; clones are the same notes.
#[derive(Debug, Clone, Default)]
pub struct Writes(Arc<Mutex<BTreeSet<String>>>);

#[derive(Debug)]
struct Noted<T> {
    writes: Writes,
    inner: T,
}

impl Writes {
    /// A connection whose writes are noted here.
    pub fn wrap(&self, connection: Connection) -> Connection {
        let http = SharedHttpClient::new(Noted { writes: self.clone(), inner: connection.http });
        Connection { http, ..connection }
    }

    /// What was written; nothing of it is noted any more.
    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.0.lock().expect("the notes"))
    }

    /// Notes every partition that a request names, also those of which it only checks something.
    fn note(&self, request: &HttpRequest) {
        let target = request.headers().get("x-amz-target").expect("a target");
        let (_, operation) = target.split_once('.').expect("an operation");
        if READS.contains(&operation) {
            return;
        }
        let body = str::from_utf8(request.body().bytes().expect("a body in memory")).expect("UTF-8");
        let keys = body.match_indices(BEFORE_KEY).map(|(at, _)| &body[at + BEFORE_KEY.len()..]);
        let keys = keys.map(|rest| rest.split('"').next().unwrap_or_default().to_owned());
        self.0.lock().expect("the notes").extend(keys);
    }
}

impl HttpClient for Noted<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Noted { writes: self.writes.clone(), inner })
    }
}

impl HttpConnector for Noted<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.writes.note(&request);
        self.inner.call(request)
    }
}
