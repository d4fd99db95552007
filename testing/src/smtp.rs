//! A mail server on a loopback port that answers as a test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What `MAIL FROM` said.
    pub from: String,
    /// What `RCPT TO` said.
    pub to: String,
    /// Headers and text, as they came.
    pub data: String,
}

/// What the server answers to a line in place of its usual answer, or [`SILENCE`]. It is asked with `CONNECT` for the greeting, and with
/// `TEXT <receiver>` when a text has ended.
type FakeEnvironment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// No answer at all, until the client goes away.
pub const SILENCE: &str = "";

/// The server, which ends with the test.
pub struct MailServer {
    /// Where it listens.
    pub address: SocketAddr,
    known: Arc<Known>,
}

struct Known {
    environment: FakeEnvironment,
    taken: Mutex<Vec<Taken>>,
    lines: Mutex<Vec<String>>,
    news: Notify,
}

impl MailServer {
    /// A server that takes everything for which `environment` has no other answer.
    pub async fn start(environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let known = Arc::new(Known {
            environment: Box::new(environment),
            taken: Mutex::default(),
            lines: Mutex::default(),
            news: Notify::new(),
        });
        let server = Self { address, known: known.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let known = known.clone();
                // A client that goes away is no trouble.
                tokio::spawn(async move { known.speak(stream).await.unwrap_or_default() });
            }
        });
        server
    }

    /// The mails that it has taken since the last call.
    pub fn take(&self) -> Vec<Taken> {
        std::mem::take(&mut *self.known.taken.lock().expect("the mails"))
    }

    /// Waits until it has taken so many.
    pub async fn has_taken(&self, many: usize) {
        while self.known.taken.lock().expect("the mails").len() < many {
            self.known.news.notified().await;
        }
    }

    /// How many lines it got that begin so.
    pub fn count(&self, beginning: &str) -> usize {
        self.known.lines.lock().expect("the lines").iter().filter(|line| line.starts_with(beginning)).count()
    }
}

impl Known {
    async fn speak(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut taken = Taken { from: String::new(), to: String::new(), data: String::new() };
        let mut line = "CONNECT".to_owned();
        loop {
            let in_brackets = || line.split_once('<').map(|(_, rest)| rest.trim_end_matches('>').to_owned());
            let usual = match line.split([' ', ':']).next().unwrap_or_default() {
                "CONNECT" => "220 mail.example",
                "QUIT" => "221 bye",
                "DATA" => "354 go on",
                "MAIL" => {
                    taken.from = in_brackets().unwrap_or_default();
                    "250 fine"
                }
                "RCPT" => {
                    taken.to = in_brackets().unwrap_or_default();
                    "250 fine"
                }
                _ => "250 fine",
            };
            let answer = (self.environment)(&line).unwrap_or_else(|| usual.to_owned());
            self.lines.lock().expect("the lines").push(line.clone());
            if line.starts_with("TEXT") && answer.starts_with("250") {
                self.taken.lock().expect("the mails").push(taken.clone());
                self.news.notify_one();
            }
            if answer == SILENCE {
                while stream.read_line(&mut line).await? > 0 {}
                return Ok(());
            }
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
            if line == "QUIT" {
                return Ok(());
            }
            line.clear();
            if answer.starts_with("354") {
                taken.data.clear();
                while !taken.data.ends_with("\r\n.\r\n") {
                    if stream.read_line(&mut taken.data).await? == 0 {
                        return Ok(());
                    }
                }
                line = format!("TEXT {}", taken.to);
            } else if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            line.truncate(line.trim_end().len());
        }
    }
}
