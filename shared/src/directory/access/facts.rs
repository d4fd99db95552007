//! Reads the facts that a decision about a person needs, and notes which records it depends on.

use std::collections::BTreeSet;

use super::{Act, Holdings, Person, Rights, permissions_of};
use crate::directory::{Caller, Directory, Subject};
use crate::error::Result;
use crate::model::{Action, Model, OrganizationId, PermissionId, User};
use crate::store::Basis;

impl Directory {
    /// Fails unless the caller may write a person this way. Returns the records that the decision depends on.
    ///
    /// # Errors
    /// [`Error::Forbidden`](crate::Error::Forbidden), or when the store is unavailable.
    pub(in crate::directory) async fn must_write(
        &self,
        caller: &Caller,
        before: Option<&User>,
        after: Option<&User>,
    ) -> Result<Basis> {
        let mut basis = caller.basis();
        let (mut held_before, mut held_after) = (Holdings::default(), Holdings::default());
        let mut actor = Holdings::default();
        if caller.is_limited() {
            if let Some(before) = before {
                held_before = self.holdings(before, &mut basis).await?;
            }
            if let Some(after) = after {
                held_after = self.holdings(after, &mut basis).await?;
            }
            actor = self.holdings_of_caller(caller, &[&held_before, &held_after], &mut basis).await?;
        }
        let before = before.map(|user| Person { user, holds: &held_before });
        let after = after.map(|user| Person { user, holds: &held_after });
        caller.must(Act::Write { actor: &actor, before, after })?;
        Ok(basis)
    }

    /// Fails unless the caller may change guarded data of a person. Returns the records that the decision depends on.
    /// `needs` is the model permission that is required in addition.
    ///
    /// # Errors
    /// As [`Directory::must_write`].
    pub(in crate::directory) async fn must_manage(
        &self,
        caller: &Caller,
        subject: &Subject,
        needs: Option<(Action, Model)>,
    ) -> Result<Basis> {
        let user = &subject.user;
        let mut basis = caller.basis();
        basis.extend(subject.visibility.clone());
        let is_own = caller.user.id == user.id;
        if !is_own {
            basis.rest_on_user(user);
        }
        if let Some((action, model)) = needs {
            caller.must(Act::Model(action, model))?;
        }
        let (mut held, mut actor) = (Holdings::default(), Holdings::default());
        if caller.is_limited() && !is_own {
            held = self.holdings(user, &mut basis).await?;
            actor = self.holdings_of_caller(caller, &[&held], &mut basis).await?;
        }
        caller.must(Act::Manage { actor: &actor, person: Person { user, holds: &held } })?;
        Ok(basis)
    }

    /// Whether the caller may replace the permissions of a group, and the records that this depends on.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(in crate::directory) async fn may_change_permissions(
        &self,
        caller: &Caller,
        before: &BTreeSet<PermissionId>,
        after: &BTreeSet<PermissionId>,
    ) -> Result<(bool, Basis)> {
        let mut basis = caller.basis();
        let mut actor = Holdings::default();
        if caller.is_limited() {
            let held = Holdings { permissions: after | before, ..Holdings::default() };
            actor = self.holdings_of_caller(caller, &[&held], &mut basis).await?;
        }
        Ok((caller.may(Act::ChangePermissions { actor: &actor, before, after }), basis))
    }

    /// All rights of a person, and the records that they depend on besides the person's own.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(in crate::directory) async fn held_by(&self, user: &User) -> Result<(Holdings, Basis)> {
        let mut basis = Basis::default();
        let held = self.holdings(user, &mut basis).await?;
        Ok((held, basis))
    }

    async fn holdings(&self, user: &User, basis: &mut Basis) -> Result<Holdings> {
        let groups = self.store.groups(&user.groups).await?;
        basis.rest_on_groups(&groups);
        let organizations = self.organizations_of(user, basis).await?;
        Ok(Holdings { permissions: permissions_of(user, &groups), organizations, ..Holdings::of_record(user) })
    }

    /// The caller's rights, as far as they matter in addition to those of `others`.
    async fn holdings_of_caller(&self, caller: &Caller, others: &[&Holdings], basis: &mut Basis) -> Result<Holdings> {
        let mut held = Holdings::of_record(&caller.user);
        if let Rights::Permissions(permissions) = &caller.rights {
            held.permissions.clone_from(permissions);
        } else if others.iter().any(|others| !others.permissions.is_empty()) {
            let groups = self.store.groups(&caller.user.groups).await?;
            basis.rest_on_groups(&groups);
            held.permissions = permissions_of(&caller.user, &groups);
        }
        if others.iter().any(|others| !others.organizations.is_subset(&held.organizations)) {
            held.organizations = self.organizations_of(&caller.user, basis).await?;
        }
        Ok(held)
    }

    /// The organizations that a user manages or owns.
    async fn organizations_of(&self, user: &User, basis: &mut Basis) -> Result<BTreeSet<OrganizationId>> {
        let mut held: BTreeSet<OrganizationId> = user.organizations_held().collect();
        if user.holds.is_some() {
            return Ok(held);
        }
        // The record may predate this attribute, so read memberships and organizations.
        let Some((_, memberships)) = self.store.user_with_memberships(user.id).await? else { return Ok(held) };
        held.extend(memberships.iter().filter(|membership| membership.is_admin).map(|m| m.organization));
        let others = memberships.iter().map(|membership| membership.organization).filter(|id| !held.contains(id));
        for organization in self.store.organizations(&others.collect()).await? {
            basis.rest_on_organization(&organization);
            let is_own = |owner| memberships.iter().any(|membership| membership.id == owner);
            if organization.owner.is_some_and(|(owner, _)| is_own(owner)) {
                held.insert(organization.id);
            }
        }
        Ok(held)
    }
}
