//! Deleted users: listed, restored, and purged by request or when their time is over.
//!
//! To restore somebody is to create the person again: nobody restores a right that they lack. To purge is to delete.
//! Managers see whoever was a member of an organization that they manage.

use std::collections::{BTreeMap, BTreeSet};

use async_recursion::async_recursion as boxed;
use tokio::time::Instant;

use super::cleanup::PASS;
use super::{Act, Caller, Directory, Page, SystemCaller, Total, Visibility};
use crate::error::{Entity, Error, Result, Rule, Violation};
use crate::model::{
    Action, Actor, CleanupTask, DeletedRow, DeletedUser, EventAction, EventTarget, Field, GroupId, Membership, Model,
    Organization, OrganizationId, Timestamp, User, UserId,
};
use crate::store::{
    Basis, Claim, ClaimConflict, ClaimIndex, MembershipWrite, NewEvent, OrganizationState, UserWrite, WriteOutcome,
};

/// How many list rows a manager's page looks at, most of which the manager may not see.
const LOOKED_AT: usize = 200;
/// How many users whose time is over are read at once.
const PIECE: usize = 500;
/// How many memberships a restoration brings back at once if all of them are too many for one transaction.
const FEW: usize = 5;

/// A deleted user whom the caller can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedDetail {
    /// The user.
    pub deleted: DeletedUser,
    /// Until when the user can be restored.
    pub until: Timestamp,
    /// The records that prove that the caller sees the user.
    visibility: Basis,
}

/// A restored user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredUser {
    /// The user.
    pub user: User,
    /// The user's former groups that no longer exist.
    pub lost_groups: BTreeSet<GroupId>,
    /// The user's former organizations that no longer exist.
    pub lost_organizations: BTreeSet<OrganizationId>,
}

/// What a restoration makes of a deleted user.
struct Restoration {
    /// Without organizations.
    user: User,
    memberships: Vec<Membership>,
    organizations: BTreeMap<OrganizationId, Organization>,
    lost_groups: BTreeSet<GroupId>,
    lost_organizations: BTreeSet<OrganizationId>,
}

impl Directory {
    /// At most `limit` deleted users whom the caller can see, the last deleted first. [`Page::next`] is `after` of the
    /// next page; a page may have fewer users although there is a next one. An invalid `after` is ignored.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the caller may not view users.
    #[boxed]
    pub async fn deleted_users(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(DeletedRow, Timestamp)>> {
        caller.must(Act::Request(Action::View, Model::User))?;
        self.deleted_page(Some(caller), after, limit).await
    }

    /// The same for the operator, who sees all.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any caller except the operator.
    #[boxed]
    pub async fn all_deleted_users(
        &self,
        by: SystemCaller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(DeletedRow, Timestamp)>> {
        by.must_be_operator()?;
        self.deleted_page(None, after, limit).await
    }

    async fn deleted_page(
        &self,
        caller: Option<&Caller>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(DeletedRow, Timestamp)>> {
        let mut seen_by = None;
        if let Some(caller) = caller.filter(|caller| caller.visibility() != Visibility::Everyone) {
            let pending_removals = self.pending_removals().await?;
            let mut managed = caller.user.manages.clone();
            managed.retain(|id| !pending_removals.hides(*id));
            seen_by = Some((caller, managed));
        }
        let looked_at = if seen_by.is_some() { LOOKED_AT } else { limit.saturating_add(1) };
        let rows = self.store.deleted_rows(after, looked_at).await?;
        let mut more = rows.len() == looked_at;
        let (mut items, mut reached) = (Vec::new(), None);
        for (position, row) in rows {
            if self.is_over(row.at) {
                more = false;
                break;
            }
            if items.len() == limit {
                more = true;
                break;
            }
            reached = Some(position);
            let is_seen = match &seen_by {
                None => true,
                Some((caller, managed)) => self.sees_row(caller, managed, &row).await?,
            };
            if is_seen {
                let until = self.until(row.at);
                items.push((row, until));
            }
        }
        let total = Total::AtLeast(super::page::count(items.len()));
        Ok(Page { items, skipped: 0, total, next: reached.filter(|_| more) })
    }

    /// Whether a manager of those organizations sees the user of a list row.
    async fn sees_row(&self, caller: &Caller, managed: &BTreeSet<OrganizationId>, row: &DeletedRow) -> Result<bool> {
        let mut organizations = row.organizations.clone();
        let is_unclear = row.lacks_organizations && !organizations.iter().any(|id| managed.contains(id));
        if is_unclear && !row.is_superuser {
            let deleted = self.store.deleted_user(row.id).await?;
            organizations.extend(deleted.iter().flat_map(|deleted| &deleted.memberships).map(|m| m.organization));
        }
        organizations.retain(|id| managed.contains(id));
        Ok(caller.may(Act::SeeUser { id: row.id, is_superuser: row.is_superuser, organizations: &organizations }))
    }

    /// A deleted user whom the caller can see.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no such user exists or is visible to the caller; [`Error::Forbidden`] when the caller
    /// may not view users.
    #[boxed]
    pub async fn deleted_user(&self, caller: &Caller, id: UserId) -> Result<DeletedDetail> {
        caller.must(Act::Request(Action::View, Model::User))?;
        self.deleted(Some(caller), id).await
    }

    /// A deleted user who can still be restored, if the caller can see it; without a caller, whoever it is.
    async fn deleted(&self, caller: Option<&Caller>, id: UserId) -> Result<DeletedDetail> {
        let gone = || Error::NotFound(Entity::User);
        let deleted =
            self.store.deleted_user(id).await?.filter(|deleted| !self.is_over(deleted.at)).ok_or_else(gone)?;
        let mut visibility = Basis::default();
        if let Some(caller) = caller {
            let organizations = deleted.memberships.iter().map(|membership| membership.organization);
            visibility = self.must_see(caller, &deleted.user, organizations.collect()).await?;
        }
        if !self.store.deleted_waits(&deleted).await? {
            return Err(gone());
        }
        Ok(DeletedDetail { until: self.until(deleted.at), deleted, visibility })
    }

    /// Restores a deleted user: ids, password, addresses, groups and memberships. Tokens and sessions stay ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] as [`Directory::deleted_user`]; [`Error::Taken`] with all values that others have meanwhile;
    /// [`Error::Forbidden`] when the caller may not create users, or lacks a right that the user would get back.
    #[boxed]
    pub async fn restore_user(&self, caller: &Caller, id: UserId) -> Result<RestoredUser> {
        caller.must(Act::Model(Action::Add, Model::User))?;
        self.restore(Some(caller), id).await
    }

    /// The same for the operator.
    ///
    /// # Errors
    /// As there; [`Error::Forbidden`] for any caller except the operator.
    #[boxed]
    pub async fn restore_user_as(&self, by: SystemCaller, id: UserId) -> Result<RestoredUser> {
        by.must_be_operator()?;
        self.restore(None, id).await
    }

    #[boxed]
    async fn restore(&self, caller: Option<&Caller>, id: UserId) -> Result<RestoredUser> {
        let mut caller = caller.cloned();
        let mut tried: Option<DeletedUser> = None;
        let mut most = usize::MAX;
        let mut attempts = self.store.attempts();
        loop {
            if !attempts.next().await?
                && let Some(old) = &caller
            {
                caller = Some(self.refreshed(old).await?);
            }
            let DeletedDetail { deleted, visibility, .. } = match self.deleted(caller.as_ref(), id).await {
                Ok(detail) => detail,
                Err(error) => {
                    self.forget_entries(tried).await?;
                    return Err(error);
                }
            };
            let restoration = self.restoration(&deleted).await?;
            let (user, now) = restoration.with_memberships(most);
            let mut basis = visibility;
            if let Some(caller) = &caller {
                basis.extend(self.must_write(caller, None, Some(&user)).await?);
            }
            self.must_be_free(&user).await?;
            if !self.finish_cleanup(CleanupTask::User(id)).await? {
                return Err(Error::Unavailable("what the deletion left cannot be cleaned up yet".into()));
            }
            let write = UserWrite {
                after: Some(&user),
                memberships: Some(now),
                deleted: Some(&deleted),
                restored: restoration.writes(now),
                basis: Some(&basis),
                actor: Some(&caller.as_ref().map_or_else(|| SystemCaller::Operator.actor(), Caller::actor)),
                action: Some(EventAction::UserRestored),
                ..UserWrite::default()
            };
            match self.store.user_write(&write).await {
                Ok(WriteOutcome::Done) => {
                    if !user.returning.is_empty() {
                        self.clean_up_after(CleanupTask::Returning(id)).await;
                    }
                    let Restoration { lost_groups, lost_organizations, .. } = restoration;
                    let user = User { version: deleted.user.version + 1, ..user };
                    return Ok(RestoredUser { user, lost_groups, lost_organizations });
                }
                Ok(WriteOutcome::Taken(taken)) => return Err(taken_by_others(&taken)),
                Ok(WriteOutcome::Stale | WriteOutcome::OtherSuperuserLost | WriteOutcome::UnknownGroup(_)) => {}
                // Nothing was written.
                Err(Error::Refused(_)) if !now.is_empty() => most = if now.len() > FEW { FEW } else { 0 },
                Err(error) => return Err(error),
            }
            tried = Some(deleted);
        }
    }

    /// What a restoration makes of a deleted user now.
    async fn restoration(&self, deleted: &DeletedUser) -> Result<Restoration> {
        let mut user = deleted.user.clone();
        let groups: BTreeSet<GroupId> = self.store.groups(&user.groups).await?.iter().map(|group| group.id).collect();
        let lost_groups = &user.groups - &groups;
        user.groups = groups;
        // What was given out before stays ended.
        user.token_version += 1;
        user.api_tokens_ended += 1;
        user.manages.clear();
        user.holds = Some(BTreeSet::new());
        let mut memberships = deleted.memberships.clone();
        let former: BTreeSet<_> = memberships.iter().map(|membership| membership.organization).collect();
        let organizations = self.store.organizations(&former).await?.into_iter();
        let organizations: BTreeMap<_, _> = organizations.map(|organization| (organization.id, organization)).collect();
        memberships.retain(|membership| organizations.contains_key(&membership.organization));
        let lost_organizations = former.into_iter().filter(|id| !organizations.contains_key(id)).collect();
        Ok(Restoration { user, memberships, organizations, lost_groups, lost_organizations })
    }

    /// Fails with all values of a deleted user that others have. The transaction checks it again.
    async fn must_be_free(&self, user: &User) -> Result<()> {
        let mut claimed = ClaimIndex::default();
        self.store.claims_look_up(std::slice::from_ref(user), &mut claimed).await?;
        let taken = claimed.by_others(user);
        if taken.is_empty() { Ok(()) } else { Err(taken_by_others(&taken)) }
    }

    /// Deletes the entries of groups that an attempt to restore a user has written, if the user was purged meanwhile.
    async fn forget_entries(&self, tried: Option<DeletedUser>) -> Result<()> {
        let Some(deleted) = tried else { return Ok(()) };
        // Once the record does not wait any more, nobody else can restore it.
        if !self.store.deleted_waits(&deleted).await? && self.store.user(deleted.user.id).await?.is_none() {
            self.store.search_forget(&deleted.user).await?;
        }
        Ok(())
    }

    /// Deletes everything that is left of a deleted user, for good.
    ///
    /// # Errors
    /// [`Error::NotFound`] as [`Directory::deleted_user`]; [`Error::Forbidden`] when the caller may not delete users, or
    /// lacks a right that the user had.
    #[boxed]
    pub async fn purge_user(&self, caller: &Caller, id: UserId) -> Result<()> {
        caller.must(Act::Model(Action::Delete, Model::User))?;
        self.purge(Some(caller), id).await
    }

    /// The same for the operator.
    ///
    /// # Errors
    /// As there; [`Error::Forbidden`] for any caller except the operator.
    #[boxed]
    pub async fn purge_user_as(&self, by: SystemCaller, id: UserId) -> Result<()> {
        by.must_be_operator()?;
        self.purge(None, id).await?;
        // No job may be there to do it.
        self.finish_cleanup(CleanupTask::Erasure(id)).await.map(drop)
    }

    async fn purge(&self, caller: Option<&Caller>, id: UserId) -> Result<()> {
        let mut caller = caller.cloned();
        let mut attempts = self.store.attempts();
        loop {
            if !attempts.next().await?
                && let Some(old) = &caller
            {
                caller = Some(self.refreshed(old).await?);
            }
            let DeletedDetail { deleted, visibility, .. } = self.deleted(caller.as_ref(), id).await?;
            let mut basis = visibility;
            if let Some(caller) = &caller {
                let (user, _) = self.restoration(&deleted).await?.with_all_memberships();
                basis.extend(self.must_write(caller, Some(&user), None).await?);
            }
            let actor = caller.as_ref().map_or_else(|| SystemCaller::Operator.actor(), Caller::actor);
            if self.store.purge_begin(&deleted, &basis, purged(id, actor)).await? {
                self.clean_up_after(CleanupTask::Purge(id)).await;
                return Ok(());
            }
        }
    }

    /// Begins the purge of all users whose time is over; cleanup does the rest.
    ///
    /// # Errors
    /// When the store is unavailable; the next call continues where this one stopped.
    #[boxed]
    pub async fn purge_expired(&self, by: SystemCaller) -> Result<()> {
        let deadline = Instant::now() + PASS;
        let over = self.ambient.now().plus_seconds(-self.settings.deleted_retention);
        loop {
            let due = self.store.deleted_before(over, PIECE).await?;
            tracing::debug!(by = ?by, users = due.len(), "purging deleted users");
            for (position, id) in &due {
                if Instant::now() >= deadline {
                    return Ok(());
                }
                let event = id.map(|id| purged(id, by.actor()));
                self.store.purge_begin_at(position, *id, event).await?;
            }
            if due.len() < PIECE {
                return Ok(());
            }
        }
    }

    /// Until when a user who was deleted at that time can be restored.
    fn until(&self, at: Timestamp) -> Timestamp {
        at.plus_seconds(self.settings.deleted_retention)
    }

    fn is_over(&self, at: Timestamp) -> bool {
        self.until(at) < self.ambient.now()
    }
}

impl Restoration {
    /// The user, who is at once in the first of the organizations, at most so many; and these memberships.
    fn with_memberships(&self, most: usize) -> (User, &[Membership]) {
        let (now, later) = self.memberships.split_at(self.memberships.len().min(most));
        let mut user = self.user.clone();
        for (membership, organization) in self.joined(now) {
            let owns = organization.takes_as_owner(membership);
            user.place_in(organization.id, membership.is_admin, owns, organization.is_active);
        }
        user.returning = later.to_vec();
        (user, now)
    }

    fn with_all_memberships(&self) -> (User, &[Membership]) {
        self.with_memberships(usize::MAX)
    }

    fn joined<'a>(&'a self, now: &'a [Membership]) -> impl Iterator<Item = (&'a Membership, &'a Organization)> {
        now.iter().filter_map(|membership| Some((membership, self.organizations.get(&membership.organization)?)))
    }

    fn writes<'a>(&'a self, now: &'a [Membership]) -> Vec<MembershipWrite<'a>> {
        let write = |(membership, organization)| MembershipWrite {
            organization: OrganizationState::There(organization),
            before: None,
            after: Some(membership),
            becomes_owner: organization.takes_as_owner(membership),
        };
        self.joined(now).map(write).collect()
    }
}

/// The event of a purge, without the user's name.
fn purged(id: UserId, actor: Actor) -> NewEvent {
    NewEvent::new(EventAction::UserPurged, actor, EventTarget::user(id, None))
}

/// Names all values that others have.
fn taken_by_others(taken: &[ClaimConflict]) -> Error {
    let mut violations = Vec::new();
    for conflict in taken {
        let (field, rule) = match conflict.claim {
            Claim::Username | Claim::CaselessName => (Field::Username, Rule::Taken),
            Claim::Email => (Field::Email, Rule::Taken),
            Claim::Phone => (Field::PhoneNumber, Rule::Taken),
            Claim::VerifiedAddress => (Field::Email, Rule::AddressTaken),
            Claim::Number | Claim::EdgeId => (Field::Id, Rule::Taken),
        };
        let violation = Violation { field, rule };
        if !violations.contains(&violation) {
            violations.push(violation);
        }
    }
    Error::Taken(violations)
}
