//! Tamper evidence: the digests of the log, and a record of each closed day.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::log::{SegmentItem, segment_of};
use crate::error::Result;
use crate::model::{Date, EventAction, LogPosition, Timestamp, date_text, parse_date};
use crate::store::item::{from_item, key_of, to_item};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Store, keys};

/// How many segments are read at once.
const PIECE: usize = 20;
/// By how much an event may be added to the log later than it happened, in seconds, where times limit what is read.
const SLACK: i64 = 24 * 60 * 60;

/// A closed day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DayItem {
    day: String,
    /// The number of the last segment until then.
    through: u64,
    /// Its digest, which covers all events until then.
    digest: String,
    closed: Timestamp,
    expires: i64,
}

impl DayItem {
    /// Its key; `None` if it names no day.
    pub fn key(&self) -> Option<keys::Key> {
        parse_date(&self.day).map(keys::event_day)
    }
}

/// The number of the last segment of a day.
fn through_of(item: crate::store::Item) -> Result<u64> {
    Ok(from_item::<DayItem>(&key_of(&item), item)?.through)
}

/// What a verification of the log has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogReport {
    /// How many segments it has read.
    pub segments: u64,
    /// How many events are in them.
    pub events: u64,
    /// From how many of these a person was erased; what they said is not proven any more.
    pub erased: u64,
    /// The closed days, each with its digest, oldest first.
    pub days: Vec<(String, String)>,
    /// What is not as it was written.
    pub faults: Vec<LogFault>,
}

/// A part of the log that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFault {
    /// These segments are missing.
    Missing {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// A segment was changed, or events of it were added or removed.
    Changed(u64),
    /// An event says that a person was erased from it, but no event tells of that.
    ErasedWithoutPurge(LogPosition),
    /// The last segment of a closed day is another one.
    Day(String),
    /// An item of the log cannot be read.
    Malformed(String),
}

impl Store {
    /// Closes the days before today: records the digest of the log's last segment. Returns the day and its digest, if
    /// this call has closed one.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn event_day_close(&self, retention: i64) -> Result<Option<(String, String)>> {
        let now = self.ambient.now();
        let Some(day) = now.date().previous_day() else { return Ok(None) };
        if self.item(&keys::event_day(day)).await?.is_some() {
            return Ok(None);
        }
        let Some((number, segment)) = self.last_segment_of(day).await? else { return Ok(None) };
        let expires = now.plus_seconds(retention).seconds();
        let record = DayItem { day: date_text(day), through: number, digest: segment.digest, closed: now, expires };
        let mut transaction = Transaction::new();
        transaction.put_if(to_item(&keys::event_day(day), &record)?, Condition::Absent, ());
        Ok(self.transact(&transaction).await?.is_ok().then_some((record.day, record.digest)))
    }

    /// The last segment that was added on that day or before.
    async fn last_segment_of(&self, day: Date) -> Result<Option<(u64, SegmentItem)>> {
        let mut before = None::<String>;
        loop {
            let bound = before.as_deref().map_or(Bound::Whole, Bound::Before);
            let items = self.query(Range { pk: keys::EVENT_LOG, bound, ascending: false }, PIECE).await?;
            let is_last = items.len() < PIECE;
            for item in items {
                before = Some(key_of(&item).sk);
                let (number, segment) = segment_of(item)?;
                if segment.at.date() <= day {
                    return Ok(Some((number, segment)));
                }
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    /// A position in the log before everything that happened at that time or later, as far as days are closed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn log_position_before(&self, at: Timestamp) -> Result<Option<LogPosition>> {
        let Some(day) = at.plus_seconds(-SLACK).date().previous_day() else { return Ok(None) };
        let last = date_text(day);
        let range = Range { pk: keys::EVENT_DAYS, bound: Bound::Between("0", &last), ascending: false };
        let day = self.query(range, 1).await?.pop();
        Ok(day.map(through_of).transpose()?.map(|segment| LogPosition { segment, index: u32::MAX }))
    }

    /// A position in the log after everything that happened before that time, as far as days are closed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn log_position_after(&self, at: Timestamp) -> Result<Option<LogPosition>> {
        let first = date_text(at.plus_seconds(SLACK).date());
        let range = Range { pk: keys::EVENT_DAYS, bound: Bound::Between(&first, "~"), ascending: true };
        let day = self.query(range, 1).await?.pop();
        Ok(day.map(through_of).transpose()?.map(|segment| LogPosition { segment: segment + 1, index: 0 }))
    }

    /// Computes the digests of the whole log again. Segments may be missing at its beginning once they have expired.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn events_verify(&self) -> Result<LogReport> {
        let mut report = LogReport::default();
        let mut days = Vec::new();
        for item in self.query(Range { pk: keys::EVENT_DAYS, bound: Bound::Whole, ascending: true }, usize::MAX).await?
        {
            let key = key_of(&item);
            match from_item::<DayItem>(&key, item) {
                Ok(day) => days.push(day),
                Err(error) => report.faults.push(LogFault::Malformed(error.to_string())),
            }
        }
        let mut previous = None::<(u64, String)>;
        let mut erased = Vec::new();
        let mut purged = BTreeSet::new();
        let mut from = "0".to_owned();
        loop {
            let range = Range { pk: keys::EVENT_LOG, bound: Bound::After(&from), ascending: true };
            let items = self.query(range, PIECE).await?;
            let is_last = items.len() < PIECE;
            for item in items {
                let key = key_of(&item);
                from.clone_from(&key.sk);
                let (number, segment) = match segment_of(item) {
                    Ok(found) => found,
                    Err(error) => {
                        report.faults.push(LogFault::Malformed(error.to_string()));
                        continue;
                    }
                };
                self.check_segment(&mut report, previous.as_ref(), number, &segment);
                for (index, event) in (0..).zip(&segment.events) {
                    let Ok(read) = event.salted.read() else {
                        report.faults.push(LogFault::Changed(number));
                        continue;
                    };
                    if read.action == EventAction::UserPurged {
                        purged.insert(read.target.id.clone());
                    }
                    if event.digest.is_some() {
                        erased.push((LogPosition { segment: number, index }, read));
                    }
                }
                for day in days.iter().filter(|day| day.through == number && day.digest != segment.digest) {
                    report.faults.push(LogFault::Day(day.day.clone()));
                }
                previous = Some((number, segment.digest));
            }
            if is_last {
                break;
            }
        }
        let last = previous.map_or(0, |(number, _)| number);
        // A later segment was there when the day was closed, or when segments were indexed.
        let through = days.iter().filter(|day| day.expires > self.ambient.now().seconds()).map(|day| day.through);
        let indexed = self.item(&keys::events_indexed()).await?;
        let indexed = indexed.and_then(|mark| mark.get("through")?.as_n().ok()?.parse::<u64>().ok());
        if let Some(through) = through.chain(indexed).max().filter(|through| *through > last) {
            report.faults.push(LogFault::Missing { first: last + 1, last: through });
        }
        for (position, event) in &erased {
            let person = |id: &str| purged.contains(id);
            if !person(&event.target.id) && !event.actor.id.is_some_and(|id| person(&id.to_string())) {
                report.faults.push(LogFault::ErasedWithoutPurge(*position));
            }
        }
        report.erased = erased.len().try_into().unwrap_or(u64::MAX);
        report.days = days.into_iter().map(|day| (day.day, day.digest)).collect();
        Ok(report)
    }

    /// Compares a segment with its digest and with the segment before.
    fn check_segment(
        &self,
        report: &mut LogReport,
        previous: Option<&(u64, String)>,
        number: u64,
        segment: &SegmentItem,
    ) {
        report.segments += 1;
        report.events += u64::try_from(segment.events.len()).unwrap_or(u64::MAX);
        let expected = previous.map_or(1, |(before, _)| before + 1);
        let has_expired = segment.previous.expires <= self.ambient.now().seconds();
        if number > expected && (previous.is_some() || !has_expired) {
            report.faults.push(LogFault::Missing { first: expected, last: number - 1 });
        }
        let follows = match previous {
            Some((before, digest)) if before + 1 == number => segment.previous.digest == *digest,
            _ => number > 1 || segment.previous.digest.is_empty(),
        };
        if !follows || segment.digest(number) != segment.digest {
            report.faults.push(LogFault::Changed(number));
        }
    }
}
