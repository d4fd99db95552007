//! Organizations: create, read, change, remove (`contracts/openwisp.md` section 12).

use async_recursion::async_recursion as boxed;

use super::users::too_long;
use super::{Act, Caller, Directory, Draft, Expected, Page, PageRange, Subject, Visibility};
use crate::error::{Entity, Error, Result, Rule, Violation};
use crate::model::{
    Action, Change, CleanupTask, Field, MembershipId, Model, Named, Organization, OrganizationChanges, OrganizationId,
    User,
};
use crate::store::{Basis, OrganizationWriteOutcome};

impl Directory {
    /// The organizations that the caller can see, newest first.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn organizations(&self, caller: &Caller, range: PageRange) -> Result<Page<Organization>> {
        match caller.visibility() {
            Visibility::Everyone => {
                let counts = self.store.organization_counts().await?;
                let total = counts.total();
                let (skip, limit) = range.of(total);
                let (mut organizations, described) = self.store.organization_rows(&counts, skip, limit).await?;
                for whole in self.store.organizations(&described).await? {
                    if let Some(row) = organizations.iter_mut().find(|row| row.id == whole.id) {
                        *row = whole;
                    }
                }
                Ok(Page::new(organizations, skip, total))
            }
            Visibility::Managed | Visibility::Oneself => {
                let mut managed = self.store.organizations(&caller.user.manages).await?;
                managed
                    .retain(|&Organization { id, is_active, .. }| caller.may(Act::SeeOrganization { id, is_active }));
                managed.sort_by_key(|organization| std::cmp::Reverse((organization.created, organization.id)));
                Ok(range.cut(managed))
            }
        }
    }

    /// An organization that the caller can see.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist or is out of sight.
    #[boxed]
    pub async fn organization(&self, caller: &Caller, id: OrganizationId) -> Result<Organization> {
        let found = self.store.organization(id).await?;
        let seen = |found: &Organization| caller.may(Act::SeeOrganization { id, is_active: found.is_active });
        found.filter(seen).ok_or(Error::NotFound(Entity::Organization))
    }

    /// Creates an organization.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Invalid`] with all violations, for a taken slug with the organization that has it.
    #[boxed]
    pub async fn create_organization(
        &self,
        caller: &Caller,
        draft: Draft<OrganizationChanges>,
    ) -> Result<Organization> {
        caller.must(Act::Model(Action::Add, Model::Organization))?;
        let Draft { content, mut violations } = draft;
        let OrganizationChanges { name, slug, is_active, description, email, url, owner: _ } = content;
        let (Some(name), Some(slug_given), true) = (name, &slug, violations.is_empty()) else {
            if let Some(slug) = &slug
                && self.store.organization_of_slug(slug).await?.is_some()
            {
                violations.push(Violation { field: Field::Slug, rule: Rule::Taken });
            }
            return Err(Error::Invalid(violations));
        };
        let now = self.ambient.now();
        let organization = Organization {
            id: OrganizationId::generate(&*self.ambient),
            version: 1,
            name,
            slug: slug_given.clone(),
            is_active: is_active.unwrap_or(true),
            description: description.unwrap_or_default(),
            email: email.unwrap_or_default(),
            url: url.unwrap_or_default(),
            owner: None,
            created: now,
            modified: now,
        };
        violations.extend(too_long(organization.too_long(None)));
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let mut attempts = self.attempts(caller, ());
        loop {
            let (caller, ()) = attempts.next().await?;
            caller.must(Act::Model(Action::Add, Model::Organization))?;
            match self
                .store
                .organization_write(None, Some(&organization), &[], &caller.basis(), Some(&caller.actor()))
                .await?
            {
                OrganizationWriteOutcome::Done => return Ok(organization),
                OrganizationWriteOutcome::SlugTaken(by) => {
                    return Err(Error::Invalid(vec![
                        Violation { field: Field::Slug, rule: Rule::Taken },
                        Violation { field: Field::SlugOwner, rule: Rule::SlugOwner(by.to_string()) },
                    ]));
                }
                OrganizationWriteOutcome::Stale => {}
            }
        }
    }

    /// Changes an organization. Its time of change is updated even if nothing else changes.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all violations, [`Error::Changed`] if the organization is not at an `expected` version.
    /// Nothing is changed then.
    #[boxed]
    pub async fn change_organization(
        &self,
        caller: &Caller,
        organization: Organization,
        draft: Draft<OrganizationChanges>,
        expected: &Expected,
    ) -> Result<Organization> {
        let Draft { content, violations } = draft;
        let mut attempts = self.attempts(caller, organization);
        loop {
            let (caller, before) = attempts.next().await?;
            caller.must(Act::Model(Action::Change, Model::Organization))?;
            expected.check(before.version)?;
            let mut violations = violations.clone();
            let owner = match self.new_owner(caller, before, &content.owner).await {
                Err(Error::Invalid(more)) => {
                    violations.extend(more);
                    Change::Keep
                }
                owner => owner?,
            };
            if !violations.is_empty() {
                return Err(Error::Invalid(violations));
            }
            let mut after = before.clone();
            apply(&mut after, &content);
            owner.apply(&mut after.owner);
            let long: Vec<Violation> = too_long(after.too_long(Some(before))).collect();
            if !long.is_empty() {
                return Err(Error::Invalid(long));
            }
            after.modified = self.ambient.now();
            let owners = self.owners_of(before, &after).await?;
            let basis = self.must_change_owners(caller, &owners).await?;
            let owners: Vec<_> = owners.iter().map(|(before, after)| (before, after)).collect();
            match self
                .store
                .organization_write(Some(before), Some(&after), &owners, &basis, Some(&caller.actor()))
                .await?
            {
                OrganizationWriteOutcome::Done => {
                    if after.is_active != before.is_active {
                        self.clean_up_after(CleanupTask::Organization(before.id)).await;
                    }
                    return Ok(Organization { version: before.version + 1, ..after });
                }
                OrganizationWriteOutcome::SlugTaken(_) => return Err(Error::invalid(Field::Slug, Rule::Taken)),
                OrganizationWriteOutcome::Stale => {}
            }
        }
    }

    /// Removes an organization; its members stay but no longer see it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was deleted meanwhile, [`Error::Changed`] if it is not at an `expected` version.
    #[boxed]
    pub async fn delete_organization(
        &self,
        caller: &Caller,
        organization: Organization,
        expected: &Expected,
    ) -> Result<()> {
        let mut attempts = self.attempts(caller, organization);
        loop {
            let (caller, before) = attempts.next().await?;
            caller.must(Act::Model(Action::Delete, Model::Organization))?;
            expected.check(before.version)?;
            let written =
                self.store.organization_write(Some(before), None, &[], &caller.basis(), Some(&caller.actor())).await?;
            if written == OrganizationWriteOutcome::Done {
                self.clean_up_after(CleanupTask::Organization(before.id)).await;
                return Ok(());
            }
        }
    }

    /// The users who gain or lose ownership of an organization: their records before and after.
    async fn owners_of(&self, before: &Organization, after: &Organization) -> Result<Vec<(User, User)>> {
        let mut owners = Vec::new();
        if before.owner == after.owner {
            return Ok(owners);
        }
        for (membership, user) in [before.owner, after.owner].into_iter().flatten() {
            // The user may have been deleted meanwhile; then the write is stale, or cleanup will follow.
            let Some(user) = self.store.user(user).await? else { continue };
            let Some(found) = self.store.membership(user.id, after.id).await? else { continue };
            let owns = after.owner.is_some_and(|(owner, _)| owner == membership);
            let mut changed = user.clone();
            changed.place_in(after.id, found.is_admin, owns, after.is_active);
            owners.push((user, changed));
        }
        Ok(owners)
    }

    /// Fails unless the caller may take ownership from, or give it to, each of these users. Returns the records that
    /// the decision depends on.
    async fn must_change_owners(&self, caller: &Caller, owners: &[(User, User)]) -> Result<Basis> {
        let mut basis = caller.basis();
        for (user, _) in owners {
            let subject = Subject { user: user.clone(), visibility: Basis::default(), is_oneself: false };
            basis.extend(self.must_manage(caller, &subject, None).await?);
        }
        Ok(basis)
    }

    /// The user of the membership that is to own the organization.
    async fn new_owner(
        &self,
        caller: &Caller,
        organization: &Organization,
        owner: &Change<Named<MembershipId>>,
    ) -> Result<Change<(MembershipId, crate::model::UserId)>> {
        let Named { id, sent } = match owner {
            Change::Keep => return Ok(Change::Keep),
            Change::Clear => return Ok(Change::Clear),
            Change::Set(named) => named,
        };
        let id = *id;
        let found = self.store.membership_of_id(id).await?;
        let seen = found.filter(|(_, of)| caller.may(Act::NameOrganization(*of)));
        match seen {
            None => Err(Error::invalid(Field::Owner, Rule::UnknownReference(sent.clone()))),
            Some((_, of)) if of != organization.id => Err(Error::invalid(Field::Owner, Rule::NotMember)),
            Some((user, _)) => Ok(Change::Set((id, user))),
        }
    }
}

fn apply(organization: &mut Organization, changes: &OrganizationChanges) {
    let OrganizationChanges { name, slug, is_active, description, email, url, owner: _ } = changes;
    let texts = [
        (&mut organization.name, name),
        (&mut organization.slug, slug),
        (&mut organization.description, description),
        (&mut organization.email, email),
        (&mut organization.url, url),
    ];
    for (field, new) in texts {
        if let Some(new) = new {
            field.clone_from(new);
        }
    }
    organization.is_active = is_active.unwrap_or(organization.is_active);
}
