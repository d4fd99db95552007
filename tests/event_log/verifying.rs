//! Tamper evidence, and erasing persons.

use serde_json::{Value, json};
use shared::directory::{LogFault, LogReport, SystemCaller};
use shared::model::UserId;

use super::{EVENTS, newest};
use crate::support::{Client, Table, TestApp, USERS};

const DAY: i64 = 24 * 60 * 60;

async fn verified(app: &TestApp) -> LogReport {
    app.directory.verify_events(SystemCaller::Operator).await.expect("a report")
}

/// Five segments in three closed days.
async fn some_days(app: &TestApp) -> Client {
    let mut admin = app.admin().await;
    for number in 0..5 {
        admin.create_user(&format!("user{number}"), &json!({})).await;
        newest(&admin, 1).await;
        if number % 2 == 0 {
            app.environment.advance(DAY);
            app.run_housekeeping().await.expect("a closed day");
            admin = app.admin().await;
        }
    }
    admin
}

/// The segment of that number, changed, in place of the old one.
fn replace(app: &TestApp, number: u64, change: impl FnOnce(&mut dynoxide::Item)) {
    let sk = format!("{number:012}");
    let is_it = |item: &&dynoxide::Item| {
        let item = serde_json::to_value(item).expect("an item");
        item["pk"]["S"] == "EVENTLOG" && item["sk"]["S"] == sk
    };
    let items = app.items();
    let mut item = items.iter().find(is_it).expect("a segment").clone();
    change(&mut item);
    app.engine.put(vec![item]);
}

/// The same for the events in it.
fn with_events(app: &TestApp, number: u64, change: impl FnOnce(&mut Vec<Value>)) {
    replace(app, number, |item| {
        let mut value = serde_json::to_value(&*item).expect("an item");
        change(value["events"]["L"].as_array_mut().expect("events"));
        *item = serde_json::from_value(value).expect("an item");
    });
}

#[tokio::test]
async fn an_untouched_log_is_intact_and_each_day_has_its_digest() {
    let app = TestApp::start().await;
    some_days(&app).await;
    let report = verified(&app).await;
    assert_eq!(report.faults, []);
    assert_eq!((report.days.len(), report.erased), (3, 0));
    assert!(report.events >= 8 && report.segments >= 5, "{report:?}");
    assert!(report.days.iter().all(|(day, digest)| day.len() == 10 && digest.len() == 64), "{:?}", report.days);
    // Closing a day again changes nothing.
    app.run_housekeeping().await.expect("nothing to close");
    assert_eq!(verified(&app).await.days, report.days);
}

#[tokio::test]
async fn changed_removed_and_added_events_are_found() {
    let app = TestApp::start().await;
    some_days(&app).await;
    with_events(&app, 2, |events| {
        let text = &mut events[0]["M"]["event"]["S"];
        *text = json!(text.as_str().expect("a text").replace("user", "group"));
    });
    let faults = verified(&app).await.faults;
    assert!(!faults.is_empty() && faults.iter().all(|fault| *fault == LogFault::Changed(2)), "{faults:?}");

    let app = TestApp::start().await;
    some_days(&app).await;
    with_events(&app, 3, |events| drop(events.pop()));
    assert_eq!(verified(&app).await.faults, [LogFault::Changed(3)]);

    let app = TestApp::start().await;
    some_days(&app).await;
    with_events(&app, 3, |events| events.push(events[0].clone()));
    assert_eq!(verified(&app).await.faults, [LogFault::Changed(3)]);
}

#[tokio::test]
async fn missing_segments_are_found_wherever_they_were() {
    let last = {
        let app = TestApp::start().await;
        some_days(&app).await;
        verified(&app).await.segments
    };
    for number in 1..=last {
        let app = TestApp::start().await;
        some_days(&app).await;
        verified(&app).await;
        let key = [("pk", "EVENTLOG".to_owned()), ("sk", format!("{number:012}"))];
        let key = key.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value)));
        app.engine.delete(key.into());
        let faults = verified(&app).await.faults;
        assert!(faults.contains(&LogFault::Missing { first: number, last: number }), "{number} of {last}: {faults:?}");
    }
}

#[tokio::test]
async fn a_segment_with_a_new_digest_does_not_fit_the_next_one() {
    let app = TestApp::start().await;
    some_days(&app).await;
    replace(&app, 2, |item| {
        let mut value = serde_json::to_value(&*item).expect("an item");
        value["digest"]["S"] = json!("0".repeat(64));
        *item = serde_json::from_value(value).expect("an item");
    });
    let faults = verified(&app).await.faults;
    assert!(faults.contains(&LogFault::Changed(2)) && faults.contains(&LogFault::Changed(3)), "{faults:?}");
}

#[tokio::test]
async fn expired_segments_may_be_missing() {
    let app = TestApp::start().await;
    some_days(&app).await;
    app.environment.advance(405 * DAY);
    for number in 1..=3 {
        let key = [("pk", "EVENTLOG".to_owned()), ("sk", format!("{number:012}"))];
        let key = key.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value)));
        app.engine.delete(key.into());
    }
    let faults = verified(&app).await.faults;
    assert!(
        !faults.iter().any(|fault| matches!(fault, LogFault::Missing { first: 1, .. } | LogFault::Changed(_))),
        "{faults:?}"
    );
}

#[tokio::test]
async fn an_erased_person_is_gone_from_the_log_and_its_copies() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!({"first_name": "Zebulon", "email": "zebulon@mail.example", "groups": [1]});
    let user = admin.create_user("zebulon", &fields).await;
    let id = user["id"].as_str().expect("an id");
    app.signed_in("zebulon").await;
    admin.patch(&format!("{USERS}{id}/"), &json!({"first_name": "Zacharias"})).await;
    newest(&admin, 1).await;
    let person = UserId::parse(id).expect("an id");
    app.directory.store().events_erase(person).await.expect("an erasure");
    let events: String = newest(&admin, 1000).await.iter().map(Value::to_string).collect();
    for text in ["zebulon", "Zebulon", "Zacharias"] {
        assert!(!events.contains(text), "{text}");
    }
    let logged: String = Table::read(&app.engine)
        .items
        .iter()
        .filter(|((pk, _), _)| pk.starts_with("EVENT"))
        .map(|(_, item)| Value::from(item.clone()).to_string())
        .collect();
    assert!(!logged.to_lowercase().contains("zebulon") && !logged.contains("Zacharias"), "{logged}");
    let of = admin.get(&format!("{EVENTS}?target=user:{id}")).await.json();
    let of = of["results"].as_array().expect("events").clone();
    assert_eq!(of.len(), 3);
    assert!(of.iter().all(|event| event["erased"] == true), "{of:#?}");
    assert_eq!(of[0]["changes"], json!({"first_name": {}}), "the names of fields stay");
    // The digests still fit; what is missing is an event that tells of it.
    let faults = verified(&app).await.faults;
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.iter().all(|fault| matches!(fault, LogFault::ErasedWithoutPurge(_))), "{faults:?}");
    // Once more changes nothing.
    let before = Table::read(&app.engine);
    app.directory.store().events_erase(person).await.expect("an erasure");
    assert_eq!(Table::read(&app.engine).items, before.items);
}
