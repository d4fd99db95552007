//! Trouble with the store while events are sent.

use std::time::Duration;

use outbox::deliver_events;
use serde_json::{Value, json};
use shared::store::RetryPolicy;
use tokio::time::Instant;

use super::{change, client, deliver, deliveries, subscribe};
use crate::support::receiver::Receiver;
use crate::support::{Fault, Faults, Options, Plan, TestApp};

/// A sender of its own, and the hand that troubles it.
fn sender(app: &TestApp) -> (TestApp, Faults) {
    let faults = Faults::default();
    let hand = faults.clone();
    let connection = Box::new(move |connection| hand.wrap(connection));
    let retry_policy = RetryPolicy { pause: Duration::from_millis(1), deadline: Duration::from_millis(100) };
    (app.another(Options { connection, retry_policy, ..Options::default() }), faults)
}

#[tokio::test]
async fn trouble_at_any_call_loses_no_event_and_keeps_the_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let jane = admin.create_user("jane", &json!({})).await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.updated"]).await;
    let mut bios = vec!["calm".to_owned()];
    change(&admin, &jane, "calm").await;
    let (calm, faults) = sender(&app);
    deliver(&calm, &client()).await;
    let calls = faults.calls();
    assert!(calls.iter().filter(|call| *call == "TransactWriteItems").count() >= 3, "{calls:?}");
    for (call, operation) in calls.iter().enumerate() {
        for fault in Fault::QUICK.into_iter().filter(|fault| fault.fits(operation)) {
            let bio = format!("{fault:?} at call {call}, {operation}");
            change(&admin, &jane, &bio).await;
            bios.push(bio);
            let (other, faults) = sender(&app);
            faults.follow(Plan::At { call, fault, lasting: true });
            // Whether it notices does not matter: the next one goes on.
            let until = Instant::now() + Duration::from_hours(1);
            let _ = deliver_events(&other.directory, &client(), until).await;
            app.environment.advance(60);
            deliver(&app, &client()).await;
        }
    }
    let mut received: Vec<Value> =
        receiver.take().iter().map(|request| request.json()["changes"]["bio"]["new"].clone()).collect();
    // What was sent and not recorded comes again at once: before anything else about the same user.
    received.dedup();
    assert_eq!(received, bios);
    let page = deliveries(&admin, &webhook).await;
    assert!(page.iter().all(|delivery| delivery["state"] == "delivered"), "{page:?}");
}
