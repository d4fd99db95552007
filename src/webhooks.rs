//! Background task of `serve`: sends events to webhooks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use outbox::{SystemResolver, WebhookClient, deliver_to};
use shared::Directory;
use shared::directory::SystemCaller;
use tokio::time::{Instant, sleep};

/// The interval of looking for new events.
const REST: Duration = Duration::from_secs(2);
/// How long one webhook is served before its record is read again.
const TURN: Duration = Duration::from_mins(1);

/// Sends events to webhooks, forever. While one is being served, others do not wait for it.
pub async fn deliver_webhooks(directory: Arc<Directory>, client: WebhookClient<SystemResolver>) {
    let (mut under_way, mut busy) = (FuturesUnordered::new(), BTreeSet::new());
    loop {
        match directory.active_webhooks(SystemCaller::Outbox).await {
            Ok(webhooks) => {
                for webhook in webhooks.into_iter().filter(|webhook| busy.insert(webhook.id)) {
                    let (directory, client, id) = (&directory, &client, webhook.id);
                    under_way
                        .push(async move { (id, deliver_to(directory, client, webhook, Instant::now() + TURN).await) });
                }
            }
            Err(error) => tracing::warn!(error = %error, "could not read the webhooks; will retry"),
        }
        let mut rest = std::pin::pin!(sleep(REST));
        loop {
            tokio::select! {
                Some((id, delivered)) = under_way.next() => {
                    busy.remove(&id);
                    if let Err(error) = delivered {
                        tracing::warn!(webhook.id = %id, error = %error, "could not send to a webhook; will retry");
                    }
                }
                () = &mut rest => break,
            }
        }
    }
}
