//! The local server among clients that are slow, many or gone.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::routing::{get, post};
use http::{StatusCode, Uri};
use rollcall::http_server::{Limits, Share, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, oneshot};

/// Shorter than any test waits, longer than an honest client needs here.
const SHORT: Duration = Duration::from_millis(300);
/// Longer than any test waits.
const LONG: Duration = Duration::from_mins(10);

struct Server {
    address: SocketAddr,
    /// How many requests have begun at `/held` and `/length`.
    begun: Arc<Semaphore>,
    /// How many may go on at `/held`.
    gate: Arc<Semaphore>,
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let [begun, gate] = [0; 2].map(|none| Arc::new(Semaphore::new(none)));
        let (held, seen, read) = (gate.clone(), begun.clone(), begun.clone());
        let hold = async move || {
            seen.add_permits(1);
            held.acquire().await.expect("a gate").forget();
        };
        let length = async move |request: Request| {
            read.add_permits(1);
            let whole = to_bytes(request.into_body(), usize::MAX).await;
            whole.map(|bytes| bytes.len().to_string()).map_err(|_| StatusCode::BAD_REQUEST)
        };
        let echo = async |uri: Uri, body: String| format!("{} {body}!", uri.query().unwrap_or_default());
        let app = Router::new()
            .route("/", get(async || "here"))
            .route("/held", get(hold))
            .route("/echo", post(echo))
            .route("/length", post(length))
            .route("/unread", post(async || "no"))
            .route("/large", get(async || Body::from(vec![b'x'; 64 * 1024 * 1024])));
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let ended = tokio::spawn(serve(listener, app, limits, |_| false, stopped));
        Self { address, begun, gate, stop: Some(stop), ended }
    }

    async fn has_begun(&self, requests: u32) {
        self.begun.acquire_many(requests).await.expect("requests").forget();
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// As a client with another address.
    async fn connect_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).expect("an address of this machine");
        socket.connect(self.address).await.expect("a connection")
    }
}

fn limits() -> Limits {
    Limits { head: LONG, body: LONG, pause: LONG, turn: LONG, farewell: LONG, ..Limits::of_network() }
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("a connection");
}

/// Everything until the server ends the connection.
async fn all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // An end without a farewell is an end.
    let _ = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut bytes)).await.expect("an end");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn ask(stream: &mut TcpStream, path: &str) -> String {
    say(stream, &format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")).await;
    all(stream).await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn who_does_not_end_a_head_or_asks_for_nothing_more_is_not_waited_for() {
    let server = Server::start(Limits { head: SHORT, ..limits() }).await;
    let (mut silent, mut half, mut idle) = (server.connect().await, server.connect().await, server.connect().await);
    say(&mut half, "GET / HTTP/1.1\r\nhost: h\r\nx: ").await;
    say(&mut idle, "GET / HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(all(&mut silent).await, "");
    assert_ne!(status(&all(&mut half).await), "200");
    let answers = all(&mut idle).await;
    assert_eq!((status(&answers), answers.matches("HTTP/1.1").count()), ("200", 1));
}

#[tokio::test]
async fn who_does_not_send_the_rest_of_a_body_is_told() {
    for limits in [Limits { pause: SHORT, ..limits() }, Limits { body: SHORT, ..limits() }] {
        let server = Server::start(limits).await;
        for length in [10, 200_000] {
            let mut slow = server.connect().await;
            let sent = "x".repeat(length / 2);
            let head = format!("POST /length HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n{sent}");
            say(&mut slow, &head).await;
            let answer = all(&mut slow).await;
            assert_eq!(status(&answer), "408", "{answer}");
        }
    }
}

#[tokio::test]
async fn who_does_not_take_the_answer_is_not_waited_for() {
    let server = Server::start(Limits { pause: SHORT, ..limits() }).await;
    let mut deaf = server.connect().await;
    say(&mut deaf, "GET /large HTTP/1.1\r\nhost: h\r\n\r\n").await;
    deaf.readable().await.expect("the beginning of an answer");
    // It ends by itself, although the client still reads nothing.
    drop(server.stop);
    tokio::time::timeout(Duration::from_mins(1), server.ended).await.expect("an end").expect("no panic");
}

#[tokio::test]
async fn a_client_has_so_many_connections_and_others_theirs() {
    let server = Server::start(Limits { connections: Share { all: 5, of_client: 3 }, ..limits() }).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(server.connect().await);
    }
    let refused = all(&mut server.connect().await).await;
    assert!(status(&refused) == "503" && refused.contains("retry-after: 1"), "{refused}");
    assert_eq!(status(&ask(&mut server.connect_from(2).await, "/").await), "200");
    held.extend([server.connect_from(2).await, server.connect_from(3).await]);
    assert_eq!(status(&all(&mut server.connect_from(4).await).await), "503");
    // A place that is left is free again, as soon as the server has seen it.
    drop(held.remove(0));
    while status(&ask(&mut server.connect_from(4).await, "/").await) != "200" {}
}

#[tokio::test]
async fn who_comes_when_all_is_taken_is_told_to_come_again() {
    let few = Limits { strangers: Share { all: 3, of_client: 2 }, turn: SHORT, ..limits() };
    let server = Server::start(few).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        say(&mut stream, "GET /held HTTP/1.1\r\nhost: h\r\n\r\n").await;
        held.push(stream);
    }
    server.has_begun(2).await;
    let answer = ask(&mut server.connect().await, "/").await;
    assert!(status(&answer) == "503" && answer.contains("retry-after: 1"), "{answer}");
    assert_eq!(status(&ask(&mut server.connect_from(2).await, "/").await), "200", "another client's turn");
    // Nor does who is signed in wait for those who try to.
    let mut known = server.connect().await;
    say(&mut known, "GET / HTTP/1.1\r\nhost: h\r\nauthorization: Token x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(status(&all(&mut known).await), "200");
    server.gate.add_permits(2);
    assert_eq!(status(&ask(&mut server.connect().await, "/").await), "200");
}

#[tokio::test]
async fn large_bodies_arrive_whole_or_are_not_read_and_are_limited() {
    let server = Server::start(Limits { large_bodies: Share { all: 1, of_client: 1 }, ..limits() }).await;
    let body = "x".repeat(3_000_000);
    let post = |path, connection| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nhost: h\r\nconnection: {connection}\r\ncontent-length: {length}\r\n\r\n")
    };
    let mut first = server.connect().await;
    say(&mut first, &(post("/unread", "keep-alive") + &body)).await;
    say(&mut first, &(post("/length", "close") + &body)).await;
    let answers = all(&mut first).await;
    assert!(answers.contains("\r\n\r\nno") && answers.ends_with("3000000"), "{answers}");

    server.has_begun(1).await;
    let mut holder = server.connect().await;
    say(&mut holder, &(post("/length", "close") + &body[..100_000])).await;
    server.has_begun(1).await;
    let mut other = server.connect().await;
    say(&mut other, &(post("/length", "close") + &body)).await;
    assert_eq!(status(&all(&mut other).await), "503");
    say(&mut holder, &body[100_000..]).await;
    assert!(all(&mut holder).await.ends_with("3000000"));
}

/// curl sends these characters as they are.
#[tokio::test]
async fn raw_characters_in_a_query_reach_the_application_encoded() {
    let server = Server::start(limits()).await;
    let mut stream = server.connect().await;
    for (query, body, expected) in [
        (r#"a="<b>"&c='d'"#, "", "a=%22%3Cb%3E%22&c='d' !"),
        (r#"""#, r#""<>""#, r#"%22 "<>"!"#),
        ("<>", "", "%3C%3E !"),
    ] {
        let length = body.len();
        let head = format!("POST /echo?{query} HTTP/1.1\r\nhost: h\r\nx: \"<>\"\r\ncontent-length: {length}\r\n\r\n");
        say(&mut stream, &(head + body)).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"!") {
            answer.push(stream.read_u8().await.expect("an answer"));
        }
        let answer = String::from_utf8(answer).expect("a text");
        assert_eq!((status(&answer), answer.rsplit("\r\n").next()), ("200", Some(expected)), "{answer}");
    }
}

#[tokio::test]
async fn a_stop_waits_for_what_is_under_way_but_not_for_ever() {
    let mut server = Server::start(limits()).await;
    let mut held = server.connect().await;
    say(&mut held, "GET /held HTTP/1.1\r\nhost: h\r\n\r\n").await;
    server.has_begun(1).await;
    let mut idle = server.connect().await;
    drop(server.stop.take());
    assert_eq!(all(&mut idle).await, "", "it is closed at once");
    server.gate.add_permits(1);
    assert_eq!(status(&all(&mut held).await), "200");
    server.ended.await.expect("no panic");

    let server = Server::start(Limits { farewell: SHORT, ..limits() }).await;
    let mut held = server.connect().await;
    say(&mut held, "GET /held HTTP/1.1\r\nhost: h\r\n\r\n").await;
    server.has_begun(1).await;
    drop(server.stop);
    server.ended.await.expect("no panic");
}
