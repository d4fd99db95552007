//! A sparse rank index of the list of all users, by which a page far from both ends is found at once.
//!
//! It divides the list into *stretches* of 250 to 1,000 users, and holds where each begins and how many users it has: some ten
//! kilobytes for a hundred thousand users. It includes all merged changes; readers add the recent ones. A merge updates it in the
//! transaction that ends the merge.
//!
//! Nothing else rests on it. An import's changes are uncertain and not counted, so it may count too few until the import ends. Pages
//! of a year use it only if its total for that year equals the counters'; otherwise they are found without it, and the job
//! counts anew.

use std::collections::{BTreeMap, BTreeSet};

use async_recursion::async_recursion as boxed;
use futures_util::future::try_join;
use serde::{Deserialize, Serialize};

use super::changes::{IndexState, Shift};
use super::packing::same_merge;
use super::terms::Place;
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::store::item::{bytes_in, item_of_bytes, key_of};
use crate::store::keys::{self, List};
use crate::store::lists::{Counts, Start};
use crate::store::transaction::Transaction;
use crate::store::{Direction, Item, Store};

/// The fewest users for which a stretch ends.
const FEWEST: u64 = 250;
/// About how many stretches there are, if that makes them longer.
const STRETCHES: u64 = 1000;
/// How much longer than intended a stretch may become, and how many more there may be, before they are divided anew.
const TOLERANCE: u64 = 4;
/// How many positions are read at once to count them.
const COUNTED_AT_ONCE: usize = 20_000;
/// How often the job compares it with the counters if they change meanwhile.
const COMPARISONS: usize = 3;
/// How long the job waits at least, in seconds, until it counts all users again.
const COUNTED: i64 = 60 * 60;
/// The attribute with the index.
const RANKS: &str = "r";

/// A sparse rank index of the list of all users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RankIndex {
    /// [`IndexState::merges`] of the changes that it counts.
    merges: u64,
    /// When all users were counted, in microseconds since 1970.
    counted_at: i64,
    /// Oldest first; none spans two years.
    stretches: Vec<Stretch>,
    /// No user has been counted behind this place.
    newest: Option<Place>,
}

/// Part of the list: up to the next one, or to the end of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    /// No user of the stretch is before this place, and none of earlier stretches behind it.
    first: Place,
    users: u64,
}

impl RankIndex {
    /// The index of users at these places, in their order.
    fn of(places: &BTreeSet<Place>, merges: u64, at: Timestamp) -> Self {
        let length = length(places.len() as u64);
        let mut stretches: Vec<Stretch> = Vec::new();
        for place in places {
            match stretches.last_mut().filter(|last| last.users < length && last.first.year() == place.year()) {
                Some(last) => last.users += 1,
                None => stretches.push(Stretch { first: *place, users: 1 }),
            }
        }
        Self { merges, counted_at: at.micros(), stretches, newest: places.last().copied() }
    }

    /// The index after changes; `None` if they contradict it.
    fn after(&self, shifts: &[Shift], merges: u64) -> Option<Self> {
        let length = length(self.users());
        let mut next = Self { merges, ..self.clone() };
        for &(place, by) in shifts {
            let index = next.stretch_at(place, length);
            let users = &mut next.stretches.get_mut(index)?.users;
            *users = users.checked_add_signed(by)?;
            next.newest = next.newest.max(Some(place));
        }
        next.stretches.retain(|stretch| stretch.users > 0);
        Some(next)
    }

    /// Which stretch a place belongs to. A new one begins at a place behind all others, if the last one is long enough.
    fn stretch_at(&mut self, place: Place, length: u64) -> usize {
        let next = self.stretches.partition_point(|stretch| stretch.first <= place);
        let same_year = |stretch: &&Stretch| stretch.first.year() == place.year();
        let is_newest = self.newest.is_none_or(|newest| place > newest);
        let before = next.checked_sub(1).filter(|&index| self.stretches.get(index).as_ref().is_some_and(same_year));
        if let Some(before) = before.filter(|&before| !is_newest || self.stretches[before].users < length) {
            return before;
        }
        match self.stretches.get_mut(next).filter(|stretch| stretch.first.year() == place.year()) {
            Some(stretch) => stretch.first = place,
            None => self.stretches.insert(next, Stretch { first: place, users: 0 }),
        }
        next
    }

    fn users(&self) -> u64 {
        self.stretches.iter().map(|stretch| stretch.users).sum()
    }

    /// How many users each year has.
    fn years(&self) -> BTreeMap<i32, u64> {
        let mut years = BTreeMap::new();
        for stretch in &self.stretches {
            *years.entry(stretch.first.year()).or_default() += stretch.users;
        }
        years
    }

    /// Whether the stretches are neither much too long nor far too many.
    fn is_even(&self) -> bool {
        let length = length(self.users());
        let is_long = |stretch: &Stretch| stretch.users > TOLERANCE * length;
        !self.stretches.iter().any(is_long) && self.stretches.len() as u64 <= TOLERANCE * STRETCHES
    }

    /// The nearest way to the position of which `rank` users of the year are older.
    fn start(&self, year: i32, rank: u64) -> Option<Start> {
        let mut of_year = self.stretches.iter().filter(|stretch| stretch.first.year() == year).peekable();
        let mut older = 0;
        while let Some(stretch) = of_year.next() {
            let newer = older + stretch.users;
            if rank >= newer {
                older = newer;
                continue;
            }
            let start = |place: Place, steps, ascending| Start { sk: Some(place.position()), steps, ascending };
            let (up, down) = (rank - older + 1, newer - rank);
            return Some(match of_year.peek().filter(|_| down < up) {
                Some(next) => start(next.first, down, false),
                None => start(stretch.first.previous(), up, true),
            });
        }
        None
    }

    fn item(&self) -> Result<Item> {
        let bytes = postcard::to_allocvec(self).map_err(|error| Error::Internal(error.into()))?;
        Ok(item_of_bytes(&keys::ranks(), RANKS, bytes))
    }

    /// The index in an item; a malformed one is logged.
    fn read(item: &Item) -> Option<Self> {
        let read = bytes_in(item, RANKS).and_then(|bytes| postcard::from_bytes(bytes).ok());
        if read.is_none() {
            tracing::error!("malformed rank index of users; it will be made anew");
        }
        read
    }
}

/// How many users a new stretch gets.
fn length(users: u64) -> u64 {
    FEWEST.max(users / STRETCHES)
}

impl Place {
    fn year(self) -> i32 {
        Timestamp::from_ordinal(self.moment).year()
    }

    /// The place right before this one.
    fn previous(self) -> Self {
        match u128::from_be_bytes(self.user).checked_sub(1) {
            Some(user) => Self { user: user.to_be_bytes(), ..self },
            None => Self { moment: self.moment.saturating_sub(1), user: [u8::MAX; 16] },
        }
    }
}

impl Store {
    /// The nearest known way to the position of which `rank` users who joined in that year are older, if it is certain.
    pub(in crate::store) async fn start_by_ranks(
        &self,
        counts: &Counts,
        year: i32,
        rank: u64,
    ) -> Result<Option<Start>> {
        let Some((_, ranks)) = self.ranks().await? else { return Ok(None) };
        if ranks.years().get(&year) != counts.by_year().get(&year) {
            return Ok(None);
        }
        // A user created since the counters were read could mask one whom the index lacks.
        if self.user_counts().await? != *counts {
            return Ok(None);
        }
        Ok(ranks.start(year, rank))
    }

    /// The stored rank index, and the same with recent changes; `None` if it is missing or outdated.
    #[boxed]
    async fn ranks(&self) -> Result<Option<(RankIndex, RankIndex)>> {
        let (stored, recent) = try_join(self.stored_ranks(), self.recent()).await?;
        // If a merge has ended in between, they do not fit.
        let stored = stored.filter(|stored| stored.merges == recent.merges);
        Ok(stored.and_then(|stored| stored.after(&recent.shifts(), stored.merges).map(|current| (stored, current))))
    }

    async fn stored_ranks(&self) -> Result<Option<RankIndex>> {
        Ok(self.item(&keys::ranks()).await?.as_ref().and_then(RankIndex::read))
    }

    /// The rank index after the changes of a merge, which are all recent ones up to its end.
    pub(super) async fn ranks_after(&self, merge: &IndexState, shifts: &[Shift]) -> Result<Option<Item>> {
        let ranks = self.stored_ranks().await?.filter(|ranks| ranks.merges == merge.merges);
        ranks.and_then(|ranks| ranks.after(shifts, merge.merges + 1)).map(|ranks| ranks.item()).transpose()
    }

    /// Rebuilds the rank index if it is missing, differs from the counters, or has uneven stretches. It does so at most once an
    /// hour, unless `now` is set.
    #[boxed]
    pub(super) async fn check_ranks(&self, now: bool) -> Result<()> {
        let mut counts = self.user_counts().await?;
        for _ in 0..COMPARISONS {
            let Some((stored, current)) = self.ranks().await? else { break };
            let is_due = now || stored.counted_at < self.ambient.now().plus_seconds(-COUNTED).micros();
            if !is_due || stored.is_even() && current.years() == *counts.by_year() {
                return Ok(());
            }
            // Whoever writes at the same time may make them differ.
            let newer = self.user_counts().await?;
            if newer == counts {
                break;
            }
            counts = newer;
        }
        let Some(merge) = self.begin_merge().await? else { return Ok(()) };
        let counted = self.count_ranks(&merge).await;
        self.end_merge(&merge, Vec::new(), None).await?;
        counted
    }

    /// Makes the rank index of all users before recent changes, while this merge holds the lease.
    async fn count_ranks(&self, merge: &IndexState) -> Result<()> {
        let mut places = self.all_places().await?;
        // Read afterwards: whoever is not in it had the same place during all of it.
        self.recent().await?.undo(&mut places);
        let ranks = RankIndex::of(&places, merge.merges, self.ambient.now());
        let mut transaction = Transaction::new();
        transaction.put(ranks.item()?);
        transaction.check(keys::index_state(), same_merge(merge), ());
        let _ = self.transact(&transaction).await?;
        Ok(())
    }

    /// The places of all users.
    async fn all_places(&self) -> Result<BTreeSet<Place>> {
        let counts = self.user_counts().await?;
        let (mut places, mut after) = (BTreeSet::new(), None::<String>);
        loop {
            let (list, way) = (List::positions, Direction::ToNewer);
            let items = self.items_of_years(&counts, list, after.as_deref(), way, COUNTED_AT_ONCE).await?;
            places.extend(items.iter().filter_map(|item| Place::parse(&key_of(item).sk)));
            match items.last().filter(|_| items.len() == COUNTED_AT_ONCE) {
                Some(last) => after = Some(key_of(last).sk),
                None => return Ok(places),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A place in one of two years.
    fn place(number: u32) -> Place {
        let day = i64::from(number % 730);
        let joined = Timestamp::parse("2025-01-01T00:00:00Z").expect("a moment").plus_seconds(day * 86_400);
        // Several users have each moment.
        Place { moment: joined.ordinal(), user: u128::from(number).to_be_bytes() }
    }

    fn places(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<Place> {
        numbers.into_iter().map(place).collect()
    }

    /// That every position is found, in no more steps than a stretch has users.
    fn assert_finds(ranks: &RankIndex, places: &BTreeSet<Place>) {
        let longest = ranks.stretches.iter().map(|stretch| stretch.users).max().unwrap_or_default();
        for year in [2025, 2026] {
            let of_year: Vec<Place> = places.iter().copied().filter(|place| place.year() == year).collect();
            for (rank, place) in of_year.iter().enumerate() {
                let Start { sk, steps, ascending } = ranks.start(year, rank as u64).expect("a start");
                let from = sk.as_deref().and_then(Place::parse).expect("a place");
                assert!(steps <= longest, "{steps} steps");
                let steps = usize::try_from(steps).expect("small");
                let found = if ascending {
                    of_year.iter().filter(|place| **place > from).nth(steps - 1)
                } else {
                    of_year.iter().rev().filter(|place| **place < from).nth(steps - 1)
                };
                assert_eq!(found, Some(place), "rank {rank} of {year} after {steps} steps");
            }
            assert_eq!(ranks.start(year, of_year.len() as u64), None);
            assert_eq!(ranks.years().get(&year).copied().unwrap_or_default(), of_year.len() as u64);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn every_position_is_found_after_any_changes(
            first in proptest::collection::vec(0_u32..3000, 0..1500),
            changes in proptest::collection::vec(proptest::collection::vec(0_u32..3000, 0..400), 0..4),
        ) {
            let mut here = places(first);
            let mut ranks = RankIndex::of(&here, 7, Timestamp::from_micros(5));
            assert_finds(&ranks, &here);
            for (merges, numbers) in changes.into_iter().enumerate() {
                // Whoever is here goes, and the others come.
                let changed = places(numbers);
                let shifts: Vec<Shift> =
                    changed.iter().map(|place| (*place, if here.remove(place) { -1 } else { 1 })).collect();
                here.extend(shifts.iter().filter(|(_, by)| *by > 0).map(|(place, _)| *place));
                ranks = ranks.after(&shifts, merges as u64).expect("an index");
                prop_assert_eq!(ranks.merges, merges as u64);
                assert_finds(&ranks, &here);
                prop_assert_eq!(RankIndex::read(&ranks.item().expect("an item")), Some(ranks.clone()));
            }
        }
    }

    #[test]
    fn new_users_get_stretches_of_their_own() {
        let joined = |number: u64| Place { moment: 1 << 60 | number, user: [0; 16] };
        let mut ranks = RankIndex::default();
        for first in (0..5000).step_by(100) {
            let shifts: Vec<Shift> = (first..first + 100).map(|number| (joined(number), 1)).collect();
            ranks = ranks.after(&shifts, 0).expect("an index");
        }
        assert!(ranks.stretches.iter().all(|stretch| stretch.users == FEWEST), "{:?}", ranks.stretches);
        assert_eq!(ranks.stretches.len(), 5000 / 250);
        assert!(ranks.is_even());
        // All others join in one place.
        let shifts: Vec<Shift> = (0..1100).map(|number| (Place { user: [1; 16], ..joined(number / 11) }, 1)).collect();
        assert!(!ranks.after(&shifts, 0).expect("an index").is_even());
    }

    #[test]
    fn who_is_not_counted_cannot_go() {
        let ranks = RankIndex::of(&places([1, 2]), 0, Timestamp::from_micros(5));
        assert_eq!(ranks.after(&[(place(2), -1), (place(2), -1), (place(1), -1)], 0), None);
        assert_eq!(RankIndex::default().after(&[(place(1), -1)], 0), None);
        let gone = ranks.after(&[(place(1), -1), (place(2), -1)], 1).expect("an index");
        assert_eq!((gone.stretches.len(), gone.years()), (0, BTreeMap::new()));
    }
}
