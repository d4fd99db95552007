//! Webhooks, and up to where in the log of events each has deliveries.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::events::changes_between;
use super::item::{from_item, key_of, to_item};
use super::outbox::mail_item;
use super::requests::{Bound, Range};
use super::transaction::{Condition, Transaction};
use super::{Basis, Item, NewEvent, Store, keys};
use crate::error::{Error, Result};
use crate::model::{
    Actor, EventAction, EventTarget, LogPosition, Mail, OldSecret, PauseReason, TargetKind, Timestamp, UserId, Webhook,
    WebhookId, WebhookUrl,
};
use crate::secret::Secret;

/// Attribute of a cursor: a position in the log.
pub(super) const POSITION: &str = "position";

#[derive(Serialize, Deserialize)]
struct WebhookItem {
    version: u64,
    url: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    actions: BTreeSet<EventAction>,
    secret: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old_secret: Option<OldSecret>,
    owner: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused: Option<PauseReason>,
    active_since: Timestamp,
    created: Timestamp,
    updated: Timestamp,
}

/// What an event tells of a webhook. The URL is not told: it may contain a secret.
#[derive(Serialize)]
struct Told<'a> {
    url: String,
    actions: &'a BTreeSet<EventAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<PauseReason>,
    owner: UserId,
}

/// A webhook to be created (without `before`), changed, or removed (without `after`).
#[derive(Debug, Clone, Copy)]
pub struct WebhookWrite<'a> {
    /// The webhook as it was read.
    pub before: Option<&'a Webhook>,
    /// The webhook as it should be.
    pub after: Option<&'a Webhook>,
    /// From where in the log on it has deliveries, if it is new.
    pub cursor: Option<LogPosition>,
    /// The records that the decision depends on.
    pub basis: &'a Basis,
    /// Who does it.
    pub actor: &'a Actor,
    /// What the event of it is.
    pub action: EventAction,
    /// A mail about it.
    pub mail: Option<&'a Mail>,
}

impl Store {
    /// All webhooks, oldest first. A malformed one stops no other.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>> {
        let range = Range { pk: keys::WEBHOOKS, bound: Bound::Whole, ascending: true };
        let webhooks = self.query(range, usize::MAX).await?.into_iter().filter_map(|item| {
            webhook_from_item(item)
                .inspect_err(|error| tracing::error!(error = %error, "malformed webhook, skipped"))
                .ok()
        });
        Ok(webhooks.collect())
    }

    /// The webhook with that id.
    ///
    /// # Errors
    /// When the store is unavailable, or the record is malformed.
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>> {
        self.item(&keys::webhook(id)).await?.map(webhook_from_item).transpose()
    }

    /// Creates, changes or removes a webhook, and writes the event of it. `false`, and no change, if it or `basis` has
    /// changed meanwhile.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn webhook_write(&self, write: WebhookWrite<'_>) -> Result<bool> {
        let WebhookWrite { before, after, cursor, basis, actor, action, mail } = write;
        let mut transaction = Transaction::new();
        let condition = before.map_or(Condition::Absent, |before| {
            Condition::Is("version", AttributeValue::N(before.version.to_string()))
        });
        match (before, after) {
            (before, Some(after)) => {
                let version = before.map_or(1, |before| before.version + 1);
                let record = WebhookItem { version, ..WebhookItem::from(after) };
                transaction.put_if(to_item(&keys::webhook(after.id), &record)?, condition, ());
                if let Some(cursor) = cursor {
                    transaction.put(cursor_item(after.id, cursor));
                }
            }
            (Some(before), None) => {
                transaction.delete_if(keys::webhook(before.id), condition, ());
                transaction.delete(keys::webhook_cursor(before.id));
            }
            (None, None) => {}
        }
        if let Some(webhook) = after.or(before) {
            self.write_event(&mut transaction, event_of(webhook, before, after, actor, action)?)?;
        }
        if let Some(mail) = mail {
            transaction.put(mail_item(mail, self.ambient.now())?);
        }
        basis.require_in(&mut transaction, &());
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// Up to which event of the log a webhook has deliveries. `None` if the webhook does not exist.
    ///
    /// # Errors
    /// When the store is unavailable, or the item is malformed.
    pub async fn webhook_cursor(&self, id: WebhookId) -> Result<Option<LogPosition>> {
        let key = keys::webhook_cursor(id);
        let Some(item) = self.item(&key).await? else { return Ok(None) };
        let position = item.get(POSITION).and_then(|position| position.as_s().ok()?.parse().ok());
        position.map(Some).ok_or_else(|| Error::internal(format!("malformed item {key}: no position")))
    }
}

/// The item of a cursor.
pub(super) fn cursor_item(id: WebhookId, position: LogPosition) -> Item {
    let mut item = keys::webhook_cursor(id).attributes();
    item.insert(POSITION.to_owned(), position_value(position));
    item
}

/// A position as an attribute.
pub(super) fn position_value(position: LogPosition) -> AttributeValue {
    AttributeValue::S(position.to_string())
}

fn event_of(
    webhook: &Webhook,
    before: Option<&Webhook>,
    after: Option<&Webhook>,
    actor: &Actor,
    action: EventAction,
) -> Result<NewEvent> {
    let target = EventTarget { kind: TargetKind::Webhook, id: webhook.id.to_string(), name: Some(webhook.url.host()) };
    let mut event = NewEvent::new(action, actor.clone(), target);
    event.version = Some(before.map_or(1, |before| before.version + 1));
    if after.is_some() {
        let [before, after] = [before, after].map(|webhook| webhook.map(Told::of));
        event.changes = changes_between(before.as_ref(), after.as_ref(), "url", &[])?;
    }
    Ok(event)
}

impl<'a> Told<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        let Webhook { url, actions, paused, owner, .. } = webhook;
        Self { url: url.to_string(), actions, paused: *paused, owner: *owner }
    }
}

fn webhook_from_item(item: Item) -> Result<Webhook> {
    let key = key_of(&item);
    let WebhookItem { version, url, actions, secret, old_secret, owner, paused, active_since, created, updated } =
        from_item(&key, item)?;
    let malformed = || Error::internal(format!("malformed item {key}: its id or its URL"));
    let id = WebhookId::parse(&key.sk).ok_or_else(malformed)?;
    let url = WebhookUrl::parse(&url).ok_or_else(malformed)?;
    Ok(Webhook { id, version, url, actions, secret, old_secret, owner, paused, active_since, created, updated })
}

impl From<&Webhook> for WebhookItem {
    fn from(webhook: &Webhook) -> Self {
        let Webhook { id: _, version, url, actions, secret, old_secret, owner, paused, active_since, created, updated } =
            webhook;
        Self {
            version: *version,
            url: url.to_string(),
            actions: actions.clone(),
            secret: secret.clone(),
            old_secret: old_secret.clone(),
            owner: *owner,
            paused: *paused,
            active_since: *active_since,
            created: *created,
            updated: *updated,
        }
    }
}
