//! What receivers get: every event once, in order, signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use shared::directory::{SystemCaller, measured};

use super::{DAY, change, client, deliver, deliveries, path, subscribe};
use crate::support::receiver::{Received, Receiver};
use crate::support::{TestApp, key};

/// The signatures of a request by these secrets, as the specification says.
fn signed(request: &Received, secrets: &[&Value]) -> String {
    let signatures = secrets.iter().map(|secret| {
        let secret = secret.as_str().expect("a secret").strip_prefix("whsec_").expect("a prefix");
        let key = STANDARD.decode(secret).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        let beginning = format!("{}.{}.", request.header("webhook-id"), request.header("webhook-timestamp"));
        mac.update(beginning.as_bytes());
        mac.update(&request.body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_request_has_the_event_and_is_signed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.created"]).await;
    admin.create_user("jane", &json!({})).await;
    admin.post("/api/v1/users/group/", &json!({"name": "other", "permissions": []})).await;
    deliver(&app, &client()).await;
    let requests = receiver.take();
    assert_eq!(requests.len(), 1, "only what was asked for");
    let request = &requests[0];
    let event = admin.get("/api/rollcall/v1/events/?action=user.created").await.json()["results"][0].clone();
    assert_eq!(request.json(), event);
    assert_eq!(request.path, "/hook?a=b");
    assert_eq!(request.header("host"), receiver.address.to_string());
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("webhook-id"), event["id"]);
    assert_eq!(request.header("webhook-signature"), signed(request, &[&webhook["secret"]]));
    let log = deliveries(&admin, &webhook).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["id"], event["cursor"]);
    assert_eq!(
        (&log[0]["state"], &log[0]["status"], &log[0]["attempts"]),
        (&json!("delivered"), &json!(204), &json!(1))
    );
}

#[tokio::test]
async fn for_a_day_both_secrets_sign() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let user = admin.create_user("jane", &json!({})).await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.updated"]).await;
    let rotated = admin.post(&format!("{}secret/", path(&webhook)), &json!({})).await.json();
    for (wait, secrets) in [(DAY - 1, vec![&rotated["secret"], &webhook["secret"]]), (1, vec![&rotated["secret"]])] {
        app.environment.advance(wait);
        change(&admin, &user, &wait.to_string()).await;
        deliver(&app, &client()).await;
        let request = receiver.take().pop().expect("a request");
        assert_eq!(request.header("webhook-signature"), signed(&request, &secrets));
    }
}

#[tokio::test]
async fn many_events_are_each_sent_once_and_in_order_for_each_user() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let users = [admin.create_user("jane", &json!({})).await, admin.create_user("joan", &json!({})).await];
    subscribe(&admin, &receiver.url(), &["user.updated"]).await;
    // More than one transaction makes deliveries of.
    for number in 0..60 {
        for user in &users {
            change(&admin, user, &number.to_string()).await;
        }
    }
    // Two senders at once.
    let (one, other) = (client(), client());
    tokio::join!(deliver(&app, &one), deliver(&app, &other));
    deliver(&app, &one).await;
    let requests = receiver.take();
    assert_eq!(requests.len(), 120);
    for user in &users {
        let own = requests.iter().map(Received::json).filter(|event| event["target"]["id"] == user["id"]);
        let bios: Vec<String> =
            own.map(|event| event["changes"]["bio"]["new"].as_str().expect("a bio").to_owned()).collect();
        assert_eq!(bios, (0..60).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn deliveries_that_another_sender_adds_meanwhile_are_not_sent_before_earlier_ones() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let user = admin.create_user("jane", &json!({})).await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.updated"]).await;
    for bio in ["one", "two", "three"] {
        change(&admin, &user, bio).await;
    }
    let by = SystemCaller::Outbox;
    let read = app.directory.active_webhooks(by).await.expect("webhooks").pop().expect("a webhook");
    let name = format!("WEBHOOK#{} CURSOR", webhook["id"].as_str().expect("an id"));
    let cursor = app.items().into_iter().find(|item| key(item) == name).expect("a cursor");
    let lane = async || {
        let lanes = app.directory.delivery_lanes(by, &read).await.expect("deliveries");
        lanes.concat().iter().map(|delivery| delivery.position).collect::<Vec<_>>()
    };
    let made = lane().await;
    assert_eq!(made.len(), 3);
    // As for a sender that read the cursor before, and the deliveries after they were added.
    app.engine.put(vec![cursor]);
    assert_eq!(lane().await, made);
}

#[tokio::test]
async fn a_delivery_whose_sender_died_is_sent_again_and_not_before() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let user = admin.create_user("jane", &json!({})).await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.updated"]).await;
    change(&admin, &user, "one").await;
    let by = SystemCaller::Outbox;
    let read = app.directory.active_webhooks(by).await.expect("webhooks").pop().expect("a webhook");
    let lanes = app.directory.delivery_lanes(by, &read).await.expect("deliveries");
    assert!(app.directory.take_delivery(by, &read, &lanes[0][0]).await.expect("the store").is_some());
    assert!(app.directory.take_delivery(by, &read, &lanes[0][0]).await.expect("the store").is_none(), "it is taken");
    change(&admin, &user, "two").await;
    for wait in [0, 29] {
        app.environment.advance(wait);
        deliver(&app, &client()).await;
        assert_eq!(receiver.take(), [], "the one is under way, and the other waits for it");
    }
    app.environment.advance(1);
    deliver(&app, &client()).await;
    let bios: Vec<Value> =
        receiver.take().iter().map(|request| request.json()["changes"]["bio"]["new"].clone()).collect();
    assert_eq!(bios, ["one", "two"]);
    assert_eq!(deliveries(&admin, &webhook).await[1]["attempts"], 2);
}

#[tokio::test]
async fn an_event_is_sent_again_on_request() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.created"]).await;
    admin.create_user("jane", &json!({})).await;
    deliver(&app, &client()).await;
    let first = receiver.take().pop().expect("a request");
    app.environment.advance(DAY);
    deliver(&app, &client()).await;
    assert_eq!(receiver.take(), []);
    let delivery = deliveries(&admin, &webhook).await.pop().expect("a delivery");
    let again = format!("{}deliveries/{}/redeliver/", path(&webhook), delivery["id"].as_str().expect("an id"));
    let answer = admin.post(&again, &json!({})).await;
    assert_eq!((answer.status, &answer.json()["state"]), (StatusCode::OK, &json!("waiting")));
    deliver(&app, &client()).await;
    let second = receiver.take().pop().expect("a request");
    assert_eq!((first.header("webhook-id"), &first.body), (second.header("webhook-id"), &second.body));
    assert_ne!(first.header("webhook-timestamp"), second.header("webhook-timestamp"));
    let log = deliveries(&admin, &webhook).await;
    assert_eq!((log.len(), &log[0]["state"]), (1, &json!("delivered")));
}

#[tokio::test]
async fn units_are_few() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    subscribe(&admin, &receiver.url(), &["user.created"]).await;
    deliver(&app, &client()).await;
    let ((), idle) = measured(Box::pin(deliver(&app, &client()))).await;
    assert_eq!((idle.read, idle.write), (9.0, 0.0));
    for name in ["one", "two", "three"] {
        admin.create_user(name, &json!({})).await;
    }
    app.directory.sequence_events(SystemCaller::Outbox).await.expect("a log");
    let ((), busy) = measured(Box::pin(deliver(&app, &client()))).await;
    assert_eq!(receiver.take().len(), 3);
    assert_eq!((busy.write,), (3.0 * 8.0 + 2.0,), "{busy:?}");
}

#[tokio::test]
async fn the_log_of_deliveries_has_pages_and_ends_after_a_week() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let webhook = subscribe(&admin, &receiver.url(), &["user.created"]).await;
    for name in ["one", "two", "three"] {
        admin.create_user(name, &json!({})).await;
    }
    deliver(&app, &client()).await;
    admin.create_user("four", &json!({})).await;
    let by = SystemCaller::Outbox;
    let read = app.directory.active_webhooks(by).await.expect("webhooks").pop().expect("a webhook");
    app.directory.delivery_lanes(by, &read).await.expect("deliveries");
    let mut next = Some(format!("{}deliveries/?limit=1", path(&webhook)));
    let mut states = Vec::new();
    while let Some(address) = next {
        let page = admin.get(&address).await.json();
        states.extend(page["results"].as_array().expect("deliveries").iter().map(|delivery| delivery["state"].clone()));
        next = page["next"].as_str().map(|next| next.trim_start_matches("http://rollcall.example").to_owned());
    }
    assert_eq!(states, ["waiting", "delivered", "delivered", "delivered"]);
    app.environment.advance(7 * DAY);
    assert_eq!(deliveries(&admin, &webhook).await.len(), 1, "only what waits");
}
