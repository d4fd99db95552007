//! The lists of all users and of all organizations, newest first, and their totals.
//!
//! Each record has a list row in the partition of its year, and next to it a bare position of some 60 bytes. Sharded
//! counters hold the number of rows per year; they change in the transaction that adds or removes a row. A page is
//! found by rank: whole years are skipped by their counters, rows within a year by reading bare positions, from the
//! nearest end or from a position whose rank this process remembers; far from both, the rank index of users
//! ([`super::search`]) leads to a nearer one. So following `next` costs the same on every page, and no page costs as much as
//! the rows before it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::item::{from_item, key_of};
use super::keys::{self, List, Position, SETTLED};
use super::requests::{Bound, Range};
use super::transaction::Transaction;
use super::{Item, Store};
use crate::error::Result;
use crate::model::Timestamp;
use crate::model::ambient::random;

/// The number of counter shards per year, so that concurrent creations rarely conflict.
pub(super) const SHARDS: u8 = 8;
/// The rank index is read if the target is more steps away than this. Otherwise reading positions is cheaper.
const FAR: u64 = 700;
/// How many ranks a process remembers.
const MOST_WAYPOINTS: usize = 4096;

/// The number of records in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    list: List,
    /// By year.
    years: BTreeMap<i32, u64>,
    /// How many of them are inactive.
    off: u64,
    /// Changes whenever a row is removed, or added anywhere except at the newest end.
    epoch: i64,
}

/// A record in a list: its position, and whether it counts as inactive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub position: Position,
    pub is_off: bool,
}

#[derive(Serialize, Deserialize)]
struct CountItem {
    #[serde(default)]
    rows: i64,
    #[serde(default)]
    off: i64,
    #[serde(default)]
    epoch: i64,
}

impl Counts {
    /// The total number.
    pub fn total(&self) -> u64 {
        self.years.values().sum()
    }

    /// The number of active or inactive ones.
    pub fn switched(&self, on: bool) -> u64 {
        if on { self.total().saturating_sub(self.off) } else { self.off }
    }

    /// The number of each year.
    pub(super) fn by_year(&self) -> &BTreeMap<i32, u64> {
        &self.years
    }

    /// The years with any records, oldest first.
    pub(super) fn years(&self) -> impl Iterator<Item = i32> + use<'_> {
        self.years.keys().copied()
    }
}

/// Ranks known to this process, valid for one epoch of the counters.
///
/// A rank counts from the oldest user of a year, so new users do not change it.
pub(super) type RankCache = Arc<Mutex<Memory>>;

#[derive(Debug, Default)]
pub(super) struct Memory {
    epochs: BTreeMap<List, i64>,
    known: BTreeMap<(List, i32, u64), String>,
}

/// Where to begin reading to find the position with a rank.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// Reading begins next to this position, where there need not be a record; `None` for an end of the year.
    pub sk: Option<String>,
    /// How many steps lead from there to the target.
    pub steps: u64,
    /// Whether the steps go to newer records.
    pub ascending: bool,
}

/// A position that was found.
#[derive(Debug, Default)]
struct Found {
    position: Option<String>,
    /// The newest position that was read, if the search began at the newest end.
    newest: Option<String>,
}

impl Memory {
    fn remember(&mut self, counts: &Counts, year: i32, rank: u64, sk: &str) {
        if self.epochs.get(&counts.list) != Some(&counts.epoch) {
            self.known.retain(|(list, ..), _| *list != counts.list);
            self.epochs.insert(counts.list, counts.epoch);
        }
        if self.known.len() >= MOST_WAYPOINTS {
            self.known.clear();
        }
        self.known.insert((counts.list, year, rank), sk.to_owned());
    }

    /// The nearest known position to `rank` in a year of `count` rows.
    fn nearest(&self, counts: &Counts, year: i32, rank: u64, count: u64) -> Start {
        let list = counts.list;
        let (newer, older) = if self.epochs.get(&list) == Some(&counts.epoch) {
            (
                self.known.range((list, year, rank)..(list, year, count)).next(),
                self.known.range((list, year, 0)..(list, year, rank)).next_back(),
            )
        } else {
            (None, None)
        };
        let newer = newer.map_or((None, count - rank), |((_, _, known), sk)| (Some(sk.clone()), known - rank));
        let older = older.map_or((None, rank + 1), |((_, _, known), sk)| (Some(sk.clone()), rank - known));
        let ((sk, steps), ascending) = if older.1 < newer.1 { (older, true) } else { (newer, false) };
        Start { sk, steps, ascending }
    }
}

impl Store {
    /// The exact number of records in a list.
    pub(super) async fn counts(&self, list: List) -> Result<Counts> {
        let prefix = list.counts();
        let range = Range { pk: keys::COUNT, bound: Bound::Prefix(&prefix), ascending: true };
        let mut years = BTreeMap::<i32, i64>::new();
        let (mut off, mut epoch) = (0, 0);
        for item in self.query(range, usize::MAX).await? {
            let key = key_of(&item);
            let count: CountItem = from_item(&key, item)?;
            if let Some(year) = list.count_year(&key.sk) {
                *years.entry(year).or_default() += count.rows;
            }
            off += count.off;
            epoch += count.epoch;
        }
        let years = years
            .into_iter()
            .filter_map(|(year, rows)| u64::try_from(rows).ok().filter(|&rows| rows > 0).map(|rows| (year, rows)))
            .collect();
        Ok(Counts { list, years, off: u64::try_from(off).unwrap_or_default(), epoch })
    }

    /// At most `limit` rows after the newest `offset`, newest first.
    pub(super) async fn rows(&self, counts: &Counts, offset: u64, limit: usize) -> Result<Vec<Item>> {
        let mut rows = Vec::new();
        let mut skip = offset;
        for (&year, &count) in counts.years.iter().rev() {
            if skip >= count {
                skip -= count;
                continue;
            }
            rows.extend(self.rows_of_year(counts, year, skip, limit - rows.len()).await?);
            skip = 0;
            if rows.len() >= limit {
                break;
            }
        }
        Ok(rows)
    }

    async fn rows_of_year(&self, counts: &Counts, year: i32, skip: u64, limit: usize) -> Result<Vec<Item>> {
        let count = counts.years.get(&year).copied().unwrap_or_default();
        // Rows are read below this rank; `count` means the newest end.
        let rank = count - skip;
        let Found { position, newest } =
            if skip == 0 { Found::default() } else { self.place_of_rank(counts, year, rank, count).await? };
        let pk = counts.list.rows(year);
        let bound = position.as_deref().map_or(Bound::Whole, Bound::Before);
        let items = self.query(Range { pk: &pk, bound, ascending: false }, limit).await?;
        let newest = if skip == 0 { items.first().map(|item| key_of(item).sk) } else { newest };
        let last = items.last().map(|item| key_of(item).sk);
        if let Some(sk) = last.filter(|sk| self.is_settled(counts.list, sk))
            && self.is_exact(counts, newest.as_deref()).await?
        {
            let passed = u64::try_from(items.len()).unwrap_or(u64::MAX);
            self.lock().remember(counts, year, rank.saturating_sub(passed), &sk);
        }
        Ok(items)
    }

    /// The position with that rank: this many records of the year are older.
    async fn place_of_rank(&self, counts: &Counts, year: i32, rank: u64, count: u64) -> Result<Found> {
        let mut start = self.lock().nearest(counts, year, rank, count);
        if start.steps > FAR
            && counts.list == List::Users
            && let Some(nearer) =
                self.start_by_ranks(counts, year, rank).await?.filter(|nearer| nearer.steps < start.steps)
        {
            start = nearer;
        }
        if start.steps == 0 {
            return Ok(Found { position: start.sk, newest: None });
        }
        let pk = counts.list.positions(year);
        let bound = match (&start.sk, start.ascending) {
            (None, _) => Bound::Whole,
            (Some(sk), true) => Bound::After(sk),
            (Some(sk), false) => Bound::Before(sk),
        };
        let range = Range { pk: &pk, bound, ascending: start.ascending };
        let steps = usize::try_from(start.steps).unwrap_or(usize::MAX);
        let items = self.query(range, steps).await?;
        let from_newest = start.sk.is_none() && !start.ascending;
        let newest = items.first().filter(|_| from_newest).map(|item| key_of(item).sk);
        Ok(Found { position: items.last().map(|item| key_of(item).sk), newest })
    }

    /// Whether ranks counted from `newest` match `counts`: records added since the counts were read would have shifted
    /// them.
    async fn is_exact(&self, counts: &Counts, newest: Option<&str>) -> Result<bool> {
        match newest {
            Some(sk) if !self.is_settled(counts.list, sk) => Ok(self.counts(counts.list).await? == *counts),
            _ => Ok(true),
        }
    }

    /// Whether that position is so old that no older one can still appear unannounced.
    fn is_settled(&self, list: List, sk: &str) -> bool {
        let limit = Position::new(list, self.ambient.now().plus_seconds(-SETTLED), uuid::Uuid::nil());
        sk < limit.sk.as_str()
    }

    /// Moves a record to another position, or adds or removes it, and updates the counters; the item is its row.
    pub(super) fn write_place<G: Clone>(
        &self,
        transaction: &mut Transaction<G>,
        old: Option<&Listing>,
        new: Option<(&Listing, Item)>,
        moment: Timestamp,
    ) {
        let off = |listing: Option<&Listing>| i64::from(listing.is_some_and(|listing| listing.is_off));
        let off = off(new.as_ref().map(|(listing, _)| *listing)) - off(old);
        let old = old.map(|listing| &listing.position);
        let new = new.map(|(listing, row)| (&listing.position, row));
        let shard = |position: &Position| {
            let [byte] = random(&*self.ambient);
            position.list.count(position.year, byte % SHARDS)
        };
        let same = old.is_some() && old == new.as_ref().map(|(position, _)| *position);
        let new = new.map(|(position, row)| {
            transaction.put(row);
            position
        });
        if same {
            if let Some(position) = new.filter(|_| off != 0) {
                transaction.add(shard(position), &[("off", off)]);
            }
            return;
        }
        if let Some(old) = old {
            transaction.delete(old.row());
            transaction.delete(old.mark());
        }
        if let Some(new) = new {
            transaction.put(new.mark().attributes());
        }
        // A record that appears among settled ones shifts ranks, as a removed one does.
        let late = new.is_some() && moment < self.ambient.now().plus_seconds(-SETTLED / 2);
        let epoch = i64::from(old.is_some() || late);
        // The epoch counts for all years together, so any shard may hold it.
        let add = |transaction: &mut Transaction<G>, position: &Position, rows: i64, off: i64| {
            let numbers = [("rows", rows), ("off", off), ("epoch", epoch)];
            let moved: Vec<_> = numbers.into_iter().filter(|(name, by)| *by != 0 || *name == "epoch").collect();
            transaction.add(shard(position), &moved);
        };
        match (old, new) {
            (Some(old), Some(new)) if old.year == new.year => add(transaction, new, 0, off),
            (old, new) => {
                if let Some(old) = old {
                    add(transaction, old, -1, if new.is_none() { off } else { 0 });
                }
                if let Some(new) = new {
                    add(transaction, new, 1, off);
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.rank_cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_place_is_taken() {
        let mut memory = Memory::default();
        let counts = |epoch| Counts { list: List::Users, years: BTreeMap::new(), off: 0, epoch };
        let start = |sk: Option<&str>, steps, ascending| Start { sk: sk.map(str::to_owned), steps, ascending };
        assert_eq!(memory.nearest(&counts(0), 2026, 90, 100), start(None, 10, false));
        assert_eq!(memory.nearest(&counts(0), 2026, 9, 100), start(None, 10, true));
        memory.remember(&counts(0), 2026, 50, "p50");
        assert_eq!(memory.nearest(&counts(0), 2026, 50, 100), start(Some("p50"), 0, false));
        assert_eq!(memory.nearest(&counts(0), 2026, 40, 100), start(Some("p50"), 10, false));
        assert_eq!(memory.nearest(&counts(0), 2026, 55, 100), start(Some("p50"), 5, true));
        assert_eq!(memory.nearest(&counts(0), 2025, 50, 100), start(None, 50, false));
        assert_eq!(memory.nearest(&counts(1), 2026, 50, 100), start(None, 50, false));
        let others = Counts { list: List::Organizations, ..counts(0) };
        assert_eq!(memory.nearest(&others, 2026, 50, 100), start(None, 50, false));
    }
}
