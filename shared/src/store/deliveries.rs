//! Deliveries of webhooks: the ones that wait, and the ones that are done.
//!
//! Each is one item, sorted by the event's place in the log. When it is done it moves from one range of its webhook's
//! partition to the other. Every write names the number of attempts that it has read, so two senders never take the same
//! delivery, and what somebody else has done meanwhile is not undone.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{from_item, key_of, to_item};
use super::keys::Key;
use super::requests::{Bound, Range};
use super::transaction::{Condition, Transaction};
use super::webhooks::{POSITION, cursor_item, position_value};
use super::{Item, Store, keys};
use crate::error::Result;
use crate::model::{Delivery, DeliveryState, LogPosition, WebhookId};

impl Store {
    /// How many deliveries one transaction adds; it also moves the cursor.
    pub const DELIVERIES_AT_ONCE: usize = 90;

    /// Adds deliveries and moves the webhook's cursor behind their events. `false`, and no change, if the cursor is not
    /// where it was: then somebody else has added them, or the webhook was deleted.
    ///
    /// # Errors
    /// When the store is unavailable, or there are more than [`Store::DELIVERIES_AT_ONCE`].
    pub async fn deliveries_insert(
        &self,
        webhook: WebhookId,
        deliveries: &[Delivery],
        cursor: LogPosition,
        next: LogPosition,
    ) -> Result<bool> {
        let mut transaction = Transaction::new();
        for delivery in deliveries {
            transaction.put(item_of(delivery)?);
        }
        transaction.put_if(cursor_item(webhook, next), Condition::Is(POSITION, position_value(cursor)), ());
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// At most `limit` deliveries that wait, in the order of their events.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deliveries_waiting(&self, webhook: WebhookId, limit: usize) -> Result<Vec<Delivery>> {
        let pk = keys::webhook_parts(webhook);
        let range = Range { pk: &pk, bound: Bound::Prefix(keys::WAITING), ascending: true };
        Ok(self.read(self.query(range, limit).await?))
    }

    /// At most `limit` deliveries of events before a position, the newest events first.
    ///
    /// # Errors
    /// As [`Store::deliveries_waiting`].
    pub async fn deliveries(
        &self,
        webhook: WebhookId,
        before: Option<LogPosition>,
        limit: usize,
    ) -> Result<Vec<Delivery>> {
        let pk = keys::webhook_parts(webhook);
        let mut deliveries = Vec::new();
        for prefix in [keys::WAITING, keys::DONE] {
            // `~` follows every digit. The bound is inclusive, so it may take one more.
            let last = before.map_or_else(|| format!("{prefix}~"), |before| keys::delivery(webhook, prefix, before).sk);
            let range = Range { pk: &pk, bound: Bound::Between(prefix, &last), ascending: false };
            deliveries.extend(self.read(self.query(range, limit.saturating_add(1)).await?));
        }
        deliveries.retain(|delivery| before.is_none_or(|before| delivery.position < before));
        deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.position));
        deliveries.truncate(limit);
        Ok(deliveries)
    }

    /// The delivery of the event at that position.
    ///
    /// # Errors
    /// As [`Store::deliveries_waiting`].
    pub async fn delivery(&self, webhook: WebhookId, position: LogPosition) -> Result<Option<Delivery>> {
        let found = [keys::WAITING, keys::DONE].map(|prefix| keys::delivery(webhook, prefix, position));
        Ok(self.read(self.batch(&found).await?).pop())
    }

    /// Replaces a delivery, if nobody has attempted or changed it meanwhile; `false` otherwise.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn delivery_update(&self, before: &Delivery, after: &Delivery) -> Result<bool> {
        let unchanged = Condition::Is("attempts", AttributeValue::N(before.attempts.to_string()));
        let (from, item) = (key_of_delivery(before), item_of(after)?);
        let mut transaction = Transaction::new();
        if key_of(&item) == from {
            transaction.put_if(item, unchanged, ());
        } else {
            transaction.delete_if(from, unchanged, ());
            transaction.put(item);
        }
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// Deletes the deliveries of a webhook that was removed: of each kind at most `limit`. The others expire.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deliveries_remove(&self, webhook: WebhookId, limit: usize) -> Result<()> {
        let pk = keys::webhook_parts(webhook);
        for prefix in [keys::WAITING, keys::DONE] {
            let items = self.query(Range { pk: &pk, bound: Bound::Prefix(prefix), ascending: true }, limit).await?;
            let left: Vec<Key> = items.iter().map(key_of).collect();
            self.remove_all(&left).await?;
        }
        Ok(())
    }

    /// The deliveries of these items that have not expired. A malformed one stops no other.
    fn read(&self, items: Vec<Item>) -> Vec<Delivery> {
        let now = self.ambient.now().seconds();
        let deliveries = items.into_iter().filter_map(|item| {
            let key = key_of(&item);
            from_item::<Delivery>(&key, item)
                .inspect_err(|error| tracing::error!(error = %error, "malformed delivery, skipped"))
                .ok()
        });
        // The table's time to live deletes them late.
        deliveries.filter(|delivery| now < delivery.expires).collect()
    }
}

fn key_of_delivery(delivery: &Delivery) -> Key {
    let prefix = match delivery.state {
        DeliveryState::Waiting => keys::WAITING,
        DeliveryState::Delivered | DeliveryState::GivenUp => keys::DONE,
    };
    keys::delivery(delivery.webhook, prefix, delivery.position)
}

fn item_of(delivery: &Delivery) -> Result<Item> {
    to_item(&key_of_delivery(delivery), delivery)
}
