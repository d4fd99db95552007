//! Memberships: requested with a user (`contracts/openwisp.md` section 8), and individually (section 15).

use async_recursion::async_recursion as boxed;

use super::{Act, Caller, Directory, Draft, Page, PageRange, UserDetail, Visibility};
use crate::error::{Entity, Error, Refusal, Result, Rule, Violation};
use crate::model::{
    Action, Field, Membership, MembershipId, MembershipRequest, Model, Named, Organization, OrganizationId, User,
    UserId, Username, WhenSame,
};
use crate::store::{Direction, MembershipWrite, OrganizationState, UserWrite};

/// A requested membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMembership {
    /// The organization, if one was named.
    pub organization: Option<Named<OrganizationId>>,
    /// Whether the user is to manage it.
    pub is_admin: bool,
}

/// The effect of a request about a membership.
pub(super) struct MembershipPlan {
    organization: Organization,
    before: Option<Membership>,
    after: Option<Membership>,
    becomes_owner: bool,
}

impl Directory {
    /// The effect of a request for a user with those memberships; `None` for none. The inner error is a violation.
    pub(super) async fn plan_membership(
        &self,
        caller: Option<&Caller>,
        memberships: &[Membership],
        request: &MembershipRequest,
    ) -> Result<std::result::Result<Option<MembershipPlan>, Violation>> {
        let MembershipRequest { organization: Named { id, sent }, is_admin, same } = request;
        let (id, is_admin, same) = (*id, *is_admin, *same);
        let Some(organization) = self.nameable(caller, id).await? else {
            let rule = Rule::UnknownReference(sent.clone());
            return Ok(Err(Violation { field: Field::MembershipOrganization, rule }));
        };
        let before = memberships.iter().find(|membership| membership.organization == id).cloned();
        let Some(before) = before else {
            return Ok(Ok(Some(self.joined(organization, is_admin.unwrap_or_default()))));
        };
        if !organization.is_active {
            return Ok(Ok(None));
        }
        let Some(is_admin) = is_admin else {
            return Ok(Err(Violation { field: Field::MembershipIsAdmin, rule: Rule::Required }));
        };
        let is_same = before.is_admin == is_admin;
        if is_same && same == WhenSame::Keep {
            return Ok(Ok(None));
        }
        let planned = MembershipPlan::changed(organization, before, (!is_same).then_some(is_admin));
        Ok(planned.map(Some).map_err(|rule| Violation { field: Field::Membership, rule }))
    }

    /// The memberships of a user whom the caller can see, sorted by the organizations' names, as far as the caller may
    /// see them: managers see those in the organizations that they manage.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user does not exist or is out of sight.
    #[boxed]
    pub async fn memberships(&self, caller: &Caller, id: UserId, range: PageRange) -> Result<Page<Membership>> {
        let detail = self.user(caller, id).await?;
        let mut memberships = self.ordered(caller, detail).await?.memberships;
        memberships.retain(|membership| caller.may(Act::NameOrganization(membership.organization)));
        Ok(range.cut(memberships))
    }

    /// One of them.
    ///
    /// # Errors
    /// As there; and if the user is not in the organization, or the caller may not see that.
    #[boxed]
    pub async fn membership(&self, caller: &Caller, id: UserId, organization: OrganizationId) -> Result<Membership> {
        let mut memberships = self.user(caller, id).await?.memberships.into_iter();
        let found = memberships.find(|membership| membership.organization == organization);
        let seen = found.filter(|_| caller.may(Act::NameOrganization(organization)));
        seen.ok_or(Error::NotFound(Entity::Membership))
    }

    /// Fails unless the caller may act this way on the memberships of a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] if the user does not exist or is out of sight.
    #[boxed]
    pub async fn check_may_change_memberships(&self, caller: &Caller, id: UserId, action: Action) -> Result<()> {
        let subject = self.subject(caller, id).await?;
        self.must_manage(caller, &subject, Some((action, Model::OrganizationUser))).await.map(drop)
    }

    /// Adds a user to an organization. The first manager of an organization without an owner becomes its owner.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::Forbidden`]. Nothing is changed then.
    #[boxed]
    pub async fn add_membership(&self, caller: &Caller, id: UserId, draft: Draft<NewMembership>) -> Result<Membership> {
        let Draft { content: NewMembership { organization, is_admin }, violations } = draft;
        let (Some(named), true) = (organization, violations.is_empty()) else { return Err(Error::Invalid(violations)) };
        let made =
            self.write_membership_of(caller, id, Action::Add, named.id, |directory, organization, before| {
                match (organization, before) {
                    (None, _) => Err(Error::invalid(Field::Organization, Rule::UnknownReference(named.sent.clone()))),
                    (Some(_), Some(_)) => Err(Error::invalid(Field::WholeObject, Rule::MembershipTwice)),
                    (Some(organization), None) => Ok(Some(directory.joined(organization, is_admin))),
                }
            });
        made.await?.ok_or_else(|| Error::internal("a membership disappeared right after it was created"))
    }

    /// Makes a member a manager of the organization, or a manager an ordinary member.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user is not a member, or the caller may not see that; [`Error::Refused`] for the owner's
    /// membership; [`Error::Forbidden`].
    #[boxed]
    pub async fn change_membership(
        &self,
        caller: &Caller,
        id: UserId,
        organization: OrganizationId,
        is_admin: Option<bool>,
    ) -> Result<Membership> {
        let gone = Error::NotFound(Entity::Membership);
        let changed = self.write_membership_of(caller, id, Action::Change, organization, |_, organization, before| {
            let (organization, before) = member(organization, before)?;
            match is_admin {
                Some(is_admin) if is_admin != before.is_admin => {
                    changed(organization, before, Some(is_admin)).map(Some)
                }
                _ => Ok(None),
            }
        });
        changed.await?.ok_or(gone)
    }

    /// Removes a user from an organization.
    ///
    /// # Errors
    /// As [`Directory::change_membership`].
    #[boxed]
    pub async fn remove_membership(&self, caller: &Caller, id: UserId, organization: OrganizationId) -> Result<()> {
        let removed = self.write_membership_of(caller, id, Action::Delete, organization, |_, organization, before| {
            let (organization, before) = member(organization, before)?;
            changed(organization, before, None).map(Some)
        });
        removed.await.map(drop)
    }

    /// Applies `plan` to the organization, if the caller may name it, and to the user's membership in it, on the newest
    /// state of all. Returns the resulting membership.
    async fn write_membership_of(
        &self,
        caller: &Caller,
        id: UserId,
        action: Action,
        named: OrganizationId,
        plan: impl Fn(&Self, Option<Organization>, Option<Membership>) -> Result<Option<MembershipPlan>>,
    ) -> Result<Option<Membership>> {
        let mut attempts = self.attempts(caller, ());
        loop {
            let (caller, ()) = attempts.next().await?;
            let current = self.user(caller, id).await?;
            let subject = current.clone().into();
            let basis = self.must_manage(caller, &subject, Some((action, Model::OrganizationUser))).await?;
            let UserDetail { user: before, memberships, .. } = current;
            let there = memberships.iter().find(|membership| membership.organization == named).cloned();
            let organization = self.nameable(Some(caller), named).await?;
            let Some(plan) = plan(self, organization, there.clone())? else { return Ok(there) };
            let memberships = plan.applied_to(&memberships);
            let mut after = before.clone();
            plan.apply_to(&mut after);
            let write = UserWrite {
                before: Some(&before),
                after: Some(&after),
                memberships: Some(&memberships),
                membership: Some(plan.write()),
                basis: Some(&basis),
                actor: Some(&caller.actor()),
                ..UserWrite::default()
            };
            if self.store.user_write(&write).await?.is_done()? {
                return Ok(plan.after);
            }
        }
    }

    /// The organization, if the caller may name it.
    async fn nameable(&self, caller: Option<&Caller>, id: OrganizationId) -> Result<Option<Organization>> {
        let in_sight = caller.is_none_or(|caller| caller.may(Act::NameOrganization(id)));
        let found = if in_sight { self.store.organization(id).await? } else { None };
        // The caller's record may not be up to date yet.
        let seen = |found: &Organization| {
            caller.is_none_or(|caller| caller.may(Act::SeeOrganization { id, is_active: found.is_active }))
        };
        Ok(found.filter(seen))
    }

    /// The effect of joining an organization.
    fn joined(&self, organization: Organization, is_admin: bool) -> MembershipPlan {
        let after = Membership { id: MembershipId::generate(&*self.ambient), organization: organization.id, is_admin };
        let becomes_owner = is_admin && organization.owner.is_none();
        MembershipPlan { organization, before: None, after: Some(after), becomes_owner }
    }

    /// The members of an organization whom the caller can see, each as membership and user name, newest first; `None`
    /// if there are more than `most`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the organization does not exist or is out of sight.
    #[boxed]
    pub async fn members_of(
        &self,
        caller: &Caller,
        id: OrganizationId,
        most: usize,
    ) -> Result<Option<Vec<(MembershipId, Username)>>> {
        self.organization(caller, id).await?;
        let members = self.store.members(id, None, Direction::ToOlder, most.saturating_add(1)).await?;
        if members.len() > most {
            return Ok(None);
        }
        let mut rows = self.rows_of(&members).await?;
        rows.retain(|row| caller.visibility() == Visibility::Everyone || !row.flags.is_superuser);
        self.add_memberships(&mut rows).await?;
        let named = rows.into_iter().filter_map(|row| {
            let membership = row.memberships.into_iter().find(|membership| membership.organization == id)?;
            Some((membership.id, row.username))
        });
        Ok(Some(named.collect()))
    }
}

/// A member's organization and membership, if the caller sees both.
fn member(organization: Option<Organization>, before: Option<Membership>) -> Result<(Organization, Membership)> {
    organization.zip(before).ok_or(Error::NotFound(Entity::Membership))
}

/// A membership that is changed or removed, unless it is the owner's.
fn changed(organization: Organization, before: Membership, is_admin: Option<bool>) -> Result<MembershipPlan> {
    let planned = MembershipPlan::changed(organization, before, is_admin);
    planned.map_err(|_| Error::Refused(Refusal::OwnersMembership))
}

impl MembershipPlan {
    /// A membership that is changed or removed; the owner's stays.
    fn changed(
        organization: Organization,
        before: Membership,
        is_admin: Option<bool>,
    ) -> std::result::Result<Self, Rule> {
        if organization.owner.is_some_and(|(owner, _)| owner == before.id) {
            return Err(Rule::OwnersMembership);
        }
        let after = is_admin.map(|is_admin| Membership { is_admin, ..before.clone() });
        Ok(Self { organization, before: Some(before), after, becomes_owner: false })
    }

    /// The memberships afterwards.
    pub(super) fn applied_to(&self, memberships: &[Membership]) -> Vec<Membership> {
        let others = memberships.iter().filter(|membership| membership.organization != self.organization.id).cloned();
        others.chain(self.after.clone()).collect()
    }

    /// Updates the organizations that the user manages.
    pub(super) fn apply_to(&self, user: &mut User) {
        let manages = self.after.as_ref().is_some_and(|membership| membership.is_admin);
        // An owner's membership does not change, and a user who becomes owner here manages the organization.
        user.place_in(self.organization.id, manages, self.becomes_owner, self.organization.is_active);
    }

    /// For the store.
    pub(super) fn write(&self) -> MembershipWrite<'_> {
        MembershipWrite {
            organization: OrganizationState::There(&self.organization),
            before: self.before.as_ref(),
            after: self.after.as_ref(),
            becomes_owner: self.becomes_owner,
        }
    }
}
