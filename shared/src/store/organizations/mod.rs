//! Organizations and their members.

mod members;
mod write;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub(super) use self::members::EPOCH;
pub use self::members::{Direction, Member, MemberCount, Positions};
pub use self::write::OrganizationWriteOutcome;
use super::item::{from_item, key_of, to_bounded_item};
use super::keys::{self, List};
use super::lists::Counts;
use super::users::{is_false, is_zero};
use super::{Item, Store};
use crate::error::Result;
use crate::model::{MembershipId, Organization, OrganizationId, Timestamp, UserId};

#[derive(Serialize, Deserialize)]
struct OrganizationItem {
    id: OrganizationId,
    /// Not in list rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    version: u64,
    name: String,
    slug: String,
    #[serde(default)]
    is_active: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    /// In list rows, which omit the description: whether there is one.
    #[serde(default, skip_serializing_if = "is_false")]
    lacks_description: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    email: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Owner>,
    created: Timestamp,
    modified: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Owner {
    membership: MembershipId,
    user: UserId,
}

#[derive(Serialize, Deserialize)]
struct SlugItem {
    organization: OrganizationId,
}

impl Store {
    /// The organization with that id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>> {
        let item: Option<OrganizationItem> = self.get(keys::organization(id)).await?;
        Ok(item.map(Organization::from))
    }

    /// The existing ones of these organizations, in no order.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn organizations(&self, ids: &BTreeSet<OrganizationId>) -> Result<Vec<Organization>> {
        let keys = ids.iter().map(|&id| keys::organization(id)).collect::<Vec<_>>();
        self.batch(&keys).await?.into_iter().map(organization_from_item).collect()
    }

    /// The exact number of organizations.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn organization_counts(&self) -> Result<Counts> {
        self.counts(List::Organizations).await
    }

    /// At most `limit` organizations after the newest `offset`, newest first; without their owners and versions. Those
    /// whose descriptions are only in their records are returned separately.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn organization_rows(
        &self,
        counts: &Counts,
        offset: u64,
        limit: usize,
    ) -> Result<(Vec<Organization>, BTreeSet<OrganizationId>)> {
        let (mut rows, mut described) = (Vec::new(), BTreeSet::new());
        for item in self.rows(counts, offset, limit).await? {
            let row: OrganizationItem = from_item(&key_of(&item), item)?;
            described.extend(row.lacks_description.then_some(row.id));
            rows.push(row.into());
        }
        Ok((rows, described))
    }

    /// The organization that has the slug.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn organization_of_slug(&self, slug: &str) -> Result<Option<OrganizationId>> {
        let item: Option<SlugItem> = self.get(keys::slug(slug)).await?;
        Ok(item.map(|item| item.organization))
    }
}

/// The item of an organization, with that version.
pub(super) fn organization_item(organization: &Organization, version: u64) -> Result<Item> {
    let record = OrganizationItem { version, ..OrganizationItem::from(organization) };
    to_bounded_item(&keys::organization(organization.id), &record)
}

pub(super) fn organization_from_item(item: Item) -> Result<Organization> {
    let key = key_of(&item);
    from_item::<OrganizationItem>(&key, item).map(Organization::from)
}

impl From<&Organization> for OrganizationItem {
    fn from(organization: &Organization) -> Self {
        let o = organization.clone();
        Self {
            id: o.id,
            version: o.version,
            name: o.name,
            slug: o.slug,
            is_active: o.is_active,
            description: o.description,
            lacks_description: false,
            email: o.email,
            url: o.url,
            owner: o.owner.map(|(membership, user)| Owner { membership, user }),
            created: o.created,
            modified: o.modified,
        }
    }
}

impl From<OrganizationItem> for Organization {
    fn from(item: OrganizationItem) -> Self {
        Self {
            id: item.id,
            version: item.version,
            name: item.name,
            slug: item.slug,
            is_active: item.is_active,
            description: item.description,
            email: item.email,
            url: item.url,
            owner: item.owner.map(|owner| (owner.membership, owner.user)),
            created: item.created,
            modified: item.modified,
        }
    }
}
