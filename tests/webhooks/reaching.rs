//! Where nothing is sent: addresses that are not public, and wherever a redirect leads.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use outbox::{Resolve, WebhookClient};
use serde_json::json;
use shared::model::Networks;

use super::{client, client_with, deliver, deliveries, subscribe};
use crate::support::receiver::Receiver;
use crate::support::{Options, TestApp};

/// Names whose addresses change with every question.
struct Scripted(Mutex<VecDeque<Vec<&'static str>>>);

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Vec<&'static str>>) -> Self {
        Self(Mutex::new(answers.into_iter().collect()))
    }
}

impl Resolve for Scripted {
    async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let answer = self.0.lock().expect("the answers").pop_front().expect("one question for each attempt");
        let address = |text: &str| SocketAddr::new(text.parse::<IpAddr>().expect("an address"), port);
        Ok(answer.into_iter().map(address).collect())
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_after_resolution() {
    // The name is fine, so nothing of this is seen when the webhook is created.
    let app = TestApp::with(Options { webhook_networks: Networks::default(), ..Options::default() }).await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let url = format!("https://hooks.example:{}/", receiver.address.port());
    let webhook = subscribe(&admin, &url, &["webhook.created"]).await;
    let refused = [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",
        "::",
        "100.64.0.1",
        "64:ff9b::7f00:1",
    ];
    let resolver = Scripted::new(refused.iter().map(|address| vec![*address]).chain([refused.to_vec()]));
    let client = WebhookClient::new(Networks::default(), resolver);
    for _ in 0..=refused.len() {
        deliver(&app, &client).await;
        let delivery = deliveries(&admin, &webhook).await.pop().expect("a delivery");
        assert_eq!(delivery["failure"], "address_refused");
        app.environment.advance(3600);
    }
    assert_eq!(receiver.take(), []);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    let webhook = subscribe(&admin, &url, &["webhook.created"]).await;
    // Only 127.0.0.2 may be reached; the receiver is at 127.0.0.1.
    let resolver = Scripted::new([vec!["127.0.0.2"], vec!["127.0.0.1"], vec!["127.0.0.2", "127.0.0.1"]]);
    let client = WebhookClient::new(Networks::parse("127.0.0.2").expect("networks"), resolver);
    for failure in ["not_connected", "address_refused", "not_connected"] {
        deliver(&app, &client).await;
        let delivery = deliveries(&admin, &webhook).await.pop().expect("a delivery");
        assert_eq!(delivery["failure"], failure);
        app.environment.advance(3600);
    }
    assert_eq!(receiver.take(), []);
    // The same name and receiver, once the address is allowed.
    let client = client_with(Scripted::new([vec!["127.0.0.1"]]));
    deliver(&app, &client).await;
    assert_eq!(receiver.take().len(), 1);
}

#[tokio::test]
async fn another_address_is_tried_if_the_first_one_is_not_there() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let receiver = Receiver::willing().await;
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    subscribe(&admin, &url, &["webhook.created"]).await;
    deliver(&app, &client_with(Scripted::new([vec!["10.0.0.1", "127.0.0.2", "127.0.0.1"]]))).await;
    assert_eq!(receiver.take().len(), 1);
}

#[tokio::test]
async fn a_host_without_an_address_is_a_failure() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let webhook = subscribe(&admin, "https://hooks.example/", &["webhook.created"]).await;
    deliver(&app, &client()).await;
    assert_eq!(deliveries(&admin, &webhook).await[0]["failure"], "name_not_resolved");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let elsewhere = Receiver::willing().await;
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.url();
        let receiver = Receiver::start(move |_| format!("{status} Elsewhere\r\nLocation: {location}")).await;
        let webhook = subscribe(&admin, &receiver.url(), &["user.created"]).await;
        admin.create_user(&format!("user{status}"), &json!({})).await;
        deliver(&app, &client()).await;
        let delivery = deliveries(&admin, &webhook).await.pop().expect("a delivery");
        assert_eq!((&delivery["status"], &delivery["state"]), (&json!(status), &json!("waiting")));
        assert_eq!(receiver.take().len(), 1);
    }
    assert_eq!(elsewhere.take(), []);
}
