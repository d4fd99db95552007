//! Events: what is recorded, in which order it is read, and that nobody can change it unseen (`docs/events.md`).

mod feed;
mod model;
mod reading;
mod recording;
mod verifying;

use serde_json::Value;

use crate::support::Client;

const EVENTS: &str = "/api/rollcall/v1/events/";

/// The newest events first, at most so many.
async fn newest(client: &Client, limit: usize) -> Vec<Value> {
    let answer = client.get(&format!("{EVENTS}?limit={limit}")).await;
    answer.json()["results"].as_array().unwrap_or_else(|| panic!("no events: {answer:?}")).clone()
}
