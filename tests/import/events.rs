//! The log of events moves along, and each imported record has an event of its own, where that was asked for.

use std::time::Duration;

use rollcall::import::Format;
use serde_json::{Value, json};
use shared::directory::SystemCaller;
use shared::directory::transfer::{Importer, IssueKind, Report};
use shared::store::RetryPolicy;

use super::{OPENWISP, exported, new_directory, table, take, take_with, told, written};
use crate::support::{Client, Fault, Faults, Options, Plan, Table, TestApp};

const DAY: i64 = 24 * 60 * 60;
const OTHER_LOG: &str = "the directory has events of its own already; import events into an empty directory, before it is \
                         served";

/// A directory with events in several segments and two closed days.
async fn eventful() -> TestApp {
    let app = TestApp::start().await;
    for number in 0..4 {
        let admin = app.admin().await;
        admin.create_user(&format!("user{number}"), &json!({"bio": "x".repeat(number)})).await;
        app.directory.sequence_events(SystemCaller::Operator).await.expect("a log");
        if number < 2 {
            app.environment.advance(DAY);
            app.run_housekeeping().await.expect("a closed day");
        }
    }
    app
}

async fn exported_with_events(app: &TestApp) -> String {
    let exporter = app.directory.exporter(SystemCaller::Operator).expect("an export");
    written(exporter.with_events().await.expect("a log")).await
}

async fn take_events(app: &TestApp, text: &str) -> Report {
    let events = take_with(&app.directory, Format::Rollcall, text, false, 7, Importer::with_events);
    events.await.expect("an import")
}

/// All events, oldest first.
async fn feed(client: &Client) -> Vec<Value> {
    let answer = client.accepting("application/x-ndjson", "/api/rollcall/v1/events/?order=oldest").await;
    answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What is stored of the log, without what is pending.
fn log_of(table: &Table) -> Vec<(String, String, Value)> {
    let items = table.items.iter().filter(|((pk, _), _)| pk.starts_with("EVENT"));
    items.map(|((pk, sk), item)| (pk.clone(), sk.clone(), json!(item))).collect()
}

#[tokio::test]
async fn a_log_arrives_as_it_was_and_goes_on() {
    let old = eventful().await;
    let file = exported_with_events(&old).await;
    let before = log_of(&table(&old));
    let segments = file.lines().filter(|line| line.contains("\"record\":\"events\"")).count();
    assert!(segments >= 4, "{segments} segments");

    let app = new_directory().await;
    app.environment.advance(2 * DAY);
    let look = take_with(&app.directory, Format::Rollcall, &file, true, 7, Importer::with_events);
    let look = look.await.expect("a dry run").events;
    let report = take_events(&app, &file).await;
    assert_eq!(report.events, look);
    assert!(report.events.made >= 6 && report.troubles.is_empty(), "{report:?}");
    assert_eq!(log_of(&table(&app)), before, "the log, its days, its copies and its mark");
    let again = take_events(&app, &file).await.events;
    assert_eq!((again.made, again.here, again.refused), (0, report.events.made, 0));
    assert_eq!(log_of(&table(&app)), before);

    // Cursors of the old directory go on in the new one.
    let (theirs, ours) = (feed(&old.admin().await).await, feed(&app.admin().await).await);
    let count = usize::try_from(report.events.made).expect("a count");
    assert_eq!(ours[..count], theirs[..count]);
    assert!(ours.len() > count, "signing in follows");
    let verified = app.directory.verify_events(SystemCaller::Operator).await.expect("a report");
    assert_eq!((verified.faults, verified.days.len()), (Vec::new(), 2));
    // By now it has other events than its source.
    old.admin().await.create_user("late", &json!({})).await;
    let newer = exported_with_events(&old).await;
    let report = take_events(&app, &newer).await;
    assert_eq!((report.events.made, report.events.here), (0, u64::try_from(count).expect("a count")));
    assert!(report.events.refused > 0);
    let conflicts = told(&report, IssueKind::Conflict);
    assert!(matches!(&conflicts[..], [one] if one.ends_with(OTHER_LOG)), "{conflicts:?}");
    let verified = app.directory.verify_events(SystemCaller::Operator).await.expect("a report");
    assert_eq!(verified.faults, []);
}

#[tokio::test]
async fn a_log_is_not_mixed_with_other_events() {
    let file = exported_with_events(&eventful().await).await;
    // Its own events are pending, or in the log.
    for is_logged in [false, true] {
        let app = TestApp::start().await;
        app.admin().await;
        if is_logged {
            app.directory.sequence_events(SystemCaller::Operator).await.expect("a log");
        }
        let report = take_events(&app, &file).await;
        assert_eq!((report.events.made, report.events.here), (0, 0));
        assert!(report.events.refused >= 6, "{report:?}");
        assert_eq!(told(&report, IssueKind::Conflict).iter().filter(|line| line.ends_with(OTHER_LOG)).count(), 1);
        let events = feed(&app.admin().await).await;
        assert!(events.iter().all(|event| event["target"]["name"] == "admin"), "{events:?}");
    }
}

#[tokio::test]
async fn without_being_asked_for_no_events_move() {
    let old = eventful().await;
    assert!(!exported(&old).await.contains("\"record\":\"event"), "an export without events");
    let file = exported_with_events(&old).await;
    let app = new_directory().await;
    let report = take(&app.directory, Format::Rollcall, &file, false, 1000).await.expect("an import");
    assert!(report.events_ignored >= 6 && report.troubles.is_empty(), "{report:?}");
    assert_eq!(log_of(&table(&app)), []);
}

#[tokio::test]
async fn unusable_parts_of_a_log_are_skipped() {
    let file = exported_with_events(&eventful().await).await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut is_first = true;
        let lines = file.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            if line["record"] == "events" && std::mem::take(&mut is_first) {
                change(&mut line);
            }
            line.to_string()
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    let unusable: [&dyn Fn(&mut Value); 6] = [
        &|line| line["segment"] = json!(0),
        &|line| line["segment"] = json!(u64::MAX),
        &|line| line["segment"] = json!(-1),
        &|line| line["events"][0]["event"] = json!("{}"),
        &|line| line["events"] = vec![line["events"][0].clone(); 1001].into(),
        &|line| line["digest"] = Value::Null,
    ];
    for change in unusable {
        let app = new_directory().await;
        let report = take_events(&app, &with(change)).await;
        let lines = told(&report, IssueKind::Unusable);
        assert_eq!((lines.len(), report.unusable), (1, 1), "{lines:?}");
        assert_eq!(report.users.made, 5);
        // The segments that follow are there, and that one is missing is seen.
        let verified = app.directory.verify_events(SystemCaller::Operator).await.expect("a report");
        assert_eq!(verified.faults, [shared::directory::LogFault::Missing { first: 1, last: 1 }]);
    }
    // What does not match its digest moves along, and is found as before.
    let app = new_directory().await;
    take_events(&app, &with(&|line| line["at"] = json!(1))).await;
    let verified = app.directory.verify_events(SystemCaller::Operator).await.expect("a report");
    assert_eq!(verified.faults, [shared::directory::LogFault::Changed(1)]);
}

#[tokio::test]
async fn a_move_of_a_log_that_was_stopped_anywhere_goes_on() {
    const HASTY: RetryPolicy = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_millis(300) };
    let file = exported_with_events(&eventful().await).await;
    // The log alone.
    let is_log = |line: &&str| {
        !["user\"", "group\"", "organization\"", "attempt\"", "sequence\""]
            .iter()
            .any(|kind| line.contains(&format!("\"record\":\"{kind}")))
    };
    let file = file.lines().filter(is_log).collect::<Vec<_>>().join("\n") + "\n";
    let whole = new_directory().await;
    take_events(&whole, &file).await;
    let expected = log_of(&table(&whole));
    let mut call = 0;
    loop {
        let app = new_directory().await;
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let process = app.another(Options { retry_policy: HASTY, connection, ..Options::default() });
        let fault = if call % 2 == 0 { Fault::RequestLost } else { Fault::AnswerLost };
        faults.follow(Plan::At { call, fault, lasting: true });
        let stopped = take_with(&process.directory, Format::Rollcall, &file, false, 3, Importer::with_events).await;
        if faults.struck() == 0 {
            if stopped.is_ok() {
                assert!(call > 20, "only {call} calls");
                return;
            }
            // An engine that was slow: the same once more.
            continue;
        }
        // Others put their events in order meanwhile, of which there are none.
        app.directory.sequence_events(SystemCaller::Operator).await.expect("a log");
        take_events(&app, &file).await;
        assert_eq!(log_of(&table(&app)), expected, "stopped at call {call}");
        call += 1;
    }
}

#[tokio::test]
async fn each_record_has_an_event_where_that_was_asked_for() {
    let app = new_directory().await;
    let take_all =
        || take_with(&app.directory, Format::OpenWisp, OPENWISP, false, 1000, Importer::with_event_per_record);
    let report = take_all().await.expect("an import");
    app.directory.sequence_events(SystemCaller::Operator).await.expect("a log");
    let events = app.directory.all_events(SystemCaller::Operator, &all()).await.expect("events").events;
    let count = |action: &str| events.iter().filter(|event| event.event.action.name() == action).count() as u64;
    assert!(report.users.made > 1, "{report:?}");
    assert_eq!(count("user.created"), report.users.made);
    assert_eq!(count("group.created"), report.groups.made);
    assert_eq!(count("organization.created"), report.organizations.made);
    assert!(events.iter().all(|event| event.event.actor.via == "command line"));
    table(&app);
    // The same again creates nothing, so that nothing has happened.
    take_all().await.expect("an import");
    let again = app.directory.all_events(SystemCaller::Operator, &all()).await.expect("events").events;
    assert_eq!(again, events);

    let exporter = app.directory.exporter(SystemCaller::Operator).expect("an export");
    written(exporter.with_event_per_record()).await;
    let after = app.directory.all_events(SystemCaller::Operator, &all()).await.expect("events").events;
    let exported = after.iter().filter(|event| event.event.action.name() == "export.completed");
    assert_eq!(exported.count() as u64, report.users.made);
}

/// All events, oldest first.
fn all() -> shared::directory::EventRequest {
    let range = shared::store::LogRange { ascending: true, ..Default::default() };
    shared::directory::EventRequest { range, limit: 1000, ..Default::default() }
}
