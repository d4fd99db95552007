//! Organizations and their members.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::item::{from_item, key_of, to_bounded_item, to_item};
use super::keys::{self, Key, List, Position};
use super::lists::{Counts, Listing, SHARDS};
use super::requests::{Bound, Range};
use super::transaction::{Condition, FailedConditions, Transaction};
use super::users::{is_false, is_zero, user_item};
use super::{Basis, Item, Store};
use crate::error::{Error, Result};
use crate::model::CleanupTask;
use crate::model::{Membership, MembershipId, Organization, OrganizationId, Timestamp, User, UserId, shorten};

/// The result of writing an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationWriteOutcome {
    /// It was written.
    Done,
    /// The organization, or the membership that should own it, has been changed or deleted; nothing was written.
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

/// The maximum length of a text in a list row.
const MOST_SHOWN: usize = 254;
/// Attribute of a count shard: changes whenever a member is added, removed or moved.
pub(super) const EPOCH: &str = "epoch";

/// The number of members of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberCount {
    /// The number.
    pub members: u64,
    /// Different after every change.
    pub epoch: i64,
}

impl Store {
    /// The organization with that id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>> {
        let item: Option<OrganizationItem> = self.get(keys::organization(id)).await?;
        Ok(item.map(Organization::from))
    }

    /// The existing ones of these organizations, in no order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organizations(&self, ids: &BTreeSet<OrganizationId>) -> Result<Vec<Organization>> {
        let keys = ids.iter().map(|&id| keys::organization(id)).collect::<Vec<_>>();
        self.batch(&keys).await?.into_iter().map(organization_from_item).collect()
    }

    /// The exact number of organizations.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn organization_counts(&self) -> Result<Counts> {
        self.counts(List::Organizations).await
    }

    /// At most `limit` organizations after the newest `offset`, newest first; without their owners and versions. Those
    /// whose descriptions are only in their records are returned separately.
    ///
    /// # Errors
    /// When the store does not answer.
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
    /// When the store does not answer.
    pub async fn organization_of_slug(&self, slug: &str) -> Result<Option<OrganizationId>> {
        let item: Option<SlugItem> = self.get(keys::slug(slug)).await?;
        Ok(item.map(|item| item.organization))
    }

    /// The user and the organization of a membership.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn membership_of_id(&self, id: MembershipId) -> Result<Option<(UserId, OrganizationId)>> {
        let item: Option<MembershipClaim> = self.get(keys::membership_id(id)).await?;
        Ok(item.map(|item| (item.user, item.text)))
    }

    /// The users and organizations of the existing ones of these memberships.
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
            let id = id.ok_or_else(|| Error::internal(format!("malformed item {key}: not a membership")))?;
            let MembershipClaim { user, text } = from_item(&key, item)?;
            Ok((id, (user, text)))
        });
        found.collect()
    }

    /// Creates an organization (without `before`), changes it, or removes it (without `after`). If its members or
    /// managers must be updated, this leaves a cleanup task. `owners` are the users who lose or gain ownership: their
    /// records before and after. Stale also if one of them, or `basis`, has changed.
    ///
    /// # Errors
    /// When the store does not answer, or the record is too large for it.
    pub async fn organization_write(
        &self,
        before: Option<&Organization>,
        after: Option<&Organization>,
        owners: &[(&User, &User)],
        basis: &Basis,
    ) -> Result<OrganizationWriteOutcome> {
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
            (None, None) => return Ok(OrganizationWriteOutcome::Done),
        }
        // Inactive organizations are not counted.
        let listing =
            |organization: &Organization| Listing { position: Position::of_organization(organization), is_off: false };
        let old = before.map(listing);
        let new = match after {
            Some(after) => {
                let new = listing(after);
                // Lists show neither owner nor version, so a change of these does not write the row.
                let mut row = OrganizationItem { version: 0, owner: None, ..OrganizationItem::from(after) };
                row.lacks_description = !std::mem::take(&mut row.description).is_empty();
                // Longer values were stored before limits existed.
                for text in [&mut row.name, &mut row.email, &mut row.url] {
                    shorten(text, MOST_SHOWN);
                }
                let row = to_item(&new.position.row(), &row)?;
                Some((new, row))
            }
            None => None,
        };
        let moment = after.map_or_else(|| self.ambient.now(), |after| after.created);
        self.write_place(&mut transaction, old.as_ref(), new.as_ref().map(|(p, row)| (p, row.clone())), moment);
        write_slug(&mut transaction, before, after)?;
        write_owner(&mut transaction, before, after);
        if let Some(before) = before
            && after.is_none_or(|after| after.name != before.name)
        {
            self.names_changed(&mut transaction);
        }
        if let Some(before) = before
            && after.is_none_or(|after| after.is_active != before.is_active)
        {
            let mut work = keys::work(CleanupTask::Organization(before.id)).attributes();
            // A later change leaves its own mark, which finishing this one does not delete.
            work.insert("version".to_owned(), AttributeValue::N(before.version.to_string()));
            transaction.put(work);
        }
        for (before, after) in owners {
            let item = user_item(after, before.version + 1)?;
            let unchanged = Condition::Is("version", AttributeValue::N(before.version.to_string()));
            transaction.put_if(item, unchanged, Guard::Record);
        }
        basis.require_in(&mut transaction, &Guard::Record);
        match self.transact(&transaction).await? {
            Ok(()) => Ok(OrganizationWriteOutcome::Done),
            Err(broken) => meaning(broken),
        }
    }

    /// The number of members of an organization.
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

    /// Deletes the member count of a deleted organization that has no members left.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn member_count_remove(&self, id: OrganizationId) -> Result<()> {
        let mut transaction = Transaction::<()>::new();
        for shard in 0..SHARDS {
            transaction.delete(keys::member_count(id, shard));
        }
        self.transact(&transaction)
            .await?
            .map_err(|_| Error::internal("unexpected conflict while deleting an organization"))
    }

    /// Members of an organization who are also in others.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn shared_members(&self, id: OrganizationId) -> Result<Vec<UserId>> {
        let pk = keys::shared_members(id);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
        Ok(items.iter().filter_map(|item| UserId::parse(&key_of(item).sk)).collect())
    }

    /// At most `limit` positions of members after a position, newest first or oldest first; see
    /// [`Store::rows_in_places`].
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn members(
        &self,
        id: OrganizationId,
        after: Option<&str>,
        way: Direction,
        limit: usize,
    ) -> Result<Vec<Member>> {
        self.members_in(Positions::Members(id), after, way, limit).await
    }

    /// The same for any list sorted by position.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn members_in(
        &self,
        positions: Positions,
        after: Option<&str>,
        way: Direction,
        limit: usize,
    ) -> Result<Vec<Member>> {
        let pk = match positions {
            Positions::Members(id) => keys::members(id),
            Positions::Switched(on) => keys::active(on),
        };
        // After everything at the position.
        let behind = after.map(|position| format!("{position}~")).unwrap_or_default();
        let bound = match (after, way) {
            (None, _) => Bound::Whole,
            (Some(position), Direction::ToOlder) => Bound::Before(position),
            (Some(_), Direction::ToNewer) => Bound::After(&behind),
        };
        let items = self.query(Range { pk: &pk, bound, ascending: way == Direction::ToNewer }, limit).await?;
        items.iter().map(|item| Member::of(&key_of(item), "")).collect()
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

    /// Which of the organizations a user is in.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn memberships_among(
        &self,
        user: UserId,
        organizations: &BTreeSet<OrganizationId>,
    ) -> Result<Vec<OrganizationId>> {
        // For managers of many organizations: nearly every user is in few.
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

    /// At most `limit` managers of an organization after a given one, sorted by id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn managers(&self, id: OrganizationId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        let pk = keys::managers(id);
        let after = after.map(|after| after.to_string());
        let bound = after.as_deref().map_or(Bound::Whole, Bound::After);
        let items = self.query(Range { pk: &pk, bound, ascending: true }, limit).await?;
        Ok(items.iter().filter_map(|item| UserId::parse(&key_of(item).sk)).collect())
    }

    /// Removes a leftover membership of a deleted user or a deleted organization.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn membership_remove(&self, user: UserId, position: &str, membership: &Membership) -> Result<()> {
        let id = membership.organization;
        let mut transaction = Transaction::new();
        let there = Condition::Present;
        transaction.delete_if(keys::member(id, position), there, ());
        transaction.delete(keys::membership(user, id));
        transaction.delete(keys::shared_member(id, user));
        transaction.delete(keys::manager(id, user));
        transaction.delete(keys::membership_id(membership.id));
        transaction.add(keys::member_count(id, 0), &[("members", -1), (EPOCH, 1)]);
        // A concurrent request has done the same.
        let _ = self.transact(&transaction).await?;
        Ok(())
    }
}

/// A member of an organization, by position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The user's position in the list of users.
    pub position: String,
    /// The user.
    pub user: UserId,
}

impl Member {
    /// The member in a key whose sort key begins with `third` and a position.
    pub(super) fn of(key: &Key, third: &str) -> Result<Self> {
        let position = keys::place_after(third, &key.sk);
        let user = position.and_then(Position::id).map(UserId);
        let damaged = || Error::internal(format!("malformed key: {key}"));
        let (position, user) = position.zip(user).ok_or_else(damaged)?;
        Ok(Self { position: position.to_owned(), user })
    }
}

/// A list of users sorted by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions {
    /// The members of an organization.
    Members(OrganizationId),
    /// Active or inactive users: postings, so only hints.
    Switched(bool),
}

/// The order in which members are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Newest first.
    ToOlder,
    /// Oldest first.
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

/// The membership of the new owner must still exist.
fn write_owner(transaction: &mut Transaction<Guard>, before: Option<&Organization>, after: Option<&Organization>) {
    let owner = |organization: Option<&Organization>| organization.and_then(|organization| organization.owner);
    if let Some((membership, _)) = owner(after).filter(|_| owner(before) != owner(after)) {
        transaction.check(keys::membership_id(membership), Condition::Present, Guard::Record);
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

fn meaning(broken: Vec<FailedConditions<Guard>>) -> Result<OrganizationWriteOutcome> {
    let mut written = OrganizationWriteOutcome::Stale;
    for FailedConditions { guard, item } in broken {
        match guard {
            Guard::Record => return Ok(OrganizationWriteOutcome::Stale),
            Guard::Slug => {
                let item = item.ok_or_else(|| Error::internal("a claim failed but its owner is unknown"))?;
                let owner: SlugItem = from_item(&key_of(&item), item)?;
                written = OrganizationWriteOutcome::SlugTaken(owner.organization);
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
