//! Changes that the lists do not contain yet.
//!
//! A change of a user writes one *recent change* in its own transaction. Every 500 of them become a *packet*, and a few packets
//! at once are merged into the lists. A search reads the recent changes and the packets, and takes what they say instead of
//! what the lists say about the same users. So it finds what was written a moment ago.
//!
//! A process remembers packets, which never change, and recent changes older than [`SETTLED`]: no change can appear among
//! those any more.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::SearchField;
use super::terms::{Entry, Place};
use crate::error::{Error, Result};
use crate::model::{Timestamp, User, UserId};
use crate::store::item::{from_item, key_of};
use crate::store::keys::{self, Key};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::Transaction;
use crate::store::{Item, Store, UserWrite};

/// Writes that began longer ago than this, in seconds, have finished.
pub(super) const SETTLED: i64 = 30;
/// The attribute with a change, or with the changes of a packet.
const CHANGES: &str = "c";
/// The most bytes of an unpacked packet that are read.
const MOST_UNPACKED: u64 = 100_000_000;

/// What a change of a user means for the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// When it was made, as [`Timestamp::ordinal`]. A user's changes are in the order of their times.
    pub at: u64,
    /// The version of the user's record afterwards.
    pub version: u64,
    /// Whether it was made. Otherwise it may have been made: the user is found by it, and by what the lists say too.
    pub is_certain: bool,
    pub old: Option<Entry>,
    pub new: Option<Entry>,
}

/// How far the lists have got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexState {
    /// How many merges were finished.
    #[serde(default)]
    pub merges: u64,
    /// The number of the merge that began last.
    #[serde(default)]
    pub begun: u64,
    /// No other merge begins before, in microseconds since 1970.
    #[serde(default)]
    pub busy_until: i64,
    /// The last recent change, by its sort key, that merged packets contain.
    #[serde(default)]
    pub through: String,
    /// Whether no user has entries of earlier releases.
    #[serde(default)]
    pub is_whole: bool,
}

/// What is known of a packet without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PacketHeader {
    /// How many changes it holds.
    pub changes: u64,
    /// The last recent change, by its sort key, that it contains; empty if it was not made of such.
    #[serde(default)]
    pub through: String,
}

/// The newest state of users that have changed.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// See [`IndexState::merges`].
    pub merges: u64,
    /// See [`IndexState::is_whole`].
    pub is_whole: bool,
    users: HashMap<UserId, State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the lists are not asked about this user.
    hides: bool,
    candidates: Vec<Arc<Change>>,
}

/// What this process knows of the changes.
pub(in crate::store) type RecentCache = Arc<Mutex<Memory>>;

#[derive(Debug, Default)]
pub(in crate::store) struct Memory {
    packets: BTreeMap<String, Arc<Vec<Arc<Change>>>>,
    /// By sort key.
    changes: BTreeMap<String, Arc<Change>>,
    /// When they were read last.
    read_at: Option<Timestamp>,
    recent: Arc<Recent>,
}

/// The partition of the recent changes, read in one piece.
struct Reading {
    state: IndexState,
    headers: BTreeMap<String, PacketHeader>,
    changes: BTreeMap<String, Arc<Change>>,
}

impl Change {
    pub(super) fn user(&self) -> Option<UserId> {
        self.new.as_ref().or(self.old.as_ref()).map(|entry| entry.place.id())
    }

    /// The key of the recent change.
    pub(super) fn key(&self) -> Option<Key> {
        Some(keys::recent_change(Timestamp::from_ordinal(self.at), self.user()?, self.version))
    }

    fn item(&self) -> Result<Option<Item>> {
        let Some(key) = self.key() else { return Ok(None) };
        let bytes = postcard::to_allocvec(self).map_err(|error| Error::Internal(error.into()))?;
        let mut item = key.attributes();
        item.insert(CHANGES.to_owned(), AttributeValue::B(Blob::new(bytes)));
        Ok(Some(item))
    }
}

fn bytes_of(item: &Item) -> Option<&[u8]> {
    item.get(CHANGES)?.as_b().ok().map(AsRef::as_ref)
}

/// The recent change in an item.
pub(super) fn change_in(item: &Item) -> Result<Change> {
    let change = bytes_of(item).and_then(|bytes| postcard::from_bytes(bytes).ok());
    change.ok_or_else(|| Error::internal(format!("malformed recent change: {}", key_of(item))))
}

/// The item of a packet.
pub(super) fn packet_item(id: &str, changes: &[Arc<Change>]) -> Result<Item> {
    let changes: Vec<&Change> = changes.iter().map(AsRef::as_ref).collect();
    let bytes = postcard::to_allocvec(&changes).map_err(|error| Error::Internal(error.into()))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
    let packed = packed.map_err(|error| Error::Internal(error.into()))?;
    let mut item = keys::packet(id).attributes();
    item.insert(CHANGES.to_owned(), AttributeValue::B(Blob::new(packed)));
    Ok(item)
}

/// The changes in a packet.
fn changes_in(item: &Item) -> Result<Vec<Arc<Change>>> {
    let damaged = || Error::internal(format!("malformed packet: {}", key_of(item)));
    let mut bytes = Vec::new();
    let mut decoder = DeflateDecoder::new(bytes_of(item).ok_or_else(damaged)?).take(MOST_UNPACKED);
    decoder.read_to_end(&mut bytes).map_err(|_| damaged())?;
    let changes: Vec<Change> = postcard::from_bytes(&bytes).map_err(|_| damaged())?;
    Ok(changes.into_iter().map(Arc::new).collect())
}

/// The newest state of one user, from the changes that are known, in no order.
fn state(mut changes: Vec<Arc<Change>>) -> State {
    changes.sort_by_key(|change| (change.at, change.version));
    let certain = changes.iter().rposition(|change| change.is_certain);
    let candidates = changes.split_off(certain.unwrap_or(0));
    State { hides: certain.is_some(), candidates }
}

impl Recent {
    fn of(index: &IndexState, changes: impl Iterator<Item = Arc<Change>>) -> Self {
        let mut users: HashMap<UserId, Vec<Arc<Change>>> = HashMap::new();
        for change in changes {
            if let Some(user) = change.user() {
                users.entry(user).or_default().push(change);
            }
        }
        let users = users.into_iter().map(|(user, changes)| (user, state(changes))).collect();
        Self { merges: index.merges, is_whole: index.is_whole, users }
    }

    /// Whether the lists are wrong about the user at that place.
    pub(super) fn hides(&self, place: Place) -> bool {
        !self.users.is_empty() && self.users.get(&place.id()).is_some_and(|state| state.hides)
    }

    /// The places of changed users of whom one of the fields contains a folded part.
    pub(super) fn matching(&self, fields: &[SearchField], part: &str) -> VecDeque<Place> {
        let entries = self.users.values().flat_map(|state| &state.candidates).filter_map(|change| change.new.as_ref());
        let matches = |entry: &&Entry| fields.iter().any(|field| entry.value(*field).contains(part));
        let mut places: Vec<Place> = entries.filter(matches).map(|entry| entry.place).collect();
        places.sort_unstable();
        places.dedup();
        places.into()
    }
}

impl Store {
    /// Adds what a change of a user means for the index.
    pub(in crate::store) fn write_search<G: Clone>(
        &self,
        transaction: &mut Transaction<G>,
        write: &UserWrite<'_>,
    ) -> Result<()> {
        let (old, new) = (write.before.map(Entry::of), write.after.map(Entry::of));
        if old == new {
            return Ok(());
        }
        let change = Change { at: self.time_after(write.before), version: write.version(), is_certain: true, old, new };
        if let Some(item) = change.item()? {
            transaction.put(item);
        }
        Ok(())
    }

    /// Now, but after the user's last change, though its time may come from another clock.
    fn time_after(&self, before: Option<&User>) -> u64 {
        let now = self.ambient.now();
        let last = before.map(|before| before.modified).filter(|&last| last <= now.plus_seconds(SETTLED / 2));
        last.map_or(0, |last| last.ordinal() + 1).max(now.ordinal())
    }

    /// Withdraws changes that may have been made and were not.
    pub(super) async fn withdraw(&self, entries: Vec<Entry>) -> Result<()> {
        let at = self.ambient.now().ordinal() + 1;
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
            let (known_until, known_packets) = {
                let memory = self.recent_cache.lock().unwrap_or_else(PoisonError::into_inner);
                let known: Vec<String> = memory.packets.keys().cloned().collect();
                (memory.read_at.map(|read_at| keys::recent_changes_after(read_at.plus_seconds(-SETTLED))), known)
            };
            let reading = self.read_changes(known_until.as_deref()).await?;
            let missing: Vec<&String> = reading.headers.keys().filter(|id| !known_packets.contains(id)).collect();
            // If one is missing, it was merged meanwhile.
            let Some(packets) = self.packets(&missing).await? else { continue };
            let mut memory = self.recent_cache.lock().unwrap_or_else(PoisonError::into_inner);
            memory.take_in(reading, packets, known_until.as_deref(), now);
            return Ok(memory.recent.clone());
        }
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
                reading.headers.insert(id, from_item(&key, item)?);
            } else {
                reading.changes.insert(key.sk, Arc::new(change_in(&item)?));
            }
        }
        Ok(reading)
    }

    /// The changes in some packets; `None` if one does not exist.
    pub(super) async fn packets(&self, ids: &[&String]) -> Result<Option<BTreeMap<String, Arc<Vec<Arc<Change>>>>>> {
        let wanted: Vec<Key> = ids.iter().map(|id| keys::packet(id)).collect();
        let mut items: HashMap<Key, Item> =
            self.batch_at_once(&wanted).await?.into_iter().map(|item| (key_of(&item), item)).collect();
        let mut packets = BTreeMap::new();
        for id in ids {
            let Some(item) = items.remove(&keys::packet(id)) else { return Ok(None) };
            packets.insert((*id).clone(), Arc::new(changes_in(&item)?));
        }
        Ok(Some(packets))
    }
}

impl Memory {
    /// Adds what was read at a time, the changes from a sort key on.
    fn take_in(
        &mut self,
        reading: Reading,
        packets: BTreeMap<String, Arc<Vec<Arc<Change>>>>,
        from: Option<&str>,
        at: Timestamp,
    ) {
        if self.read_at > Some(at) {
            // Another request began to read later, and has found more.
            return;
        }
        self.read_at = Some(at);
        let Reading { state, headers, changes } = reading;
        let moved = headers.values().map(|header| header.through.as_str()).max().unwrap_or_default();
        let moved = moved.max(state.through.as_str());
        let from = from.unwrap_or_default();
        let stays = |sk: &String| sk.as_str() > moved && sk.as_str() < from;
        let is_same = packets.is_empty()
            && self.packets.keys().all(|id| headers.contains_key(id))
            && self.changes.keys().filter(|sk| !stays(sk)).eq(changes.keys());
        self.packets.retain(|id, _| headers.contains_key(id));
        self.packets.extend(packets);
        self.changes.retain(|sk, _| stays(sk));
        self.changes.extend(changes);
        if !is_same || self.recent.merges != state.merges || self.recent.is_whole != state.is_whole {
            let packed = self.packets.values().flat_map(|packet| packet.iter().cloned());
            self.recent = Arc::new(Recent::of(&state, packed.chain(self.changes.values().cloned())));
        }
    }
}
