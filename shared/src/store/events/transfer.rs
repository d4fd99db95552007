//! The log as exports carry it: segments and closed days exactly as they were written, so that their digests keep proving
//! them.

use serde::{Deserialize, Serialize};

use super::days::DayItem;
use super::log::{SegmentItem, segment_of};
use crate::error::Result;
use crate::store::item::{from_item, key_of, to_item};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::Condition;
use crate::store::{Readable, Store, keys};

/// A segment of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    segment: u64,
    #[serde(flatten)]
    item: SegmentItem,
}

/// A closed day of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRecord(DayItem);

/// What became of a segment that was to be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentOutcome {
    /// It is in the log now.
    Added,
    /// It was there.
    Here,
    /// The log has another segment in its place.
    Other,
}

impl SegmentRecord {
    /// The most events that are accepted in one segment.
    const MOST_EVENTS: usize = 1000;

    /// Its number.
    pub fn number(&self) -> u64 {
        self.segment
    }

    /// How many events it has.
    pub fn events(&self) -> usize {
        self.item.events.len()
    }

    /// When it expires, in seconds since 1970.
    pub fn expires(&self) -> i64 {
        self.item.expires
    }

    /// Why it cannot be part of any log.
    pub fn defect(&self) -> Option<&'static str> {
        if self.segment == 0 || self.segment > 1_000_000_000_000 {
            Some("the number of the segment is 0 or too large")
        } else if self.events() > Self::MOST_EVENTS {
            Some("the segment has more than 1000 events")
        } else if self.item.events.iter().any(|event| event.salted.read().is_err()) {
            Some("the segment has a malformed event")
        } else {
            None
        }
    }
}

impl Store {
    /// At most `limit` segments after the one with that number, in order.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn segments_readable(&self, after: u64, limit: usize) -> Result<(Readable<SegmentRecord>, Option<u64>)> {
        let after = keys::segment_sort(after);
        let range = Range { pk: keys::EVENT_LOG, bound: Bound::After(&after), ascending: true };
        let items = self.query(range, limit).await?;
        let last = items.last().and_then(|item| key_of(item).sk.parse().ok());
        let read =
            Readable::of(items, |_, item| segment_of(item).map(|(segment, item)| SegmentRecord { segment, item }));
        Ok((read, last))
    }

    /// The closed days, oldest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event_days_readable(&self) -> Result<Readable<DayRecord>> {
        let range = Range { pk: keys::EVENT_DAYS, bound: Bound::Whole, ascending: true };
        let items = self.query(range, usize::MAX).await?;
        Ok(Readable::of(items, |key, item| from_item(&key, item).map(DayRecord)))
    }

    /// Puts a segment back in its place, and the copies of its events. The one before must be in its place.
    ///
    /// # Errors
    /// When the store is unavailable; the same segment may then be restored again.
    pub async fn segment_restore(&self, record: &SegmentRecord) -> Result<SegmentOutcome> {
        let key = keys::segment(record.segment);
        let outcome = if self.put(to_item(&key, &record.item)?, Some(&Condition::Absent)).await? {
            SegmentOutcome::Added
        } else {
            // Ours, if the response to the first attempt was lost, or if an import was interrupted.
            match self.item(&key).await?.map(segment_of).transpose()? {
                Some((_, here)) if here.digest == record.item.digest => SegmentOutcome::Here,
                _ => return Ok(SegmentOutcome::Other),
            }
        };
        if self.events_indexed_through().await?.is_none_or(|through| through < record.segment) {
            self.segment_copy(record.segment, &record.item).await?;
        }
        Ok(outcome)
    }

    /// Whether the log has that segment already, or, since it has expired, later ones.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn segment_is_here(&self, record: &SegmentRecord) -> Result<bool> {
        let here = self.item(&keys::segment(record.segment)).await?.map(segment_of).transpose()?;
        Ok(here.is_none_or(|(_, here)| here.digest == record.item.digest))
    }

    /// Puts the record of a closed day back, unless there is one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event_day_restore(&self, DayRecord(day): &DayRecord) -> Result<()> {
        let Some(key) = day.key() else { return Ok(()) };
        self.put(to_item(&key, day)?, Some(&Condition::Absent)).await.map(drop)
    }
}
