//! Sends events to webhooks: which, in which order, and how many at once.
//!
//! Deliveries of one target form a *lane*, in which each waits for the one before. The lanes of a webhook go on at the same
//! time, and webhooks know nothing of each other, so a receiver that hangs or fails holds up nobody else.

mod client;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use shared::Directory;
use shared::dialect::event::EventResponse;
use shared::directory::SystemCaller;
use shared::error::{Error, Result};
use shared::model::{AttemptOutcome, Delivery, DeliveryFailure, Webhook};
use tokio::time::Instant;

pub use self::client::{Resolve, SystemResolver, WebhookClient, WebhookRequest};

/// How many requests to one webhook are under way at once.
const AT_ONCE: usize = 8;
/// After this many requests without any success, a webhook gets no more until the next pass.
const TRIALS: usize = 8;

/// What happened so far in one pass over the lanes of a webhook.
#[derive(Default)]
struct Pass {
    begun: AtomicUsize,
    delivered: AtomicUsize,
}

/// Sends what is to be sent now to all webhooks, and begins nothing more at `until`.
///
/// # Errors
/// When the store is unavailable. What was not recorded is sent again.
pub async fn deliver_events<R: Resolve>(
    directory: &Directory,
    client: &WebhookClient<R>,
    until: Instant,
) -> Result<()> {
    let webhooks = directory.active_webhooks(SystemCaller::Outbox).await?;
    let all = webhooks.into_iter().map(|webhook| deliver_to(directory, client, webhook, until));
    join_all(all).await.into_iter().collect()
}

/// Sends what is to be sent now to a webhook, and begins nothing more at `until`.
///
/// # Errors
/// As [`deliver_events`].
pub async fn deliver_to<R: Resolve>(
    directory: &Directory,
    client: &WebhookClient<R>,
    webhook: Webhook,
    until: Instant,
) -> Result<()> {
    loop {
        let lanes = directory.delivery_lanes(SystemCaller::Outbox, &webhook).await?;
        let pass = Pass::default();
        let all = lanes.into_iter().map(|lane| deliver_lane(directory, client, &webhook, lane, &pass, until));
        let done: Vec<Result<()>> = stream::iter(all).buffer_unordered(AT_ONCE).collect().await;
        done.into_iter().collect::<Result<()>>()?;
        // Only a success makes something due that was not.
        if pass.delivered.into_inner() == 0 {
            return Ok(());
        }
    }
}

/// Sends the deliveries of one target in order, until one fails.
async fn deliver_lane<R: Resolve>(
    directory: &Directory,
    client: &WebhookClient<R>,
    webhook: &Webhook,
    lane: Vec<Delivery>,
    pass: &Pass,
    until: Instant,
) -> Result<()> {
    for delivery in lane {
        if pass.is_futile() || Instant::now() >= until {
            break;
        }
        let Some(taken) = directory.take_delivery(SystemCaller::Outbox, webhook, &delivery).await? else { break };
        pass.begun.fetch_add(1, Ordering::Relaxed);
        let outcome = attempt(directory, client, webhook, &taken).await?;
        directory.record_attempt(SystemCaller::Outbox, webhook, &taken, outcome).await?;
        if !outcome.is_success() {
            break;
        }
        pass.delivered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn attempt<R: Resolve>(
    directory: &Directory,
    client: &WebhookClient<R>,
    webhook: &Webhook,
    delivery: &Delivery,
) -> Result<AttemptOutcome> {
    let Some(event) = directory.event_of_delivery(delivery).await? else {
        return Ok(AttemptOutcome::Failure(DeliveryFailure::EventExpired));
    };
    let body = serde_json::to_vec(&EventResponse::from(event)).map_err(|error| Error::Internal(error.into()))?;
    let signature = directory.sign_delivery(webhook, delivery.event, &body);
    let request = WebhookRequest { url: &webhook.url, id: delivery.event.to_string(), signature, body };
    Ok(client.send(request).await)
}

impl Pass {
    /// Whether the receiver seems not to work at all.
    fn is_futile(&self) -> bool {
        self.delivered.load(Ordering::Relaxed) == 0 && self.begun.load(Ordering::Relaxed) >= TRIALS
    }
}
