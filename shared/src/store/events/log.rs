//! The log: numbered segments of events, each with a digest that includes the segment before.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Salted;
use crate::error::Result;
use crate::model::{Event, LogPosition, Timestamp, UserId};
use crate::store::item::{from_item, key_of};
use crate::store::requests::{Bound, Range};
use crate::store::{Item, Store, keys};

/// A part of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its number, from 1, without gaps.
    pub number: u64,
    /// When it was added to the log.
    pub at: Timestamp,
    /// Its events.
    pub events: Vec<LoggedEvent>,
}

/// An event and its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedEvent {
    /// The place.
    pub position: LogPosition,
    /// The event.
    pub event: Event,
}

/// Which part of the log to read, and in which direction. Both bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogRange {
    /// After this position.
    pub after: Option<LogPosition>,
    /// Before this position.
    pub before: Option<LogPosition>,
    /// From the oldest to the newest.
    pub ascending: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentItem {
    pub at: Timestamp,
    pub events: Vec<SegmentEvent>,
    /// SHA-256 over all this.
    pub digest: String,
    pub previous: Previous,
    /// How often persons were erased from it.
    pub erasures: u64,
    pub expires: i64,
}

/// What a segment says about the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Previous {
    pub digest: String,
    pub expires: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentEvent {
    #[serde(flatten)]
    pub salted: Salted,
    /// The digest of the event before somebody was erased from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl SegmentEvent {
    /// SHA-256 of the event as it was logged.
    fn digest(&self) -> String {
        self.digest.clone().unwrap_or_else(|| self.current_digest())
    }

    /// SHA-256 of the event as it is.
    pub fn current_digest(&self) -> String {
        hex(Sha256::digest(format!("{} {}", self.salted.salt, self.salted.event)))
    }
}

impl SegmentItem {
    /// The digest of this segment, if it has that number.
    pub fn digest(&self, number: u64) -> String {
        let Previous { digest: previous, expires } = &self.previous;
        let mut digest = Sha256::new();
        digest.update(format!("{previous} {expires} {number} {} {}", self.at.micros(), self.expires));
        for event in &self.events {
            digest.update(format!(" {}", event.digest()));
        }
        hex(digest.finalize())
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    use std::fmt::Write as _;
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl LogRange {
    /// Whether the position is between the bounds.
    pub fn contains(&self, position: LogPosition) -> bool {
        self.after.is_none_or(|after| position > after) && self.before.is_none_or(|before| position < before)
    }
}

impl Store {
    /// At most `limit` segments with events in a range, in its direction; of the first and the last one, only those events
    /// that are in the range.
    ///
    /// # Errors
    /// When the store is unavailable, or a segment is malformed.
    pub async fn segments(&self, range: LogRange, limit: usize) -> Result<Vec<Segment>> {
        // After the last index there is nothing in its segment.
        let first = range.after.map_or(0, |after| after.segment + u64::from(after.index == u32::MAX));
        let first = keys::segment_sort(first);
        let last = range.before.map_or_else(|| "~".to_owned(), |before| keys::segment_sort(before.segment));
        let bound = Bound::Between(&first, &last);
        if first > last {
            return Ok(Vec::new());
        }
        let items = self.query(Range { pk: keys::EVENT_LOG, bound, ascending: range.ascending }, limit).await?;
        let now = self.ambient.now();
        let mut segments = Vec::new();
        for item in items {
            let (number, item) = segment_of(item)?;
            let mut events = Vec::new();
            for (index, event) in (0..).zip(&item.events) {
                let position = LogPosition { segment: number, index };
                if range.contains(position) {
                    events.push(LoggedEvent { position, event: event.salted.read()? });
                }
            }
            if !range.ascending {
                events.reverse();
            }
            // Deleted late by the table's time to live.
            if now.seconds() < item.expires {
                segments.push(Segment { number, at: item.at, events });
            }
        }
        Ok(segments)
    }

    /// The position after everything that is in the log.
    ///
    /// # Errors
    /// As [`Store::segments`].
    pub async fn log_end(&self) -> Result<LogPosition> {
        let range = Range { pk: keys::EVENT_LOG, bound: Bound::Whole, ascending: false };
        let last = self.query(range, 1).await?.pop().map(segment_of).transpose()?;
        Ok(LogPosition { segment: last.map_or(0, |(number, _)| number), index: u32::MAX })
    }

    /// At most `limit` events of a target, which [`EventTarget::text`](crate::model::EventTarget::text) names, in a range.
    ///
    /// # Errors
    /// When the store is unavailable, or an event is malformed.
    pub async fn events_of(&self, target: &str, range: LogRange, limit: usize) -> Result<Vec<LoggedEvent>> {
        self.indexed(&keys::events_of(target), range, limit).await
    }

    /// At most `limit` events that a user caused, in a range.
    ///
    /// # Errors
    /// As [`Store::events_of`].
    pub async fn events_by(&self, actor: UserId, range: LogRange, limit: usize) -> Result<Vec<LoggedEvent>> {
        self.indexed(&keys::events_by(actor), range, limit).await
    }

    async fn indexed(&self, pk: &str, range: LogRange, limit: usize) -> Result<Vec<LoggedEvent>> {
        #[derive(Deserialize)]
        struct EventItem {
            event: String,
            expires: i64,
        }
        let sort = |position: LogPosition| keys::event_of(pk, position).sk;
        // `~` follows every digit; the bounds themselves are removed below.
        let first = range.after.map_or_else(|| "0".to_owned(), sort);
        let last = range.before.map_or_else(|| "~".to_owned(), sort);
        if first > last {
            return Ok(Vec::new());
        }
        let bound = Bound::Between(&first, &last);
        let items = self.query(Range { pk, bound, ascending: range.ascending }, limit.saturating_add(2)).await?;
        let now = self.ambient.now().seconds();
        let mut events = Vec::new();
        for item in items {
            let key = key_of(&item);
            let Some(position) = keys::event_position(&key.sk).filter(|position| range.contains(*position)) else {
                continue;
            };
            let EventItem { event, expires } = from_item(&key, item)?;
            if now < expires {
                let event = Salted { salt: String::new(), event }.read()?;
                events.push(LoggedEvent { position, event });
            }
        }
        events.truncate(limit);
        Ok(events)
    }
}

/// The number and the record of a segment's item.
pub(super) fn segment_of(item: Item) -> Result<(u64, SegmentItem)> {
    let key = key_of(&item);
    let number = key.sk.parse().map_err(|_| crate::error::Error::internal(format!("malformed item {key}: no number")));
    Ok((number?, from_item(&key, item)?))
}
