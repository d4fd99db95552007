//! Adding many users at once, for imports; rebuilding the index, and what earlier releases wrote instead.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::batch::blocks_of;
use super::changes::{Change, IndexState, PACKET_MAX_CHANGES};
use super::groups::{entries as group_entries, items_of, log_failure};
use super::packing::MERGE_MAX_CHANGES;
use super::terms::{Entry, Term};
use crate::error::{Error, Result};
use crate::model::{Timestamp, User, UserId};
use crate::store::item::{key_of, to_item};
use crate::store::keys::{self, Key, List as Lists, Position, SETTLED};
use crate::store::requests::{Bound, Range};
use crate::store::users::entries;
use crate::store::{Item, Store};

/// How many users are read at once during a rebuild of the index.
const REBUILT_AT_ONCE: usize = 500;

#[derive(Serialize, Deserialize)]
struct ReindexItem {
    year: i32,
    position: String,
}

impl Store {
    /// Adds users to the index who are created afterwards, and returns the time of that.
    pub(in crate::store) async fn search_announce(&self, users: &[&User]) -> Result<Timestamp> {
        self.write_batch(items_of(users.iter().copied()), &[]).await?;
        let now = self.ambient.now();
        self.announce(users.iter().map(|user| Entry::of(user)).collect(), now).await?;
        self.pack(PACKET_MAX_CHANGES, MERGE_MAX_CHANGES).await?;
        Ok(now)
    }

    /// Removes users from the index who were announced and not created after all. If the store is unavailable, that is no
    /// reason to fail: readers detect stale entries.
    pub(in crate::store) async fn search_withdraw(&self, users: &[&User], announced: Timestamp) {
        if !users.is_empty() {
            log_failure(self.withdraw(users.iter().map(|user| Entry::of(user)).collect(), announced).await);
        }
    }

    /// Notes that there are no entries of earlier releases, in a table without users.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn search_begin(&self) -> Result<()> {
        if self.user_counts().await?.total() == 0 {
            self.mark_migrated().await?;
        }
        Ok(())
    }

    /// Notes that there are no entries of earlier releases any more.
    async fn mark_migrated(&self) -> Result<()> {
        self.change_state(|state| !state.is_migrated, |state| state.is_migrated = true, None).await?;
        Ok(())
    }

    /// Deletes what is left in the index of a deleted user whom nobody can restore: the entries of groups, and of earlier releases.
    /// Has recent changes merged soon, so that they say nothing of the user any more.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn search_forget(&self, user: &User) -> Result<()> {
        let state: Option<IndexState> = self.get(keys::index_state()).await?;
        let mut all: Vec<Key> = group_entries(user).into_iter().collect();
        if !state.is_some_and(|state| state.is_migrated) {
            all.extend(entries_of_earlier_releases(user));
        }
        // The deletion has removed them unless it was interrupted. To read an item costs a fifth of a removal, which costs
        // the same whether there is an item or not.
        let left: Vec<Key> = self.batch(&all).await?.iter().map(key_of).collect();
        self.remove_all(&left).await?;
        self.leave_mark(&keys::purged_mark()).await
    }

    /// Adds some more users to the index again, deletes what only earlier releases wrote for them, and corrects the list of
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
        self.pack(PACKET_MAX_CHANGES, 1).await?;
        self.mark_migrated().await?;
        self.remove(&keys::reindex()).await?;
        Ok(None)
    }

    async fn reindex_users(&self, positions: &[String]) -> Result<()> {
        // Who changes a user from now on knows better.
        let at = self.ambient.now().plus_seconds(-SETTLED);
        let ids = positions.iter().filter_map(|position| Position::id(position)).map(UserId);
        let wanted: Vec<Key> = ids.map(keys::user).collect();
        let users = self.users_in_partition(&wanted).await?;
        self.announce(users.iter().map(Entry::of).collect(), at).await?;
        let mut items = items_of(users.iter());
        items.extend(users.iter().flat_map(entries).map(|key| key.attributes()));
        self.write_batch(items, &[]).await?;
        let earlier: Vec<Key> = users.iter().flat_map(entries_of_earlier_releases).collect();
        let earlier: Vec<Key> = self.batch_at_once(&earlier).await?.iter().map(key_of).collect();
        self.remove_all(&earlier).await?;
        self.correct_inactive(&users).await?;
        self.pack(PACKET_MAX_CHANGES, MERGE_MAX_CHANGES).await?;
        Ok(())
    }
}

/// Keys that only earlier releases wrote: an entry for each term, and one in the list of active users. The key depended on the
/// value, and before that on the active flag.
fn entries_of_earlier_releases(user: &User) -> BTreeSet<Key> {
    let (entry, position) = (Entry::of(user), Position::of_user(user).sk);
    let mut keys = BTreeSet::from([keys::active_before(&position)]);
    keys.extend(
        entry.terms().into_iter().flat_map(|term| [0, 1].map(|state| earlier_key(&entry, &position, term, state))),
    );
    keys
}

/// The key of such an entry, for an active user in the release before that if `state` is 1.
fn earlier_key(entry: &Entry, position: &str, term: Term, state: u8) -> Key {
    keys::posting(term.partition_before(), &term.prefix(), position, mark(state, entry.value(term.field)))
}

fn mark(state: u8, value: &str) -> u32 {
    let mut digest = Sha256::new();
    digest.update([state]);
    digest.update(value);
    let digest = digest.finalize();
    digest.iter().take(4).fold(0, |mark, byte| mark << 8 | u32::from(*byte))
}

/// The index of users whom it does not contain, for measurements that insert many users at once. They must be together in the
/// list of users.
///
/// # Errors
/// When a block cannot be spelled.
pub fn search_items<'a>(users: impl Iterator<Item = &'a User> + Clone) -> Result<Vec<Item>> {
    let mut items = items_of(users.clone());
    items.extend(blocks_of(users.map(Entry::of))?);
    Ok(items)
}

/// A recent change, for measurements of many.
///
/// # Errors
/// When it cannot be spelled.
pub fn search_changes(at: Timestamp, before: Option<&User>, after: Option<&User>) -> Result<Item> {
    let version = after.or(before).map_or(1, |user| user.version);
    Change::between(before, after, version, at).item()?.ok_or_else(|| Error::internal("a change needs a user"))
}

/// Entries of a user as earlier releases wrote them, for tests of what becomes of them.
pub fn search_items_of_earlier_releases(user: &User) -> Vec<Item> {
    let entry = Entry::of(user);
    let position = Position::of_user(user).sk;
    let item = |term: Term| {
        let mut item = earlier_key(&entry, &position, term, 1).attributes();
        item.insert("v".to_owned(), AttributeValue::S(entry.value(term.field).to_owned()));
        item
    };
    entry.terms().into_iter().map(item).collect()
}
