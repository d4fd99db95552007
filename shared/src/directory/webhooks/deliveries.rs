//! The log of deliveries, and delivering again.

use async_recursion::async_recursion as boxed;

use crate::directory::{Act, Caller, Directory};
use crate::error::{Entity, Error, Result};
use crate::model::{Delivery, DeliveryState, LogPosition, WebhookId};

impl Directory {
    /// At most `limit` deliveries of events before a position, the newest events first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown webhook, [`Error::Forbidden`] for any caller except a superuser.
    #[boxed]
    pub async fn deliveries(
        &self,
        caller: &Caller,
        webhook: WebhookId,
        before: Option<LogPosition>,
        limit: usize,
    ) -> Result<Vec<Delivery>> {
        let webhook = self.webhook(caller, webhook).await?;
        self.store.deliveries(webhook.id, before, limit).await
    }

    /// Sends an event again, or at once if it waits for its next attempt.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the webhook has no delivery of the event at that position, [`Error::Forbidden`] for any
    /// caller except a superuser.
    #[boxed]
    pub async fn redeliver(&self, caller: &Caller, webhook: WebhookId, position: LogPosition) -> Result<Delivery> {
        caller.must(Act::UseWebhooks)?;
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let found = self.store.delivery(webhook, position).await?;
            let before = found.ok_or(Error::NotFound(Entity::Delivery))?;
            let now = self.ambient.now();
            let expires = now.plus_seconds(self.settings.event_retention).seconds();
            let again = Delivery {
                state: DeliveryState::Waiting,
                attempts: 0,
                first_attempt: None,
                due: now,
                expires,
                ..before.clone()
            };
            if self.store.delivery_update(&before, &again).await? {
                return Ok(again);
            }
        }
    }
}
