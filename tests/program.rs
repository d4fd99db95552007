//! The program itself: what it leaves on the disk and for whom, and how it starts and ends.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dynoxide::ImportOptions;
use serde_json::{Value, from_value, json};

use crate::crash::{Folder, Process, Server, program};
use crate::support::{USERS, items_in};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

#[test]
fn files_are_their_owners_alone_whatever_the_folder_and_the_umask_say() {
    let folder = Folder::new("modes");
    std::fs::set_permissions(&folder.0, Permissions::from_mode(0o755)).expect("a mode");
    // The umask is the shell's.
    let run = |command: &str| {
        let rollcall = env!("CARGO_BIN_EXE_rollcall");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("umask 000; exec {rollcall} {command}")]);
        shell
            .env("ROLLCALL_DATA", &folder.0)
            .env("ROLLCALL_LISTEN", "127.0.0.1:0")
            .env_remove("AWS_ENDPOINT_URL_DYNAMODB");
        shell.stdout(Stdio::piped()).stderr(Stdio::null());
        shell
    };
    let all = ["rollcall.db", "rollcall.db-wal", "rollcall.db-shm", "rollcall.lock", "signing-keys.json"];
    let check = || all.map(|name| mode(&folder.0.join(name)));
    let server = Server::ready(Process(run("serve").spawn().expect("the program")));
    assert_eq!(check(), [0o600; 5]);
    let export = folder.0.join("export.jsonl");
    assert!(run(&format!("export {}", export.display())).status().expect("the program").success());
    assert_eq!(mode(&export), 0o600);
    drop(server);

    // What an older version has left.
    for name in all.map(|name| folder.0.join(name)).iter().filter(|path| path.exists()) {
        std::fs::set_permissions(name, Permissions::from_mode(0o644)).expect("a mode");
    }
    let _server = Server::ready(Process(run("serve").spawn().expect("the program")));
    assert_eq!(check(), [0o600; 5]);
}

#[test]
fn two_first_starts_at_once_are_two_servers_of_one_store() {
    for round in 0..3 {
        let folder = Folder::new(&format!("two-starts-{round}"));
        let started = [0; 2].map(|_| Process(program(&folder, "serve").spawn().expect("the program")));
        let servers = started.map(Server::ready);
        let tokens = servers.each_ref().map(|server| server.sign_in().token);
        // Each knows the keys of the other, and there is one superuser.
        for (server, token) in servers.iter().zip(tokens.iter().rev()) {
            let mut caller = server.sign_in();
            caller.token.clone_from(token);
            let (status, list) = caller.call("GET", USERS, &Value::Null).expect("an answer");
            assert_eq!((status, &list["count"]), (200, &json!(1)), "{list}");
        }
    }
}

#[test]
fn nobody_needs_to_listen() {
    let folder = Folder::new("deaf");
    // `rollcall serve | head -1`
    let mut child = program(&folder, "serve").spawn().expect("the program");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let mut process = Process(child);
    let address = line.trim_end().strip_prefix("Rollcall is ready at http://").expect("an address");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert_eq!(process.0.try_wait().expect("a process"), None, "it serves");
    drop(process);

    // What was to be written and could not be is a failure, and no panic.
    for command in ["export", "signing-keys"] {
        let mut child = program(&folder, command).spawn().expect("the program");
        drop(child.stdout.take());
        let code = child.wait().expect("an end").code();
        assert!(code == Some(1) || code == Some(0), "{command}: {code:?}");
    }
    let log = std::fs::read_to_string(folder.0.join("log")).expect("the log");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn deleted_users_are_listed_restored_purged_and_exported() {
    let folder = Folder::new("deleted");
    let server = Server::start(&folder);
    let mut admin = server.sign_in();
    let jane = json!({"username": "jane", "email": "jane@mail.example", "password": "Orchid-lantern-42"});
    let (status, jane) = admin.call("POST", USERS, &jane).expect("an answer");
    assert_eq!(status, 201, "{jane}");
    let id = jane["id"].as_str().expect("an id");
    assert_eq!(admin.call("DELETE", &format!("{USERS}{id}/"), &Value::Null).expect("an answer").0, 204);
    drop(server);
    let run = |arguments: &[&str]| {
        let output = program(&folder, arguments[0]).args(&arguments[1..]).output().expect("the program");
        (output.status.success(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    for list in [&["deleted"][..], &["deleted", "list"]] {
        let (success, lines) = run(list);
        assert!(
            success && lines.lines().count() == 1 && lines.starts_with(id) && lines.ends_with("  jane\n"),
            "{lines}"
        );
    }
    assert!(!run(&["export", "--user", "jane"]).0, "nobody has the name");
    let (success, line) = run(&["deleted", "restore", id]);
    assert!(success && line.starts_with("Restored jane in "), "{line}");
    let (success, person) = run(&["export", "--user", "jane"]);
    let person: Value = serde_json::from_str(&person).expect("JSON");
    assert!(success && person["user"]["id"] == id, "{person}");
    for arguments in [["deleted", "restore", id], ["deleted", "purge", id], ["deleted", "purge", "jane"]] {
        assert!(!run(&arguments).0, "{arguments:?}");
    }
    let server = Server::start(&folder);
    let mut admin = server.sign_in();
    assert_eq!(admin.call("DELETE", &format!("{USERS}{id}/"), &Value::Null).expect("an answer").0, 204);
    drop(server);
    assert!(run(&["deleted", "purge", id]).0);
    assert_eq!(run(&["deleted"]), (true, String::new()));
    let table = folder.table();
    assert_eq!((table.work_left(), table.deleted().count()), (0, 0));
}

#[test]
fn the_embedded_store_loses_what_has_expired() {
    let folder = Folder::new("expiry");
    drop(Server::start(&folder));
    let path = folder.0.join("rollcall.db");
    let database = dynoxide::Database::new(path.to_str().expect("UTF-8")).expect("the store");
    let item = |sk: &str, expires: &str| {
        let item = json!({ "pk": { "S": "THROTTLE#test" }, "sk": { "S": sk }, "expires": { "N": expires } });
        from_value(item).expect("an item")
    };
    let items = vec![item("past", "1700000000"), item("future", "32503680000")];
    database.import_items("rollcall", items, ImportOptions::default()).expect("an import");
    let left = || -> Vec<String> {
        let items = items_in(&database).into_iter();
        let texts = items.map(|item| serde_json::to_value(item).expect("JSON"));
        texts.filter(|item| item["pk"]["S"] == "THROTTLE#test").map(|item| item["sk"]["S"].to_string()).collect()
    };
    assert_eq!(left().len(), 2);
    let _server = Server::start(&folder);
    // It is done beside the requests.
    while left().len() > 1 {
        std::thread::yield_now();
    }
    assert_eq!(left(), ["\"future\""]);
}

#[test]
fn the_store_alone_is_for_programs_that_were_told_its_key() {
    let folder = Folder::new("dynamodb");
    let mut start = program(&folder, "dynamodb");
    start.args(["--listen", "127.0.0.1:0"]);
    let mut process = Process(start.spawn().expect("the program"));
    let mut output = BufReader::new(process.0.stdout.take().expect("its output")).lines();
    let mut after = |begin: &str| loop {
        let line = output.next().expect("a line").expect("UTF-8");
        if let Some(rest) = line.strip_prefix(begin) {
            break rest.trim().to_owned();
        }
    };
    let address = after("DynamoDB for functions:").replace("http://", "");
    let export = after("Other programs:");
    let settings = folder.0.join("functions.env");
    assert_eq!(mode(&settings), 0o600);
    let settings = std::fs::read_to_string(settings).expect("settings");
    let setting =
        |name: &str| settings.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).expect("a setting");
    let key = setting("AWS_ACCESS_KEY_ID");
    assert!(key.len() == 32 && export.contains(&format!("AWS_ACCESS_KEY_ID={key} ")), "{export}");
    assert_eq!(setting("AWS_ENDPOINT_URL_DYNAMODB"), format!("http://{address}"));

    let port = address.rsplit(':').next().expect("a port").to_owned();
    let ask = |method: &str, host: &str, key: &str, more: &str| {
        let body = r#"{"TableName":"rollcall"}"#;
        let mut stream = TcpStream::connect(&*address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
        let request = format!(
            "{method} / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-amz-target: DynamoDB_20120810.DescribeTable\r\n\
             content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n{more}\
             authorization: AWS4-HMAC-SHA256 Credential={key}/20261129/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        answer
    };
    let described = ask("POST", &address, key, "");
    assert!(described.starts_with("HTTP/1.1 200") && described.contains("\"TableName\":\"rollcall\""), "{described}");
    assert!(ask("POST", &format!("localhost:{port}"), key, "").starts_with("HTTP/1.1 200"));
    for (method, host, key, more, status) in [
        ("POST", &*address, "local", "", 400),
        ("POST", &*address, "", "", 400),
        ("POST", &*address, key, "origin: https://evil.example\r\n", 403),
        ("POST", &*address, key, "origin: null\r\n", 403),
        ("POST", &*format!("evil.example:{port}"), key, "", 403),
        ("OPTIONS", &*address, key, "origin: https://evil.example\r\naccess-control-request-method: POST\r\n", 405),
        ("GET", &*address, key, "", 405),
    ] {
        let answer = ask(method, host, key, more);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method} {host} {more}: {answer}");
    }
}

#[test]
fn all_descriptors_are_used_and_few_of_them_stop_nothing() {
    let folder = Folder::new("descriptors");
    let limited = |limit: &str| {
        let rollcall = env!("CARGO_BIN_EXE_rollcall");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit {limit}; exec {rollcall} serve")]).env("ROLLCALL_DATA", &folder.0);
        shell.env("ROLLCALL_LISTEN", "127.0.0.1:0").env_remove("AWS_ENDPOINT_URL_DYNAMODB");
        Process(shell.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program"))
    };
    let process = limited("-S -n 64");
    let limits = format!("/proc/{}/limits", process.0.id());
    let server = Server::ready(process);
    let limits = std::fs::read_to_string(limits).expect("Linux");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let figures: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert!(figures[0] == figures[1] && figures[0] != "64", "{line}");
    drop(server);

    let server = Server::ready(limited("-n 48"));
    let ask = |mut stream: &TcpStream| {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.get(9..12).unwrap_or_default().to_owned()
    };
    let held: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(server.address).expect("a connection")).collect();
    assert_eq!(ask(&held[0]), "404", "who came first is answered");
    assert_ne!(ask(&held[59]), "404", "who came last is not");
    drop(held);
    while ask(&TcpStream::connect(server.address).expect("a connection")) != "404" {}
}
