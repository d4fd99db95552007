//! What a process remembers of recent changes, and what they mean for searches.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::changes::{Change, History, IndexState, PACKET_MAX_CHANGES, PacketHeader, Shift, shifts};
use super::terms::{Entry, Place, SearchField};
use crate::model::{Timestamp, UserId};

/// How long a process waits before it asks for packing again, in seconds.
const ASKED: i64 = 60;
/// The changes of packets, by packet.
pub(super) type Packets = BTreeMap<String, Arc<Vec<Arc<Change>>>>;

/// The newest state of users that have changed.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// See [`IndexState::merges`].
    pub merges: u64,
    /// See [`IndexState::is_migrated`].
    pub is_migrated: bool,
    /// See [`IndexState::through`].
    through: String,
    users: HashMap<UserId, History>,
}

/// What this process knows of the changes.
pub(crate) type RecentCache = Arc<Mutex<Memory>>;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(super) packets: Packets,
    /// By sort key.
    changes: BTreeMap<String, Arc<Change>>,
    /// When they were read last.
    pub(super) read_at: Option<Timestamp>,
    /// How many readings have begun, and which of them was the last to be taken in.
    begun: u64,
    taken: u64,
    /// When this process last asked for packing.
    asked_at: Option<Timestamp>,
    pub(super) recent: Arc<Recent>,
}

/// The partition of the recent changes, read in one piece.
pub(super) struct Reading {
    pub state: IndexState,
    pub headers: BTreeMap<String, PacketHeader>,
    pub changes: BTreeMap<String, Arc<Change>>,
}

impl Recent {
    fn of(index: &IndexState, changes: impl Iterator<Item = Arc<Change>>) -> Self {
        let through = index.through.clone();
        Self { merges: index.merges, is_migrated: index.is_migrated, through, users: History::by_user(changes) }
    }

    /// What they mean for places that merged changes have left.
    pub(super) fn shifts(&self) -> Vec<Shift> {
        shifts(self.users.values().flat_map(|history| &history.certain), &self.through)
    }

    /// From the places of all users now, makes those that merged changes have left.
    pub(super) fn undo(&self, places: &mut BTreeSet<Place>) {
        for History { certain, .. } in self.users.values() {
            let undone = || certain.iter().filter(|change| change.moves_place_after(&self.through));
            for entry in undone().flat_map(|change| change.old.iter().chain(&change.new)) {
                places.remove(&entry.place);
            }
            places.extend(undone().next().and_then(|first| first.old.as_ref()).map(|entry| entry.place));
        }
    }

    /// Whether the lists are wrong about the user at that place.
    pub(super) fn hides(&self, place: Place) -> bool {
        self.users.get(&place.id()).is_some_and(|history| !history.certain.is_empty())
    }

    /// The places of changed users of whom one of the fields contains a folded part.
    pub(super) fn matching(&self, fields: &[SearchField], part: &str) -> VecDeque<Place> {
        let newest = self.users.values().flat_map(|history| history.certain.last().into_iter().chain(&history.after));
        let entries = newest.filter_map(|change| change.new.as_ref());
        let matches = |entry: &&Entry| fields.iter().any(|field| entry.value(*field).contains(part));
        let mut places: Vec<Place> = entries.filter(matches).map(|entry| entry.place).collect();
        places.sort_unstable();
        places.dedup();
        places.into()
    }
}

impl Memory {
    /// Whether there are enough changes for a packet, and nobody in this process has said so for a while.
    pub(super) fn wants_packing(&mut self, now: Timestamp) -> bool {
        let was_said = self.asked_at.is_some_and(|asked_at| now < asked_at.plus_seconds(ASKED));
        let wants_packing = self.changes.len() >= PACKET_MAX_CHANGES && !was_said;
        if wants_packing {
            self.asked_at = Some(now);
        }
        wants_packing
    }

    /// Begins a reading: its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Adds what was read at a time, the changes from a sort key on, with all packets that there are.
    pub(super) fn take_in(
        &mut self,
        reading: Reading,
        packets: Packets,
        from: Option<&str>,
        (number, at): (u64, Timestamp),
    ) {
        if self.taken > number {
            // Another request began to read later, and has found more.
            return;
        }
        self.taken = number;
        self.read_at = Some(at);
        let Reading { state, headers, changes } = reading;
        let moved = headers.values().map(|header| header.through.as_str()).max().unwrap_or_default();
        let moved = moved.max(state.through.as_str());
        let from = from.unwrap_or_default();
        let stays = |sk: &String| sk.as_str() > moved && sk.as_str() < from;
        let is_same =
            self.packets.keys().eq(packets.keys()) && self.changes.keys().filter(|sk| !stays(sk)).eq(changes.keys());
        self.packets = packets;
        self.changes.retain(|sk, _| stays(sk));
        self.changes.extend(changes);
        if !is_same || self.recent.merges != state.merges || self.recent.is_migrated != state.is_migrated {
            let packed = self.packets.values().flat_map(|packet| packet.iter().cloned());
            self.recent = Arc::new(Recent::of(&state, packed.chain(self.changes.values().cloned())));
        }
    }
}
