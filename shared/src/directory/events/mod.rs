//! Events: who causes them, who may read them, and the jobs that keep their log (`docs/events.md`).

mod actor;
mod read;

pub use self::read::{EventFilter, EventPage, EventRequest};
use async_recursion::async_recursion as boxed;

use super::{Directory, SystemCaller};
use crate::error::Result;
use crate::model::{Actor, EventAction, EventTarget, FieldChange, FieldValue, User, UserId};
use crate::store::{LogReport, NewEvent};

/// How many segments one call of a job adds to the log.
const SEGMENTS_OF_A_JOB: usize = 1000;

impl Directory {
    /// Puts the events that are not in the log yet into it.
    ///
    /// # Errors
    /// When the store is unavailable; the next call continues where this one stopped.
    #[boxed]
    pub async fn sequence_events(&self, by: SystemCaller) -> Result<()> {
        let is_done = self.store.events_sequence(self.settings.event_retention, SEGMENTS_OF_A_JOB).await?;
        tracing::debug!(by = ?by, is_done, "events put in order");
        Ok(())
    }

    /// Closes the days of the log that are over: their digests prove later that nothing was changed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn close_event_days(&self) -> Result<()> {
        self.sequence_events(SystemCaller::Housekeeping).await?;
        if let Some((day, digest)) = self.store.event_day_close(self.settings.event_retention).await? {
            // Outside of the table, where whoever can change the table cannot change it.
            tracing::info!(day, digest, "day of the event log closed");
        }
        Ok(())
    }

    /// Removes what the log says about a purged user. `false` if that is not finished.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn erase_from_events(&self, id: UserId) -> Result<bool> {
        // What is still pending is not erased.
        if !self.store.events_sequence(self.settings.event_retention, SEGMENTS_OF_A_JOB).await? {
            return Ok(false);
        }
        self.store.events_erase(id).await?;
        Ok(true)
    }

    /// Computes the digests of the whole log again.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden) for any caller except the operator, or when the store is
    /// unavailable.
    #[boxed]
    pub async fn verify_events(&self, by: SystemCaller) -> Result<LogReport> {
        by.must_be_operator()?;
        self.sequence_events(by).await?;
        self.store.events_verify().await
    }

    /// Writes an event of the operator or of a job about the directory as a whole, with these numbers.
    pub(super) async fn note_run(&self, by: SystemCaller, action: EventAction, counts: &[(&str, u64)]) -> Result<()> {
        let mut event = NewEvent::new(action, by.actor(), EventTarget::directory());
        event.changes = counts.iter().map(|(name, count)| ((*name).to_owned(), count_of(*count))).collect();
        self.store.event_insert(event).await
    }

    /// Writes the event that tells who exported a user.
    pub(super) async fn note_person_export(&self, by: Actor, user: &User) -> Result<()> {
        let target = Self::target_of(user.id, Some(user));
        self.store.event_insert(NewEvent::new(EventAction::Exported, by, target)).await
    }

    /// The target of events about a user whose name is at hand, or not.
    pub(super) fn target_of(id: UserId, user: Option<&User>) -> EventTarget {
        EventTarget::user(id, user.map(|user| user.username.as_str()))
    }
}

/// A number as a change.
pub(super) fn count_of(number: u64) -> FieldChange {
    FieldChange { old: None, new: i64::try_from(number).ok().map(FieldValue::Number) }
}
