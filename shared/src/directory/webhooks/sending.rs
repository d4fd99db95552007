//! From events to deliveries, and what follows from an attempt to send one.

use std::collections::BTreeMap;

use async_recursion::async_recursion as boxed;

use crate::auth::webhook_signature::signatures;
use crate::directory::{Directory, SystemCaller, new_mail};
use crate::error::Result;
use crate::model::{
    AttemptOutcome, Delivery, DeliveryFailure, DeliveryState, EventAction, EventId, LogPosition, MailKind, PauseReason,
    User, Webhook,
};
use crate::store::{Basis, LogRange, LoggedEvent, Segment, Store, WebhookWrite};

/// The most deliveries of a webhook that wait. More events stay in the log until there is room.
const MOST_WAITING: usize = 1000;
/// How many segments of the log are read at once.
const SEGMENTS: usize = 10;
/// How long deliveries that are done are kept, in seconds.
const DONE_LIFE: i64 = 7 * 24 * 60 * 60;
/// How many of the newest deliveries tell whether a webhook works.
const NEWEST: usize = 100;
/// The status of a receiver that wants no more.
const GONE: u16 = 410;

/// What proves to the receiver who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySignature {
    /// The time of the attempt in seconds since 1970.
    pub timestamp: i64,
    /// The signatures, separated by spaces.
    pub signatures: String,
}

impl Directory {
    /// The webhooks to which events are to be sent now. The log has all events that happened before the call. A webhook
    /// whose owner is no active superuser any more is paused.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn active_webhooks(&self, by: SystemCaller) -> Result<Vec<Webhook>> {
        let mut active = Vec::new();
        for webhook in self.store.webhooks().await?.into_iter().filter(|webhook| webhook.paused.is_none()) {
            let owner = self.store.user(webhook.owner).await?;
            let today = self.ambient.now().date();
            if owner.is_some_and(|owner| owner.flags.is_superuser && owner.is_active_on(today)) {
                active.push(webhook);
            } else {
                self.pause_webhook(by, &webhook, PauseReason::OwnerLeft, None).await?;
            }
        }
        if !active.is_empty() {
            self.sequence_events(by).await?;
        }
        Ok(active)
    }

    /// Makes deliveries of the events that are new to a webhook. Returns those that may be sent now, as *lanes*: the
    /// deliveries of one target, in order, of which each waits for the one before.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn delivery_lanes(&self, by: SystemCaller, webhook: &Webhook) -> Result<Vec<Vec<Delivery>>> {
        // Read the cursor first and ignore later deliveries: another sender may be adding them, and this one may have missed
        // those before them.
        let Some(cursor) = self.store.webhook_cursor(webhook.id).await? else { return Ok(Vec::new()) };
        let mut waiting = self.store.deliveries_waiting(webhook.id, MOST_WAITING).await?;
        waiting.retain(|delivery| delivery.position <= cursor);
        self.make_deliveries(webhook, cursor, &mut waiting).await?;
        tracing::debug!(by = ?by, webhook.id = %webhook.id, waiting = waiting.len(), "deliveries of a webhook");
        let mut lanes = BTreeMap::<String, Vec<Delivery>>::new();
        for delivery in waiting {
            lanes.entry(delivery.target.clone()).or_default().push(delivery);
        }
        let now = self.ambient.now();
        let is_due = |lane: &Vec<Delivery>| lane.first().is_some_and(|first| first.is_due(now, webhook.active_since));
        let mut lanes: Vec<_> = lanes.into_values().filter(is_due).collect();
        lanes.sort_by_key(|lane| lane.first().map(|first| first.position));
        Ok(lanes)
    }

    /// Makes deliveries of the events behind the webhook's cursor, as long as there is room.
    async fn make_deliveries(
        &self,
        webhook: &Webhook,
        mut cursor: LogPosition,
        waiting: &mut Vec<Delivery>,
    ) -> Result<()> {
        while waiting.len() < MOST_WAITING {
            let range = LogRange { after: Some(cursor), before: None, ascending: true };
            let segments = self.store.segments(range, SEGMENTS).await?;
            let is_last = segments.len() < SEGMENTS;
            let room = (MOST_WAITING - waiting.len()).min(Store::DELIVERIES_AT_ONCE);
            let (made, next) = self.deliveries_of(webhook, segments, room);
            let Some(next) = next else { return Ok(()) };
            if !self.store.deliveries_insert(webhook.id, &made, cursor, next).await? {
                return Ok(());
            }
            let is_full = made.len() == room;
            waiting.extend(made);
            cursor = next;
            if is_last && !is_full {
                return Ok(());
            }
        }
        Ok(())
    }

    /// At most `room` new deliveries of the events in some segments, and how far they reach.
    fn deliveries_of(
        &self,
        webhook: &Webhook,
        segments: Vec<Segment>,
        room: usize,
    ) -> (Vec<Delivery>, Option<LogPosition>) {
        let now = self.ambient.now();
        let expires = now.plus_seconds(self.settings.event_retention).seconds();
        let (mut made, mut next) = (Vec::new(), None);
        for segment in segments {
            for LoggedEvent { position, event } in segment.events {
                if made.len() == room {
                    return (made, next);
                }
                next = Some(position);
                if webhook.wants(event.action) {
                    made.push(Delivery {
                        webhook: webhook.id,
                        position,
                        event: event.id,
                        action: event.action,
                        target: event.target.text(),
                        state: DeliveryState::Waiting,
                        attempts: 0,
                        first_attempt: None,
                        last_attempt: None,
                        outcome: None,
                        due: now,
                        expires,
                    });
                }
            }
            next = Some(LogPosition { segment: segment.number, index: u32::MAX });
        }
        (made, next)
    }

    /// Takes a delivery to attempt it. Nobody else does until it is due again. `None` if it is not due, or if somebody else
    /// has taken it.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn take_delivery(
        &self,
        by: SystemCaller,
        webhook: &Webhook,
        delivery: &Delivery,
    ) -> Result<Option<Delivery>> {
        let now = self.ambient.now();
        if !delivery.is_due(now, webhook.active_since) {
            return Ok(None);
        }
        let taken = delivery.attempted(now);
        tracing::debug!(by = ?by, webhook.id = %webhook.id, event.id = %delivery.event, "delivery taken");
        Ok(self.store.delivery_update(delivery, &taken).await?.then_some(taken))
    }

    /// The event of a delivery, as it is now: persons may have been erased from it.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn event_of_delivery(&self, delivery: &Delivery) -> Result<Option<LoggedEvent>> {
        let LogPosition { segment, index } = delivery.position;
        let before = Some(LogPosition { segment, index: index + 1 });
        let own = LogRange { after: None, before, ascending: false };
        let copied = self.store.events_of(&delivery.target, own, 1).await?.pop();
        if let Some(event) = copied.filter(|event| event.position == delivery.position) {
            return Ok(Some(event));
        }
        // A process that died may have left it without the copy for its target.
        let after = Some(LogPosition { segment: segment.saturating_sub(1), index: u32::MAX });
        let found = self.store.segments(LogRange { after, ..own }, 1).await?.into_iter().flat_map(|found| found.events);
        Ok(found.into_iter().find(|event| event.position == delivery.position))
    }

    /// Signs a message to a webhook.
    pub fn sign_delivery(&self, webhook: &Webhook, event: EventId, body: &[u8]) -> DeliverySignature {
        let now = self.ambient.now();
        let signatures = signatures(webhook.secrets(now), &event.to_string(), now.seconds(), body);
        DeliverySignature { timestamp: now.seconds(), signatures }
    }

    /// Records how an attempt ended: the delivery is done, or tried again later. If nothing has been received for a day, or
    /// the receiver says that it is gone, the webhook is paused and its owner mailed.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn record_attempt(
        &self,
        by: SystemCaller,
        webhook: &Webhook,
        delivery: &Delivery,
        outcome: AttemptOutcome,
    ) -> Result<()> {
        let now = self.ambient.now();
        let is_hopeless = !outcome.is_success() && delivery.is_hopeless(now, webhook.active_since);
        let is_gone = outcome == AttemptOutcome::Status(GONE);
        let pauses = is_gone || (is_hopeless && !self.has_worked(webhook, delivery).await?);
        let is_expired = outcome == AttemptOutcome::Failure(DeliveryFailure::EventExpired);
        let state = match outcome {
            _ if outcome.is_success() => DeliveryState::Delivered,
            _ if is_expired || (is_hopeless && !pauses) => DeliveryState::GivenUp,
            _ => DeliveryState::Waiting,
        };
        let (id, event) = (webhook.id, delivery.event);
        tracing::info!(webhook.id = %id, event.id = %event, outcome = ?outcome, state = ?state, "webhook attempted");
        let expires = match state {
            DeliveryState::Waiting => delivery.expires,
            DeliveryState::Delivered | DeliveryState::GivenUp => now.plus_seconds(DONE_LIFE).seconds(),
        };
        let after = Delivery { state, outcome: Some(outcome), expires, ..delivery.clone() };
        self.store.delivery_update(delivery, &after).await?;
        if pauses {
            let reason = if is_gone { PauseReason::Gone } else { PauseReason::Failing };
            let owner = self.store.user(webhook.owner).await?;
            self.pause_webhook(by, webhook, reason, owner.as_ref()).await?;
        }
        Ok(())
    }

    /// Whether the webhook has received another event since the first attempt of this one.
    async fn has_worked(&self, webhook: &Webhook, delivery: &Delivery) -> Result<bool> {
        let newest = self.store.deliveries(webhook.id, None, NEWEST).await?;
        Ok(newest
            .iter()
            .any(|other| other.state == DeliveryState::Delivered && other.last_attempt > delivery.first_attempt))
    }

    /// Pauses a webhook and mails its owner. Nothing happens if somebody has changed it meanwhile.
    async fn pause_webhook(
        &self,
        by: SystemCaller,
        webhook: &Webhook,
        reason: PauseReason,
        owner: Option<&User>,
    ) -> Result<()> {
        let now = self.ambient.now();
        let after = Webhook { version: webhook.version + 1, paused: Some(reason), updated: now, ..webhook.clone() };
        let mail = owner.and_then(|owner| {
            let kind = MailKind::WebhookPaused { host: webhook.url.host() };
            Some(new_mail(&*self.ambient, owner.mailbox()?.clone(), owner, kind))
        });
        let write = WebhookWrite {
            before: Some(webhook),
            after: Some(&after),
            cursor: None,
            basis: &Basis::default(),
            actor: &by.actor(),
            action: EventAction::WebhookPaused,
            mail: mail.as_ref(),
        };
        if self.store.webhook_write(write).await? {
            tracing::warn!(webhook.id = %webhook.id, reason = ?reason, "webhook paused");
        }
        Ok(())
    }
}
