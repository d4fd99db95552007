//! Receivers that fail: pauses, order, giving up, and what others notice of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value, json};
use shared::model::MailKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{DAY, change, client, deliver, deliveries, impatient_client, path, subscribe};
use crate::support::TestApp;
use crate::support::receiver::{Received, Receiver, SILENCE};

/// A receiver whose status the test sets.
async fn with_status(status: &Arc<AtomicU16>) -> Receiver {
    let status = status.clone();
    Receiver::start(move |_| format!("{} Status", status.load(Ordering::Relaxed))).await
}

fn bios(requests: &[Received]) -> Vec<Value> {
    requests.iter().map(|request| request.json()["changes"]["bio"]["new"].clone()).collect()
}

/// Where a server begins each connection with a response that is not encrypted.
async fn plain_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap_or_default();
            // Until the client goes away.
            while stream.read_u8().await.is_ok() {}
        }
    });
    address
}

#[tokio::test]
async fn a_failing_event_is_retried_with_growing_pauses_and_holds_up_its_user_alone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start(|request| {
        let is_bad = request.json()["changes"]["bio"]["new"] == "bad";
        if is_bad { "500 Bad" } else { "200 Good" }.to_owned()
    })
    .await;
    let [jane, joan] = [admin.create_user("jane", &json!({})).await, admin.create_user("joan", &json!({})).await];
    let webhook = subscribe(&admin, &receiver.url(), &["user.updated"]).await;
    change(&admin, &jane, "bad").await;
    change(&admin, &jane, "later").await;
    change(&admin, &joan, "other").await;
    deliver(&app, &client()).await;
    let mut first = bios(&receiver.take());
    first.sort_by_key(ToString::to_string);
    assert_eq!(first, ["bad", "other"], "jane's second event waits for the first one");
    for pause in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
        app.environment.advance(pause - 1);
        deliver(&app, &client()).await;
        assert_eq!(bios(&receiver.take()), [] as [&str; 0], "{pause}");
        app.environment.advance(1);
        deliver(&app, &client()).await;
        assert_eq!(bios(&receiver.take()), ["bad"], "{pause}");
    }
    // Others work, so it is given up after a day, and its user goes on.
    app.environment.advance(1);
    change(&admin, &joan, "again").await;
    deliver(&app, &client()).await;
    assert_eq!(bios(&receiver.take()), ["again"]);
    app.environment.advance(DAY);
    deliver(&app, &client()).await;
    assert_eq!(bios(&receiver.take()), ["bad"]);
    deliver(&app, &client()).await;
    assert_eq!(bios(&receiver.take()), ["later"]);
    let log = deliveries(&admin, &webhook).await;
    let states: Vec<&Value> = log.iter().map(|delivery| &delivery["state"]).collect();
    assert_eq!(states.iter().filter(|state| ***state == "given_up").count(), 1, "{log:?}");
    assert_eq!(admin.get(&path(&webhook)).await.json()["active"], true);
    assert_eq!(app.mails().await, []);
}

#[tokio::test]
async fn a_webhook_that_fails_for_a_day_is_paused_and_its_owner_is_mailed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    // The owner gets mail only at a verified address.
    admin.create_user("owner", &json!({"is_superuser": true})).await;
    let status = Arc::new(AtomicU16::new(503));
    let receiver = with_status(&status).await;
    let jane = admin.create_user("jane", &json!({})).await;
    app.forget_mails().await;
    let webhook = subscribe(&app.signed_in("owner").await, &receiver.url(), &["user.updated"]).await;
    change(&admin, &jane, "one").await;
    change(&admin, &jane, "two").await;
    deliver(&app, &client()).await;
    app.environment.advance(DAY - 1);
    deliver(&app, &client()).await;
    assert_eq!(receiver.take().len(), 2);
    assert_eq!(admin.get(&path(&webhook)).await.json()["active"], true);
    app.environment.advance(3600);
    deliver(&app, &client()).await;
    let paused = admin.get(&path(&webhook)).await.json();
    assert_eq!((&paused["active"], &paused["paused"]), (&json!(false), &json!("failing")));
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].kind, MailKind::WebhookPaused { host: "127.0.0.1".to_owned() });
    assert_eq!(mails[0].to.as_str(), "owner@mail.example");
    let events = admin.get("/api/rollcall/v1/events/?action=webhook.paused").await.json();
    assert_eq!(events["results"][0]["actor"]["type"], "system");
    assert_eq!(events["results"][0]["changes"], json!({"paused": {"new": "failing"}}));
    // Paused, it gets nothing, and loses nothing.
    status.store(200, Ordering::Relaxed);
    receiver.take();
    app.environment.advance(3 * DAY);
    deliver(&app, &client()).await;
    assert_eq!(receiver.take(), []);
    admin.patch(&path(&webhook), &json!({"active": true})).await;
    deliver(&app, &client()).await;
    assert_eq!(bios(&receiver.take()), ["one", "two"]);
}

#[tokio::test]
async fn after_it_was_resumed_a_webhook_has_another_day() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let status = Arc::new(AtomicU16::new(500));
    let receiver = with_status(&status).await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.created"]).await;
    admin.create_user("jane", &json!({})).await;
    for wait in [0, 2 * DAY] {
        app.environment.advance(wait);
        deliver(&app, &client()).await;
    }
    assert_eq!(admin.get(&path(&webhook)).await.json()["paused"], "failing");
    receiver.take();
    app.environment.advance(1);
    admin.patch(&path(&webhook), &json!({"active": true})).await;
    deliver(&app, &client()).await;
    assert_eq!(receiver.take().len(), 1, "at once");
    assert_eq!(admin.get(&path(&webhook)).await.json()["active"], true);
    app.environment.advance(DAY);
    deliver(&app, &client()).await;
    assert_eq!(admin.get(&path(&webhook)).await.json()["paused"], "failing");
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_more() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::start(|_| "410 Gone".to_owned()).await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.created"]).await;
    admin.create_user("jane", &json!({})).await;
    deliver(&app, &client()).await;
    let paused = admin.get(&path(&webhook)).await.json();
    assert_eq!((&paused["active"], &paused["paused"]), (&json!(false), &json!("gone")));
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (hangs, works) = (Receiver::start(|_| SILENCE.to_owned()).await, Receiver::willing().await);
    let hanging = subscribe(&admin, &hangs.url(), &["user.created"]).await;
    let working = subscribe(&admin, &works.url(), &["user.created"]).await;
    for number in 0..20 {
        admin.create_user(&format!("user{number}"), &json!({})).await;
    }
    deliver(&app, &impatient_client()).await;
    assert_eq!(works.take().len(), 20);
    assert!(deliveries(&admin, &working).await.iter().all(|delivery| delivery["state"] == "delivered"));
    assert_eq!(hangs.take().len(), 8, "it rests after as many as are sent at once");
    let waiting = deliveries(&admin, &hanging).await;
    assert!(waiting.iter().all(|delivery| delivery["state"] == "waiting"));
    assert_eq!(waiting.iter().filter(|delivery| delivery["failure"] == "timed_out").count(), 8);
}

#[tokio::test]
async fn what_is_no_response_is_a_failure() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let long = Receiver::start(|_| format!("200 OK\r\nX: {}", "x".repeat(20_000))).await;
    let garbage = Receiver::start(|_| "two hundred".to_owned()).await;
    let closed = "http://127.0.0.1:1/".to_owned();
    let encrypted = format!("https://{}/", plain_server().await);
    for (url, failure) in [
        (long.url(), "invalid_response"),
        (garbage.url(), "invalid_response"),
        (closed, "not_connected"),
        (encrypted, "tls_failed"),
    ] {
        let webhook = subscribe(&admin, &url, &["webhook.created"]).await;
        deliver(&app, &client()).await;
        let delivery = deliveries(&admin, &webhook).await.pop().expect("a delivery");
        assert_eq!((&delivery["failure"], &delivery["state"]), (&json!(failure), &json!("waiting")), "{url}");
        admin.delete(&path(&webhook)).await;
    }
}
