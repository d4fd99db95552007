//! Groups: made, read, changed, removed (`contracts/openwisp.md` section 11).

use std::collections::BTreeSet;

use super::{Act, Caller, Directory, Draft, too_busy};
use crate::error::{Entity, Error, Result, Rule, Violation};
use crate::model::{Group, GroupChanges, GroupId, Permission, PermissionId};
use crate::store::GroupWritten;
use crate::store::keys::{Sequence, Work};

/// Groups with smaller ids exist from installation.
const FIRST_ID: u64 = 3;

impl Directory {
    /// All groups, by name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        let mut groups = self.store.groups_all().await?;
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// One group.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn group(&self, id: GroupId) -> Result<Group> {
        self.store.group(id).await?.ok_or(Error::NotFound(Entity::Group))
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong.
    pub async fn create_group(&self, caller: &Caller, draft: Draft<GroupChanges>) -> Result<Group> {
        let Draft { content, mut violations } = draft;
        violations.extend(unknown_permission(content.permissions.as_ref()));
        violations.extend(content.permissions.as_ref().and_then(|given| beyond(caller, given)));
        let (Some(name), true) = (&content.name, violations.is_empty()) else {
            return Err(self.refused(violations, content.name.as_deref(), None).await?);
        };
        let id = GroupId(self.store.sequence_next(Sequence::Groups).await? + FIRST_ID - 1);
        let group = Group { id, version: 1, name: name.clone(), permissions: content.permissions.unwrap_or_default() };
        match self.store.group_write(None, Some(&group)).await? {
            GroupWritten::Done => Ok(group),
            GroupWritten::NameTaken => Err(Error::invalid("name", Rule::Taken)),
            GroupWritten::Stale => Err(Error::internal("a new group met an old one")),
        }
    }

    /// Changes a group. Changes of other fields that happen meanwhile survive.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong; nothing is changed then.
    pub async fn change_group(&self, caller: &Caller, group: Group, draft: Draft<GroupChanges>) -> Result<Group> {
        let Draft { content, mut violations } = draft;
        let gained = |before: &Group| content.permissions.as_ref().map(|after| after - &before.permissions);
        violations.extend(unknown_permission(content.permissions.as_ref()));
        violations.extend(gained(&group).and_then(|gained| beyond(caller, &gained)));
        if !violations.is_empty() {
            return Err(self.refused(violations, content.name.as_deref(), Some(&group)).await?);
        }
        let mut before = group;
        let mut tries = self.store.tries();
        loop {
            let mut after = before.clone();
            if let Some(name) = &content.name {
                after.name.clone_from(name);
            }
            if let Some(permissions) = &content.permissions {
                after.permissions.clone_from(permissions);
            }
            if after == before {
                return Ok(before);
            }
            match self.store.group_write(Some(&before), Some(&after)).await? {
                GroupWritten::Done => return Ok(Group { version: before.version + 1, ..after }),
                GroupWritten::NameTaken => return Err(Error::invalid("name", Rule::Taken)),
                GroupWritten::Stale if tries.again().await => {
                    before = self.group(before.id).await?;
                    if let Some(violation) = gained(&before).and_then(|gained| beyond(caller, &gained)) {
                        return Err(Error::Invalid(vec![violation]));
                    }
                }
                GroupWritten::Stale => return Err(too_busy()),
            }
        }
    }

    /// Removes a group. Its users lose it at once, however many they are;
    /// their records follow, by this request for a few and by follow-up work for the others.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone meanwhile.
    pub async fn delete_group(&self, group: Group) -> Result<()> {
        let mut before = group;
        let mut tries = self.store.tries();
        loop {
            match self.store.group_write(Some(&before), None).await? {
                GroupWritten::Stale if tries.again().await => before = self.group(before.id).await?,
                GroupWritten::Stale => return Err(too_busy()),
                GroupWritten::Done | GroupWritten::NameTaken => {
                    self.follow_up_some(Work::Group(before.id)).await;
                    return Ok(());
                }
            }
        }
    }

    /// Takes at most `limit` users out of a removed group; `true` when none is left.
    pub(super) async fn finish_group_removal(&self, id: GroupId, limit: usize) -> Result<bool> {
        let users = self.store.group_users(id, limit).await?;
        for &user in &users {
            self.leave_group(user, id).await?;
        }
        Ok(users.len() < limit)
    }

    /// What is wrong, and whether the name is taken besides.
    async fn refused(&self, mut violations: Vec<Violation>, name: Option<&str>, own: Option<&Group>) -> Result<Error> {
        if let Some(name) = name
            && own.is_none_or(|own| own.name != name)
            && self.store.group_name_is_taken(name).await?
        {
            violations.push(Violation { field: "name", rule: Rule::Taken });
        }
        Ok(Error::Invalid(violations))
    }
}

/// The first permission that does not exist.
fn unknown_permission(ids: Option<&BTreeSet<PermissionId>>) -> Option<Violation> {
    let unknown = ids?.iter().find(|id| Permission::by_id(**id).is_none())?;
    Some(Violation { field: "permissions", rule: Rule::UnknownReference(unknown.to_string()) })
}

/// Permissions that a group would gain and the caller does not have: its users would get them from nobody.
fn beyond(caller: &Caller, gained: &BTreeSet<PermissionId>) -> Option<Violation> {
    (!caller.may(Act::Give(gained))).then_some(Violation { field: "permissions", rule: Rule::BeyondOwnRights })
}
