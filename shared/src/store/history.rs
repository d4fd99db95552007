//! Login attempts, newest first; successful and refused ones are separate, so that the latest success is found quickly.
//!
//! Every success is recorded. Refused attempts have [`keys::SLOTS`] slots per user and quarter of an hour: an attempt
//! takes a free slot by a condition on its key, so no counter is needed and the limit holds for any number of
//! processes. A process remembers which slots it has tried.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::item::{from_item, key_of, to_item};
use super::requests::{Bound, Range};
use super::{Item, Store, cost, keys};
use crate::error::{Error, Result};
use crate::model::ambient::random;
use crate::model::{AttemptPlace, SignInAttempt, Timestamp, UserId};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

/// How long an attempt is kept at least, in seconds (`contracts/edge.md` section 8, rule 8).
const LIFE: i64 = 90 * 24 * 60 * 60;
/// How many slots a refused attempt tries, at one write unit each, if other processes have taken the first ones.
const TRIES: usize = 3;
/// For how many users a process remembers which slots it has tried.
const REMEMBERED: usize = 1024;
/// The most attempts of a kind that are read at once.
const PIECE: usize = 500;
/// The fewest: the refused ones of a quarter of an hour, and one more.
const QUARTER: usize = 32;

#[derive(Serialize, Deserialize)]
struct AttemptItem {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    expires: i64,
}

/// Which slots of the current quarter of an hour this process has tried, by user.
#[derive(Clone, Default)]
pub(super) struct Slots(Arc<Mutex<HashMap<UserId, Tried>>>);

struct Tried {
    quarter_end: Timestamp,
    /// The first slot of this process, and its step.
    order: (u64, u64),
    count: u64,
}

impl Slots {
    /// The next slot to try; `None` if all were tried. `random` determines the first slot of a process.
    fn next(&self, user: UserId, quarter_end: Timestamp, random: u64) -> Option<u64> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= REMEMBERED && !slots.contains_key(&user) {
            slots.retain(|_, tried| tried.quarter_end == quarter_end);
            if slots.len() >= REMEMBERED {
                slots.clear();
            }
        }
        let order = (random % keys::SLOTS, 1 + (random / keys::SLOTS) % (keys::SLOTS - 1));
        let fresh = || Tried { quarter_end, order, count: 0 };
        let tried = slots.entry(user).or_insert_with(fresh);
        if tried.quarter_end != quarter_end {
            *tried = fresh();
        }
        let (first, step) = tried.order;
        let next = (tried.count < keys::SLOTS).then(|| (first + tried.count * step) % keys::SLOTS);
        tried.count += u64::from(next.is_some());
        next
    }
}

impl Store {
    /// Records an attempt of a user. A refused one is not recorded if the quarter of an hour has no free slot: then the
    /// result is `false`.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn attempt_insert(&self, user: UserId, attempt: &SignInAttempt) -> Result<bool> {
        let random = u64::from_be_bytes(random(&*self.ambient));
        if attempt.success {
            // The id is unique, so writing it twice changes nothing.
            return self.attempt_put(user, random, attempt).await;
        }
        let quarter_end = keys::quarter_end(attempt.at);
        for _ in 0..TRIES {
            let Some(slot) = self.slots.next(user, quarter_end, random) else { return Ok(false) };
            if self.attempt_put(user, slot, attempt).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes an attempt; `false` if another one has the id. After a lost response, its timestamp identifies it.
    async fn attempt_put(&self, user: UserId, name: u64, attempt: &SignInAttempt) -> Result<bool> {
        let (key, item) = item_of(user, name, attempt);
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(to_item(&key, &item)?))
            .condition_expression("attribute_not_exists(#at) OR #at = :at")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":at", AttributeValue::N(item.at.micros().to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let Some(output) = self.write_if(|| put.clone().send()).await? else { return Ok(false) };
        cost::wrote(output.consumed_capacity());
        Ok(true)
    }

    /// Writes attempts recorded elsewhere, each with its original id, so that repeating it changes nothing.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn attempts_restore(&self, attempts: &[(UserId, u64, SignInAttempt)]) -> Result<()> {
        let items = attempts.iter().map(|(user, name, attempt)| item_of(*user, *name, attempt));
        // A batch may contain every item only once.
        let items: BTreeMap<_, _> = items.collect();
        let items = items.iter().map(|(key, item)| to_item(key, item));
        self.write_batch(items.collect::<Result<Vec<_>>>()?, &[]).await
    }

    /// At most `limit` successful attempts of a user, newest first.
    ///
    /// # Errors
    /// When the store is unavailable, or an item is malformed.
    pub async fn successes(&self, user: UserId, limit: usize) -> Result<Vec<SignInAttempt>> {
        let pk = keys::attempts(user, true);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: false }, limit).await?;
        items.into_iter().map(|item| attempt_of(item, true).map(|(.., attempt)| attempt)).collect()
    }

    /// The attempts of a user, newest first, from the newest one or after a position. `wanted` is a hint how many will
    /// be read.
    ///
    /// # Errors
    /// When the store is unavailable, or an item is malformed.
    pub async fn history(&self, user: UserId, after: Option<AttemptPlace>, wanted: usize) -> Result<History<'_>> {
        let mut history = History {
            store: self,
            strands: [true, false].map(|accepted| Strand::new(user, accepted, after)),
            // Reading into the next quarter of an hour determines the order within this one.
            piece: wanted.clamp(QUARTER, PIECE),
        };
        if let Some(position) = after {
            history.strands[1].read_quarter(self, position).await?;
        }
        Ok(history)
    }

    /// Deletes some attempts of a deleted user, at most `limit` of each kind; `true` if there are no more.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn attempts_remove_some(&self, user: UserId, limit: usize) -> Result<bool> {
        let mut last = true;
        for accepted in [true, false] {
            let pk = keys::attempts(user, accepted);
            let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, limit).await?;
            last &= items.len() < limit;
            self.remove_all(&items.iter().map(key_of).collect::<Vec<_>>()).await?;
        }
        Ok(last)
    }
}

/// The attempts of a user, read on demand.
pub struct History<'a> {
    store: &'a Store,
    strands: [Strand; 2],
    piece: usize,
}

/// The attempts of one kind.
struct Strand {
    pk: String,
    accepted: bool,
    /// Attempts that were read but not returned yet.
    read: BTreeMap<AttemptPlace, SignInAttempt>,
    /// The unread part sorts before this key; `None` before the first read.
    from: Option<String>,
    ended: bool,
}

impl History<'_> {
    /// The next older attempt, and its position.
    ///
    /// # Errors
    /// When the store is unavailable, or an item is malformed.
    pub async fn next(&mut self) -> Result<Option<(AttemptPlace, SignInAttempt)>> {
        let [accepted, refused] = &mut self.strands;
        tokio::try_join!(accepted.make_ready(self.store, self.piece), refused.make_ready(self.store, self.piece))?;
        let newest = if accepted.newest() > refused.newest() { accepted } else { refused };
        Ok(newest.read.pop_last())
    }
}

impl Strand {
    fn new(user: UserId, accepted: bool, after: Option<AttemptPlace>) -> Self {
        // With equal timestamps, successful attempts come first.
        let from = after.map(|AttemptPlace { at, success, name }| match (success, accepted) {
            (true, false) => keys::sort_of_attempt(at, u64::MAX),
            (false, true) => keys::sort_of_attempt(at, 0),
            _ => keys::sort_of_attempt(at, name),
        });
        Self { pk: keys::attempts(user, accepted), accepted, read: BTreeMap::new(), from, ended: false }
    }

    /// Reads the slots of the quarter of an hour of a position: their keys are later than the position, but perhaps not
    /// their timestamps.
    async fn read_quarter(&mut self, store: &Store, position: AttemptPlace) -> Result<()> {
        let end = keys::quarter_end(position.at);
        let (first, last) = (keys::sort_of_attempt(end, 0), keys::sort_of_attempt(end, keys::SLOTS - 1));
        let range = Range { pk: &self.pk, bound: Bound::Between(&first, &last), ascending: false };
        for item in store.query(range, usize::MAX).await? {
            let (_, name, attempt) = attempt_of(item, self.accepted)?;
            let found = AttemptPlace { at: attempt.at, success: self.accepted, name };
            if found < position {
                self.read.insert(found, attempt);
            }
        }
        Ok(())
    }

    /// Reads until the newest unreturned attempt is known.
    async fn make_ready(&mut self, store: &Store, piece: usize) -> Result<()> {
        while !self.is_ready() {
            let bound = self.from.as_deref().map_or(Bound::Whole, Bound::Before);
            let items = store.query(Range { pk: &self.pk, bound, ascending: false }, piece).await?;
            self.ended = items.len() < piece;
            for item in items {
                let (sk, name, attempt) = attempt_of(item, self.accepted)?;
                self.read.insert(AttemptPlace { at: attempt.at, success: self.accepted, name }, attempt);
                self.from = Some(sk);
            }
        }
        Ok(())
    }

    /// Whether nothing newer can follow what was read: no key is earlier than the timestamp of its attempt.
    fn is_ready(&self) -> bool {
        let newest = self.newest().map(|position| (position.at, position.name));
        self.ended || newest.is_some() && newest >= self.from.as_deref().and_then(keys::attempt_of_sort)
    }

    fn newest(&self) -> Option<AttemptPlace> {
        self.read.last_key_value().map(|(position, _)| *position)
    }
}

fn item_of(user: UserId, name: u64, attempt: &SignInAttempt) -> (keys::Key, AttemptItem) {
    let SignInAttempt { success, at, user_agent, address } = attempt.clone();
    let expires = at.plus_seconds(LIFE).seconds();
    (keys::attempt(user, success, at, name), AttemptItem { at, agent: user_agent, address, expires })
}

/// The sort key, the id and the attempt of an item.
pub(super) fn attempt_of(item: Item, success: bool) -> Result<(String, u64, SignInAttempt)> {
    let key = key_of(&item);
    let damaged = || Error::internal(format!("malformed item {key}: no name"));
    let (_, name) = keys::attempt_of_sort(&key.sk).ok_or_else(damaged)?;
    let AttemptItem { at, agent, address, expires: _ } = from_item(&key, item)?;
    Ok((key.sk, name, SignInAttempt { success, at, user_agent: agent, address }))
}
