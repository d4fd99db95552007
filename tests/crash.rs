//! The program itself, killed and stopped in the middle of its work.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{PASSWORD, TOKEN, Table, USERS, items_in};

/// How many connections make users at once.
const CONNECTIONS: usize = 4;
/// How many users are acknowledged before the program is ended.
const ACKNOWLEDGED: usize = 15;

/// A folder of the test's own.
pub struct Folder(pub PathBuf);

/// A running `rollcall serve`.
pub struct Server {
    process: Process,
    pub address: SocketAddr,
    /// Kept open, since the program still writes to it.
    _output: Lines<BufReader<ChildStdout>>,
}

/// A process that does not outlive its test.
pub struct Process(pub Child);

/// One connection, kept open.
pub struct Connection {
    stream: BufReader<TcpStream>,
    pub token: String,
}

/// A user whose creation was acknowledged.
struct Made {
    name: String,
    id: String,
    verified: bool,
}

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // It may be left from a run that was interrupted.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub fn table(&self) -> Table {
        let path = self.0.join("rollcall.db");
        let database = dynoxide::Database::new(path.to_str().expect("UTF-8")).expect("the store");
        let table = Table::of(items_in(&database));
        table.assert_sound();
        table
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.0.join("log")).expect("the log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is in the way of nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program with the store of that folder, on a port that is free, its output to be read, its log in a file.
pub fn program(folder: &Folder, command: &str) -> Command {
    let log: File = OpenOptions::new().create(true).append(true).open(folder.0.join("log")).expect("a log");
    let mut program = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    program
        .arg(command)
        .env("ROLLCALL_DATA", &folder.0)
        .env("ROLLCALL_LISTEN", "127.0.0.1:0")
        .env("ROLLCALL_ADMIN_PASSWORD", PASSWORD)
        .env("RUST_LOG", "info")
        .env_remove("AWS_ENDPOINT_URL_DYNAMODB")
        .env_remove("ROLLCALL_PUBLIC_URL")
        .env_remove("ROLLCALL_SMTP_URL")
        .stdout(Stdio::piped())
        .stderr(log);
    program
}

impl Server {
    /// Starts and waits until it is ready.
    pub fn start(folder: &Folder) -> Self {
        Self::ready(Process(program(folder, "serve").spawn().expect("the program")))
    }

    /// Waits until it is ready.
    pub fn ready(mut process: Process) -> Self {
        let mut output = BufReader::new(process.0.stdout.take().expect("its output")).lines();
        let ready = "Rollcall is ready at http://";
        let address = output.find_map(|line| line.expect("a line").strip_prefix(ready)?.parse().ok());
        Self { process, address: address.expect("an address"), _output: output }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
        Connection { stream: BufReader::new(stream), token: String::new() }
    }

    /// A connection of the first superuser.
    pub fn sign_in(&self) -> Connection {
        let mut connection = self.connect();
        let (status, answer) =
            connection.call("POST", TOKEN, &json!({"username": "admin", "password": PASSWORD})).expect("an answer");
        assert_eq!(status, 200, "{answer}");
        answer["token"].as_str().expect("a token").clone_into(&mut connection.token);
        connection
    }

    /// Makes users on several connections at once, until these break.
    fn stream_users(&self, round: usize) -> Receiver<Made> {
        let (sender, made) = channel();
        let token = self.sign_in().token;
        for number in 0..CONNECTIONS {
            let connection = Connection { token: token.clone(), ..self.connect() };
            let (sender, prefix) = (sender.clone(), format!("r{round}c{number}n"));
            std::thread::spawn(move || make_users(connection, &prefix, &sender));
        }
        made
    }

    /// `SIGTERM`.
    pub fn ask_to_stop(&self) {
        let sent = Command::new("kill").arg("-TERM").arg(self.process.0.id().to_string()).status().expect("kill");
        assert!(sent.success());
    }

    pub fn ended(mut self) -> ExitStatus {
        let (sender, ended) = channel();
        std::thread::spawn(move || sender.send(self.process.0.wait()));
        ended.recv_timeout(Duration::from_mins(1)).expect("an end within a minute").expect("a status")
    }
}

impl Connection {
    pub fn call(&mut self, method: &str, path: &str, body: &Value) -> std::io::Result<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let authorization =
            if self.token.is_empty() { String::new() } else { format!("authorization: Bearer {}\r\n", self.token) };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> std::io::Result<(u16, Value)> {
        let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        let mut length = 0;
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(broken());
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().map_err(|_| broken())?;
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).map_err(|_| broken())? };
        Ok((status, body))
    }
}

fn make_users(mut connection: Connection, prefix: &str, sender: &Sender<Made>) {
    for number in 0.. {
        let (name, verified) = (format!("{prefix}{number}"), number % 2 == 0);
        let body = json!({
            "username": name, "email": format!("{name}@mail.example"), "password": PASSWORD,
            "email_verified": verified, "groups": [1],
        });
        // The program has ended in the middle of this one.
        let Ok((status, answer)) = connection.call("POST", USERS, &body) else { return };
        assert_eq!(status, 201, "{answer}");
        let id = answer["id"].as_str().expect("an id").to_owned();
        if sender.send(Made { name, id, verified }).is_err() {
            return;
        }
    }
}

/// All that was acknowledged is in the store, and each mail waits or has gone out.
fn assert_kept(folder: &Folder, made: &[Made]) {
    let (table, log) = (folder.table(), folder.log());
    assert_eq!(table.partition("GROUPS").count(), 2);
    for Made { name, id, verified } in made {
        assert_eq!(table.user(id).unwrap_or_else(|| panic!("{name} is lost"))["username"], *name);
        let address = format!("{name}@mail.example");
        let sent = log.contains(&format!("mail to {address}:"));
        let waits = table.mails_to(&address).count() == 1;
        assert!(*verified != (sent || waits), "{name}: verified {verified}, sent {sent}, waits {waits}");
    }
}

/// Mailed links would begin with whatever a client says.
#[test]
fn it_does_not_listen_where_others_can_reach_it_without_an_address_for_links() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9000"] {
        let folder = Folder::new("no-links");
        let ended = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .arg("serve")
            .env("ROLLCALL_DATA", &folder.0)
            .env("ROLLCALL_LISTEN", listen)
            .env_remove("AWS_ENDPOINT_URL_DYNAMODB")
            .env_remove("ROLLCALL_PUBLIC_URL")
            .output()
            .expect("the program");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success(), "{listen}");
        assert!(said.contains("set ROLLCALL_PUBLIC_URL") && said.contains(listen), "{said}");
        assert!(!folder.0.join("rollcall.db").exists(), "nothing was made");
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = Folder::new("kill-9");
    let mut all: Vec<Made> = Vec::new();
    for round in 0..3 {
        let mut server = Server::start(&folder);
        let users = server.stream_users(round);
        all.extend(users.iter().take(ACKNOWLEDGED));
        server.process.0.kill().expect("SIGKILL");
        assert!(!server.ended().success());
        // Acknowledged between the last of them and the end.
        all.extend(users.iter());
        assert_kept(&folder, &all);
    }
    assert!(all.len() >= 3 * ACKNOWLEDGED);

    let server = Server::start(&folder);
    let mut admin = server.sign_in();
    for Made { name, id, .. } in &all {
        let (status, user) = admin.call("GET", &format!("{USERS}{id}/"), &Value::Null).expect("an answer");
        assert_eq!((status, &user["username"]), (200, &json!(name)));
    }
    let (_, list) = admin.call("GET", USERS, &Value::Null).expect("an answer");
    let count = usize::try_from(list["count"].as_u64().expect("a count")).expect("a count");
    // Those that were under way may have been made, one on each connection and round.
    assert!((all.len() + 1..=all.len() + 1 + 3 * CONNECTIONS).contains(&count), "{count} for {}", all.len());
    let login = json!({"username": all[0].name, "password": PASSWORD});
    assert_eq!(server.connect().call("POST", TOKEN, &login).expect("an answer").0, 200);
    // What was made up to the kill goes on: numbers are not given twice, names stay taken.
    let taken = json!({"username": all[0].name, "email": "other@mail.example", "password": PASSWORD});
    assert_eq!(admin.call("POST", USERS, &taken).expect("an answer").0, 400);
    server.ask_to_stop();
    assert!(server.ended().success());
    assert_kept(&folder, &all);
}

#[test]
fn a_request_to_stop_lets_calls_end_and_then_exits_with_0() {
    let folder = Folder::new("sigterm");
    let server = Server::start(&folder);
    // One that never says anything, and one that waits for its next call.
    let _silent = server.connect();
    let _waiting = server.sign_in();
    let users = server.stream_users(0);
    let mut all: Vec<Made> = users.iter().take(ACKNOWLEDGED).collect();
    server.ask_to_stop();
    assert_eq!(server.ended().code(), Some(0));
    all.extend(users.iter());
    assert_kept(&folder, &all);
    // Every call that was begun was answered: there is nobody whom no answer told of.
    assert_eq!(folder.table().users().count(), all.len() + 1);
}

#[test]
fn a_body_that_comes_after_its_refusal_was_clear_ends_no_connection() {
    let folder = Folder::new("late-body");
    let server = Server::start(&folder);
    let mut late = server.connect();
    let head = "POST /api/v1/users/user/ HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 2\r\n\r\n";
    late.stream.get_mut().write_all(head.as_bytes()).expect("a connection");
    // Long enough for an answer to who is not signed in.
    server.sign_in();
    late.stream.get_mut().write_all(b"{}").expect("a connection");
    assert_eq!(late.answer().expect("an answer").0, 401);
    assert_eq!(late.call("GET", USERS, &Value::Null).expect("the next answer").0, 401);
}
