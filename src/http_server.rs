//! HTTP/1.1 on one port, with limits so that no client can exhaust the resources of others.
//!
//! Slow clients have time limits, clients that exceed their share are told to retry, and a stop ends in bounded time.

mod admission;
mod body;
mod request_line;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, COOKIE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use self::admission::{Admission, Seat};
use self::body::{Arrived, arrive, discard, hand_on};
use self::request_line::{AtLine, EncodedLines};

/// The maximum size of a request's line and headers. API Gateway allows 10 KB.
const HEAD_BYTES: usize = 32 * 1024;
/// The pause after a connection could not be accepted, for example because of too many descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// The response if too many requests are running.
const BUSY: &str = r#"{"detail":"Service temporarily unavailable, try again later."}"#;
/// The response if the body does not arrive in time.
const TOO_SLOW: &str = r#"{"detail":"The request took too long to arrive."}"#;

/// Time limits for clients, and limits on concurrent work.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time limit for the head of the next request, from the end of the one before.
    pub head: Duration,
    /// The time limit for a body.
    pub body: Duration,
    /// The longest pause between two chunks of a body, or while the client reads no part of a response.
    pub pause: Duration,
    /// How long a request waits for its turn.
    pub turn: Duration,
    /// How long running requests may continue after a stop.
    pub farewell: Duration,
    /// Open connections.
    pub connections: Share,
    /// Concurrent requests with a token or a cookie, valid or not.
    pub requests: Share,
    /// Concurrent requests without one. So logged-in users do not wait for logins, which hash passwords.
    pub strangers: Share,
    /// Concurrent requests with a body larger than [`Limits::SMALL_BODY`]; they count only here.
    pub large_bodies: Share,
}

/// A limit on concurrency.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// For all clients together.
    pub all: usize,
    /// For one client: an IPv4 address, or a 64-bit IPv6 network.
    pub of_client: usize,
}

impl Limits {
    /// Bodies up to this size are read completely before the request's turn.
    pub const SMALL_BODY: usize = 64 * 1024;

    /// Limits for a server with its store in this process, where more concurrency finishes nothing sooner.
    pub fn of_processors() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let share = |all| Share { all, of_client: all.div_ceil(2) };
        Self { requests: share(4 * processors), strangers: share(2 * processors), ..Self::of_network() }
    }

    /// Limits for a server that mostly waits for a remote store.
    pub fn of_network() -> Self {
        Self {
            head: Duration::from_secs(20),
            body: Duration::from_mins(1),
            pause: Duration::from_secs(10),
            turn: Duration::from_secs(5),
            farewell: Duration::from_secs(30),
            connections: Share { all: 800, of_client: 100 },
            requests: Share { all: 64, of_client: 32 },
            strangers: Share { all: 16, of_client: 8 },
            large_bodies: Share { all: 16, of_client: 4 },
        }
    }

    /// The same for a process with this many descriptors, some of which it needs itself.
    #[must_use]
    pub fn with_descriptors(self, descriptors: u64) -> Self {
        let free = usize::try_from(descriptors.saturating_sub(128)).unwrap_or(usize::MAX);
        Self { connections: Share { all: free.clamp(16, 2000), ..self.connections }, ..self }
    }
}

/// Raises the descriptor limit of this process as far as the system allows, and returns it.
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Without a limit the system returns none.
    let most = maximum.unwrap_or(u64::from(u32::MAX));
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => most,
        Err(_) => current.unwrap_or(most),
    }
}

/// Serves `app` until `stop` completes, then finishes running requests. Requests get their peer as [`ConnectInfo`].
/// Peers that are proxies, according to `is_proxy`, may have any number of connections.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    is_proxy: impl Fn(IpAddr) -> bool,
    stop: impl Future<Output = ()>,
) {
    let admission = Admission::new(limits);
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // The client gave up before its connection was accepted.
                Err(error) if is_of_client(&error) => continue,
                Err(error) => {
                    tracing::warn!(error = %error, "could not accept a connection");
                    tokio::time::sleep(AFTER_FAILURE).await;
                    continue;
                }
            },
        };
        let Some(seat) = admission.seat(peer.ip(), is_proxy(peer.ip())) else {
            refuse(&stream);
            continue;
        };
        let seat = Arc::new(seat);
        let app = app.clone();
        let at_line = AtLine::new();
        let lines = at_line.clone();
        let service = service_fn(move |request| {
            let (app, seat, at_line) = (app.clone(), seat.clone(), at_line.clone());
            async move { Ok::<_, Infallible>(respond(request, peer, app, &seat, limits, &at_line).await) }
        });
        // A response is sent in several pieces, which should not wait for each other.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.pause));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(EncodedLines::new(Box::pin(stream), lines)), service);
        let connection = connections.watch(connection);
        // How a connection ends is up to the client.
        tokio::spawn(async move { connection.await.ok() });
    }
    drop(listener);
    if tokio::time::timeout(limits.farewell, connections.shutdown()).await.is_err() {
        tracing::warn!("stopped while some requests were still running");
    }
}

/// Whether the error concerns only one client.
fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Tells a client that the server is busy, if that is possible without waiting.
fn refuse(stream: &TcpStream) {
    let length = BUSY.len();
    let response = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{BUSY}"
    );
    let _ = stream.try_write(response.as_bytes());
}

/// Waits for the body, then for a turn, then for the application.
///
/// A request is passed on once its body has arrived, like with API Gateway: a response before the end of the body would
/// close the connection, and lose what the client sends next. For a large body, the beginning is enough.
async fn respond(
    request: Request<Incoming>,
    peer: SocketAddr,
    app: Router,
    seat: &Seat,
    limits: Limits,
    at_line: &AtLine,
) -> Response {
    let (mut parts, incoming) = request.into_parts();
    parts.extensions.insert(ConnectInfo(peer));
    match arrive(incoming, &limits).await {
        Arrived::Whole(bytes) => {
            at_line.expect();
            match seat.turn(is_stranger(&parts.headers)).await {
                Some(_turn) => called(app, Request::from_parts(parts, Body::from(bytes))).await,
                None => told(StatusCode::SERVICE_UNAVAILABLE, BUSY),
            }
        }
        Arrived::Begun(begun) => {
            let Some(_place) = seat.large_body() else {
                discard(begun).await;
                at_line.expect();
                return told(StatusCode::SERVICE_UNAVAILABLE, BUSY);
            };
            let (body, rest) = hand_on(begun);
            let (response, is_whole) = tokio::join!(called(app, Request::from_parts(parts, body)), rest);
            at_line.expect();
            if is_whole { response } else { too_slow() }
        }
        Arrived::TooSlow => too_slow(),
        Arrived::Broken => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// Whether a request has neither token nor cookie. Basic credentials do not count: their password is hashed, which
/// costs as much as a login.
fn is_stranger(headers: &HeaderMap) -> bool {
    let has_token = headers.get(AUTHORIZATION).is_some_and(|value| !value.as_bytes().starts_with(b"Basic"));
    !has_token && !headers.contains_key(COOKIE)
}

async fn called(app: Router, request: Request<Body>) -> Response {
    match app.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn too_slow() -> Response {
    let mut response = told(StatusCode::REQUEST_TIMEOUT, TOO_SLOW);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn told(status: StatusCode, text: &'static str) -> Response {
    let mut response = (status, [(CONTENT_TYPE, "application/json")], text).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
