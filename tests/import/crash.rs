//! Stopped at any call of the store, an import that is begun again comes to the same end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rollcall::import::Format;
use serde_json::{Value, json};
use shared::store::RetryPolicy;

use super::{OPENL2M, OPENWISP, exported, new_directory, table, take, take_in};
use crate::support::{Fault, Faults, Options, Plan, Table, TestApp, items_in};

/// For calls that shall fail.
const HASTY: RetryPolicy = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_millis(300) };

/// What a directory holds, but for ids and numbers that are made on arrival.
pub async fn outcome(app: &TestApp) -> Vec<String> {
    table(app);
    let text = exported(app).await;
    let lines = text.lines().filter(|line| !line.contains("\"record\":\"sequence\"")).map(|line| {
        let mut line: Value = serde_json::from_str(line).expect("a line");
        if line["record"] == "organization" && line["slug"] == "default" && !text.contains("user1@") {
            // The one of the installation.
            return "the default organization".to_owned();
        }
        if line["record"] == "group" {
            // When it was imported.
            let map = line.as_object_mut().expect("a group");
            map.remove("created");
            map.remove("modified");
        }
        if line["record"] == "user" {
            let map = line.as_object_mut().expect("a user");
            let is_openwisp = map["id"].as_str().is_some_and(|id| id.starts_with("0000"));
            map.remove("edge_id");
            // When it was imported.
            map.remove("modified");
            map.remove(if is_openwisp { "number" } else { "id" });
            for part in ["tokens", "addresses"] {
                for entry in map[part].as_array_mut().expect("entries") {
                    if part == "tokens" || !is_openwisp {
                        entry["id"].take();
                    }
                }
            }
        }
        line.to_string()
    });
    lines.collect()
}

async fn endures(format: Format, text: &str) {
    let whole = new_directory().await;
    take_in(&whole, format, text).await;
    let expected = outcome(&whole).await;
    let mut call = 0;
    loop {
        let app = new_directory().await;
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let process = app.another(Options { retry_policy: HASTY, connection, ..Options::default() });
        // The engine gets nothing any more, or does it and its answer is lost.
        let fault = if call % 2 == 0 { Fault::RequestLost } else { Fault::AnswerLost };
        faults.follow(Plan::At { call, fault, lasting: true });
        let stopped = take(&process.directory, format, text, false, 3).await;
        match stopped {
            Ok(_) if faults.struck() == 0 => {
                assert!(call > 20, "only {call} calls");
                return;
            }
            // An engine that was slow: the same once more.
            Err(_) if faults.struck() == 0 => continue,
            _ => {}
        }
        let again = take(&app.directory, format, text, false, 1000).await.expect("the second time");
        assert_eq!(outcome(&app).await, expected, "stopped at call {call}: {again:?}");
        call += 1;
    }
}

#[tokio::test]
async fn an_openwisp_that_was_stopped_anywhere_moves_in_after_all() {
    endures(Format::OpenWisp, OPENWISP).await;
}

#[tokio::test]
async fn an_openl2m_that_was_stopped_anywhere_moves_in_after_all() {
    endures(Format::OpenL2m, OPENL2M).await;
}

/// A dump of that many users, all of one organization.
fn many(users: usize) -> String {
    let organization = "00000101-0000-4000-8000-000000000000";
    let mut rows = vec![json!({"model": "openwisp_users.organization", "pk": organization, "fields": {
        "name": "One", "slug": "one", "is_active": true, "created": "2024-01-01T00:00:00Z", "modified": "2024-01-01T00:00:00Z",
    }})];
    for index in 0..users {
        let (user, email) = (format!("{index:08}-0001-4000-8000-000000000000"), format!("user{index}@example.org"));
        rows.push(json!({"model": "openwisp_users.user", "pk": user, "fields": {
            "username": format!("user{index}"), "password": "!", "email": email, "date_joined": "2024-01-01T00:00:00Z",
        }}));
        rows.push(json!({"model": "account.emailaddress", "pk": index + 1, "fields": {
            "user": user, "email": email, "verified": true, "primary": true,
        }}));
        rows.push(json!({"model": "openwisp_users.organizationuser", "pk": user, "fields": {
            "user": user, "organization": organization, "is_admin": false,
        }}));
    }
    Value::from(rows).to_string()
}

#[test]
fn a_killed_program_goes_on_where_it_was() {
    const USERS: usize = 6000;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("killed-import");
    // It may be left from a run that was interrupted.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let dump = folder.join("dump.json");
    std::fs::write(&dump, many(USERS)).expect("a file");
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(["import", "openwisp"]).arg(&dump).env("ROLLCALL_DATA", folder.join("data"));
        command.env_remove("AWS_ENDPOINT_URL_DYNAMODB").stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    let path = folder.join("data").join("rollcall.db");
    let read = || Table::of(items_in(&dynoxide::Database::new(path.to_str().expect("UTF-8")).expect("the store")));
    let mut child = program().spawn().expect("the program");
    // Some users are there, and more are to come.
    let has_begun = || has_user(&path, "00000005-0001-4000-8000-000000000000").unwrap_or_default();
    while !has_begun() {
        assert!(child.try_wait().expect("its state").is_none(), "it has ended too early");
        std::thread::yield_now();
    }
    child.kill().expect("the end");
    child.wait().expect("the end");
    let cut = read();
    cut.assert_sound();
    let met = cut.users().count();
    assert!(met < USERS, "it was killed too late");

    let output = program().output().expect("the program");
    assert!(output.status.success());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let users = format!("users            {:>8} created, {met} already here, 0 skipped", USERS - met);
    assert!(told.contains(&users), "{users} in {told}");
    let whole = read();
    whole.assert_sound();
    assert_eq!(whole.users().count(), USERS);
    assert!(program().output().expect("the program").status.success());
    // But that there is an event of each import.
    let without_events = |mut table: Table| {
        table.items.retain(|(pk, _), _| !pk.starts_with("PENDING#"));
        table.items
    };
    assert_eq!(without_events(read()), without_events(whole), "once more changes nothing");
    // What stays behind is in the way of nobody.
    let _ = std::fs::remove_dir_all(&folder);
}

/// Whether the user is there, if there is a table.
fn has_user(path: &Path, id: &str) -> Option<bool> {
    let database = path.exists().then(|| dynoxide::Database::new(path.to_str().expect("UTF-8")).ok())??;
    let key = json!({"TableName": "rollcall", "Key": {"pk": {"S": format!("USER#{id}")}, "sk": {"S": "USER"}}});
    let found = database.get_item(serde_json::from_value(key).expect("a request")).ok()?;
    Some(found.item.is_some())
}
