//! Organizations and their members.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::keys::{self, List, Place, Work};
use super::lists::{Counts, SHARDS};
use super::transaction::{Broken, Condition, Transaction};
use super::users::is_zero;
use super::{Bound, Item, Range, Store, from_item, key_of, to_bounded_item, to_item};
use crate::error::{Error, Result};
use crate::model::{Membership, MembershipId, Organization, OrganizationId, Timestamp, UserId};

/// What became of the write of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationWritten {
    /// It was made.
    Done,
    /// The organization, or the membership that should own it, has changed or gone; nothing was written.
    Stale,
    /// This organization has the slug; nothing was written.
    SlugTaken(OrganizationId),
}

#[derive(Debug, Clone, Copy)]
enum Guard {
    Record,
    Slug,
}

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

/// A claim on a membership's id; its text is the organization.
#[derive(Deserialize)]
struct MembershipClaim {
    user: UserId,
    text: OrganizationId,
}

#[derive(Deserialize)]
struct CountItem {
    #[serde(default)]
    members: i64,
    #[serde(default)]
    epoch: i64,
}

/// Attribute of a count shard: moves whenever a member comes, goes or changes place.
pub(super) const EPOCH: &str = "epoch";

/// How many members an organization has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberCount {
    /// That many.
    pub members: u64,
    /// Another one after every change.
    pub epoch: i64,
}

impl Store {
    /// The organization of that id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>> {
        let item: Option<OrganizationItem> = self.get(keys::organization(id)).await?;
        Ok(item.map(Organization::from))
    }

    /// Those of the organizations that exist, in no order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organizations(&self, ids: &BTreeSet<OrganizationId>) -> Result<Vec<Organization>> {
        let keys = ids.iter().map(|&id| keys::organization(id)).collect::<Vec<_>>();
        self.batch(&keys).await?.into_iter().map(organization_from_item).collect()
    }

    /// How many organizations there are, exactly.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organization_counts(&self) -> Result<Counts> {
        self.counts(List::Organizations).await
    }

    /// At most `limit` organizations after the newest `offset`, newest first; without their owners and versions.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organization_rows(&self, counts: &Counts, offset: u64, limit: usize) -> Result<Vec<Organization>> {
        self.rows(counts, offset, limit).await?.into_iter().map(organization_from_item).collect()
    }

    /// The organization that has the slug.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organization_of_slug(&self, slug: &str) -> Result<Option<OrganizationId>> {
        let item: Option<SlugItem> = self.get(keys::slug(slug)).await?;
        Ok(item.map(|item| item.organization))
    }

    /// Whose membership that is, and in which organization.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn membership_of_id(&self, id: MembershipId) -> Result<Option<(UserId, OrganizationId)>> {
        let item: Option<MembershipClaim> = self.get(keys::membership_id(id)).await?;
        Ok(item.map(|item| (item.user, item.text)))
    }

    /// Whose those of the memberships are that exist, and in which organizations.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn memberships_of_ids(
        &self,
        ids: &BTreeSet<MembershipId>,
    ) -> Result<HashMap<MembershipId, (UserId, OrganizationId)>> {
        let keys: Vec<_> = ids.iter().map(|&id| keys::membership_id(id)).collect();
        let found = self.batch(&keys).await?.into_iter().map(|item| {
            let key = key_of(&item);
            let id = key.pk.strip_prefix(keys::MEMBERSHIP).and_then(MembershipId::parse);
            let id = id.ok_or_else(|| Error::internal(format!("the item {key} is about no membership")))?;
            let MembershipClaim { user, text } = from_item(&key, item)?;
            Ok((id, (user, text)))
        });
        found.collect()
    }

    /// Makes an organization (without `before`), changes it, or removes it (without `after`).
    /// Where its members must follow, that is noted as work.
    ///
    /// # Errors
    /// When the store does not answer, or the record is too large for it.
    pub async fn organization_write(
        &self,
        before: Option<&Organization>,
        after: Option<&Organization>,
    ) -> Result<OrganizationWritten> {
        let mut transaction = Transaction::new();
        let unchanged =
            |organization: &Organization| Condition::Is("version", AttributeValue::N(organization.version.to_string()));
        match (before, after) {
            (before, Some(after)) => {
                let item = organization_item(after, before.map_or(1, |before| before.version + 1))?;
                let condition = before.map_or(Condition::Absent, unchanged);
                transaction.put_if(item, condition, Guard::Record);
            }
            (Some(before), None) => {
                transaction.delete_if(keys::organization(before.id), unchanged(before), Guard::Record);
            }
            (None, None) => return Ok(OrganizationWritten::Done),
        }
        let old = before.map(Place::of_organization);
        let new = match after {
            Some(after) => {
                let place = Place::of_organization(after);
                // Lists show neither its owner nor its version, so a change of these leaves the row alone.
                let shown = Organization { version: 0, owner: None, ..after.clone() };
                let row = to_item(&place.row(), &OrganizationItem::from(&shown))?;
                Some((place, row))
            }
            None => None,
        };
        let moment = after.map_or_else(|| self.ambient.now(), |after| after.created);
        self.write_place(&mut transaction, old.as_ref(), new.as_ref().map(|(p, row)| (p, row.clone())), moment);
        write_slug(&mut transaction, before, after)?;
        write_owner(&mut transaction, before, after);
        if let Some(before) = before
            && after.is_none_or(|after| (&after.name, after.is_active) != (&before.name, before.is_active))
        {
            let mut work = keys::work(Work::Organization(before.id)).attributes();
            // A later change leaves a mark of its own, which is not taken away with this one.
            work.insert("version".to_owned(), AttributeValue::N(before.version.to_string()));
            transaction.put(work);
        }
        match self.transact(&transaction).await? {
            Ok(()) => Ok(OrganizationWritten::Done),
            Err(broken) => meaning(broken),
        }
    }

    /// How many members an organization has.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn member_count(&self, id: OrganizationId) -> Result<MemberCount> {
        let pk = keys::member_counts(id);
        let range = Range { pk: &pk, bound: Bound::Whole, ascending: true };
        let (mut members, mut epoch) = (0, 0);
        for item in self.query(range, usize::MAX).await? {
            let shard: CountItem = from_item(&key_of(&item), item)?;
            members += shard.members;
            epoch += shard.epoch;
        }
        Ok(MemberCount { members: u64::try_from(members).unwrap_or_default(), epoch })
    }

    /// Forgets how many members a removed organization had, when none is left.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn member_count_remove(&self, id: OrganizationId) -> Result<()> {
        let mut transaction = Transaction::<()>::new();
        for shard in 0..SHARDS {
            transaction.delete(keys::member_count(id, shard));
        }
        self.transact(&transaction).await?.map_err(|_| Error::internal("a removal met a condition"))
    }

    /// Members of an organization who are in others too.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn shared_members(&self, id: OrganizationId) -> Result<Vec<UserId>> {
        let pk = keys::shared_members(id);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
        Ok(items.iter().filter_map(|item| UserId::parse(&key_of(item).sk)).collect())
    }

    /// Places of members after a place, at most `limit`, from new to old or from old to new; see [`Store::rows_in_places`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn members(
        &self,
        id: OrganizationId,
        after: Option<&str>,
        way: Way,
        limit: usize,
    ) -> Result<Vec<Member>> {
        let pk = keys::members(id);
        let bound = match (after, way) {
            (None, _) => Bound::Whole,
            (Some(place), Way::ToOlder) => Bound::Before(place),
            (Some(place), Way::ToNewer) => Bound::After(place),
        };
        let items = self.query(Range { pk: &pk, bound, ascending: way == Way::ToNewer }, limit).await?;
        let mut members = Vec::new();
        for item in items {
            let key = key_of(&item);
            let user = Place::id(&key.sk).map(UserId);
            let user = user.ok_or_else(|| Error::internal(format!("the item {key} stands in no place")))?;
            members.push(Member { place: key.sk, user });
        }
        Ok(members)
    }

    /// Which of the users are members.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn members_among(&self, id: OrganizationId, users: &BTreeSet<UserId>) -> Result<BTreeSet<UserId>> {
        let keys: Vec<_> = users.iter().map(|&user| keys::membership(user, id)).collect();
        let found = self.batch(&keys).await?;
        let user = |item: &Item| UserId::parse(key_of(item).pk.strip_prefix("USER#")?);
        Ok(found.iter().filter_map(user).collect())
    }

    /// In which of the organizations a user is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn memberships_among(
        &self,
        user: UserId,
        organizations: &BTreeSet<OrganizationId>,
    ) -> Result<Vec<OrganizationId>> {
        // Whoever manages many: nearly everybody is in few.
        const FEW: usize = 16;
        let keys: Vec<_> = organizations.iter().map(|&id| keys::membership(user, id)).collect();
        let found = match &keys[..] {
            [] => Vec::new(),
            few if few.len() <= FEW => self.batch(few).await?,
            [first, ..] => {
                let range = Range { pk: &first.pk, bound: Bound::Prefix(keys::MEMBERSHIP), ascending: true };
                self.query(range, usize::MAX).await?
            }
        };
        let id = |item: &Item| OrganizationId::parse(key_of(item).sk.strip_prefix(keys::MEMBERSHIP)?);
        Ok(found.iter().filter_map(id).filter(|id| organizations.contains(id)).collect())
    }

    /// Managers of an organization, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn managers(&self, id: OrganizationId, limit: usize) -> Result<Vec<UserId>> {
        let pk = keys::managers(id);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, limit).await?;
        Ok(items.iter().filter_map(|item| UserId::parse(&key_of(item).sk)).collect())
    }

    /// Takes a removed user, or a removed organization, out of a membership that was left over.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn membership_remove(&self, user: UserId, place: &str, membership: &Membership) -> Result<()> {
        let id = membership.organization;
        let mut transaction = Transaction::new();
        let there = Condition::Present;
        transaction.delete_if(keys::member(id, place), there, ());
        transaction.delete(keys::membership(user, id));
        transaction.delete(keys::shared_member(id, user));
        transaction.delete(keys::manager(id, user));
        transaction.delete(keys::membership_id(membership.id));
        transaction.add(keys::member_count(id, 0), &[("members", -1), (EPOCH, 1)]);
        // Whoever was faster has done the same.
        let _ = self.transact(&transaction).await?;
        Ok(())
    }
}

/// A member of an organization, by place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Where the user stands in the list of users.
    pub place: String,
    /// The user.
    pub user: UserId,
}

/// In which order members are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The newest first.
    ToOlder,
    /// The oldest first.
    ToNewer,
}

fn write_slug(
    transaction: &mut Transaction<Guard>,
    before: Option<&Organization>,
    after: Option<&Organization>,
) -> Result<()> {
    let slug = |organization: Option<&Organization>| organization.map(|o| (keys::slug(&o.slug), o.id));
    let (old, new) = (slug(before), slug(after));
    if old == new {
        return Ok(());
    }
    if let Some((key, _)) = old {
        transaction.delete(key);
    }
    if let Some((key, organization)) = new {
        let item = to_item(&key, &SlugItem { organization })?;
        transaction.put_if(item, Condition::Absent, Guard::Slug);
    }
    Ok(())
}

/// The membership that becomes the owner must still be there.
fn write_owner(transaction: &mut Transaction<Guard>, before: Option<&Organization>, after: Option<&Organization>) {
    let owner = |organization: Option<&Organization>| organization.and_then(|organization| organization.owner);
    if let Some((membership, _)) = owner(after).filter(|_| owner(before) != owner(after)) {
        transaction.check(keys::membership_id(membership), Condition::Present, Guard::Record);
    }
}

/// The item of an organization, bearing that version.
pub(super) fn organization_item(organization: &Organization, version: u64) -> Result<Item> {
    let record = OrganizationItem { version, ..OrganizationItem::from(organization) };
    to_bounded_item(&keys::organization(organization.id), &record)
}

fn organization_from_item(item: Item) -> Result<Organization> {
    let key = key_of(&item);
    from_item::<OrganizationItem>(&key, item).map(Organization::from)
}

fn meaning(broken: Vec<Broken<Guard>>) -> Result<OrganizationWritten> {
    let mut written = OrganizationWritten::Stale;
    for Broken { guard, item } in broken {
        match guard {
            Guard::Record => return Ok(OrganizationWritten::Stale),
            Guard::Slug => {
                let item = item.ok_or_else(|| Error::internal("a claim failed without telling whose it is"))?;
                let owner: SlugItem = from_item(&key_of(&item), item)?;
                written = OrganizationWritten::SlugTaken(owner.organization);
            }
        }
    }
    Ok(written)
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
