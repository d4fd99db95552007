//! Webhooks: create, read, change, remove (`docs/webhooks.md`).

mod deliveries;
mod sending;

use std::collections::BTreeSet;

pub use self::sending::DeliverySignature;
use async_recursion::async_recursion as boxed;

use super::updates::Target;
use super::{Act, Caller, Directory, Draft, Page, PageRange};
use crate::auth::webhook_signature::new_webhook_secret;
use crate::error::{Entity, Error, Refusal, Result, Rule, Violation};
use crate::model::{EventAction, Field, LogPosition, OldSecret, PauseReason, Webhook, WebhookId, WebhookUrl};
use crate::store::WebhookWrite;

/// How many segments are added to the log before a webhook begins at its end.
const SEGMENTS_BEFORE: usize = 100;

/// How many deliveries of each kind are deleted with their webhook. There are rarely more, and those expire.
const DELETED: usize = 2000;

/// Changes of a webhook; `None` keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookChanges {
    /// Where events are sent.
    pub url: Option<WebhookUrl>,
    /// Which events are sent; all of them if this is empty.
    pub actions: Option<BTreeSet<EventAction>>,
    /// Whether they are sent.
    pub is_active: Option<bool>,
}

/// A change of a webhook, but for who makes it.
struct Change<'a> {
    before: Option<&'a Webhook>,
    after: Option<&'a Webhook>,
    cursor: Option<LogPosition>,
    action: EventAction,
}

impl Target for Webhook {
    async fn newest(&self, directory: &Directory, _: &Caller) -> Result<Self> {
        directory.store.webhook(self.id).await?.ok_or(Error::NotFound(Entity::Webhook))
    }
}

impl Directory {
    /// All webhooks, oldest first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any caller except a superuser.
    #[boxed]
    pub async fn webhooks(&self, caller: &Caller, range: PageRange) -> Result<Page<Webhook>> {
        caller.must(Act::UseWebhooks)?;
        Ok(range.cut(self.store.webhooks().await?))
    }

    /// The webhook with that id.
    ///
    /// # Errors
    /// [`Error::NotFound`], and as [`Directory::webhooks`].
    #[boxed]
    pub async fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook> {
        caller.must(Act::UseWebhooks)?;
        self.store.webhook(id).await?.ok_or(Error::NotFound(Entity::Webhook))
    }

    /// Creates a webhook of the caller, for the events from now on. Only now its secret may be shown.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::Refused`] if there are [`Webhook::MOST`].
    #[boxed]
    pub async fn create_webhook(&self, caller: &Caller, draft: Draft<WebhookChanges>) -> Result<Webhook> {
        caller.must(Act::UseWebhooks)?;
        let WebhookChanges { url, actions, is_active } = self.valid(draft)?;
        let url = url.ok_or_else(|| Error::invalid(Field::Url, Rule::Required))?;
        self.store.events_sequence(self.settings.event_retention, SEGMENTS_BEFORE).await?;
        let cursor = self.store.log_end().await?;
        let now = self.ambient.now();
        let webhook = Webhook {
            id: WebhookId::generate(&*self.ambient),
            version: 1,
            url,
            actions: actions.unwrap_or_default(),
            secret: new_webhook_secret(&*self.ambient),
            old_secret: None,
            owner: caller.user.id,
            paused: (is_active == Some(false)).then_some(PauseReason::Requested),
            active_since: now,
            created: now,
            updated: now,
        };
        let mut attempts = self.attempts(caller, ());
        loop {
            let (caller, ()) = attempts.next().await?;
            caller.must(Act::UseWebhooks)?;
            // Two at the same moment may exceed it by one, which does no harm.
            if self.store.webhooks().await?.len() >= Webhook::MOST {
                return Err(Error::Refused(Refusal::MostWebhooks));
            }
            let (before, after, cursor) = (None, Some(&webhook), Some(cursor));
            let change = Change { before, after, cursor, action: EventAction::WebhookCreated };
            if self.write_webhook(caller, change).await? {
                return Ok(webhook);
            }
        }
    }

    /// Changes a webhook. Whoever resumes it becomes its owner.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::NotFound`] if it was deleted meanwhile.
    #[boxed]
    pub async fn change_webhook(
        &self,
        caller: &Caller,
        webhook: Webhook,
        draft: Draft<WebhookChanges>,
    ) -> Result<Webhook> {
        caller.must(Act::UseWebhooks)?;
        let WebhookChanges { url, actions, is_active } = self.valid(draft)?;
        let mut attempts = self.attempts(caller, webhook);
        loop {
            let (caller, before) = attempts.next().await?;
            caller.must(Act::UseWebhooks)?;
            let mut after = before.clone();
            after.url = url.clone().unwrap_or(after.url);
            after.actions = actions.clone().unwrap_or(after.actions);
            let action = match (is_active, before.paused) {
                (Some(true), Some(_)) => {
                    (after.paused, after.active_since, after.owner) = (None, self.ambient.now(), caller.user.id);
                    EventAction::WebhookResumed
                }
                (Some(false), None) => {
                    after.paused = Some(PauseReason::Requested);
                    EventAction::WebhookPaused
                }
                _ => EventAction::WebhookUpdated,
            };
            if after == *before {
                return Ok(after);
            }
            if let Some(after) = self.rewrite_webhook(caller, before, after, action).await? {
                return Ok(after);
            }
        }
    }

    /// Gives a webhook a new secret, which only now may be shown. The old one also signs for a day.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was deleted meanwhile, [`Error::Forbidden`] for any caller except a superuser.
    #[boxed]
    pub async fn rotate_webhook_secret(&self, caller: &Caller, webhook: Webhook) -> Result<Webhook> {
        let secret = new_webhook_secret(&*self.ambient);
        let mut attempts = self.attempts(caller, webhook);
        loop {
            let (caller, before) = attempts.next().await?;
            caller.must(Act::UseWebhooks)?;
            let until = self.ambient.now().plus_seconds(Webhook::OLD_SECRET_LIFE);
            let old_secret = Some(OldSecret { secret: before.secret.clone(), until });
            let after = Webhook { secret: secret.clone(), old_secret, ..before.clone() };
            if let Some(after) = self.rewrite_webhook(caller, before, after, EventAction::WebhookSecretRotated).await? {
                return Ok(after);
            }
        }
    }

    /// Deletes a webhook with its deliveries.
    ///
    /// # Errors
    /// As [`Directory::rotate_webhook_secret`].
    #[boxed]
    pub async fn delete_webhook(&self, caller: &Caller, webhook: Webhook) -> Result<()> {
        let id = webhook.id;
        let mut attempts = self.attempts(caller, webhook);
        loop {
            let (caller, before) = attempts.next().await?;
            caller.must(Act::UseWebhooks)?;
            let action = EventAction::WebhookDeleted;
            let change = Change { before: Some(before), after: None, cursor: None, action };
            if self.write_webhook(caller, change).await? {
                break;
            }
        }
        if let Err(error) = self.store.deliveries_remove(id, DELETED).await {
            tracing::warn!(error = %error, "deliveries of a deleted webhook remain until they expire");
        }
        Ok(())
    }

    async fn rewrite_webhook(
        &self,
        caller: &Caller,
        before: &Webhook,
        after: Webhook,
        action: EventAction,
    ) -> Result<Option<Webhook>> {
        let after = Webhook { version: before.version + 1, updated: self.ambient.now(), ..after };
        let change = Change { before: Some(before), after: Some(&after), cursor: None, action };
        Ok(self.write_webhook(caller, change).await?.then_some(after))
    }

    async fn write_webhook(&self, caller: &Caller, change: Change<'_>) -> Result<bool> {
        let Change { before, after, cursor, action } = change;
        let (basis, actor) = (&caller.basis(), &caller.actor());
        self.store.webhook_write(WebhookWrite { before, after, cursor, basis, actor, action, mail: None }).await
    }

    /// The content of a draft without violations.
    fn valid(&self, draft: Draft<WebhookChanges>) -> Result<WebhookChanges> {
        let Draft { content, mut violations } = draft;
        if content.url.as_ref().is_some_and(|url| url.is_unreachable(&self.settings.webhook_networks)) {
            violations.push(Violation { field: Field::Url, rule: Rule::UnsafeUrl });
        }
        if violations.is_empty() { Ok(content) } else { Err(Error::Invalid(violations)) }
    }
}
