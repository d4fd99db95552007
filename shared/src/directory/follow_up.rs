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
use crate::store::{
    Member, MembershipWrite, OrganizationState, OrganizationWritten, UserWrite, WaitingWork, Way, Written,
};

/// How many steps are taken at once.
const STEPS: usize = 50;

/// What was removed and is still noted in the records of users.
#[derive(Debug, Default)]
pub(super) struct Going {
    pub groups: BTreeSet<GroupId>,
    pub organizations: BTreeSet<OrganizationId>,
    /// Organizations that are there and not active, whose managers' records may say otherwise.
    pub closed: BTreeSet<OrganizationId>,
}

/// What is left of some work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// More steps.
    Something,
    /// None of ours.
    Nothing,
}

impl Going {
    /// Whether a manager sees nothing of that organization, whatever the manager's record says.
    pub fn hides(&self, id: OrganizationId) -> bool {
        self.organizations.contains(&id) || self.closed.contains(&id)
    }
}

impl Directory {
    /// Does all the work that waits.
    ///
    /// # Errors
    /// When the store does not answer; the next call goes on where this one ended.
    pub async fn follow_up(&self) -> Result<()> {
        for mut waiting in self.store.work().await? {
            while self.steps(&mut waiting).await? == Left::Something {}
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
        if let Some(mut waiting) = self.store.work().await?.into_iter().find(|waiting| waiting.work == work) {
            self.steps(&mut waiting).await?;
        }
        Ok(())
    }

    /// Takes some steps, and notes when they were the last.
    async fn steps(&self, waiting: &mut WaitingWork) -> Result<Left> {
        let is_done = match waiting.work {
            Work::Group(id) => self.finish_group_removal(id, STEPS).await?,
            Work::Organization(id) => match self.store.organization(id).await? {
                Some(organization) => return self.follow_organization(&organization, waiting).await,
                None => self.leave_removed_organization(id).await?,
            },
            Work::User(id) => {
                self.leave_all_organizations(id).await?
                    && self.store.tokens_remove_some(id, STEPS).await?
                    && self.store.attempts_remove_some(id, STEPS).await?
            }
        };
        if !is_done {
            return Ok(Left::Something);
        }
        self.store.work_finish(waiting).await?;
        Ok(Left::Nothing)
    }

    /// Brings the managers' sight and the members' order in line with a changed organization, from where it has come.
    /// Managers are members too; some of them come first, since they wait to see it.
    async fn follow_organization(&self, organization: &Organization, waiting: &mut WaitingWork) -> Result<Left> {
        if waiting.after.is_none() {
            for user in self.store.managers(organization.id, STEPS).await? {
                self.follow(user, organization.id).await?;
            }
        }
        let members = self.store.members(organization.id, waiting.after.as_deref(), Way::ToOlder, STEPS).await?;
        for member in &members {
            self.follow(member.user, organization.id).await?;
        }
        if members.len() < STEPS {
            self.store.work_finish(waiting).await?;
            return Ok(Left::Nothing);
        }
        waiting.after = members.last().map(|member| member.place.clone());
        let is_ours = self.store.work_advance(waiting).await?;
        Ok(if is_ours { Left::Something } else { Left::Nothing })
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
        let members = self.store.members(id, None, Way::ToOlder, STEPS).await?;
        for member in &members {
            self.leave_removed(member, id).await?;
        }
        let is_done = members.len() < STEPS;
        if is_done {
            self.store.member_count_remove(id).await?;
        }
        Ok(is_done)
    }

    async fn leave_removed(&self, member: &Member, id: OrganizationId) -> Result<()> {
        let mut tries = self.store.tries();
        while tries.next().await {
            let Some((before, memberships)) = self.store.user_with_memberships(member.user).await? else {
                return match self.store.membership(member.user, id).await? {
                    Some(gone) => self.store.membership_remove(member.user, &member.place, &gone).await,
                    None => Ok(()),
                };
            };
            let (gone, stays): (Vec<_>, Vec<_>) = memberships.into_iter().partition(|m| m.organization == id);
            // Somebody else was faster.
            let [gone] = &gone[..] else { return Ok(()) };
            let mut after = before.clone();
            after.manages.remove(&id);
            let change = MembershipWrite {
                organization: OrganizationState::Gone(id),
                before: Some(gone),
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
        mut memberships: Vec<Membership>,
        change: MembershipWrite<'_>,
    ) -> Result<bool> {
        Membership::sort(&mut memberships);
        let write = UserWrite {
            before: Some(before),
            after: Some(after),
            memberships: Some(&memberships),
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
        going.closed = there.iter().filter(|there| !there.is_active).map(|there| there.id).collect();
        let there: BTreeSet<_> = there.into_iter().map(|organization| organization.id).collect();
        going.organizations = changed.difference(&there).copied().collect();
        Ok(going)
    }
}
