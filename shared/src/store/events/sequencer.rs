//! The sequencer: moves pending events to the end of the log.
//!
//! Any number of sequencers may run at once, and each may stop anywhere:
//!
//! 1. Read the last segment, and *index* it unless the mark says that this was done: copy its events to the partitions of
//!    their targets and actors, delete them from the pending ones, and set the mark.
//! 2. Read pending events. None of them is in the log: those of the last segment were just deleted, those of earlier ones
//!    before it was added.
//! 3. Add them as the next segment, on condition that nobody else has added it. If somebody has, begin again.
//!
//! Between the first step and the third nobody else adds a segment, or the third one fails. So no event is added twice.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::log::{Previous, SegmentEvent, SegmentItem, segment_of};
use super::{Salted, number, pending};
use crate::error::Result;
use crate::model::{Event, LogPosition};
use crate::store::item::{key_of, to_item};
use crate::store::keys::Key;
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Item, Store, keys};

/// The most events of a segment.
const MOST: usize = 100;
/// How many pending events are read from each partition.
const PIECE: usize = 50;
/// How many copies are written at once.
const AT_ONCE: usize = 16;
/// How long segments stay after their last event may be deleted, in seconds.
const LONGER: i64 = 24 * 60 * 60;
/// Attribute of the mark: the number of the last indexed segment.
const THROUGH: &str = "through";

/// The last segment of the log; number 0 if there is none.
#[derive(Default)]
struct Head {
    number: u64,
    seen: Previous,
}

impl Store {
    /// Moves pending events to the log, at most `most` segments of them. Events are kept for `retention` seconds. `true`
    /// if none are left that were committed before the call.
    ///
    /// # Errors
    /// When the store is unavailable. The next call continues where this one stopped.
    pub async fn events_sequence(&self, retention: i64, most: usize) -> Result<bool> {
        if !self.has_pending().await? {
            return Ok(true);
        }
        for _ in 0..most {
            let head = self.indexed_head().await?;
            let (events, is_all) = self.pending_some().await?;
            if events.is_empty() {
                return Ok(true);
            }
            let is_added = self.segment_add(&head, events, retention).await?;
            if is_added && is_all {
                // Index it too: readers find its events by target and actor from now on.
                self.indexed_head().await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an event is pending. It costs less than reading the head of the log.
    async fn has_pending(&self) -> Result<bool> {
        let shards: Vec<String> = keys::pending_events().collect();
        let found =
            try_join_all(shards.iter().map(|pk| self.query(Range { pk, bound: Bound::Whole, ascending: true }, 1)));
        Ok(found.await?.iter().any(|items| !items.is_empty()))
    }

    /// Some pending events in order, and whether they are all. A malformed one is logged and stays behind.
    async fn pending_some(&self) -> Result<(Vec<(Salted, Event)>, bool)> {
        let shards: Vec<String> = keys::pending_events().collect();
        let found =
            try_join_all(shards.iter().map(|pk| self.query(Range { pk, bound: Bound::Whole, ascending: true }, PIECE)));
        let found = found.await?;
        let mut is_all = found.iter().all(|items| items.len() < PIECE);
        let mut events = Vec::new();
        for item in found.into_iter().flatten() {
            let key = key_of(&item);
            match pending(item) {
                Ok(event) => events.push(event),
                Err(error) => {
                    tracing::error!(event.id = %key.sk, error = %error, "malformed event, deleted");
                    self.remove(&key).await?;
                }
            }
        }
        events.sort_by_key(|(_, event)| event.id);
        is_all &= events.len() <= MOST;
        events.truncate(MOST);
        in_order_of_versions(&mut events);
        Ok((events, is_all))
    }

    /// The last segment, all of whose events are indexed and no longer pending.
    async fn indexed_head(&self) -> Result<Head> {
        let range = Range { pk: keys::EVENT_LOG, bound: Bound::Whole, ascending: false };
        let Some(item) = self.query(range, 1).await?.pop() else {
            return Ok(Head::default());
        };
        let (last, segment) = segment_of(item)?;
        if self.events_indexed_through().await?.is_none_or(|through| through < last) {
            self.segment_index(last, &segment).await?;
        }
        let SegmentItem { digest, expires, .. } = segment;
        Ok(Head { number: last, seen: Previous { digest, expires } })
    }

    /// The number of the last indexed segment.
    pub(super) async fn events_indexed_through(&self) -> Result<Option<u64>> {
        let mark = self.item(&keys::events_indexed()).await?;
        Ok(mark.as_ref().and_then(|mark| mark.get(THROUGH)?.as_n().ok()?.parse().ok()))
    }

    /// Adds a segment after the head; `false` if somebody else has added one.
    async fn segment_add(&self, head: &Head, events: Vec<(Salted, Event)>, retention: i64) -> Result<bool> {
        let events: Vec<_> = events.into_iter().map(|(salted, _)| SegmentEvent { salted, digest: None }).collect();
        let (at, next) = (self.ambient.now(), head.number + 1);
        let expires = at.plus_seconds(retention + LONGER).seconds();
        let (digest, previous) = (String::new(), head.seen.clone());
        let mut segment = SegmentItem { at, events, digest, previous, erasures: 0, expires };
        segment.digest = segment.digest(next);
        let item = to_item(&keys::segment(next), &segment)?;
        // A transaction: repeating it after a lost response is not a conflict with itself.
        let mut transaction = Transaction::new();
        transaction.put_if(item, Condition::Absent, ());
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// Copies the events of a segment to the partitions of their targets and actors, and deletes them from the pending
    /// ones.
    async fn segment_index(&self, segment: u64, item: &SegmentItem) -> Result<()> {
        let read = item.events.iter().map(|event| event.salted.read());
        let done = read.map(|read| read.map(|read| keys::pending_event(read.id, &read.target)));
        let done: Vec<Key> = done.collect::<Result<_>>()?;
        self.copies_write(segment, item).await?;
        self.remove_all(&done).await?;
        self.indexed_mark(segment).await
    }

    /// The same for a segment whose events were never pending here.
    pub(super) async fn segment_copy(&self, segment: u64, item: &SegmentItem) -> Result<()> {
        self.copies_write(segment, item).await?;
        self.indexed_mark(segment).await
    }

    async fn copies_write(&self, segment: u64, item: &SegmentItem) -> Result<()> {
        let mut copies = Vec::new();
        for (index, event) in (0..).zip(&item.events) {
            let position = LogPosition { segment, index };
            let read = event.salted.read()?;
            for key in copies_of(&read, position) {
                copies.push(copy(&key, &event.salted.event, item.expires));
            }
        }
        // On condition that they do not exist: a person may have been erased from them meanwhile.
        let writes = stream::iter(copies).map(|item| self.put(item, Some(&Condition::Absent)));
        writes.buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await
    }

    async fn indexed_mark(&self, segment: u64) -> Result<()> {
        let mut mark = keys::events_indexed().attributes();
        mark.insert(THROUGH.to_owned(), number(segment));
        self.write_batch(vec![mark], &[]).await
    }
}

/// The keys of an event's copies.
pub(super) fn copies_of(event: &Event, position: LogPosition) -> Vec<Key> {
    let of = keys::event_of(&keys::events_of(&event.target.text()), position);
    let by = event.actor.id.map(|actor| keys::event_of(&keys::events_by(actor), position));
    [of].into_iter().chain(by).collect()
}

/// A copy of an event.
pub(super) fn copy(key: &Key, event: &str, expires: i64) -> Item {
    let mut item = key.attributes();
    item.insert("event".to_owned(), AttributeValue::S(event.to_owned()));
    item.insert(keys::EXPIRES.to_owned(), number(expires));
    item
}

/// Sorts the events of each target by version, wherever clocks disagree. Events without a version stay where they are.
fn in_order_of_versions(events: &mut [(Salted, Event)]) {
    let mut places = std::collections::BTreeMap::<String, Vec<usize>>::new();
    for (place, (_, event)) in events.iter().enumerate() {
        if event.version.is_some() {
            places.entry(event.target.text()).or_default().push(place);
        }
    }
    for places in places.into_values() {
        let mut sorted: Vec<_> = places.iter().map(|&place| events[place].clone()).collect();
        sorted.sort_by_key(|(_, event)| event.version);
        for (&place, event) in places.iter().zip(sorted) {
            events[place] = event;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Actor, ActorKind, EventAction, EventId, EventTarget, Timestamp, UserId};

    #[test]
    fn versions_decide_where_clocks_disagree() {
        let event = |id: u128, user: u128, version: Option<u64>| {
            let event = Event {
                id: EventId(uuid::Uuid::from_u128(id)),
                at: Timestamp::from_micros(0),
                action: EventAction::UserUpdated,
                actor: Actor::system(ActorKind::System, "test"),
                target: EventTarget::user(UserId(uuid::Uuid::from_u128(user)), None),
                version,
                changes: std::collections::BTreeMap::new(),
                erased: false,
            };
            (Salted { salt: String::new(), event: String::new() }, event)
        };
        let mut events = vec![
            event(1, 1, Some(3)),
            event(2, 2, Some(1)),
            event(3, 1, None),
            event(4, 1, Some(2)),
            event(5, 2, Some(9)),
        ];
        in_order_of_versions(&mut events);
        let ids: Vec<_> = events.iter().map(|(_, event)| event.id.0.as_u128()).collect();
        assert_eq!(ids, [4, 2, 3, 1, 5]);
    }
}
