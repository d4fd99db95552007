//! The search index: finds users by characters in their fields, in list order, at a cost that does not grow with the
//! directory.
//!
//! For every trigram of a value, for every single character, and for every group, the user has a posting in a list with
//! the order of the list of users. A posting contains the value, so candidates are checked without reading users. The
//! members of organizations are in lists of the same order. Several filters are intersected with a leapfrog join: each
//! list seeks to the furthest position of the others. Postings are hints: they are written before the change that needs
//! them, and deleted after the change that makes them obsolete. A posting left behind by a crash costs a read but never
//! gives a wrong row, because the rows of the page are checked.

mod list;
mod postings;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::{try_join, try_join_all};
use serde::{Deserialize, Serialize};

use self::list::{AFTER_PLACES, List, Source};
pub use self::postings::SearchField;
use self::postings::{PostingItem, postings, postings_of_earlier_releases};
use super::item::{key_of, to_item};
use super::keys::{self, Key, List as Lists, Position};
use super::requests::{Bound, Range};
use super::users::entries;
use super::{Item, Member, Store, cost};
use crate::error::{Error, Result};
use crate::model::{GroupId, OrganizationId, User, UserId, fold};

/// How many trigrams of a pattern are probed to find a rare one.
const PROBED: usize = 4;
/// The fewest candidates whose activity is checked at once.
const FEWEST: usize = 100;
/// How many postings are deleted concurrently.
const AT_ONCE: usize = 16;
/// How many users are read at once during a rebuild of the index.
const REBUILT_AT_ONCE: usize = 100;

/// Search conditions for users, all of which must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Parts, and the fields of which one must contain it, ignoring case; no part is empty.
    pub parts: Vec<(Vec<SearchField>, String)>,
    /// Whether the user is active.
    pub is_active: Option<bool>,
    /// A group that the user is in.
    pub group: Option<GroupId>,
    /// Organizations; the user must be a member of one of them.
    pub organizations: Option<Vec<OrganizationId>>,
}

/// A condition, and the source of its candidates.
struct Condition {
    /// The text that a field must contain, if the postings have fields.
    part: Option<String>,
    source: Source,
}

/// The effect of a user change on the index.
pub(super) struct EntryChange {
    /// Postings to write.
    wanted: BTreeMap<Key, PostingItem>,
    /// Postings to delete.
    unwanted: Vec<Key>,
    /// The user's new version.
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct ReindexItem {
    year: i32,
    position: String,
}

impl Condition {
    /// Users in any of these lists, whose items hold no field text.
    fn of_lists(partitions: impl IntoIterator<Item = String>) -> Self {
        let lists = partitions.into_iter().map(|pk| List::new(pk, String::new())).collect();
        Self { part: None, source: Source { lists } }
    }
}

impl EntryChange {
    pub(super) fn new(before: Option<&User>, after: Option<&User>, version: u64) -> Self {
        let mut wanted = after.map(postings).unwrap_or_default();
        let old = before.map(postings).unwrap_or_default().into_keys();
        // Unchanged postings are not written.
        let unwanted = old.filter(|key| wanted.remove(key).is_none()).collect();
        for item in wanted.values_mut() {
            item.version = version;
        }
        Self { wanted, unwanted, version }
    }
}

impl Store {
    /// At most `limit` users who match `search`, oldest first. There must be a condition. Postings are hints, so check the
    /// rows at the positions.
    ///
    /// # Errors
    /// When the store is unavailable, or a posting is malformed.
    pub async fn search(&self, search: &Search, limit: usize) -> Result<Vec<Member>> {
        let Search { parts, is_active, group, organizations } = search;
        let parts = try_join_all(parts.iter().map(|(fields, part)| self.condition(fields, part)));
        let counts = async {
            match is_active {
                Some(true) => self.user_counts().await.map(Some),
                Some(false) | None => Ok(None),
            }
        };
        let (mut conditions, counts) = try_join(parts, counts).await?;
        if let Some(group) = group {
            conditions.push(Condition::of_lists([keys::grouped(*group)]));
        }
        if let Some(organizations) = organizations {
            conditions.push(Condition::of_lists(organizations.iter().map(|&id| keys::members(id))));
        }
        if *is_active == Some(false) {
            conditions.push(Condition::of_lists([keys::INACTIVE.to_owned()]));
        }
        if let Some(counts) = counts.as_ref().filter(|_| conditions.is_empty()) {
            conditions.push(Condition::of_lists(counts.years().map(|year| Lists::Users.positions(year))));
        }
        let Some(counts) = counts else { return self.candidates(&mut conditions, limit).await };
        let (mut found, mut at_once) = (Vec::new(), limit.max(FEWEST));
        loop {
            let candidates = self.candidates(&mut conditions, at_once).await?;
            let is_last = candidates.len() < at_once;
            found.extend(self.active_among(&counts, candidates).await?);
            if is_last || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            at_once = at_once.saturating_mul(2);
        }
    }

    /// The condition that one of the fields contains a part.
    async fn condition(&self, fields: &[SearchField], part: &str) -> Result<Condition> {
        let part = fold(part);
        let lists = try_join_all(fields.iter().map(|field| self.lists(*field, &part))).await?.concat();
        Ok(Condition { part: Some(part), source: Source { lists } })
    }

    /// At most `limit` more users who meet all conditions.
    async fn candidates(&self, conditions: &mut [Condition], limit: usize) -> Result<Vec<Member>> {
        let mut candidates = Vec::new();
        while candidates.len() < limit
            && let Some(candidate) = self.next_candidate(conditions).await?
        {
            candidates.push(candidate);
        }
        Ok(candidates)
    }

    /// The next user who meets all conditions.
    async fn next_candidate(&self, conditions: &mut [Condition]) -> Result<Option<Member>> {
        'positions: loop {
            let mut heads = Vec::new();
            for condition in &mut *conditions {
                let Some(head) = condition.source.head(self).await? else { return Ok(None) };
                heads.push(head);
            }
            let Some(furthest) = heads.into_iter().max() else { return Ok(None) };
            for condition in &mut *conditions {
                condition.source.skip_to(self, &furthest.position).await?;
                match condition.source.head(self).await? {
                    None => return Ok(None),
                    Some(head) if head > furthest => continue 'positions,
                    Some(_) => {}
                }
            }
            let mut fits = true;
            for Condition { part, source } in &mut *conditions {
                let contains = |item: &PostingItem| part.as_ref().is_none_or(|part| item.value.contains(part));
                fits &= source.take(self, &furthest.position, contains).await?;
            }
            if fits {
                return Ok(Some(furthest));
            }
        }
    }

    /// The lists of candidates whose field contains a folded part.
    async fn lists(&self, field: SearchField, part: &str) -> Result<Vec<List>> {
        let letters: Vec<char> = part.chars().collect();
        Ok(match letters[..] {
            [letter] => vec![List::new(keys::gram(field.name(), &[letter]), String::new())],
            [first, second] => self.lists_of_pair(keys::gram(field.name(), &[first, second])).await?,
            _ => vec![self.rarest(field, &letters).await?],
        })
    }

    /// The lists for two characters, one for each third character that occurs.
    async fn lists_of_pair(&self, pk: String) -> Result<Vec<List>> {
        let mut lists = Vec::new();
        let mut after = String::new();
        loop {
            let bound = if after.is_empty() { Bound::Whole } else { Bound::After(&after) };
            let items = self.query(Range { pk: &pk, bound, ascending: true }, 1).await?;
            let Some(key) = items.first().map(key_of) else { return Ok(lists) };
            let damaged = || Error::internal(format!("malformed key: {key}"));
            let (third, _) = keys::place_of_posting(&key.sk).ok_or_else(damaged)?;
            // After all positions with this third character.
            after = format!("{third}{AFTER_PLACES}");
            lists.push(List::new(pk.clone(), third.to_owned()));
        }
    }

    /// A trigram list with few postings, for three or more characters.
    async fn rarest(&self, field: SearchField, letters: &[char]) -> Result<List> {
        let trigrams: Vec<&[char]> = letters.windows(3).collect::<BTreeSet<_>>().into_iter().collect();
        let step = trigrams.len().div_ceil(PROBED).max(1);
        let mut lists: Vec<List> = trigrams
            .into_iter()
            .step_by(step)
            .map(|trigram| List::new(keys::gram(field.name(), &trigram[..2]), keys::third(trigram.get(2).copied())))
            .collect();
        try_join_all(lists.iter_mut().map(|list| list.fill(self))).await?;
        // A list that has ended is the shortest; otherwise, the one whose piece reaches furthest has the fewest
        // postings.
        lists.sort_by(|a, b| {
            let ended = b.has_ended().cmp(&a.has_ended());
            let by_length = if a.has_ended() { a.len().cmp(&b.len()) } else { b.reach().cmp(&a.reach()) };
            ended.then(by_length)
        });
        lists.into_iter().next().ok_or_else(|| Error::internal("a trigram needs three characters"))
    }

    /// Writes the postings that user changes need, before the changes are made.
    pub(super) async fn search_prepare(&self, changes: &[&EntryChange]) -> Result<()> {
        let mut wanted: Vec<_> = changes.iter().flat_map(|change| &change.wanted).collect();
        wanted.sort_by_key(|(key, _)| *key);
        let items = wanted.into_iter().map(|(key, item)| item.item(key)).collect();
        self.write_batch(items, &[]).await
    }

    /// Deletes the postings that a user change has made obsolete, after the change was made. If the store is
    /// unavailable, that is no reason to fail: readers detect stale postings.
    pub(super) async fn search_clean(&self, change: &EntryChange) {
        noted(self.remove_up_to(&change.unwanted, change.version).await);
    }

    /// Deletes the postings of a new user who was not created after all.
    pub(super) async fn search_undo(&self, change: EntryChange) {
        let wanted: Vec<Key> = change.wanted.into_keys().collect();
        noted(self.remove_all(&wanted).await);
    }

    /// Deletes the postings of a deleted user whom nobody can restore.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn search_forget(&self, user: &User) -> Result<()> {
        let all: Vec<Key> = postings(user).into_keys().chain(postings_of_earlier_releases(user)).collect();
        // The deletion has removed them unless it was interrupted. To read an item costs a fifth of a removal, which costs
        // the same whether there is an item or not.
        let left: Vec<Key> = self.batch(&all).await?.iter().map(key_of).collect();
        self.remove_all(&left).await
    }

    /// Deletes postings unless a later version of their user needs them again.
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

    /// Rewrites all postings of some more users, deletes those that only earlier releases wrote, and corrects the list of
    /// inactive users. Returns how many users; `None` at the end.
    ///
    /// The progress is stored in the table, so that a rebuild can be interrupted and resumed; after the end, the next
    /// call starts again.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn reindex_some(&self) -> Result<Option<usize>> {
        let reached: Option<ReindexItem> = self.get(keys::reindex()).await?;
        let counts = self.user_counts().await?;
        let from = reached.as_ref().map_or(i32::MIN, |reached| reached.year);
        for year in counts.years().filter(|&year| year >= from) {
            let pk = Lists::Users.positions(year);
            let reached = reached.as_ref().filter(|reached| reached.year == year);
            let bound = reached.map_or(Bound::Whole, |reached| Bound::After(&reached.position));
            let range = Range { pk: &pk, bound, ascending: true };
            let positions: Vec<String> =
                self.query(range, REBUILT_AT_ONCE).await?.iter().map(|item| key_of(item).sk).collect();
            let Some(position) = positions.last().cloned() else { continue };
            self.reindex_users(&positions).await?;
            let item = to_item(&keys::reindex(), &ReindexItem { year, position })?;
            self.write_batch(vec![item], &[]).await?;
            return Ok(Some(positions.len()));
        }
        self.remove(&keys::reindex()).await?;
        Ok(None)
    }

    async fn reindex_users(&self, positions: &[String]) -> Result<()> {
        let ids = positions.iter().filter_map(|position| Position::id(position)).map(UserId);
        let wanted: Vec<Key> = ids.map(keys::user).collect();
        let users = self.users_in_partition(&wanted).await?;
        let postings: BTreeMap<Key, PostingItem> = users.iter().flat_map(postings).collect();
        let earlier: Vec<Key> = users.iter().flat_map(postings_of_earlier_releases).collect();
        let earlier: Vec<Key> = self.batch_at_once(&earlier).await?.iter().map(key_of).collect();
        let mut items: Vec<Item> = postings.iter().map(|(key, item)| item.item(key)).collect();
        items.extend(users.iter().flat_map(entries).map(|key| key.attributes()));
        self.write_batch(items, &[]).await?;
        self.remove_all(&earlier).await?;
        self.correct_inactive(&users).await
    }
}

/// Logs stale postings that could not be deleted.
fn noted(cleaned: Result<()>) {
    if let Err(error) = cleaned {
        tracing::warn!(error = %error, "could not delete stale search entries");
    }
}

/// The postings of a user, for measurements that insert many users at once.
pub fn search_items(user: &User) -> Vec<Item> {
    postings(user).iter().map(|(key, item)| item.item(key)).collect()
}
