//! The lists of all users and of all organizations, newest first, and how many there are.
//!
//! Each has a list row in the partition of its year, and beside it a bare place of some 60 bytes.
//! Sharded counters tell how many rows each year has; a counter moves in the transaction that adds or removes a row.
//! A page is found by its rank: years are skipped by their counters, rows within a year by reading bare places,
//! from the nearest end or from a place whose rank this process remembers.
//! So a walk along `next` costs the same on every page, and no page costs what the rows before it would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::keys::{self, List, Place};
use super::transaction::Transaction;
use super::{Bound, Item, Range, Store, from_item, key_of};
use crate::ambient::random;
use crate::error::Result;
use crate::model::Timestamp;

/// How many counters share the counting of one year, so that simultaneous creations rarely meet.
pub(super) const SHARDS: u8 = 8;
/// How many ranks a process remembers.
const MOST_WAYPOINTS: usize = 4096;
/// A creation that began longer ago than this, in seconds, has ended; no place older than it can still appear unannounced.
const SETTLED: i64 = 30;

/// How many there are in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    list: List,
    /// By year.
    years: BTreeMap<i32, u64>,
    /// Moves whenever a row goes, or comes elsewhere than at the newest end.
    epoch: i64,
}

#[derive(Serialize, Deserialize)]
struct CountItem {
    #[serde(default)]
    rows: i64,
    #[serde(default)]
    epoch: i64,
}

impl Counts {
    /// The number of all.
    pub fn total(&self) -> u64 {
        self.years.values().sum()
    }

    /// The years that have any, oldest first.
    pub(super) fn years(&self) -> impl Iterator<Item = i32> + use<'_> {
        self.years.keys().copied()
    }
}

/// Ranks that this process knows, valid for one epoch of the counters.
///
/// A rank counts from the oldest user of a year, so that new users leave it as it is.
pub(super) type Waypoints = Arc<Mutex<Memory>>;

#[derive(Debug, Default)]
pub(super) struct Memory {
    epochs: BTreeMap<List, i64>,
    known: BTreeMap<(List, i32, u64), String>,
}

/// A place whose rank is known, and the steps from there to the one that is sought.
#[derive(Debug, PartialEq, Eq)]
struct Start {
    sk: Option<String>,
    steps: u64,
    ascending: bool,
}

/// A place that was sought.
#[derive(Debug, Default)]
struct Found {
    place: Option<String>,
    /// The newest place that was read, if the search began at the newest end.
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

    /// The nearest known place to `rank` in a year of `count` rows.
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
    /// How many there are in a list, exactly.
    pub(super) async fn counts(&self, list: List) -> Result<Counts> {
        let prefix = list.counts();
        let range = Range { pk: keys::COUNT, bound: Bound::Prefix(&prefix), ascending: true };
        let mut years = BTreeMap::<i32, i64>::new();
        let mut epoch = 0;
        for item in self.query(range, usize::MAX).await? {
            let key = key_of(&item);
            let count: CountItem = from_item(&key, item)?;
            if let Some(year) = list.count_year(&key.sk) {
                *years.entry(year).or_default() += count.rows;
            }
            epoch += count.epoch;
        }
        let years = years
            .into_iter()
            .filter_map(|(year, rows)| u64::try_from(rows).ok().filter(|&rows| rows > 0).map(|rows| (year, rows)))
            .collect();
        Ok(Counts { list, years, epoch })
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
        // Rows are read below this rank; `count` stands for the newest end.
        let rank = count - skip;
        let Found { place, newest } =
            if skip == 0 { Found::default() } else { self.place_of_rank(counts, year, rank, count).await? };
        let pk = counts.list.rows(year);
        let bound = place.as_deref().map_or(Bound::Whole, Bound::Before);
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

    /// The place of that rank: as many of the year are older.
    async fn place_of_rank(&self, counts: &Counts, year: i32, rank: u64, count: u64) -> Result<Found> {
        let start = self.lock().nearest(counts, year, rank, count);
        if start.steps == 0 {
            return Ok(Found { place: start.sk, newest: None });
        }
        let pk = counts.list.places(year);
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
        Ok(Found { place: items.last().map(|item| key_of(item).sk), newest })
    }

    /// Whether ranks that were counted from `newest` on are those that `counts` gives:
    /// what has appeared since the counts were read would have moved them.
    async fn is_exact(&self, counts: &Counts, newest: Option<&str>) -> Result<bool> {
        match newest {
            Some(sk) if !self.is_settled(counts.list, sk) => Ok(self.counts(counts.list).await? == *counts),
            _ => Ok(true),
        }
    }

    /// Whether that place is so old that no older one can still appear unannounced.
    fn is_settled(&self, list: List, sk: &str) -> bool {
        let limit = Place::new(list, self.ambient.now().plus_seconds(-SETTLED), uuid::Uuid::nil());
        sk < limit.sk.as_str()
    }

    /// Moves something from one place to another, or in, or out, with the counters; `row` is what its row holds.
    pub(super) fn write_place<G: Clone>(
        &self,
        transaction: &mut Transaction<G>,
        old: Option<&Place>,
        new: Option<(&Place, Item)>,
        moment: Timestamp,
    ) {
        let same = old.is_some() && old == new.as_ref().map(|(place, _)| *place);
        let new = new.map(|(place, row)| {
            transaction.put(row);
            place
        });
        if same {
            return;
        }
        if let Some(old) = old {
            transaction.delete(old.row());
            transaction.delete(old.mark());
        }
        if let Some(new) = new {
            transaction.put(new.mark().attributes());
        }
        // A place that appears among settled ones moves ranks, as one that goes does.
        let late = new.is_some() && moment < self.ambient.now().plus_seconds(-SETTLED / 2);
        let epoch = i64::from(old.is_some() || late);
        let [byte] = random(&*self.ambient);
        let shard = |place: &Place| place.list.count(place.year, byte % SHARDS);
        match (old, new) {
            (Some(old), Some(new)) if old.year == new.year => {
                transaction.add(shard(new), &[("epoch", epoch)]);
            }
            (old, new) => {
                if let Some(old) = old {
                    transaction.add(shard(old), &[("rows", -1), ("epoch", epoch)]);
                }
                if let Some(new) = new {
                    transaction.add(shard(new), &[("rows", 1), ("epoch", epoch)]);
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.waypoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_place_is_taken() {
        let mut memory = Memory::default();
        let counts = |epoch| Counts { list: List::Users, years: BTreeMap::new(), epoch };
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
