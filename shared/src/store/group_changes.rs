//! Users who are about to join or leave a group: what did not fit into the request that changed its members.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::key_of;
use super::keys;
use super::requests::{Bound, Range};
use super::{Item, Store};
use crate::error::Result;
use crate::model::{CleanupTask, GroupId, UserId};

/// Attribute: whether the user leaves the group.
const LEAVES: &str = "leaves";

impl Store {
    /// Notes that users join (`true`) or leave a group, and leaves the task to make them do so.
    ///
    /// # Errors
    /// When the store is unavailable; some of them may have been noted.
    pub async fn group_changes_insert(&self, id: GroupId, changes: &BTreeMap<UserId, bool>) -> Result<()> {
        let mut task = keys::work(CleanupTask::Members(id)).attributes();
        let version = self.ambient.now().micros().unsigned_abs().max(1);
        task.insert("version".to_owned(), AttributeValue::N(version.to_string()));
        let item = |(&user, &joins): (&UserId, &bool)| {
            let mut item = keys::group_change(id, user).attributes();
            item.insert(LEAVES.to_owned(), AttributeValue::Bool(!joins));
            item
        };
        // First the task, so that no change is left without one; and again, for it may have ended meanwhile.
        self.write_batch(vec![task.clone()], &[]).await?;
        self.write_batch(changes.iter().map(item).collect(), &[]).await?;
        self.write_batch(vec![task], &[]).await
    }

    /// At most `limit` users after a given one who are about to join (`true`) or leave a group.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_changes(
        &self,
        id: GroupId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<BTreeMap<UserId, bool>> {
        let pk = keys::group_changes(id);
        let after = after.map(|after| after.to_string());
        let bound = after.as_deref().map_or(Bound::Whole, Bound::After);
        let change = |item: &Item| {
            let leaves = item.get(LEAVES).and_then(|leaves| leaves.as_bool().ok()).is_some_and(|leaves| *leaves);
            Some((UserId::parse(&key_of(item).sk)?, !leaves))
        };
        let items = self.query(Range { pk: &pk, bound, ascending: true }, limit).await?;
        Ok(items.iter().filter_map(change).collect())
    }

    /// Removes the note about a user, who has joined or left the group.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_change_remove(&self, id: GroupId, user: UserId) -> Result<()> {
        self.remove(&keys::group_change(id, user)).await
    }
}
