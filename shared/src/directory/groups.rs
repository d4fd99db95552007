//! Groups: create, read, change, remove (`contracts/openwisp.md` section 11).

use std::collections::BTreeSet;

use async_recursion::async_recursion as boxed;
use tokio::sync::OnceCell;

use super::users::unknown_permission;
use super::{Act, Caller, Directory, Draft, Expected, Page, PageRange};
use crate::error::{Entity, Error, Result, Rule, Violation};
use crate::model::{Action, CleanupTask, Field, Group, GroupChanges, GroupId, Model, PermissionId, Sequence};
use crate::store::{Basis, GroupWriteOutcome};

/// Groups with smaller ids exist from the installation.
const FIRST_ID: u64 = 3;

impl Directory {
    /// The groups, by name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not view them.
    #[boxed]
    pub async fn groups(&self, caller: &Caller, range: PageRange) -> Result<Page<Group>> {
        caller.must(Act::Request(Action::View, Model::Group))?;
        Ok(range.cut(self.groups_by_name().await?))
    }

    /// All groups, by name, to choose from in a request about users.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may do nothing with users.
    #[boxed]
    pub async fn group_choices(&self, caller: &Caller) -> Result<Vec<Group>> {
        if Action::ALL.into_iter().any(|action| caller.may(Act::Model(action, Model::User))) {
            self.groups_by_name().await
        } else {
            Err(Error::Forbidden)
        }
    }

    async fn groups_by_name(&self) -> Result<Vec<Group>> {
        let mut groups = self.store.groups_all().await?;
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// A group on which the caller may act this way.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] if the group does not exist.
    #[boxed]
    pub async fn group(&self, caller: &Caller, action: Action, id: GroupId) -> Result<Group> {
        caller.must(Act::Request(action, Model::Group))?;
        self.store.group(id).await?.ok_or(Error::NotFound(Entity::Group))
    }

    /// The group with that name.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not view groups.
    #[boxed]
    pub async fn group_by_name(&self, caller: &Caller, name: &str) -> Result<Option<Group>> {
        caller.must(Act::Request(Action::View, Model::Group))?;
        self.store.group_by_name(name).await
    }

    /// A group whose members the caller may change, or that the caller may change itself.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] if the group does not exist.
    #[boxed]
    pub async fn group_to_fill(&self, caller: &Caller, id: GroupId) -> Result<Group> {
        if !caller.may(Act::Model(Action::Change, Model::User)) {
            caller.must(Act::Model(Action::Change, Model::Group))?;
        }
        self.store.group(id).await?.ok_or(Error::NotFound(Entity::Group))
    }

    /// Creates a group.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations.
    #[boxed]
    pub async fn create_group(&self, caller: &Caller, draft: Draft<GroupChanges>) -> Result<Group> {
        let Draft { content, mut violations } = draft;
        violations
            .extend(content.permissions.as_ref().and_then(|ids| unknown_permission(Field::GroupPermissions, ids)));
        let none = BTreeSet::new();
        let given = content.permissions.as_deref().unwrap_or(&none);
        let number = OnceCell::new();
        let mut attempts = self.attempts(caller, ());
        loop {
            let (caller, ()) = attempts.next().await?;
            let (basis, beyond) = self.must_change_group(caller, Action::Add, &none, given).await?;
            let violations: Vec<_> = violations.iter().cloned().chain(beyond).collect();
            let (Some(name), true) = (&content.name, violations.is_empty()) else {
                return Err(self.refused(violations, content.name.as_deref(), None).await?);
            };
            let number = number.get_or_try_init(|| self.store.sequence_next(Sequence::Groups)).await?;
            let id = GroupId(number + FIRST_ID - 1);
            let now = Some(self.ambient.now());
            let mut group = Group {
                id,
                version: 1,
                name: name.clone(),
                permissions: given.clone(),
                external_id: None,
                created: now,
                modified: now,
            };
            content.external_id.apply(&mut group.external_id);
            match self.store.group_write(None, Some(&group), &basis, Some(&caller.actor())).await? {
                GroupWriteOutcome::Done => return Ok(group),
                GroupWriteOutcome::NameTaken => return Err(Error::invalid(Field::GroupName, Rule::Taken)),
                GroupWriteOutcome::Stale => {}
            }
        }
    }

    /// Changes a group. Concurrent changes of other fields are kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::Changed`] if the group is not at an `expected` version. Nothing
    /// is changed then.
    #[boxed]
    pub async fn change_group(
        &self,
        caller: &Caller,
        group: Group,
        draft: Draft<GroupChanges>,
        expected: &Expected,
    ) -> Result<Group> {
        let Draft { content, mut violations } = draft;
        violations
            .extend(content.permissions.as_ref().and_then(|ids| unknown_permission(Field::GroupPermissions, ids)));
        let mut attempts = self.attempts(caller, group);
        loop {
            let (caller, before) = attempts.next().await?;
            let mut after = before.clone();
            if let Some(name) = &content.name {
                after.name.clone_from(name);
            }
            if let Some(permissions) = content.permissions.as_deref() {
                after.permissions.clone_from(permissions);
            }
            content.external_id.apply(&mut after.external_id);
            let (basis, beyond) =
                self.must_change_group(caller, Action::Change, &before.permissions, &after.permissions).await?;
            expected.check(before.version)?;
            let violations: Vec<_> = violations.iter().cloned().chain(beyond).collect();
            if !violations.is_empty() {
                return Err(self.refused(violations, content.name.as_deref(), Some(before)).await?);
            }
            if after == *before {
                return Ok(after);
            }
            after.modified = Some(self.ambient.now());
            match self.store.group_write(Some(before), Some(&after), &basis, Some(&caller.actor())).await? {
                GroupWriteOutcome::Done => return Ok(Group { version: before.version + 1, ..after }),
                GroupWriteOutcome::NameTaken => return Err(Error::invalid(Field::GroupName, Rule::Taken)),
                GroupWriteOutcome::Stale => {}
            }
        }
    }

    /// Removes a group. Its users lose it immediately, however many they are. This request updates the records of a few
    /// users, cleanup those of the others.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was deleted meanwhile, [`Error::Forbidden`] if it has permissions that the caller
    /// lacks, [`Error::Changed`] if it is not at an `expected` version.
    #[boxed]
    pub async fn delete_group(&self, caller: &Caller, group: Group, expected: &Expected) -> Result<()> {
        let mut attempts = self.attempts(caller, group);
        loop {
            let (caller, before) = attempts.next().await?;
            let none = BTreeSet::new();
            let (basis, beyond) = self.must_change_group(caller, Action::Delete, &before.permissions, &none).await?;
            if beyond.is_some() {
                return Err(Error::Forbidden);
            }
            expected.check(before.version)?;
            match self.store.group_write(Some(before), None, &basis, Some(&caller.actor())).await? {
                GroupWriteOutcome::Stale => {}
                GroupWriteOutcome::Done | GroupWriteOutcome::NameTaken => {
                    self.clean_up_after(CleanupTask::Group(before.id)).await;
                    return Ok(());
                }
            }
        }
    }

    /// Fails if the caller may not do `action` on groups. Returns the records that the decision depends on, and a
    /// violation if the caller lacks a permission that the group's users gain or lose.
    async fn must_change_group(
        &self,
        caller: &Caller,
        action: Action,
        before: &BTreeSet<PermissionId>,
        after: &BTreeSet<PermissionId>,
    ) -> Result<(Basis, Option<Violation>)> {
        caller.must(Act::Model(action, Model::Group))?;
        let (may, basis) = self.may_change_permissions(caller, before, after).await?;
        let violation = Violation { field: Field::GroupPermissions, rule: Rule::BeyondOwnRights };
        Ok((basis, (!may).then_some(violation)))
    }

    /// All violations, including a taken name.
    async fn refused(&self, mut violations: Vec<Violation>, name: Option<&str>, own: Option<&Group>) -> Result<Error> {
        if let Some(name) = name
            && own.is_none_or(|own| own.name != name)
            && self.store.group_name_is_taken(name).await?
        {
            violations.push(Violation { field: Field::GroupName, rule: Rule::Taken });
        }
        Ok(Error::Invalid(violations))
    }
}
