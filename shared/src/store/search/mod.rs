//! The search index: users found by letters in their fields, in list order, at a cost that does not grow with the directory.
//!
//! For every three letters in a row of a value, and for every single letter, the user has an entry in a list that is
//! sorted as the list of users is. An entry holds the value, so candidates are checked without reading users.
//! Where several filters must hold, they leap: whichever list stands furthest tells the others where to go on.
//! Entries are hints: written before the change that wants them, removed after the one that does not.
//! What is left over by a crash costs a read and never gives a wrong row, since the rows of the page are checked.

mod list;
mod postings;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use self::list::{AFTER_PLACES, List, Source};
pub use self::postings::SearchField;
use self::postings::{PostingItem, postings};
use super::keys::{self, Key, List as Lists, Place};
use super::{Bound, Item, Range, Store, cost, key_of, to_item};
use crate::error::{Error, Result};
use crate::model::{User, UserId, fold};

/// How many of a pattern's threes are looked at to find a rare one.
const PROBED: usize = 4;
/// How many entries are removed at once.
const AT_ONCE: usize = 16;
/// How many users are read at once while the index is rebuilt.
const REBUILT_AT_ONCE: usize = 100;

/// What users are searched for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Fields and what each must contain, in any letter case; no part is empty.
    pub parts: Vec<(SearchField, String)>,
    /// Whether the user is switched on.
    pub is_active: Option<bool>,
}

/// A part that a field must contain, and where candidates come from.
struct Condition {
    part: String,
    source: Source,
}

/// What a change of a user means for the index.
pub(super) struct EntryChange {
    /// Entries that are to be there.
    wanted: BTreeMap<Key, PostingItem>,
    /// Those that are not any more.
    unwanted: Vec<Key>,
    /// The version that the change makes of a user who was there and stays.
    stays_as: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct ReindexItem {
    year: i32,
    place: String,
}

impl EntryChange {
    pub(super) fn new(before: Option<&User>, after: Option<&User>) -> Self {
        let version = before.map_or(1, |before| before.version + 1);
        let mut wanted = after.map(postings).unwrap_or_default();
        let old = before.map(postings).unwrap_or_default().into_keys();
        // An entry that stays is left alone.
        let unwanted = old.filter(|key| wanted.remove(key).is_none()).collect();
        for item in wanted.values_mut() {
            item.version = version;
        }
        Self { wanted, unwanted, stays_as: before.and(after).map(|_| version) }
    }
}

impl Store {
    /// Places of users who have what `search` asks for, oldest first, at most `limit`. Something must be asked for.
    ///
    /// # Errors
    /// When the store does not answer, or an entry is damaged.
    pub async fn search(&self, search: &Search, limit: usize) -> Result<Vec<String>> {
        let mut conditions = Vec::new();
        for (field, part) in &search.parts {
            let part = fold(part);
            let source = self.source(*field, &part).await?;
            conditions.push(Condition { part, source });
        }
        // Few are switched off; that most are switched on is told by the other entries.
        if let Some(flag) = search.is_active.filter(|flag| !flag || conditions.is_empty()) {
            let source = Source { lists: vec![List::new(keys::active(flag), String::new())] };
            conditions.push(Condition { part: String::new(), source });
        }
        let is_wanted = |item: &PostingItem| search.is_active.is_none_or(|wanted| item.is_active == wanted);
        let mut found = Vec::new();
        'places: while found.len() < limit {
            let mut furthest = String::new();
            for condition in &mut conditions {
                let Some(head) = condition.source.head(self).await? else { break 'places };
                furthest = furthest.max(head);
            }
            for condition in &mut conditions {
                condition.source.skip_to(self, &furthest).await?;
                match condition.source.head(self).await? {
                    None => break 'places,
                    Some(head) if head > furthest => continue 'places,
                    Some(_) => {}
                }
            }
            let mut fits = !conditions.is_empty();
            for Condition { part, source } in &mut conditions {
                fits &= source.take(self, &furthest, |item| item.value.contains(&*part) && is_wanted(item)).await?;
            }
            if fits {
                found.push(furthest);
            }
            if conditions.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    /// Where candidates come from whose field contains a folded part.
    async fn source(&self, field: SearchField, part: &str) -> Result<Source> {
        let letters: Vec<char> = part.chars().collect();
        let lists = match letters[..] {
            [letter] => vec![List::new(keys::gram(field.name(), &[letter]), String::new())],
            [first, second] => self.all_thirds(keys::gram(field.name(), &[first, second])).await?,
            _ => vec![self.rarest(field, &letters).await?],
        };
        Ok(Source { lists })
    }

    /// The lists of two letters, one for each third that follows somewhere.
    async fn all_thirds(&self, pk: String) -> Result<Vec<List>> {
        let mut lists = Vec::new();
        let mut after = String::new();
        loop {
            let bound = if after.is_empty() { Bound::Whole } else { Bound::After(&after) };
            let items = self.query(Range { pk: &pk, bound, ascending: true }, 1).await?;
            let Some(key) = items.first().map(key_of) else { return Ok(lists) };
            let damaged = || Error::internal(format!("the item {key} stands in no place"));
            let (third, _) = keys::place_of_posting(&key.sk).ok_or_else(damaged)?;
            // Behind all places of this third letter.
            after = format!("{third}{AFTER_PLACES}");
            lists.push(List::new(pk.clone(), third.to_owned()));
        }
    }

    /// Of the threes of three or more letters, one with few entries.
    async fn rarest(&self, field: SearchField, letters: &[char]) -> Result<List> {
        let threes: Vec<&[char]> = letters.windows(3).collect::<BTreeSet<_>>().into_iter().collect();
        let step = threes.len().div_ceil(PROBED).max(1);
        let mut lists: Vec<List> = threes
            .into_iter()
            .step_by(step)
            .map(|three| List::new(keys::gram(field.name(), &three[..2]), keys::third(three.get(2).copied())))
            .collect();
        try_join_all(lists.iter_mut().map(|list| list.fill(self))).await?;
        // What has ended is the shortest; else what reaches furthest with a piece has the fewest.
        lists.sort_by(|a, b| {
            let ended = b.has_ended().cmp(&a.has_ended());
            let by_length = if a.has_ended() { a.len().cmp(&b.len()) } else { b.reach().cmp(&a.reach()) };
            ended.then(by_length)
        });
        lists.into_iter().next().ok_or_else(|| Error::internal("a part of three letters without three letters"))
    }

    /// Writes the entries that changes of users need, before they are made.
    pub(super) async fn search_prepare(&self, changes: &[&EntryChange]) -> Result<()> {
        let mut wanted: Vec<_> = changes.iter().flat_map(|change| &change.wanted).collect();
        wanted.sort_by_key(|(key, _)| *key);
        let items = wanted.into_iter().map(|(key, item)| item.item(key)).collect();
        self.write_batch(items, &[]).await
    }

    /// Removes the entries that a change of a user has given up, once it is made. What stays because the store does not
    /// answer is no reason to fail: it is found to be wrong by who meets it.
    pub(super) async fn search_clean(&self, change: &EntryChange) {
        noted(match change.stays_as {
            Some(version) => self.remove_up_to(&change.unwanted, version).await,
            // A user that is gone does not come back.
            None => self.remove_all(&change.unwanted).await,
        });
    }

    /// Removes the entries of a new user who was not made after all.
    pub(super) async fn search_undo(&self, change: EntryChange) {
        let wanted: Vec<Key> = change.wanted.into_keys().collect();
        noted(self.remove_all(&wanted).await);
    }

    /// Removes entries unless a later version of their user has wanted them again.
    async fn remove_up_to(&self, keys: &[Key], version: u64) -> Result<()> {
        for some in keys.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|key| self.remove_entry(key, version))).await?;
        }
        Ok(())
    }

    async fn remove_entry(&self, key: &Key, version: u64) -> Result<()> {
        let delete = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(key.attributes()))
            .condition_expression("attribute_not_exists(#n) OR #n <= :version")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(output) = self.write_if(|| delete.clone().send()).await? {
            cost::wrote(output.consumed_capacity());
        }
        Ok(())
    }

    /// Writes every entry of some further users again and tells how many users; `None` when there were no more.
    ///
    /// How far this has come is kept in the table, so that it can be stopped and taken up again;
    /// when all are done, the next call begins anew.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reindex_some(&self) -> Result<Option<usize>> {
        let reached: Option<ReindexItem> = self.get(keys::reindex()).await?;
        let counts = self.user_counts().await?;
        let from = reached.as_ref().map_or(i32::MIN, |reached| reached.year);
        for year in counts.years().filter(|&year| year >= from) {
            let pk = Lists::Users.places(year);
            let reached = reached.as_ref().filter(|reached| reached.year == year);
            let bound = reached.map_or(Bound::Whole, |reached| Bound::After(&reached.place));
            let range = Range { pk: &pk, bound, ascending: true };
            let places: Vec<String> =
                self.query(range, REBUILT_AT_ONCE).await?.iter().map(|item| key_of(item).sk).collect();
            let Some(place) = places.last().cloned() else { continue };
            self.reindex_users(&places).await?;
            let item = to_item(&keys::reindex(), &ReindexItem { year, place })?;
            self.write_batch(vec![item], &[]).await?;
            return Ok(Some(places.len()));
        }
        self.remove(&keys::reindex()).await?;
        Ok(None)
    }

    async fn reindex_users(&self, places: &[String]) -> Result<()> {
        let ids = places.iter().filter_map(|place| Place::id(place)).map(UserId);
        let wanted: Vec<Key> = ids.map(keys::user).collect();
        let entries: BTreeMap<Key, PostingItem> = self.users_in(&wanted).await?.iter().flat_map(postings).collect();
        let items = entries.iter().map(|(key, item)| item.item(key)).collect();
        self.write_batch(items, &[]).await
    }
}

/// Tells of entries that could not be removed.
fn noted(cleaned: Result<()>) {
    if let Err(error) = cleaned {
        tracing::warn!(error = %error, "entries of the search index stay that nobody needs");
    }
}

/// The entries of the index that a user has, for measurements that put many users into the table at once.
pub fn search_items(user: &User) -> Vec<Item> {
    postings(user).iter().map(|(key, item)| item.item(key)).collect()
}
