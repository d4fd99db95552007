//! The members of a group, read and changed from the group's side (`contracts/scim.md` sections 3 and 10).
//!
//! Being in a group is part of a user's record, so each member who comes or goes is a change of that user, decided and
//! written like any other. A request changes up to a thousand; the others are noted and follow as cleanup does.

use std::collections::{BTreeMap, BTreeSet};

use async_recursion::async_recursion as boxed;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::{Act, Caller, Directory, Expected, SystemCaller, UserDetail, Visibility};
use crate::error::{Entity, Error, Result, Rule};
use crate::model::{Action, CleanupTask, Field, Group, GroupId, Model, User, UserId};
use crate::store::{GroupWriteOutcome, UserWrite, WriteOutcome};

/// Stands for a group that does not exist yet, and so grants nothing.
const TO_BE_MADE: GroupId = GroupId(u64::MAX);
/// How many members change in the request itself.
const IN_REQUEST: usize = 1000;
/// How many members are read or written at once.
const AT_ONCE: usize = 8;

/// Which members of a group come and go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberChanges {
    /// Whether all go who do not come.
    pub replaces: bool,
    /// Who comes.
    pub joining: BTreeSet<UserId>,
    /// Who goes.
    pub leaving: BTreeSet<UserId>,
}

/// Who comes or goes, as read, and those who follow later.
#[derive(Debug, Default)]
pub struct MemberPlan {
    now: Vec<(UserDetail, bool)>,
    later: BTreeMap<UserId, bool>,
}

impl MemberChanges {
    /// These users come.
    pub fn join(&mut self, users: BTreeSet<UserId>) {
        self.leaving.retain(|id| !users.contains(id));
        self.joining.extend(users);
    }

    /// These users go.
    pub fn leave(&mut self, users: BTreeSet<UserId>) {
        self.joining.retain(|id| !users.contains(id));
        self.leaving.extend(users);
    }

    /// These users come and all others go.
    pub fn replace(&mut self, users: BTreeSet<UserId>) {
        *self = Self { replaces: true, joining: users, leaving: BTreeSet::new() };
    }

    /// Whether nobody comes or goes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Directory {
    /// The members of a group whom the caller sees, sorted by id; `None` if there are more than `most`.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn group_members(&self, caller: &Caller, id: GroupId, most: usize) -> Result<Option<Vec<UserId>>> {
        let stored = self.store.group_users(id, None, most.saturating_add(1)).await?;
        if stored.len() > most {
            return Ok(None);
        }
        let mut members: BTreeSet<UserId> = stored.into_iter().collect();
        for (user, joins) in self.store.group_changes(id, None, usize::MAX).await? {
            if joins {
                members.insert(user)
            } else {
                members.remove(&user)
            };
        }
        let seen = self.those_in_sight(caller, members).await?;
        Ok((seen.len() <= most).then(|| seen.into_iter().collect()))
    }

    async fn those_in_sight(&self, caller: &Caller, users: BTreeSet<UserId>) -> Result<BTreeSet<UserId>> {
        match caller.visibility() {
            Visibility::Everyone => return Ok(users),
            Visibility::Oneself => return Ok(BTreeSet::new()),
            Visibility::Managed => {}
        }
        let mut seen = BTreeSet::new();
        for organization in self.managed_organizations(caller).await? {
            seen.extend(self.store.members_among(organization, &users).await?);
        }
        let superusers = self.all_superusers().await?;
        seen.retain(|id| !superusers.contains(id));
        Ok(seen)
    }

    /// The version of a group together with these members.
    pub fn group_version(group: &Group, members: &[UserId]) -> u64 {
        let mut digest = Sha256::new();
        digest.update(group.version.to_be_bytes());
        for id in members {
            digest.update(id.0.as_bytes());
        }
        let digest = digest.finalize();
        digest.iter().take(8).fold(0, |version, byte| version << 8 | u64::from(*byte))
    }

    /// Fails unless the group, alone or with at most `most` members, is at an `expected` version. What is returned
    /// holds for the group as read.
    ///
    /// # Errors
    /// [`Error::Changed`].
    #[boxed]
    pub async fn expected_group(
        &self,
        caller: &Caller,
        group: &Group,
        most: usize,
        expected: &Expected,
    ) -> Result<Expected> {
        if *expected == Expected::any() {
            return Ok(Expected::any());
        }
        if expected.check(group.version).is_err() {
            let members = self.group_members(caller, group.id, most).await?.ok_or(Error::Changed)?;
            expected.check(Self::group_version(group, &members))?;
        }
        Ok(Expected::versions([group.version]))
    }

    /// Reads everybody who comes or goes, and decides whether the caller may make them. Members out of sight stay.
    ///
    /// # Errors
    /// [`Error::Invalid`] for somebody who does not exist or has the most groups already; [`Error::Forbidden`].
    #[boxed]
    pub async fn plan_members(
        &self,
        caller: &Caller,
        group: Option<&Group>,
        changes: &MemberChanges,
    ) -> Result<MemberPlan> {
        let mut asked: BTreeMap<UserId, bool> = BTreeMap::new();
        asked.extend(changes.leaving.iter().map(|&id| (id, false)));
        asked.extend(changes.joining.iter().map(|&id| (id, true)));
        if let Some(group) = group {
            if changes.replaces {
                let members = self.group_members(caller, group.id, usize::MAX).await?.unwrap_or_default();
                for id in members {
                    if asked.remove(&id).is_none() {
                        asked.insert(id, false);
                    }
                }
            }
            if !asked.is_empty() {
                let none = BTreeSet::new();
                let (may, _) = self.may_change_permissions(caller, &none, &group.permissions).await?;
                caller.must(Act::Model(Action::Change, Model::User))?;
                if !may {
                    return Err(Error::Forbidden);
                }
            }
        } else if !asked.is_empty() {
            caller.must(Act::Model(Action::Change, Model::User))?;
        }
        let mut later = BTreeMap::new();
        if asked.len() > IN_REQUEST {
            if caller.visibility() != Visibility::Everyone {
                return Err(Error::invalid(Field::Members, Rule::TooMany(IN_REQUEST)));
            }
            let cut = asked.keys().nth(IN_REQUEST).copied();
            later = cut.map(|cut| asked.split_off(&cut)).unwrap_or_default();
            let joining: BTreeSet<UserId> = later.iter().filter(|(_, joins)| **joins).map(|(id, _)| *id).collect();
            let known = self.store.users_by_ids(&joining).await?;
            if let Some(id) = joining.iter().find(|id| !known.contains_key(id)) {
                return Err(unknown(*id));
            }
        }
        let read = stream::iter(asked).map(async |(id, joins)| match self.user(caller, id).await {
            Ok(detail) => Ok(Some((detail, joins))),
            Err(Error::NotFound(_)) if joins => Err(unknown(id)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        });
        let now: Vec<_> = read.buffered(AT_ONCE).try_filter_map(async |found| Ok(found)).try_collect().await?;
        let id = group.map_or(TO_BE_MADE, |group| group.id);
        for (detail, joins) in &now {
            self.must_move(caller, detail, id, *joins).await?;
        }
        Ok(MemberPlan { now, later })
    }

    /// Makes everybody come and go.
    ///
    /// # Errors
    /// When the store is unavailable; the same call may be repeated.
    #[boxed]
    pub async fn change_members(&self, caller: &Caller, id: GroupId, plan: MemberPlan) -> Result<()> {
        let MemberPlan { now, later } = plan;
        if !later.is_empty() {
            self.store.group_changes_insert(id, &later).await?;
        }
        // The caller is the last to go, who may lose the right to move the others.
        let (own, others): (Vec<_>, Vec<_>) = now.into_iter().partition(|(detail, _)| detail.user.id == caller.user.id);
        for members in [others, own] {
            let moved = stream::iter(members).map(|(detail, joins)| self.move_member(caller, detail, id, joins));
            moved.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        }
        if !later.is_empty() {
            self.clean_up_after(CleanupTask::Members(id)).await;
        }
        Ok(())
    }

    /// Makes a new version of a group, if nobody else has meanwhile.
    ///
    /// # Errors
    /// [`Error::Changed`].
    #[boxed]
    pub async fn renew_group(&self, caller: &Caller, group: Group) -> Result<Group> {
        let after = Group { modified: Some(self.ambient.now()), ..group.clone() };
        // Each member who comes or goes has an event.
        match self.store.group_write(Some(&group), Some(&after), &caller.basis(), None).await? {
            GroupWriteOutcome::Done => Ok(Group { version: group.version + 1, ..after }),
            GroupWriteOutcome::Stale | GroupWriteOutcome::NameTaken => Err(Error::Changed),
        }
    }

    /// The user afterwards, and the records on which the decision rests.
    async fn must_move(
        &self,
        caller: &Caller,
        detail: &UserDetail,
        id: GroupId,
        joins: bool,
    ) -> Result<Option<(User, crate::store::Basis)>> {
        let mut after = detail.user.clone();
        let moves = if joins { after.groups.insert(id) } else { after.groups.remove(&id) };
        if !moves {
            return Ok(None);
        }
        if after.groups.len() > User::MAX_GROUPS {
            return Err(Error::invalid(Field::Groups, Rule::TooMany(User::MAX_GROUPS)));
        }
        let mut basis = self.must_write(caller, Some(&detail.user), Some(&after)).await?;
        basis.extend(detail.visibility.clone());
        Ok(Some((after, basis)))
    }

    async fn move_member(&self, caller: &Caller, detail: UserDetail, id: GroupId, joins: bool) -> Result<()> {
        let mut attempts = self.attempts(caller, detail);
        loop {
            let (caller, current) = match attempts.next().await {
                // Who was deleted meanwhile is in no group.
                Err(Error::NotFound(Entity::User)) => return Ok(()),
                next => next?,
            };
            let Some((after, basis)) = self.must_move(caller, current, id, joins).await? else { return Ok(()) };
            let write = UserWrite {
                before: Some(&current.user),
                after: Some(&after),
                memberships: Some(&current.memberships),
                basis: Some(&basis),
                actor: Some(&caller.actor()),
                ..UserWrite::default()
            };
            match self.store.user_write(&write).await? {
                WriteOutcome::UnknownGroup(_) => return Err(Error::NotFound(Entity::Group)),
                written if written.is_done()? => return Ok(()),
                _ => {}
            }
        }
    }

    /// Makes a user join or leave a group as noted, and removes the note.
    pub(super) async fn follow_group(&self, user: UserId, id: GroupId, joins: bool) -> Result<()> {
        let mut attempts = self.store.attempts();
        loop {
            attempts.next().await?;
            let found = self.store.user_with_memberships(user).await?;
            let Some((before, memberships)) = found else { break };
            let mut after = before.clone();
            let moves = if joins { after.groups.insert(id) } else { after.groups.remove(&id) };
            // Nobody is told any more that the user has too many.
            if !moves || after.groups.len() > User::MAX_GROUPS {
                break;
            }
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: Some(&memberships),
                actor: Some(&SystemCaller::Housekeeping.actor()),
                ..UserWrite::default()
            };
            match self.store.user_write(&write).await? {
                WriteOutcome::UnknownGroup(_) => break,
                written if written.is_done()? => break,
                _ => {}
            }
        }
        self.store.group_change_remove(id, user).await
    }
}

fn unknown(id: UserId) -> Error {
    Error::invalid(Field::Members, Rule::UnknownReference(id.to_string()))
}
