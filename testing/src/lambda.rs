//! Release builds of the functions, run as Lambda runs them: a process that asks a Runtime API for events.
//!
//! The Runtime API here answers as AWS's documentation says. On the same port stand Parameter Store and SES,
//! as far as functions ask them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Captured, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use super::parameters::{ParameterStore, VERIFYING};
use super::policies::parameter_of;
use super::{Answer, TestApp};

/// Longer than any answer takes. A function that has ended would never give one.
const DEADLINE: Duration = Duration::from_mins(1);

/// What a function made of an event.
#[derive(Debug)]
pub enum Outcome {
    /// It posted a response.
    Response(Value),
    /// It posted an error.
    Error(Value),
}

/// A function that runs.
pub struct Function {
    child: Child,
    began: Instant,
    events: mpsc::UnboundedSender<String>,
    outcomes: mpsc::UnboundedReceiver<(Instant, Outcome)>,
    mails: mpsc::UnboundedReceiver<Value>,
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    /// How many events were handed out, which is the id of the last one.
    given: AtomicUsize,
    outcomes: mpsc::UnboundedSender<(Instant, Outcome)>,
    mails: mpsc::UnboundedSender<Value>,
    parameters: ParameterStore,
}

/// Where the release build of a function is. `ROLLCALL_BINARIES` names another folder than cargo's.
pub fn binary(function: &str) -> PathBuf {
    let folder = std::env::var_os("ROLLCALL_BINARIES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release"), PathBuf::from);
    let path = folder.join(function);
    assert!(path.is_file(), "{} is missing: cargo build --release --bin {function}", path.display());
    path
}

impl Function {
    /// Starts a function on the table and with the keys of `app`, with `first` as the first event that it finds.
    pub async fn start(app: &TestApp, function: &str, first: impl Into<Option<String>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (events, waiting) = mpsc::unbounded_channel();
        let (post_outcome, outcomes) = mpsc::unbounded_channel();
        let (post_mail, mails) = mpsc::unbounded_channel();
        let api = Api {
            events: Mutex::new(waiting),
            given: AtomicUsize::new(0),
            outcomes: post_outcome,
            mails: post_mail,
            parameters: app.parameters.clone(),
        };
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{what}", post(outcome))
            .route("/", post(parameter))
            .route("/v2/email/outbound-emails", post(mail))
            .with_state(Arc::new(api));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        if let Some(event) = first.into() {
            events.send(event).expect("the Runtime API");
        }
        let mut command = command(function, app).await;
        command
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_ENDPOINT_URL_SSM", format!("http://{address}"))
            .env("AWS_ENDPOINT_URL_SESV2", format!("http://{address}"))
            .stdout(Stdio::null());
        let began = Instant::now();
        let child = command.spawn().expect("a process");
        Self { child, began, events, outcomes, mails }
    }

    /// What it makes of the event that it has not answered yet, and when, counted from its start.
    pub async fn outcome(&mut self) -> (Duration, Outcome) {
        match tokio::time::timeout(DEADLINE, self.outcomes.recv()).await {
            Ok(Some((when, outcome))) => (when - self.began, outcome),
            _ => panic!("no answer; the process: {:?}", self.child.try_wait()),
        }
    }

    /// What it makes of one more event.
    pub async fn take(&mut self, event: String) -> Outcome {
        self.events.send(event).expect("the Runtime API");
        self.outcome().await.1
    }

    /// The answer to a request that API Gateway hands on.
    pub async fn ask(&mut self, event: String) -> Answer {
        match self.take(event).await {
            Outcome::Response(response) => answer(&response),
            Outcome::Error(error) => panic!("{error}"),
        }
    }

    /// The next mail that it has handed to SES.
    pub fn mail(&mut self) -> Option<Value> {
        self.mails.try_recv().ok()
    }

    /// How long it has computed so far. Unlike the time until an answer, that does not depend on what else the machine does.
    pub fn computed(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("Linux");
        // A thread may end meanwhile.
        let texts = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok());
        let first = |text: String| text.split_whitespace().next().and_then(|figure| figure.parse::<u64>().ok());
        let nanoseconds = texts.map(|text| first(text).expect("a figure"));
        Duration::from_nanos(nanoseconds.sum())
    }

    /// The most memory that it has held at once, in bytes.
    pub fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a high-water mark");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a figure");
        kilobytes * 1024
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How Lambda starts a function, but for its Runtime API.
pub async fn command(function: &str, app: &TestApp) -> Command {
    let mut command = Command::new(binary(function));
    command.env_clear().envs([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_SESSION_TOKEN", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &app.engine.listen().await),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "functions"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "one"),
        ("ROLLCALL_TABLE", app.engine.table()),
        ("ROLLCALL_MAIL_FROM", "rollcall@site.example"),
        ("ROLLCALL_SITE_NAME", "Site"),
        // What a function prints of a panic is for who reads the test's output.
        ("RUST_BACKTRACE", "0"),
    ]);
    if let Some(parameter) = parameter_of(function) {
        let setting = if parameter == VERIFYING { "ROLLCALL_VERIFYING_KEYS" } else { "ROLLCALL_SIGNING_KEYS" };
        command.env(setting, format!("ssm:{parameter}"));
    }
    command
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let given = api.given.fetch_add(1, Ordering::Relaxed) + 1;
    let headers = [
        ("lambda-runtime-aws-request-id", id(given)),
        ("lambda-runtime-deadline-ms", "32503680000000".to_owned()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:one".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-6742f1c0-2b9f0c8f5d4e3a2b1c0d9e8f;Sampled=0".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event).into_response()
}

/// The id of the event that was handed out as number `given`.
fn id(given: usize) -> String {
    format!("8476a536-e9f4-11e8-9739-{given:012}")
}

async fn outcome(
    State(api): State<Arc<Api>>,
    Captured((answered, what)): Captured<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let when = Instant::now();
    let current = id(api.given.load(Ordering::Relaxed));
    let (true, Ok(body)) = (answered == current, serde_json::from_slice(&body)) else {
        return StatusCode::BAD_REQUEST;
    };
    let outcome = match what.as_str() {
        "response" => Outcome::Response(body),
        "error" => Outcome::Error(body),
        _ => return StatusCode::NOT_FOUND,
    };
    let _ = api.outcomes.send((when, outcome));
    StatusCode::ACCEPTED
}

async fn parameter(State(api): State<Arc<Api>>, headers: HeaderMap, body: Bytes) -> Response {
    let is_get = headers.get("x-amz-target").is_some_and(|target| target == "AmazonSSM.GetParameter");
    let asked: Value = if is_get { serde_json::from_slice(&body).unwrap_or_default() } else { Value::Null };
    let (status, answer) = api.parameters.answer(&asked);
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
}

async fn mail(State(api): State<Arc<Api>>, body: Bytes) -> Response {
    let _ = api.mails.send(serde_json::from_slice(&body).unwrap_or_default());
    ([("content-type", "application/json")], json!({ "MessageId": "1" }).to_string()).into_response()
}

/// The answer that API Gateway makes of a response (payload format 2.0).
fn answer(response: &Value) -> Answer {
    let code = response["statusCode"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or_else(|| panic!("{response}"));
    let mut headers = HeaderMap::new();
    let given = response["headers"].as_object().into_iter().flatten();
    for (name, value) in given.map(|(name, value)| (name.as_str(), value)).chain(cookies(response)) {
        let value = HeaderValue::from_str(value.as_str().expect("text")).expect("a value");
        headers.append(name.parse::<HeaderName>().expect("a name"), value);
    }
    let text = response["body"].as_str().unwrap_or_default();
    let body = if response["isBase64Encoded"] == true {
        base64::engine::general_purpose::STANDARD.decode(text).expect("base64").into()
    } else {
        Bytes::copy_from_slice(text.as_bytes())
    };
    Answer { status, headers, body }
}

fn cookies(response: &Value) -> impl Iterator<Item = (&str, &Value)> {
    response["cookies"].as_array().into_iter().flatten().map(|cookie| ("set-cookie", cookie))
}
