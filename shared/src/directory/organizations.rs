//! Organizations: made, read, changed, removed (`contracts/openwisp.md` section 12).

use super::{Act, Caller, Directory, Draft, Sight, too_busy};
use crate::error::{Entity, Error, Result, Rule, Violation};
use crate::model::{Change, MembershipId, Organization, OrganizationChanges, OrganizationId};
use crate::store::OrganizationWritten;
use crate::store::keys::Work;

const OWNER: &str = "owner.organization_user";

/// A stretch of the list of organizations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationPage {
    /// How many there are in all.
    pub total: u64,
    /// The ones asked for, newest first.
    pub organizations: Vec<Organization>,
}

impl Directory {
    /// The organizations that the caller can see, newest first; `rows` as in [`Directory::users`].
    ///
    /// # Errors
    /// What `rows` answers, or when the store does not.
    pub async fn organizations(
        &self,
        caller: &Caller,
        rows: impl Fn(u64) -> Result<(u64, usize)>,
    ) -> Result<OrganizationPage> {
        match caller.sight() {
            Sight::Everyone => {
                let counts = self.store.organization_counts().await?;
                let total = counts.total();
                let (offset, limit) = rows(total)?;
                let organizations = self.store.organization_rows(&counts, offset, limit).await?;
                Ok(OrganizationPage { total, organizations })
            }
            Sight::Managed | Sight::Oneself => {
                let mut managed = self.store.organizations(&caller.user.manages).await?;
                managed
                    .retain(|&Organization { id, is_active, .. }| caller.may(Act::SeeOrganization { id, is_active }));
                managed.sort_by_key(|organization| std::cmp::Reverse((organization.created, organization.id)));
                let total = u64::try_from(managed.len()).unwrap_or(u64::MAX);
                let (offset, limit) = rows(total)?;
                let skip = usize::try_from(offset).unwrap_or(usize::MAX);
                Ok(OrganizationPage { total, organizations: managed.into_iter().skip(skip).take(limit).collect() })
            }
        }
    }

    /// An organization that the caller can see.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or out of sight.
    pub async fn organization(&self, caller: &Caller, id: OrganizationId) -> Result<Organization> {
        let found = self.store.organization(id).await?;
        let seen = |found: &Organization| caller.may(Act::SeeOrganization { id, is_active: found.is_active });
        found.filter(seen).ok_or(Error::NotFound(Entity::Organization))
    }

    /// Makes an organization.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong; a taken slug also names who has it.
    pub async fn create_organization(&self, draft: Draft<OrganizationChanges>) -> Result<Organization> {
        let Draft { content, mut violations } = draft;
        let OrganizationChanges { name, slug, is_active, description, email, url, owner: _ } = content;
        let (Some(name), Some(slug_given), true) = (name, &slug, violations.is_empty()) else {
            if let Some(slug) = &slug
                && self.store.organization_of_slug(slug).await?.is_some()
            {
                violations.push(Violation { field: "slug", rule: Rule::Taken });
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
        match self.store.organization_write(None, Some(&organization)).await? {
            OrganizationWritten::Done => Ok(organization),
            OrganizationWritten::SlugTaken(by) => Err(Error::Invalid(vec![
                Violation { field: "slug", rule: Rule::Taken },
                Violation { field: "organization", rule: Rule::SlugOwner(by.to_string()) },
            ])),
            OrganizationWritten::Stale => Err(Error::internal("a new organization met an old one")),
        }
    }

    /// Changes an organization; the time of its last change moves even when nothing else does.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong; nothing is changed then.
    pub async fn change_organization(
        &self,
        caller: &Caller,
        organization: Organization,
        draft: Draft<OrganizationChanges>,
    ) -> Result<Organization> {
        let Draft { content, mut violations } = draft;
        let owner = self.new_owner(caller, &organization, &content.owner).await;
        let owner = match owner {
            Ok(owner) => owner,
            Err(Error::Invalid(more)) => {
                violations.extend(more);
                Change::Keep
            }
            Err(other) => return Err(other),
        };
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let mut before = organization;
        let mut tries = self.store.tries();
        loop {
            let mut after = before.clone();
            apply(&mut after, &content);
            match &owner {
                Change::Keep => {}
                Change::Clear => after.owner = None,
                Change::Set(owner) => after.owner = Some(*owner),
            }
            after.modified = self.ambient.now();
            match self.store.organization_write(Some(&before), Some(&after)).await? {
                OrganizationWritten::Done => {
                    if (&after.name, after.is_active) != (&before.name, before.is_active) {
                        self.follow_up_some(Work::Organization(before.id)).await;
                    }
                    return Ok(Organization { version: before.version + 1, ..after });
                }
                OrganizationWritten::SlugTaken(_) => return Err(Error::invalid("slug", Rule::Taken)),
                OrganizationWritten::Stale if tries.again().await => {
                    before = self.organization(caller, before.id).await?;
                    if let Change::Set((membership, _)) = &owner {
                        self.new_owner(caller, &before, &Change::Set(*membership)).await?;
                    }
                }
                OrganizationWritten::Stale => return Err(too_busy()),
            }
        }
    }

    /// Removes an organization; its members stay, and see it no more.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone meanwhile.
    pub async fn delete_organization(&self, caller: &Caller, organization: Organization) -> Result<()> {
        let mut before = organization;
        let mut tries = self.store.tries();
        loop {
            match self.store.organization_write(Some(&before), None).await? {
                OrganizationWritten::Done => {
                    self.follow_up_some(Work::Organization(before.id)).await;
                    return Ok(());
                }
                _ if tries.again().await => before = self.organization(caller, before.id).await?,
                _ => return Err(too_busy()),
            }
        }
    }

    /// Whose the membership is that shall own the organization.
    async fn new_owner(
        &self,
        caller: &Caller,
        organization: &Organization,
        owner: &Change<MembershipId>,
    ) -> Result<Change<(MembershipId, crate::model::UserId)>> {
        let id = match owner {
            Change::Keep => return Ok(Change::Keep),
            Change::Clear => return Ok(Change::Clear),
            Change::Set(id) => *id,
        };
        let found = self.store.membership_of_id(id).await?;
        let seen = found.filter(|(_, of)| caller.may(Act::NameOrganization(*of)));
        match seen {
            None => Err(Error::invalid(OWNER, Rule::UnknownReference(id.to_string()))),
            Some((_, of)) if of != organization.id => Err(Error::invalid(OWNER, Rule::NotMember)),
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
