//! The list of all users, newest first, and how many there are.
//!
//! Each user has a list row in the partition of the year of joining, and beside it a bare place of some 60 bytes.
//! Sharded counters tell how many users joined in each year; a counter moves in the transaction that adds or removes a row.
//! A page is found by its rank: years are skipped by their counters, users within a year by reading bare places,
//! from the nearest end or from a place whose rank this process remembers.
//! So a walk along `next` costs the same on every page, and no page costs what the rows before it would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::keys::{self, Place};
use super::users::row_from_item;
use super::{Bound, Range, Store, from_item, key_of};
use crate::error::Result;
use crate::model::{Timestamp, UserId, UserRow};

/// How many counters share the counting of one year, so that simultaneous creations rarely meet.
pub(super) const SHARDS: u8 = 8;
/// How many ranks a process remembers.
const MOST_WAYPOINTS: usize = 4096;
/// A creation that began longer ago than this, in seconds, has ended; no place older than it can still appear unannounced.
const SETTLED: i64 = 30;

/// How many users there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By year of joining.
    years: BTreeMap<i32, u64>,
    /// Moves whenever a row goes, or comes elsewhere than at the newest end.
    epoch: i64,
}

#[derive(Serialize, Deserialize)]
struct CountItem {
    #[serde(default)]
    users: i64,
    #[serde(default)]
    epoch: i64,
}

impl Counts {
    /// The number of all users.
    pub fn total(&self) -> u64 {
        self.years.values().sum()
    }
}

/// Ranks that this process knows, valid for one epoch of the counters.
///
/// A rank counts from the oldest user of a year, so that new users leave it as it is.
pub(super) type Waypoints = Arc<Mutex<Memory>>;

#[derive(Debug, Default)]
pub(super) struct Memory {
    epoch: i64,
    known: BTreeMap<(i32, u64), String>,
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
    fn remember(&mut self, epoch: i64, year: i32, rank: u64, sk: &str) {
        if self.epoch != epoch {
            self.known.clear();
            self.epoch = epoch;
        }
        if self.known.len() >= MOST_WAYPOINTS {
            self.known.clear();
        }
        self.known.insert((year, rank), sk.to_owned());
    }

    /// The nearest known place to `rank` in a year of `count` users.
    fn nearest(&self, epoch: i64, year: i32, rank: u64, count: u64) -> Start {
        let (newer, older) = if self.epoch == epoch {
            (
                self.known.range((year, rank)..(year, count)).next(),
                self.known.range((year, 0)..(year, rank)).next_back(),
            )
        } else {
            (None, None)
        };
        let newer = newer.map_or((None, count - rank), |((_, known), sk)| (Some(sk.clone()), known - rank));
        let older = older.map_or((None, rank + 1), |((_, known), sk)| (Some(sk.clone()), rank - known));
        let ((sk, steps), ascending) = if older.1 < newer.1 { (older, true) } else { (newer, false) };
        Start { sk, steps, ascending }
    }
}

impl Store {
    /// How many users there are, exactly.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_counts(&self) -> Result<Counts> {
        let range = Range { pk: keys::COUNT, bound: Bound::Prefix("USERS#"), ascending: true };
        let mut years = BTreeMap::<i32, i64>::new();
        let mut epoch = 0;
        for item in self.query(range, usize::MAX).await? {
            let key = key_of(&item);
            let count: CountItem = from_item(&key, item)?;
            if let Some(year) = keys::user_count_year(&key.sk) {
                *years.entry(year).or_default() += count.users;
            }
            epoch += count.epoch;
        }
        let years = years
            .into_iter()
            .filter_map(|(year, users)| u64::try_from(users).ok().filter(|&users| users > 0).map(|users| (year, users)))
            .collect();
        Ok(Counts { years, epoch })
    }

    /// At most `limit` list rows after the newest `offset`, newest first.
    ///
    /// # Errors
    /// When the store does not answer, or a row does not parse.
    pub async fn user_rows(&self, counts: &Counts, offset: u64, limit: usize) -> Result<Vec<UserRow>> {
        let mut rows = Vec::new();
        let mut skip = offset;
        for (&year, &count) in counts.years.iter().rev() {
            if skip >= count {
                skip -= count;
                continue;
            }
            rows.extend(self.user_rows_of_year(counts, year, skip, limit - rows.len()).await?);
            skip = 0;
            if rows.len() >= limit {
                break;
            }
        }
        Ok(rows)
    }

    async fn user_rows_of_year(&self, counts: &Counts, year: i32, skip: u64, limit: usize) -> Result<Vec<UserRow>> {
        let count = counts.years.get(&year).copied().unwrap_or_default();
        // Rows are read below this rank; `count` stands for the newest end.
        let rank = count - skip;
        let Found { place, newest } =
            if skip == 0 { Found::default() } else { self.place_of_rank(counts, year, rank, count).await? };
        let pk = keys::rows(year);
        let bound = place.as_deref().map_or(Bound::Whole, Bound::Before);
        let items = self.query(Range { pk: &pk, bound, ascending: false }, limit).await?;
        let newest = if skip == 0 { items.first().map(|item| key_of(item).sk) } else { newest };
        let last = items.last().map(|item| key_of(item).sk);
        let rows: Vec<UserRow> = items.into_iter().map(row_from_item).collect::<Result<_>>()?;
        if let Some(sk) = last.filter(|sk| self.is_settled(sk))
            && self.is_exact(counts, newest.as_deref()).await?
        {
            let passed = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            self.lock().remember(counts.epoch, year, rank.saturating_sub(passed), &sk);
        }
        Ok(rows)
    }

    /// The place of that rank: as many users of the year are older.
    async fn place_of_rank(&self, counts: &Counts, year: i32, rank: u64, count: u64) -> Result<Found> {
        let start = self.lock().nearest(counts.epoch, year, rank, count);
        if start.steps == 0 {
            return Ok(Found { place: start.sk, newest: None });
        }
        let pk = keys::places(year);
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
    /// a user who has joined since the counts were read would have moved them.
    async fn is_exact(&self, counts: &Counts, newest: Option<&str>) -> Result<bool> {
        match newest {
            Some(sk) if !self.is_settled(sk) => Ok(self.user_counts().await? == *counts),
            _ => Ok(true),
        }
    }

    /// Whether the user at that place joined so long ago that no older one can still appear unannounced.
    fn is_settled(&self, sk: &str) -> bool {
        let limit = self.ambient.now().plus_seconds(-SETTLED);
        sk < Place::new(limit, UserId(uuid::Uuid::nil())).sk.as_str()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.waypoints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a row that appears at `place` may move the ranks of places that were settled before.
pub(super) fn unsettles(joined: Timestamp, now: Timestamp) -> bool {
    joined < now.plus_seconds(-SETTLED / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_place_is_taken() {
        let mut memory = Memory::default();
        let start = |sk: Option<&str>, steps, ascending| Start { sk: sk.map(str::to_owned), steps, ascending };
        assert_eq!(memory.nearest(0, 2026, 90, 100), start(None, 10, false));
        assert_eq!(memory.nearest(0, 2026, 9, 100), start(None, 10, true));
        memory.remember(0, 2026, 50, "p50");
        assert_eq!(memory.nearest(0, 2026, 50, 100), start(Some("p50"), 0, false));
        assert_eq!(memory.nearest(0, 2026, 40, 100), start(Some("p50"), 10, false));
        assert_eq!(memory.nearest(0, 2026, 55, 100), start(Some("p50"), 5, true));
        assert_eq!(memory.nearest(0, 2025, 50, 100), start(None, 50, false));
        assert_eq!(memory.nearest(1, 2026, 50, 100), start(None, 50, false));
    }
}
