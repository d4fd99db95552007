//! Webhooks: subscriptions, what is sent, what follows from failures, and where nothing is sent (`docs/webhooks.md`).

mod failing;
mod managing;
mod reaching;
mod sending;
mod trouble;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use outbox::{Resolve, WebhookClient, deliver_events};
use serde_json::{Value, json};
use shared::model::Networks;
use tokio::time::Instant;

use crate::support::policies::acting;
use crate::support::{Client, TestApp, USERS};

const WEBHOOKS: &str = "/api/rollcall/v1/webhooks/";
const DAY: i64 = 24 * 60 * 60;

/// Resolves addresses that are written as such.
pub struct Literal;

impl Resolve for Literal {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        host.parse().map(|ip| vec![SocketAddr::new(ip, port)]).map_err(|_| io::Error::other("no such host"))
    }
}

/// A client that reaches receivers of this machine.
pub fn client() -> WebhookClient<Literal> {
    client_with(Literal)
}

fn client_with<R: Resolve>(resolver: R) -> WebhookClient<R> {
    WebhookClient::new(Networks::parse("127.0.0.0/8").expect("networks"), resolver)
}

/// One that does not wait long for a response.
fn impatient_client() -> WebhookClient<Literal> {
    client().with_patience(Duration::from_secs(2))
}

/// Does what `outbox` does, under its policy.
pub async fn deliver<R: Resolve>(app: &TestApp, client: &WebhookClient<R>) {
    let until = Instant::now() + Duration::from_hours(1);
    acting("outbox", deliver_events(&app.directory, client, until)).await.expect("deliveries");
}

/// A webhook for these actions.
pub async fn subscribe(admin: &Client, url: &str, actions: &[&str]) -> Value {
    let made = admin.post(WEBHOOKS, &json!({"url": url, "actions": actions})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()
}

fn path(webhook: &Value) -> String {
    format!("{WEBHOOKS}{}/", webhook["id"].as_str().expect("an id"))
}

/// The deliveries of a webhook, the newest events first.
async fn deliveries(admin: &Client, webhook: &Value) -> Vec<Value> {
    let answer = admin.get(&format!("{}deliveries/", path(webhook))).await;
    answer.json()["results"].as_array().unwrap_or_else(|| panic!("no deliveries: {answer:?}")).clone()
}

/// Gives a user another text about themselves.
async fn change(admin: &Client, user: &Value, bio: &str) {
    let path = format!("{USERS}{}/", user["id"].as_str().expect("an id"));
    assert_eq!(admin.patch(&path, &json!({"bio": bio})).await.status, StatusCode::OK);
}
