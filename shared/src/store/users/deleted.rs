//! Deleted users who wait to be restored or purged: a record with everything that a restoration needs, and a list row.
//!
//! A record waits as long as it has its list row. A purge takes the row away first, so nobody can restore the user while
//! the rest is deleted. The claims on the user's ids stay until then, so nobody else gets them.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::claims::{kept_claims, owned_by};
use super::items::{MembershipItem, UserItem};
use super::{Guard, UserWrite};
use crate::error::{Error, Result};
use crate::model::{
    CleanupTask, DeletedRow, DeletedUser, EmailAddress, Membership, OrganizationId, Timestamp, UserId, Username,
};
use crate::store::item::{MOST_BYTES, from_item, key_of, size, to_item};
use crate::store::keys::{self, Key};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::users::is_false;
use crate::store::{Basis, Item, NewEvent, Store};

/// How much larger than a user's record that of a deleted user may be.
const MORE_BYTES: usize = 15_000;

#[derive(Serialize, Deserialize)]
struct DeletedItem {
    #[serde(flatten)]
    user: UserItem,
    had: Vec<MembershipItem>,
    deleted_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_by: Option<UserId>,
}

#[derive(Serialize, Deserialize)]
struct DeletedRowItem {
    id: UserId,
    username: Username,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    first_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    last_name: String,
    #[serde(default, skip_serializing_if = "is_false")]
    is_superuser: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    organizations: Vec<OrganizationId>,
    #[serde(default, skip_serializing_if = "is_false")]
    lacks_organizations: bool,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<UserId>,
}

impl Store {
    /// The record of a deleted user, whether it still waits or is being purged.
    ///
    /// # Errors
    /// When the store is unavailable, or the record is malformed.
    pub async fn deleted_user(&self, id: UserId) -> Result<Option<DeletedUser>> {
        let item: Option<DeletedItem> = self.get(keys::deleted(id)).await?;
        item.map(DeletedUser::try_from).transpose()
    }

    /// Whether the record of a deleted user still waits.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deleted_waits(&self, deleted: &DeletedUser) -> Result<bool> {
        Ok(self.item(&row_key(deleted)).await?.is_some())
    }

    /// Those of the users who are deleted and not purged yet.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deleted_among(&self, ids: &BTreeSet<UserId>) -> Result<BTreeSet<UserId>> {
        let wanted: Vec<Key> = ids.iter().map(|&id| keys::deleted(id)).collect();
        let found: BTreeSet<Key> = self.batch_at_once(&wanted).await?.iter().map(key_of).collect();
        Ok(ids.iter().filter(|&&id| found.contains(&keys::deleted(id))).copied().collect())
    }

    /// At most `limit` deleted users before a position, the last deleted first, each with its position. An invalid
    /// position is ignored.
    ///
    /// # Errors
    /// When the store is unavailable, or a row is malformed.
    pub async fn deleted_rows(&self, before: Option<&str>, limit: usize) -> Result<Vec<(String, DeletedRow)>> {
        let before = before.filter(|before| keys::deleted_id(before).is_some());
        let bound = before.map_or(Bound::Whole, Bound::Before);
        let items = self.query(Range { pk: keys::DELETED, bound, ascending: false }, limit).await?;
        let row = |item: Item| {
            let key = key_of(&item);
            Ok((key.sk.clone(), from_item::<DeletedRowItem>(&key, item)?.into()))
        };
        items.into_iter().map(row).collect()
    }

    /// At most `limit` users who were deleted before that time, the first deleted first: their positions and ids.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn deleted_before(&self, time: Timestamp, limit: usize) -> Result<Vec<(String, Option<UserId>)>> {
        let end = keys::deleted_before(time);
        let range = Range { pk: keys::DELETED, bound: Bound::Before(&end), ascending: true };
        let items = self.query(range, limit).await?;
        Ok(items.iter().map(key_of).map(|key| (key.sk.clone(), keys::deleted_id(&key.sk))).collect())
    }

    /// Begins the purge of a deleted user: from now on, nobody can restore it, and a cleanup task deletes the rest.
    /// `false`, and no change, if the record or `basis` has changed since it was read.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn purge_begin(&self, deleted: &DeletedUser, basis: &Basis, event: NewEvent) -> Result<bool> {
        let mut transaction = Transaction::new();
        self.write_event(&mut transaction, event)?;
        let id = deleted.user.id;
        transaction.require_version(keys::deleted(id), deleted.user.version, ());
        transaction.delete_if(row_key(deleted), Condition::Present, ());
        for task in [CleanupTask::Purge(id), CleanupTask::Erasure(id)] {
            transaction.put(keys::work(task).attributes());
        }
        basis.require_in(&mut transaction, &());
        Ok(self.transact(&transaction).await?.is_ok())
    }

    /// The same for a row whose time is over, without reading the record.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn purge_begin_at(&self, position: &str, id: Option<UserId>, event: Option<NewEvent>) -> Result<()> {
        let mut transaction = Transaction::new();
        if let Some(event) = event {
            self.write_event(&mut transaction, event)?;
        }
        transaction.delete_if(keys::deleted_row_at(position), Condition::Present, ());
        if let Some(id) = id {
            for task in [CleanupTask::Purge(id), CleanupTask::Erasure(id)] {
                transaction.put(keys::work(task).attributes());
            }
        }
        // Somebody else was faster, or the user was restored.
        let _ = self.transact(&transaction).await?;
        Ok(())
    }

    /// Ends the purge of a deleted user: releases the ids and deletes the record. Nothing happens if it is deleted
    /// already.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn purge_end(&self, deleted: &DeletedUser) -> Result<()> {
        let id = deleted.user.id;
        for key in kept_claims(&deleted.user).into_keys() {
            let mut transaction = Transaction::new();
            transaction.delete_if(key, owned_by(id), ());
            // Somebody else was faster.
            let _ = self.transact(&transaction).await?;
        }
        self.remove(&keys::deleted(id)).await
    }
}

/// Puts the record of a deleted user, or takes it away for a restoration.
pub(super) fn write_deleted(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
    let Some(deleted) = write.deleted else { return Ok(()) };
    let id = deleted.user.id;
    if write.after.is_none() {
        transaction.put(record(deleted)?);
        transaction.put(to_item(&row_key(deleted), &DeletedRowItem::from(deleted.row()))?);
        return Ok(());
    }
    let unchanged = Condition::Is("version", AttributeValue::N(deleted.user.version.to_string()));
    transaction.delete_if(keys::deleted(id), unchanged, Guard::Record);
    transaction.delete_if(row_key(deleted), Condition::Present, Guard::Record);
    // What the deletion left must be gone, or its cleanup would find what is restored.
    transaction.check(keys::work(CleanupTask::User(id)), Condition::Absent, Guard::Record);
    if write.after.is_some_and(|after| !after.returning.is_empty()) {
        transaction.put(keys::work(CleanupTask::Returning(id)).attributes());
    }
    Ok(())
}

/// The record, with as many memberships as fit.
fn record(deleted: &DeletedUser) -> Result<Item> {
    let mut kept = deleted.memberships.len();
    loop {
        let item = DeletedItem {
            user: UserItem::new(&deleted.user, deleted.user.version),
            had: deleted.memberships.iter().take(kept).map(MembershipItem::from).collect(),
            deleted_at: deleted.at,
            deleted_by: deleted.by,
        };
        let item = to_item(&keys::deleted(deleted.user.id), &item)?;
        if kept == 0 || size(&item) <= MOST_BYTES + MORE_BYTES {
            return Ok(item);
        }
        kept /= 2;
    }
}

fn row_key(deleted: &DeletedUser) -> Key {
    keys::deleted_row(deleted.at, deleted.user.id)
}

impl TryFrom<DeletedItem> for DeletedUser {
    type Error = Error;

    fn try_from(item: DeletedItem) -> Result<Self> {
        let DeletedItem { user, had, deleted_at, deleted_by } = item;
        let memberships = had.into_iter().map(Membership::from).collect();
        Ok(Self { user: user.try_into()?, memberships, at: deleted_at, by: deleted_by })
    }
}

impl From<DeletedRow> for DeletedRowItem {
    fn from(row: DeletedRow) -> Self {
        Self {
            id: row.id,
            username: row.username,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            is_superuser: row.is_superuser,
            organizations: row.organizations,
            lacks_organizations: row.lacks_organizations,
            at: row.at,
            by: row.by,
        }
    }
}

impl From<DeletedRowItem> for DeletedRow {
    fn from(item: DeletedRowItem) -> Self {
        Self {
            id: item.id,
            username: item.username,
            email: item.email,
            first_name: item.first_name,
            last_name: item.last_name,
            is_superuser: item.is_superuser,
            organizations: item.organizations,
            lacks_organizations: item.lacks_organizations,
            at: item.at,
            by: item.by,
        }
    }
}
