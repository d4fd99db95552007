//! Memberships asked for with a user (`contracts/openwisp.md` section 8).

use super::{Act, Caller, Directory};
use crate::error::{Result, Rule, Violation};
use crate::model::{Membership, MembershipId, MembershipRequest, Organization, User, WhenSame};
use crate::store::{MembershipWrite, OrganizationState};

/// What a request about a membership comes to.
pub(super) struct MembershipPlan {
    organization: Organization,
    before: Option<Membership>,
    after: Option<Membership>,
    becomes_owner: bool,
}

impl Directory {
    /// What a request comes to for a user with those memberships; `None` for nothing.
    /// The inner error is a violation.
    pub(super) async fn plan_membership(
        &self,
        caller: Option<&Caller>,
        memberships: &[Membership],
        request: MembershipRequest,
    ) -> Result<std::result::Result<Option<MembershipPlan>, Violation>> {
        let MembershipRequest { organization: id, is_admin, same } = request;
        let in_sight = caller.is_none_or(|caller| caller.may(Act::NameOrganization(id)));
        let found = if in_sight { self.store.organization(id).await? } else { None };
        // The caller's record may not have followed yet.
        let seen = |found: &Organization| {
            caller.is_none_or(|caller| caller.may(Act::SeeOrganization { id, is_active: found.is_active }))
        };
        let Some(organization) = found.filter(seen) else {
            let rule = Rule::UnknownReference(id.to_string());
            return Ok(Err(Violation { field: "organization_users.organization", rule }));
        };
        let before = memberships.iter().find(|membership| membership.organization == id).cloned();
        let Some(before) = before else {
            let is_admin = is_admin.unwrap_or_default();
            let after = Membership {
                id: MembershipId::generate(&*self.ambient),
                organization: id,
                name: organization.name.clone(),
                is_admin,
            };
            let becomes_owner = is_admin && organization.owner.is_none();
            return Ok(Ok(Some(MembershipPlan { organization, before: None, after: Some(after), becomes_owner })));
        };
        if !organization.is_active {
            return Ok(Ok(None));
        }
        let Some(is_admin) = is_admin else {
            return Ok(Err(Violation { field: "organization_users.is_admin", rule: Rule::Required }));
        };
        let is_same = before.is_admin == is_admin;
        if is_same && same == WhenSame::Keep {
            return Ok(Ok(None));
        }
        if organization.owner.is_some_and(|(owner, _)| owner == before.id) {
            return Ok(Err(Violation { field: "organization_users", rule: Rule::OwnersMembership }));
        }
        let after = (!is_same).then(|| Membership { is_admin, ..before.clone() });
        Ok(Ok(Some(MembershipPlan { organization, before: Some(before), after, becomes_owner: false })))
    }
}

impl MembershipPlan {
    /// The memberships as they will be.
    pub(super) fn applied_to(&self, memberships: &[Membership]) -> Vec<Membership> {
        let others = memberships.iter().filter(|membership| membership.organization != self.organization.id).cloned();
        let mut memberships: Vec<Membership> = others.chain(self.after.clone()).collect();
        Membership::sort(&mut memberships);
        memberships
    }

    /// Brings what the user manages in line.
    pub(super) fn apply_to(&self, user: &mut User) {
        if self.organization.is_active && self.after.as_ref().is_some_and(|membership| membership.is_admin) {
            user.manages.insert(self.organization.id);
        } else {
            user.manages.remove(&self.organization.id);
        }
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
