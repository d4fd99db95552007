//! Changes that the lists do not contain yet.
//!
//! A change of a user writes one *recent change* in its own transaction. Some hundred become a *packet*, and several packets
//! at once are merged into the lists. A search reads the recent changes and the packets, and takes what they say instead of
//! what the lists say about the same users. So it finds what was written a moment ago.
//!
//! A process remembers packets, which never change, and recent changes older than [`SETTLED`]: no change can appear among
//! those any more.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;

use super::changes::{Change, IndexState, change_in, changes_in, header_in};
use super::memory::{Packets, Reading, Recent};
use super::terms::Entry;
use crate::error::Result;
use crate::model::{Timestamp, User};
use crate::store::item::{from_item, key_of};
use crate::store::keys::{self, Key, SETTLED};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::Transaction;
use crate::store::{Item, Store};

/// Attribute of a mark: when it was left, in microseconds since 1970.
pub(super) const MARKED: &str = "at";

/// Adds what a change of a user at a time means for the index.
pub(in crate::store) fn write_search<G: Clone>(
    transaction: &mut Transaction<G>,
    (before, after): (Option<&User>, Option<&User>),
    (version, at): (u64, Timestamp),
) -> Result<()> {
    let change = Change::between(before, after, version, at);
    if change.old != change.new
        && let Some(item) = change.item()?
    {
        transaction.put(item);
    }
    Ok(())
}

impl Store {
    /// Now, but after a user's last change, though its time may come from another clock.
    pub(in crate::store) fn time_after(&self, before: Option<&User>) -> Timestamp {
        let now = self.ambient.now();
        let last = before.map(|before| before.modified).filter(|&last| last <= now.plus_seconds(SETTLED / 2));
        last.map_or(now, |last| now.max(Timestamp::from_micros(last.micros() + 1)))
    }

    /// Withdraws changes that may have been made at a time and were not.
    pub(super) async fn withdraw(&self, entries: Vec<Entry>, at: Timestamp) -> Result<()> {
        let at = at.ordinal() + 1;
        let withdrawn = |entry| Change { at, version: 1, is_certain: true, old: Some(entry), new: None }.item();
        let items = entries.into_iter().filter_map(|entry| withdrawn(entry).transpose());
        self.write_batch(items.collect::<Result<_>>()?, &[]).await
    }

    /// What this process knows of them already.
    pub(super) fn recent_known(&self) -> Option<Arc<Recent>> {
        let memory = self.recent_cache.lock().unwrap_or_else(PoisonError::into_inner);
        memory.read_at.map(|_| memory.recent.clone())
    }

    /// The changes that the lists do not contain yet.
    pub(super) async fn recent(&self) -> Result<Arc<Recent>> {
        let mut attempts = self.attempts();
        loop {
            attempts.next().await?;
            let now = self.ambient.now();
            let (number, known_until) = {
                let mut memory = self.recent_cache.lock().unwrap_or_else(PoisonError::into_inner);
                // If the clock was set back, nothing is known about what was written since.
                let read_at = memory.read_at.filter(|&read_at| read_at <= now);
                let known_until = read_at.map(|read_at| keys::recent_changes_before(read_at.plus_seconds(-SETTLED)));
                (memory.begin(), known_until)
            };
            let reading = self.read_changes(known_until.as_deref()).await?;
            let known = {
                let memory = self.recent_cache.lock().unwrap_or_else(PoisonError::into_inner);
                let known = |id: &String| memory.packets.get(id).map(|packet| (id.clone(), packet.clone()));
                reading.headers.keys().filter_map(known).collect::<Packets>()
            };
            let unknown: Vec<&String> = reading.headers.keys().filter(|id| !known.contains_key(*id)).collect();
            // If one does not exist, it was merged meanwhile.
            let Some(mut packets) = self.packets(&unknown).await? else { continue };
            packets.extend(known);
            let (recent, wants_packing) = {
                let mut memory = self.recent_cache.lock().unwrap_or_else(PoisonError::into_inner);
                memory.take_in(reading, packets, known_until.as_deref(), (number, now));
                (memory.recent.clone(), memory.wants_packing(now))
            };
            if wants_packing && let Err(error) = self.leave_mark(&keys::packing_task()).await {
                tracing::warn!(error = %error, "could not ask for packing of the search index");
            }
            return Ok(recent);
        }
    }

    /// Leaves a mark for the job. In AWS, the stream passes it on to `housekeeping`.
    pub(super) async fn leave_mark(&self, key: &Key) -> Result<()> {
        let mut item = key.attributes();
        // An item that does not change is no news.
        item.insert(MARKED.to_owned(), AttributeValue::N(self.ambient.now().micros().to_string()));
        self.put(item, None).await?;
        Ok(())
    }

    /// The recent changes from a sort key on, the headers of all packets, and the state.
    async fn read_changes(&self, from: Option<&str>) -> Result<Reading> {
        // Changes sort before the packets that they are moved to, and packets before the state, which counts a merge before its
        // packets are removed.
        let from = from.unwrap_or(keys::RECENT_CHANGES);
        let range = Range { pk: keys::RECENT, bound: Bound::Between(from, keys::INDEX_STATE), ascending: true };
        let mut reading = Reading { state: IndexState::default(), headers: BTreeMap::new(), changes: BTreeMap::new() };
        for item in self.query(range, usize::MAX).await? {
            let key = key_of(&item);
            if key.sk == keys::INDEX_STATE {
                reading.state = from_item(&key, item)?;
            } else if let Some(id) = keys::packet_id(&key.sk) {
                let id = id.to_owned();
                reading.headers.extend(header_in(item).map(|header| (id, header)));
            } else {
                reading.changes.extend(change_in(&item).map(|change| (key.sk, change)));
            }
        }
        Ok(reading)
    }

    /// The changes in some packets; `None` if one does not exist.
    pub(super) async fn packets(&self, ids: &[&String]) -> Result<Option<Packets>> {
        let wanted: Vec<Key> = ids.iter().map(|id| keys::packet(id)).collect();
        let mut items: HashMap<Key, Item> =
            self.batch_at_once(&wanted).await?.into_iter().map(|item| (key_of(&item), item)).collect();
        let mut packets = BTreeMap::new();
        for id in ids {
            let Some(item) = items.remove(&keys::packet(id)) else { return Ok(None) };
            packets.insert((*id).clone(), Arc::new(changes_in(&item)));
        }
        Ok(Some(packets))
    }
}
