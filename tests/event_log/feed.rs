//! The feed through the API, under concurrent writers and trouble with the store.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use shared::directory::SystemCaller;
use shared::store::RetryPolicy;

use super::EVENTS;
use crate::support::{Fault, Faults, Options, Plan, Table, TestApp, USERS};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_gets_every_change_of_concurrent_writers_once() {
    const WRITERS: usize = 6;
    const CHANGES: usize = 12;
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut users = Vec::new();
    for number in 0..WRITERS {
        let user = admin.create_user(&format!("user{number}"), &json!({})).await;
        users.push(user["id"].as_str().expect("an id").to_owned());
    }
    let cursor = admin.get(&format!("{EVENTS}?limit=1")).await.json()["results"][0]["cursor"].clone();
    let mut cursor = cursor.as_str().expect("a cursor").to_owned();
    let writers = join_all(users.iter().map(|user| {
        let app = &app;
        async move {
            let client = app.another(Options::default()).admin().await;
            for number in 0..CHANGES {
                let answer = client.patch(&format!("{USERS}{user}/"), &json!({"bio": number.to_string()})).await;
                assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            }
        }
    }));
    let reader = async {
        let client = app.another(Options::default()).admin().await;
        let mut events: Vec<Value> = Vec::new();
        let wanted = WRITERS * CHANGES;
        let is_change = |event: &&Value| event["action"] == "user.updated";
        while events.iter().filter(is_change).count() < wanted {
            let page = client.get(&format!("{EVENTS}?order=oldest&limit=7&after={cursor}")).await.json();
            events.extend(page["results"].as_array().expect("events").iter().cloned());
            page["cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
        }
        events
    };
    let (_, events) = tokio::join!(writers, reader);
    let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len(), "nothing comes twice");
    for user in &users {
        let versions: Vec<u64> = events
            .iter()
            .filter(|event| event["action"] == "user.updated" && event["target"]["id"] == user.as_str())
            .filter_map(|event| event["version"].as_u64())
            .collect();
        let expected: Vec<u64> = (2..).take(CHANGES).collect();
        assert_eq!(versions, expected, "in order, all of them");
    }
    let rest = admin.get(&format!("{EVENTS}?order=oldest&after={cursor}")).await.json();
    assert!(rest["results"].as_array().is_some_and(|rest| rest.iter().all(|event| event["action"] != "user.updated")));
    assert_eq!(rest["next"], Value::Null);
    Table::read(&app.engine).assert_sound();
}

/// The log is put in order with every kind of trouble at every call of the store.
#[tokio::test]
async fn trouble_loses_and_doubles_nothing() {
    let process = |app: &TestApp, deadline| {
        let faults = Faults::default();
        let hand = faults.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let retry_policy = RetryPolicy { pause: Duration::from_millis(1), deadline };
        (app.another(Options { connection, retry_policy, ..Options::default() }), faults)
    };
    let by = SystemCaller::Operator;
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut names = vec!["calm".to_owned()];
    let rename = async |name: &str| admin.patch("/api/v1/users/group/1/", &json!({ "name": name })).await;
    rename("calm").await;
    let (calm, faults) = process(&app, Duration::from_secs(20));
    calm.directory.sequence_events(by).await.expect("a sequence");
    let calls = faults.calls();
    assert!(calls.len() > 15, "{calls:?}");
    for (call, operation) in calls.iter().enumerate() {
        for fault in Fault::QUICK.into_iter().filter(|fault| fault.fits(operation)) {
            let what = format!("{fault:?} at call {call}, {operation}");
            for (lasting, deadline) in [(true, Duration::from_millis(100)), (false, Duration::from_secs(20))] {
                let name = format!("{what} {lasting}");
                assert_eq!(rename(&name).await.status, StatusCode::OK, "{what}");
                names.push(name);
                let (other, faults) = process(&app, deadline);
                faults.follow(Plan::At { call, fault, lasting });
                let done = other.directory.sequence_events(by).await;
                assert!(lasting || done.is_ok(), "{what}: {done:?}");
            }
        }
        Table::read(&app.engine).assert_sound();
    }
    let told = admin.accepting("application/x-ndjson", EVENTS).await.text();
    let told: Vec<String> = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|event| event["action"] == "group.updated")
        .map(|event| event["changes"]["name"]["new"].as_str().expect("a name").to_owned())
        .collect();
    names.reverse();
    let differs = told.iter().zip(&names).position(|(told, name)| told != name);
    let around = differs.map(|at| (at, &told[at..told.len().min(at + 4)], &names[at..names.len().min(at + 4)]));
    assert!(around.is_none() && told.len() == names.len(), "each once, in their order: {around:?}");
}
