//! Keys of events.

use super::Key;
use crate::model::{Date, EventId, EventTarget, LogPosition, UserId, date_text};

/// Partition of the log's segments.
pub(crate) const EVENT_LOG: &str = "EVENTLOG";
/// Partition of the log's closed days.
pub(crate) const EVENT_DAYS: &str = "EVENTDAYS";
/// How many partitions events that are not in the log yet are spread over.
const SHARDS: u32 = 4;

/// The partitions of the events that are not in the log yet.
pub(crate) fn pending_events() -> impl Iterator<Item = String> {
    (0..SHARDS).map(|shard| format!("PENDING#{shard}"))
}

/// An event that is not in the log yet. All events of a target are in one partition, so that a read which finds one
/// finds those before it.
pub(crate) fn pending_event(id: EventId, target: &EventTarget) -> Key {
    let sum = target.text().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    Key::new(format!("PENDING#{}", sum % SHARDS), id.to_string())
}

/// A segment of the log.
pub(crate) fn segment(number: u64) -> Key {
    Key::new(EVENT_LOG, segment_sort(number))
}

/// Sort key of a segment.
pub(crate) fn segment_sort(number: u64) -> String {
    format!("{number:012}")
}

/// Partition of a target's events, which [`EventTarget::text`] names.
pub(crate) fn events_of(target: &str) -> String {
    format!("EVENTS#{target}")
}

/// Partition of a user's acts.
pub(crate) fn events_by(actor: UserId) -> String {
    format!("EVENTSBY#{actor}")
}

/// An event in one of these partitions.
pub(crate) fn event_of(partition: &str, position: LogPosition) -> Key {
    let LogPosition { segment, index } = position;
    Key::new(partition, format!("{segment:012}.{index:03}"))
}

/// The position in a sort key of these partitions.
pub(crate) fn event_position(sk: &str) -> Option<LogPosition> {
    sk.parse().ok()
}

/// Up to which segment these partitions are complete.
pub(crate) fn events_indexed() -> Key {
    Key::new("EVENTLOG#INDEXED", "INDEXED")
}

/// A closed day of the log.
pub(crate) fn event_day(day: Date) -> Key {
    Key::new(EVENT_DAYS, date_text(day))
}
