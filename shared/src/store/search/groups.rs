//! The lists of the users of groups, in the order of the list of users.
//!
//! Entries are hints: they are written before the change that needs them, and deleted after the change that makes them obsolete.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::try_join_all;

use crate::error::Result;
use crate::model::User;
use crate::store::keys::{self, Key, Position};
use crate::store::{Item, Store, cost};

/// Attribute with the version of the user's record that needed the entry.
const VERSION: &str = "n";

/// The effect of a user change on these lists.
pub(in crate::store) struct GroupEntries {
    /// Entries to write.
    pub(in crate::store) wanted: BTreeSet<Key>,
    /// Entries to delete.
    unwanted: BTreeSet<Key>,
    /// The user's new version.
    version: u64,
}

impl GroupEntries {
    pub(in crate::store) fn new(before: Option<&User>, after: Option<&User>, version: u64) -> Self {
        let (old, new) = (before.map(entries).unwrap_or_default(), after.map(entries).unwrap_or_default());
        Self { wanted: &new - &old, unwanted: &old - &new, version }
    }

    fn items(&self) -> impl Iterator<Item = Item> {
        self.wanted.iter().map(|key| {
            let mut item = key.attributes();
            item.insert(VERSION.to_owned(), AttributeValue::N(self.version.to_string()));
            item
        })
    }
}

/// The items of the entries of users.
pub(super) fn items_of<'a>(users: impl Iterator<Item = &'a User>) -> Vec<Item> {
    let items = |user: &User| GroupEntries::new(None, Some(user), user.version).items().collect::<Vec<_>>();
    users.flat_map(items).collect()
}

/// The entries of a user.
pub(super) fn entries(user: &User) -> BTreeSet<Key> {
    let position = Position::of_user(user).sk;
    user.groups.iter().map(|&group| keys::posting(keys::grouped(group), "", &position, 0)).collect()
}

impl Store {
    /// Writes the entries that a user change needs, before it is made.
    pub(in crate::store) async fn groups_prepare(&self, change: &GroupEntries) -> Result<()> {
        self.write_batch(change.items().collect(), &[]).await
    }

    /// Deletes the entries that a user change has made obsolete, after the change was made. If the store is unavailable, that is
    /// no reason to fail: readers detect stale entries.
    pub(in crate::store) async fn groups_clean(&self, change: &GroupEntries) {
        let removals = change.unwanted.iter().map(|key| self.remove_entry(key, change.version));
        log_failure(try_join_all(removals).await.map(|_| ()));
    }

    /// Deletes the entries of a new user who was not created after all.
    pub(in crate::store) async fn groups_undo(&self, change: GroupEntries) {
        log_failure(self.remove_all(&change.wanted.into_iter().collect::<Vec<_>>()).await);
    }

    /// Deletes an entry unless a later version of its user needs it again.
    async fn remove_entry(&self, key: &Key, version: u64) -> Result<()> {
        let delete = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(key.attributes()))
            .condition_expression("attribute_not_exists(#n) OR #n <= :version")
            .expression_attribute_names("#n", VERSION)
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(output) = self.write_if(|| delete.clone().send()).await? {
            cost::wrote(output.consumed_capacity());
        }
        Ok(())
    }
}

/// Logs stale entries that could not be deleted.
pub(super) fn log_failure(cleaned: Result<()>) {
    if let Err(error) = cleaned {
        tracing::warn!(error = %error, "could not delete stale search entries");
    }
}
