//! What a process remembers of recent changes, and what they mean for searches.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::changes::{Change, IndexState, PACKED, PacketHeader};
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
pub(crate) type RecentCache = Arc<Mutex<Memory>>;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(super) packets: Packets,
    /// By sort key.
    changes: BTreeMap<String, Arc<Change>>,
    /// When they were read last.
    pub(super) read_at: Option<Timestamp>,
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

impl Memory {
    /// Whether there are enough changes for a packet, and nobody in this process has said so for a while.
    pub(super) fn is_much(&mut self, now: Timestamp) -> bool {
        let was_said = self.asked_at.is_some_and(|asked_at| now < asked_at.plus_seconds(ASKED));
        let is_much = self.changes.len() >= PACKED && !was_said;
        if is_much {
            self.asked_at = Some(now);
        }
        is_much
    }

    /// Adds what was read at a time, the changes from a sort key on.
    pub(super) fn take_in(
        &mut self,
        reading: Reading,
        packets: Packets,
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
