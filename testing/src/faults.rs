//! Trouble between the store and the engine: lost requests and answers, refusals, conflicts, on a schedule.

use std::sync::{Arc, Mutex, MutexGuard};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use shared::store::Connection;

/// What can happen to one try of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The engine does what it is asked and its answer is lost.
    AnswerLost,
    /// The engine never gets the request.
    RequestLost,
    /// The engine does what it is asked and nothing comes back, not even the end of the connection.
    Silence,
    /// `ThrottlingException`.
    Throttled,
    /// `ProvisionedThroughputExceededException`.
    ThroughputExceeded,
    /// `InternalServerError`, status 500.
    ServerError,
    /// Status 503, with a body that no program reads.
    GatewayError,
    /// Another transaction has one of the items: `TransactionCanceledException`, or for a write of one item
    /// `TransactionConflictException`.
    Conflict,
    /// A transaction is cancelled because one of its items is in a partition that has too much to do.
    Overload,
    /// The engine does the transaction and says that it is still at it.
    InProgress,
    /// `ValidationException`, whose message repeats the request, as the engine's does. It lasts, so it is tried apart.
    Repeated,
}

/// When which fault happens.
#[derive(Debug, Clone, Copy)]
pub enum Plan {
    /// Never.
    Calm,
    /// At the try of that number, counted from 0; if `lasting`, at every later one too. Tries in a row that write, or
    /// remove, entries of the search index count as one: how many there are depends on the names of users.
    At {
        /// The number of the try.
        call: usize,
        /// What happens there.
        fault: Fault,
        /// Whether it goes on.
        lasting: bool,
    },
    /// At every try whose request has that text in it.
    About {
        /// The text, such as an id.
        text: &'static str,
        /// What happens then.
        fault: Fault,
    },
    /// At random: one transaction in five conflicts, one in fifty is still in progress, one answer in fifty is lost.
    /// More of these would now and then use up all tries of one call.
    Storm,
}

/// The hand that makes faults; clones are the same hand.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    plan: Plan,
    calls: Vec<String>,
    /// Whether the last one was about entries of the search index.
    on_entries: bool,
    struck: usize,
    random: u64,
}

#[derive(Debug)]
struct Faulty<T> {
    faults: Faults,
    inner: T,
}

impl Fault {
    /// All that end by themselves; silence costs a timeout, so it is tried apart.
    pub const QUICK: [Self; 9] = [
        Self::AnswerLost,
        Self::RequestLost,
        Self::Throttled,
        Self::ThroughputExceeded,
        Self::ServerError,
        Self::GatewayError,
        Self::Conflict,
        Self::Overload,
        Self::InProgress,
    ];

    /// Whether DynamoDB can answer a call of that operation so.
    pub fn fits(self, operation: &str) -> bool {
        match self {
            Self::Conflict => ["TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem"].contains(&operation),
            Self::Overload | Self::InProgress => operation == "TransactWriteItems",
            // Whoever only reads meets one of each kind: for it, the others are the same.
            Self::AnswerLost | Self::Throttled | Self::GatewayError => {
                !["GetItem", "BatchGetItem", "Query", "DescribeTimeToLive"].contains(&operation)
            }
            _ => true,
        }
    }
}

impl Default for Faults {
    /// Calm, until told otherwise.
    fn default() -> Self {
        let state =
            State { plan: Plan::Calm, calls: Vec::new(), on_entries: false, struck: 0, random: 0x5eed_0f5e_ed0f_5eed };
        Self(Arc::new(Mutex::new(state)))
    }
}

impl Faults {
    /// A connection that suffers these faults.
    pub fn wrap(&self, connection: Connection) -> Connection {
        let http = SharedHttpClient::new(Faulty { faults: self.clone(), inner: connection.http });
        Connection { http, ..connection }
    }

    /// Follows `plan` from the next try on, which is number 0.
    pub fn follow(&self, plan: Plan) {
        let mut state = self.lock();
        state.plan = plan;
        state.calls.clear();
        state.on_entries = false;
        state.struck = 0;
    }

    /// The operations of all tries since the plan began.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// How many tries suffered a fault since the plan began.
    pub fn struck(&self) -> usize {
        self.lock().struck
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("the faults")
    }

    fn next(&self, operation: &str, on_entries: bool, body: &[u8]) -> Option<Fault> {
        let mut state = self.lock();
        let repeats = on_entries && state.on_entries && state.calls.last().is_some_and(|last| last == operation);
        if !repeats {
            state.calls.push(operation.to_owned());
        }
        state.on_entries = on_entries;
        let number = state.calls.len() - 1;
        let fault = match state.plan {
            Plan::Calm => None,
            Plan::At { call, fault, lasting: true } => (number >= call).then_some(fault),
            Plan::At { call, fault, lasting: false } => (number == call && !repeats).then_some(fault),
            Plan::About { text, fault } => {
                body.windows(text.len()).any(|part| part == text.as_bytes()).then_some(fault)
            }
            Plan::Storm => match state.draw() % 100 {
                0..20 => Some(Fault::Conflict),
                20..22 => Some(Fault::InProgress),
                22..24 => Some(Fault::AnswerLost),
                _ => None,
            },
        };
        let fault = fault.filter(|fault| fault.fits(operation));
        state.struck += usize::from(fault.is_some());
        fault
    }
}

impl State {
    /// xorshift64: the same sequence in every run.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl HttpClient for Faulty<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Faulty { faults: self.faults.clone(), inner })
    }
}

impl HttpConnector for Faulty<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        let entries = [&b"\"GROUPED#"[..]];
        let on_entries = entries.iter().any(|pk| body.windows(pk.len()).any(|part| part == *pk));
        let Some(fault) = self.faults.next(&operation, on_entries, body) else { return self.inner.call(request) };
        match fault {
            Fault::RequestLost => HttpConnectorFuture::ready(Err(lost())),
            Fault::AnswerLost | Fault::Silence | Fault::InProgress => {
                let done = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    done.await?;
                    match fault {
                        Fault::AnswerLost => Err(lost()),
                        Fault::Silence => std::future::pending().await,
                        _ => Ok(refusal(400, "TransactionInProgressException")),
                    }
                })
            }
            Fault::Repeated => HttpConnectorFuture::ready(Ok(repeated(&request))),
            Fault::Throttled => HttpConnectorFuture::ready(Ok(refusal(400, "ThrottlingException"))),
            Fault::ThroughputExceeded => {
                HttpConnectorFuture::ready(Ok(refusal(400, "ProvisionedThroughputExceededException")))
            }
            Fault::ServerError => HttpConnectorFuture::ready(Ok(refusal(500, "InternalServerError"))),
            Fault::GatewayError => HttpConnectorFuture::ready(Ok(answer(503, SdkBody::from("<html>busy</html>")))),
            Fault::Conflict if operation != "TransactWriteItems" => {
                HttpConnectorFuture::ready(Ok(refusal(400, "TransactionConflictException")))
            }
            Fault::Conflict => HttpConnectorFuture::ready(Ok(cancelled(&request, "TransactionConflict"))),
            Fault::Overload => HttpConnectorFuture::ready(Ok(cancelled(&request, "ThrottlingError"))),
        }
    }
}

fn lost() -> ConnectorError {
    ConnectorError::io("the connection was reset".into())
}

fn answer(status: u16, body: SdkBody) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), body)
}

/// As DynamoDB refuses.
fn refusal(status: u16, code: &str) -> HttpResponse {
    let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "Not now." });
    answer(status, SdkBody::from(body.to_string()))
}

/// As the engine refuses what cannot be: it repeats what it was asked.
fn repeated(request: &HttpRequest) -> HttpResponse {
    let asked = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ValidationException",
        "message": format!("Invalid request: {asked}"),
    });
    answer(400, SdkBody::from(body.to_string()))
}

/// As DynamoDB cancels a transaction because of its last item.
fn cancelled(request: &HttpRequest, code: &str) -> HttpResponse {
    let body: Value = serde_json::from_slice(request.body().bytes().expect("a body in memory")).expect("JSON");
    let items = body["TransactItems"].as_array().expect("items").len();
    let mut reasons = vec![json!({ "Code": "None" }); items];
    reasons[items - 1] = json!({ "Code": code, "Message": "Not now." });
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": message,
        "CancellationReasons": reasons,
    });
    answer(400, SdkBody::from(body.to_string()))
}
