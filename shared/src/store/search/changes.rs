//! A change of a user, as the index sees it, and packets of such changes.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::terms::{Entry, Place};
use crate::error::{Error, Result};
use crate::model::{Timestamp, User, UserId};
use crate::store::item::{Item, bytes_in, from_item, item_of_bytes, key_of};
use crate::store::keys::{self, Key, SETTLED};

/// The most changes of a packet.
pub(super) const PACKET_MAX_CHANGES: usize = 400;
/// The attribute with a change, or with the changes of a packet.
const CHANGES: &str = "c";

/// What a change of a user means for the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// When it was made, as [`Timestamp::ordinal`].
    pub at: u64,
    /// The version of the user's record afterwards.
    pub version: u64,
    /// Whether it was made. An uncertain one may have failed: searches use it in addition to the lists, and a merge adds its
    /// postings without replacing any.
    pub is_certain: bool,
    pub old: Option<Entry>,
    pub new: Option<Entry>,
}

/// The changes of one user.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Those that were made, oldest first.
    pub certain: Vec<Arc<Change>>,
    /// Those that may have been made before the last of them.
    pub before: Vec<Arc<Change>>,
    /// Those that may have been made since.
    pub after: Vec<Arc<Change>>,
}

impl History {
    /// Sorts changes by time. What was written within [`SETTLED`] may have times of different clocks, so there versions decide.
    fn of(changes: Vec<Arc<Change>>) -> Self {
        let (mut certain, possible): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.is_certain);
        certain.sort_by_key(|change| change.at);
        let settled = SETTLED.unsigned_abs() * 1_000_000;
        let is_close = |one: &Arc<Change>, other: &Arc<Change>| other.at - one.at < settled;
        for close in certain.chunk_by_mut(is_close) {
            close.sort_by_key(|change| change.version);
        }
        let newest = certain.last().map(|change| change.at);
        let (after, before) = possible.into_iter().partition(|change| Some(change.at) >= newest);
        Self { certain, before, after }
    }

    /// The histories of users.
    pub(super) fn by_user(changes: impl Iterator<Item = Arc<Change>>) -> HashMap<UserId, Self> {
        let mut users: HashMap<UserId, Vec<Arc<Change>>> = HashMap::new();
        for change in changes {
            if let Some(user) = change.user() {
                users.entry(user).or_default().push(change);
            }
        }
        users.into_iter().map(|(user, changes)| (user, Self::of(changes))).collect()
    }
}

/// How far the lists have got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexState {
    /// How many merges were finished.
    #[serde(default)]
    pub merges: u64,
    /// The number of the merge that began last, which blocks name.
    #[serde(default)]
    pub last_merge: u64,
    /// The end of its lease, in microseconds since 1970; 0 if it has ended.
    #[serde(default)]
    pub lease_until: i64,
    /// The last recent change, by its sort key, that merged packets contain.
    #[serde(default)]
    pub through: String,
    /// Whether no user has entries of earlier releases.
    #[serde(default)]
    pub is_migrated: bool,
    /// Changes whenever the state does.
    #[serde(default)]
    pub revision: u64,
}

/// What is known of a packet without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PacketHeader {
    /// How many changes it holds.
    pub changes: u64,
    /// How many bytes these are.
    pub bytes: u64,
    /// The last recent change, by its sort key, that it contains; empty if it was not made of such.
    #[serde(default)]
    pub through: String,
}

impl Change {
    /// A change that was made.
    pub(super) fn between(before: Option<&User>, after: Option<&User>, version: u64, at: Timestamp) -> Self {
        let (old, new) = (before.map(Entry::of), after.map(Entry::of));
        Self { at: at.ordinal(), version, is_certain: true, old, new }
    }

    pub(super) fn user(&self) -> Option<UserId> {
        self.new.as_ref().or(self.old.as_ref()).map(|entry| entry.place.id())
    }

    /// The key of the recent change.
    pub(super) fn key(&self) -> Option<Key> {
        Some(keys::recent_change(Timestamp::from_ordinal(self.at), self.user()?, self.version))
    }

    /// What distinguishes it from all others.
    pub(super) fn identity(&self) -> (u64, Option<UserId>, u64) {
        (self.at, self.user(), self.version)
    }

    /// Whether it creates, moves or removes a user for certain, and is behind a sort key of recent changes. Withdrawals (version 1 and
    /// nobody new) are left out: their user never existed.
    pub(super) fn moves_place_after(&self, through: &str) -> bool {
        let is_made = self.is_certain && (self.new.is_some() || self.version > 1);
        is_made && self.key().is_some_and(|key| key.sk.as_str() > through)
    }

    /// How many bytes it is, about.
    pub(super) fn size(&self) -> usize {
        let entries = self.old.iter().chain(&self.new);
        entries.map(|entry| 32 + entry.values.iter().map(String::len).sum::<usize>()).sum()
    }

    pub(super) fn item(&self) -> Result<Option<Item>> {
        let Some(key) = self.key() else { return Ok(None) };
        let bytes = postcard::to_allocvec(self).map_err(|error| Error::Internal(error.into()))?;
        Ok(Some(item_of_bytes(&key, CHANGES, bytes)))
    }
}

/// By how much the number of users at a place changes.
pub(super) type Shift = (Place, i64);

/// What certain changes say about places, each once, without those up to `through`, which are counted already.
pub(super) fn shifts<'a>(changes: impl Iterator<Item = &'a Arc<Change>>, through: &str) -> Vec<Shift> {
    let mut shifts: BTreeMap<Place, i64> = BTreeMap::new();
    let certain = changes.filter(|change| change.moves_place_after(through));
    // While a packet is made, its changes may exist twice.
    let certain: BTreeMap<_, _> = certain.map(|change| (change.identity(), change)).collect();
    for change in certain.into_values() {
        for (entry, by) in [(&change.old, -1), (&change.new, 1)] {
            if let Some(entry) = entry {
                *shifts.entry(entry.place).or_default() += by;
            }
        }
    }
    shifts.into_iter().filter(|(_, by)| *by != 0).collect()
}

/// The recent change in an item. A malformed one is logged, and left where it is.
pub(super) fn change_in(item: &Item) -> Option<Arc<Change>> {
    let change: Option<Change> = bytes_in(item, CHANGES).and_then(|bytes| postcard::from_bytes(bytes).ok());
    if change.is_none() {
        tracing::error!(key = %key_of(item), "malformed change of the search index; skipping it");
    }
    change.map(Arc::new)
}

/// The header of a packet. A malformed one is logged, and left where it is.
pub(super) fn header_in(item: Item) -> Option<PacketHeader> {
    let key = key_of(&item);
    let header = from_item(&key, item);
    if let Err(error) = &header {
        tracing::error!(error = %error, "search index: skipping a packet");
    }
    header.ok()
}

/// The item of a packet.
pub(super) fn packet_item(id: &str, changes: &[Arc<Change>]) -> Result<Item> {
    let changes: Vec<&Change> = changes.iter().map(AsRef::as_ref).collect();
    let bytes = postcard::to_allocvec(&changes).map_err(|error| Error::Internal(error.into()))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
    let packed = packed.map_err(|error| Error::Internal(error.into()))?;
    Ok(item_of_bytes(&keys::packet(id), CHANGES, packed))
}

/// The changes in a packet; none if it is malformed, which is logged.
pub(super) fn changes_in(item: &Item) -> Vec<Arc<Change>> {
    let mut bytes = Vec::new();
    let read =
        bytes_in(item, CHANGES).is_some_and(|packed| DeflateDecoder::new(packed).read_to_end(&mut bytes).is_ok());
    let changes: Option<Vec<Change>> = if read { postcard::from_bytes(&bytes).ok() } else { None };
    if changes.is_none() {
        tracing::error!(key = %key_of(item), "malformed packet of the search index; skipping it; `rollcall reindex` adds what is missing");
    }
    changes.unwrap_or_default().into_iter().map(Arc::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u64) -> Place {
        Place { moment: number, user: [1; 16] }
    }

    #[test]
    fn changes_that_are_counted_or_that_exist_twice_do_not_count_again() {
        let entry = |number: u64| Entry { place: place(number), values: Default::default() };
        let change = |at, is_certain, old: Option<u64>, new: Option<u64>| {
            Arc::new(Change { at, version: 1, is_certain, old: old.map(entry), new: new.map(entry) })
        };
        let first = change(10, true, None, Some(1));
        let through = first.key().expect("a key").sk;
        let moved = change(11, true, Some(1), Some(2));
        let changes = [
            first,
            moved.clone(),
            moved,
            change(12, false, None, Some(3)),
            change(13, true, None, Some(4)),
            change(14, true, Some(5), None),
        ];
        assert_eq!(shifts(changes.iter(), &through), shifts(changes[1..].iter(), ""));
        let mut expected = vec![(place(1), -1), (place(2), 1), (place(4), 1)];
        expected.sort_unstable();
        assert_eq!(shifts(changes.iter(), &through), expected);
    }
}
