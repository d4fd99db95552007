//! Erasing a person from the log.

use super::Salted;
use super::log::{SegmentEvent, segment_of};
use super::number;
use super::sequencer::{copies_of, copy};
use crate::error::{Error, Result};
use crate::model::{EventTarget, LogPosition, UserId};
use crate::store::item::{key_of, to_item};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Store, keys};

impl Store {
    /// Removes what the log says about a person, in the log and in the copies. Ids stay. The person's events must all be
    /// in the log.
    ///
    /// # Errors
    /// When the store is unavailable. The next call continues where this one stopped.
    pub async fn events_erase(&self, person: UserId) -> Result<()> {
        let partitions = [keys::events_of(&EventTarget::user(person, None).text()), keys::events_by(person)];
        for pk in &partitions {
            let items = self.query(Range { pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
            let positions = items.iter().filter_map(|item| keys::event_position(&key_of(item).sk));
            let mut segments: Vec<u64> = positions.map(|position| position.segment).collect();
            segments.dedup();
            for segment in segments {
                self.segment_erase(segment, person).await?;
            }
        }
        Ok(())
    }

    async fn segment_erase(&self, segment: u64, person: UserId) -> Result<()> {
        let mut attempts = self.attempts();
        loop {
            attempts.next().await?;
            let Some(item) = self.item(&keys::segment(segment)).await? else { return Ok(()) };
            let (_, mut item) = segment_of(item)?;
            let unchanged = Condition::Is("erasures", number(item.erasures));
            let mut copies = Vec::new();
            let mut is_changed = false;
            for (index, event) in (0..).zip(&mut item.events) {
                let before = event.salted.read()?;
                let after = before.clone().without(person);
                if after.erased {
                    let text = serde_json::to_string(&after).map_err(|error| Error::Internal(error.into()))?;
                    for key in copies_of(&after, LogPosition { segment, index }) {
                        copies.push(copy(&key, &text, item.expires));
                    }
                    if after != before {
                        let digest = event.digest.clone().unwrap_or_else(|| event.current_digest());
                        *event =
                            SegmentEvent { salted: Salted { salt: String::new(), event: text }, digest: Some(digest) };
                        is_changed = true;
                    }
                }
            }
            if is_changed {
                item.erasures += 1;
                let mut transaction = Transaction::new();
                transaction.put_if(to_item(&keys::segment(segment), &item)?, unchanged, ());
                if self.transact(&transaction).await?.is_err() {
                    continue;
                }
            }
            return self.write_batch(copies, &[]).await;
        }
    }
}
