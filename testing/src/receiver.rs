//! A receiver of webhooks on a loopback port that answers as a test wants.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request that came.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The path with its query.
    pub path: String,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// What the receiver answers: status and further headers, as in `302 Found\r\nLocation: /`, or [`SILENCE`].
type Answers = Box<dyn Fn(&Received) -> String + Send + Sync>;

/// No answer at all, until the client goes away.
pub const SILENCE: &str = "";

/// The receiver, which ends with the test.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    known: Arc<Known>,
}

struct Known {
    answers: Answers,
    received: Mutex<Vec<Received>>,
}

impl Received {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// A header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {self:?}"))
    }
}

impl Receiver {
    /// A receiver that answers so.
    pub async fn start(answers: impl Fn(&Received) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let known = Arc::new(Known { answers: Box::new(answers), received: Mutex::default() });
        let receiver = Self { address, known: known.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let known = known.clone();
                // A client that goes away is no trouble.
                tokio::spawn(async move { known.serve(stream).await.unwrap_or_default() });
            }
        });
        receiver
    }

    /// One that takes everything.
    pub async fn willing() -> Self {
        Self::start(|_| "204 No Content".to_owned()).await
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.address)
    }

    /// The requests that came since the last call.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.known.received.lock().expect("the requests"))
    }
}

impl Known {
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut received = Received { path, headers: BTreeMap::new(), body: Vec::new() };
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            received.headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = received.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        received.body = vec![0; length];
        stream.read_exact(&mut received.body).await?;
        let answer = (self.answers)(&received);
        self.received.lock().expect("the requests").push(received);
        if answer == SILENCE {
            while stream.read_u8().await.is_ok() {}
            return Ok(());
        }
        stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await
    }
}
