//! Groups, their users, and cleanup after the removal of a group.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::events::changes_between;
use super::item::{from_item, key_of, to_item};
use super::keys;
use super::requests::{Bound, Range};
use super::transaction::{Condition, Transaction};
use super::{Basis, Item, NewEvent, Store};
use crate::error::Result;
use crate::model::{
    Actor, CleanupTask, EventAction, EventTarget, Group, GroupId, PermissionId, TargetKind, Timestamp, UserId,
};

/// The result of writing a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupWriteOutcome {
    /// It was written.
    Done,
    /// The group has been changed or deleted since it was read; nothing was written.
    Stale,
    /// Another group has the name; nothing was written.
    NameTaken,
}

/// The layout of new tables; in a table of layout 1, counters do not say how many users are inactive.
const LAYOUT: u32 = 2;

#[derive(Deserialize)]
struct InstallationItem {
    #[serde(default)]
    layout: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    Record,
    Name,
}

#[derive(Serialize, Deserialize)]
struct GroupItem {
    id: GroupId,
    version: u64,
    name: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    permissions: BTreeSet<PermissionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<Timestamp>,
}

/// A claim on a name. Claims written before this attribute existed do not say whose they are.
#[derive(Serialize, Deserialize)]
struct NameItem {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<GroupId>,
}

impl Store {
    /// The groups that exist among these.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn groups(&self, ids: &BTreeSet<GroupId>) -> Result<Vec<Group>> {
        let keys: Vec<_> = ids.iter().map(|&id| keys::group(id)).collect();
        self.batch(&keys).await?.into_iter().map(group_from_item).collect()
    }

    /// The group with that id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group(&self, id: GroupId) -> Result<Option<Group>> {
        let item: Option<GroupItem> = self.get(keys::group(id)).await?;
        Ok(item.map(Group::from))
    }

    /// Whether a group has this name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_name_is_taken(&self, name: &str) -> Result<bool> {
        Ok(self.get::<serde::de::IgnoredAny>(keys::group_name(name)).await?.is_some())
    }

    /// The group with that name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_by_name(&self, name: &str) -> Result<Option<Group>> {
        match self.get::<NameItem>(keys::group_name(name)).await? {
            None => Ok(None),
            Some(NameItem { group: Some(id) }) => self.group(id).await,
            Some(NameItem { group: None }) => Ok(self.groups_all().await?.into_iter().find(|group| group.name == name)),
        }
    }

    /// Every group, sorted by id. There are few: no request about users reads them all.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn groups_all(&self) -> Result<Vec<Group>> {
        let range = Range { pk: keys::GROUPS, bound: Bound::Whole, ascending: true };
        self.query(range, usize::MAX).await?.into_iter().map(group_from_item).collect()
    }

    /// Creates a group (without `before`), changes it, or removes it (without `after`), together with the claim on its
    /// name. A removal leaves a cleanup task for the group's users. Stale also if `basis` has changed. With an `actor`,
    /// this is an event.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_write(
        &self,
        before: Option<&Group>,
        after: Option<&Group>,
        basis: &Basis,
        actor: Option<&Actor>,
    ) -> Result<GroupWriteOutcome> {
        let mut transaction = Transaction::new();
        let unchanged = |group: &Group| Condition::Is("version", AttributeValue::N(group.version.to_string()));
        match (before, after) {
            (before, Some(after)) => {
                let version = before.map_or(1, |before| before.version + 1);
                let item = to_item(&keys::group(after.id), &GroupItem { version, ..GroupItem::from(after) })?;
                let condition = before.map_or(Condition::Absent, unchanged);
                transaction.put_if(item, condition, Guard::Record);
            }
            (Some(before), None) => {
                transaction.delete_if(keys::group(before.id), unchanged(before), Guard::Record);
                transaction.put(keys::work(CleanupTask::Group(before.id)).attributes());
            }
            (None, None) => {}
        }
        let name = |group: Option<&Group>| group.map(|group| keys::group_name(&group.name));
        let (old, new) = (name(before), name(after));
        if old != new {
            if let Some(key) = old {
                transaction.delete(key);
            }
            if let (Some(key), Some(after)) = (new, after) {
                let item = to_item(&key, &NameItem { group: Some(after.id) })?;
                transaction.put_if(item, Condition::Absent, Guard::Name);
            }
        }
        if let Some(event) = event_of(before, after, actor)? {
            self.write_event(&mut transaction, event)?;
        }
        basis.require_in(&mut transaction, &Guard::Record);
        let Err(broken) = self.transact(&transaction).await? else { return Ok(GroupWriteOutcome::Done) };
        let stale = broken.iter().any(|broken| broken.guard == Guard::Record);
        Ok(if stale { GroupWriteOutcome::Stale } else { GroupWriteOutcome::NameTaken })
    }

    /// At most `limit` users of a group after a given one, sorted by id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_users(&self, id: GroupId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        let pk = keys::group_users(id);
        let after = after.map(|after| after.to_string());
        let bound = after.as_deref().map_or(Bound::Whole, Bound::After);
        let items = self.query(Range { pk: &pk, bound, ascending: true }, limit).await?;
        Ok(items.iter().filter_map(|item| UserId::parse(&key_of(item).sk)).collect())
    }

    /// Removes the record that a user was in a deleted group.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn group_user_remove(&self, id: GroupId, user: UserId) -> Result<()> {
        self.remove(&keys::group_user(id, user)).await
    }

    /// Whether the directory is marked as installed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn is_installed(&self) -> Result<bool> {
        Ok(self.get::<serde::de::IgnoredAny>(keys::installation()).await?.is_some())
    }

    /// Whether the counters of users have always counted how many are inactive.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn counts_switched(&self) -> Result<bool> {
        let mark: Option<InstallationItem> = self.get(keys::installation()).await?;
        Ok(mark.is_some_and(|mark| mark.layout >= LAYOUT))
    }

    /// Marks the directory as installed and creates its first groups. `false` if it was marked before.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn installation_insert(&self, groups: &[Group]) -> Result<bool> {
        if self.is_installed().await? {
            return Ok(false);
        }
        let mut transaction = Transaction::new();
        let mut mark = keys::installation().attributes();
        mark.insert("layout".to_owned(), AttributeValue::N(LAYOUT.to_string()));
        transaction.put_if(mark, Condition::Absent, ());
        let now = Some(self.ambient.now());
        for group in groups {
            let group = &Group { created: now, modified: now, ..group.clone() };
            transaction.put(to_item(&keys::group(group.id), &GroupItem::from(group))?);
            transaction.put(to_item(&keys::group_name(&group.name), &NameItem { group: Some(group.id) })?);
        }
        Ok(self.transact(&transaction).await?.is_ok())
    }
}

/// What an event says about a change of a group.
fn event_of(before: Option<&Group>, after: Option<&Group>, actor: Option<&Actor>) -> Result<Option<NewEvent>> {
    let (Some(actor), Some(group)) = (actor, after.or(before)) else { return Ok(None) };
    let action = match (before, after) {
        (None, _) => EventAction::GroupCreated,
        (Some(_), Some(_)) => EventAction::GroupUpdated,
        (Some(_), None) => EventAction::GroupDeleted,
    };
    let target = EventTarget { kind: TargetKind::Group, id: group.id.to_string(), name: Some(group.name.clone()) };
    let mut event = NewEvent::new(action, actor.clone(), target);
    event.version = Some(before.map_or(1, |before| before.version + 1));
    if after.is_some() {
        let [before, after] = [before, after].map(|group| group.map(GroupItem::from));
        event.changes =
            changes_between(before.as_ref(), after.as_ref(), "", &["id", "version", "created", "modified"])?;
    }
    Ok(Some(event))
}

pub(super) fn group_from_item(item: Item) -> Result<Group> {
    let key = key_of(&item);
    from_item::<GroupItem>(&key, item).map(Group::from)
}

impl From<&Group> for GroupItem {
    fn from(group: &Group) -> Self {
        let Group { id, version, name, permissions, external_id, created, modified } = group.clone();
        Self { id, version, name, permissions, external_id, created, modified }
    }
}

impl From<GroupItem> for Group {
    fn from(item: GroupItem) -> Self {
        let GroupItem { id, version, name, permissions, external_id, created, modified } = item;
        Self { id, version, name, permissions, external_id, created, modified }
    }
}
