//! What follows from changes that touch many records: noted in the change's transaction, done step by step after it.
//!
//! A request does a few steps itself, which is all there is to do nearly always. What is left, by their number or by
//! a crash, is done by the background task of `serve` or the `housekeeping` function. Doing a step twice changes nothing.
//! Until it is done, reads leave out what is going (`hide_going`).

use std::collections::BTreeSet;

use super::{Directory, too_busy};
use crate::error::Result;
use crate::model::{GroupId, Membership, Organization, OrganizationId, User, UserId};
use crate::store::keys::Work;
use crate::store::{Member, MembershipWrite, OrganizationState, OrganizationWritten, UserWrite, WaitingWork, Written};

/// How many steps are taken at once.
const STEPS: usize = 50;

/// What was removed and is still noted in the records of users.
#[derive(Debug, Default)]
pub(super) struct Going {
    pub groups: BTreeSet<GroupId>,
    pub organizations: BTreeSet<OrganizationId>,
}

impl Directory {
    /// Does all the work that waits.
    ///
    /// # Errors
    /// When the store does not answer; the next call goes on where this one ended.
    pub async fn follow_up(&self) -> Result<()> {
        for waiting in self.store.work().await? {
            while !self.steps(waiting.work).await? {}
            self.store.work_finish(&waiting).await?;
        }
        Ok(())
    }

    /// Does some of the work that a request has just left. The change is made, so a failure here is not the request's.
    pub(super) async fn follow_up_some(&self, work: Work) {
        if let Err(error) = self.try_follow_up_some(work).await {
            tracing::warn!(work = ?work, error = %error, "follow-up work waits");
        }
    }

    async fn try_follow_up_some(&self, work: Work) -> Result<()> {
        let waiting = self.store.work().await?.into_iter().find(|waiting| waiting.work == work);
        let Some(waiting) = waiting else { return Ok(()) };
        if self.steps(waiting.work).await? {
            self.store.work_finish(&WaitingWork { work, ..waiting }).await?;
        }
        Ok(())
    }

    /// Takes some steps; `true` when there are no more.
    async fn steps(&self, work: Work) -> Result<bool> {
        match work {
            Work::Group(id) => self.finish_group_removal(id, STEPS).await,
            Work::Organization(id) => match self.store.organization(id).await? {
                Some(organization) => self.follow_organization(&organization).await,
                None => self.leave_removed_organization(id).await,
            },
            Work::User(id) => Ok(self.leave_all_organizations(id).await?
                && self.store.tokens_remove_some(id, STEPS).await?
                && self.store.attempts_remove_some(id, STEPS).await?),
        }
    }

    /// Brings the managers' sight and the members' order in line with a changed organization.
    async fn follow_organization(&self, organization: &Organization) -> Result<bool> {
        let mut after = None;
        loop {
            let managers = self.store.managers(organization.id, after, STEPS).await?;
            for &user in &managers {
                self.follow(user, organization.id).await?;
            }
            after = managers.last().copied();
            if managers.len() < STEPS {
                break;
            }
        }
        let mut before = None;
        loop {
            let members = self.store.members(organization.id, before.as_deref(), STEPS).await?;
            for member in &members {
                self.follow(member.user, organization.id).await?;
            }
            before = members.last().map(|member| member.place.clone());
            if members.len() < STEPS {
                return Ok(true);
            }
        }
    }

    async fn follow(&self, user: UserId, id: OrganizationId) -> Result<()> {
        let mut tries = self.store.tries();
        while tries.next().await {
            // A removal leaves work of its own.
            let Some(organization) = self.store.organization(id).await? else { return Ok(()) };
            let Some((before, mut memberships)) = self.store.user_with_memberships(user).await? else { return Ok(()) };
            let Some(membership) = memberships.iter_mut().find(|m| m.organization == id) else { return Ok(()) };
            let old = membership.clone();
            membership.name.clone_from(&organization.name);
            let new = membership.clone();
            let mut after = before.clone();
            if organization.is_active && new.is_admin {
                after.manages.insert(id);
            } else {
                after.manages.remove(&id);
            }
            if (&after, &new) == (&before, &old) {
                return Ok(());
            }
            let change = MembershipWrite {
                organization: OrganizationState::There(&organization),
                before: Some(&old),
                after: Some(&new),
                becomes_owner: false,
            };
            if self.write_membership(&before, &after, memberships, change).await? {
                return Ok(());
            }
        }
        Err(too_busy())
    }

    /// Takes members out of a removed organization.
    async fn leave_removed_organization(&self, id: OrganizationId) -> Result<bool> {
        let members = self.store.members(id, None, STEPS).await?;
        for member in &members {
            self.leave_removed(member, id).await?;
        }
        Ok(members.len() < STEPS)
    }

    async fn leave_removed(&self, member: &Member, id: OrganizationId) -> Result<()> {
        let mut tries = self.store.tries();
        while tries.next().await {
            let gone = Membership { id: member.membership, organization: id, name: String::new(), is_admin: true };
            let Some((before, memberships)) = self.store.user_with_memberships(member.user).await? else {
                return self.store.membership_remove(member.user, &member.place, &gone).await;
            };
            let stays: Vec<_> = memberships.into_iter().filter(|m| m.organization != id).collect();
            let mut after = before.clone();
            after.manages.remove(&id);
            let change = MembershipWrite {
                organization: OrganizationState::Gone(id),
                before: Some(&gone),
                after: None,
                becomes_owner: false,
            };
            if self.write_membership(&before, &after, stays, change).await? {
                return Ok(());
            }
        }
        Err(too_busy())
    }

    async fn write_membership(
        &self,
        before: &User,
        after: &User,
        memberships: Vec<Membership>,
        change: MembershipWrite<'_>,
    ) -> Result<bool> {
        let memberships = by_name(memberships);
        let write = UserWrite {
            before: Some(before),
            after: Some(after),
            memberships: &memberships,
            membership: Some(change),
            ..UserWrite::default()
        };
        Ok(self.store.user_write(&write).await? == Written::Done)
    }

    /// Takes a removed user out of its organizations, and out of owning them.
    async fn leave_all_organizations(&self, id: UserId) -> Result<bool> {
        let left = self.store.memberships_left(id, STEPS).await?;
        for (place, membership) in &left {
            self.disown(membership).await?;
            self.store.membership_remove(id, place, membership).await?;
        }
        Ok(left.len() < STEPS)
    }

    async fn disown(&self, membership: &Membership) -> Result<()> {
        let mut tries = self.store.tries();
        while tries.next().await {
            let Some(before) = self.store.organization(membership.organization).await? else { return Ok(()) };
            if before.owner.is_none_or(|(owner, _)| owner != membership.id) {
                return Ok(());
            }
            let after = Organization { owner: None, ..before.clone() };
            let written = self.store.organization_write(Some(&before), Some(&after)).await?;
            if written == OrganizationWritten::Done {
                return Ok(());
            }
        }
        Err(too_busy())
    }

    /// What was removed and may still stand in the records of users.
    pub(super) async fn going(&self) -> Result<Going> {
        let mut going = Going::default();
        let mut changed = BTreeSet::new();
        for WaitingWork { work, .. } in self.store.work().await? {
            match work {
                Work::Group(id) => {
                    going.groups.insert(id);
                }
                Work::Organization(id) => {
                    changed.insert(id);
                }
                Work::User(_) => {}
            }
        }
        let there = self.store.organizations(&changed).await?;
        let there: BTreeSet<_> = there.into_iter().map(|organization| organization.id).collect();
        going.organizations = changed.difference(&there).copied().collect();
        Ok(going)
    }
}

/// In the order in which memberships are listed.
pub(super) fn by_name(mut memberships: Vec<Membership>) -> Vec<Membership> {
    memberships.sort_by(|a, b| (&a.name, a.organization).cmp(&(&b.name, b.organization)));
    memberships
}
