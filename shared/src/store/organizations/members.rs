//! The members and managers of organizations, and their numbers.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::model::{Membership, MembershipId, OrganizationId, UserId};
use crate::store::item::{from_item, key_of};
use crate::store::keys::{self, Key, Position};
use crate::store::lists::SHARDS;
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Counts, Item, Store};

/// Attribute of a count shard: changes whenever a member is added, removed or moved.
pub(in crate::store) const EPOCH: &str = "epoch";

/// The number of members of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberCount {
    /// The number.
    pub members: u64,
    /// Different after every change.
    pub epoch: i64,
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
    pub(in crate::store) fn of(key: &Key, third: &str) -> Result<Self> {
        let position = keys::place_after(third, &key.sk);
        let user = position.and_then(Position::id).map(UserId);
        let damaged = || Error::internal(format!("malformed key: {key}"));
        let (position, user) = position.zip(user).ok_or_else(damaged)?;
        Ok(Self { position: position.to_owned(), user })
    }
}

/// A list of users sorted by position.
#[derive(Debug, Clone, Copy)]
pub enum Positions<'a> {
    /// The members of an organization.
    Members(OrganizationId),
    /// The active users, among the users counted.
    Active(&'a Counts),
    /// The inactive users.
    Inactive,
}

/// The order in which members are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Newest first.
    ToOlder,
    /// Oldest first.
    ToNewer,
}

impl Store {
    /// The user and the organization of a membership.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn membership_of_id(&self, id: MembershipId) -> Result<Option<(UserId, OrganizationId)>> {
        let item: Option<MembershipClaim> = self.get(keys::membership_id(id)).await?;
        Ok(item.map(|item| (item.user, item.text)))
    }

    /// The users and organizations of the existing ones of these memberships.
    ///
    /// # Errors
    /// When the store is unavailable.
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

    /// The number of members of an organization.
    ///
    /// # Errors
    /// When the store is unavailable.
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
    /// When the store is unavailable.
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
    /// When the store is unavailable.
    pub async fn shared_members(&self, id: OrganizationId) -> Result<Vec<UserId>> {
        let pk = keys::shared_members(id);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, usize::MAX).await?;
        Ok(items.iter().filter_map(|item| UserId::parse(&key_of(item).sk)).collect())
    }

    /// At most `limit` positions of members after a position, newest first or oldest first; see
    /// [`Store::rows_in_places`].
    ///
    /// # Errors
    /// When the store is unavailable.
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
    /// When the store is unavailable.
    pub async fn members_in(
        &self,
        positions: Positions<'_>,
        after: Option<&str>,
        way: Direction,
        limit: usize,
    ) -> Result<Vec<Member>> {
        let pk = match positions {
            Positions::Members(id) => keys::members(id),
            Positions::Active(counts) => return self.active_users(counts, after, way, limit).await,
            Positions::Inactive => keys::INACTIVE.to_owned(),
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
    /// When the store is unavailable.
    pub async fn members_among(&self, id: OrganizationId, users: &BTreeSet<UserId>) -> Result<BTreeSet<UserId>> {
        let keys: Vec<_> = users.iter().map(|&user| keys::membership(user, id)).collect();
        let found = self.batch(&keys).await?;
        let user = |item: &Item| UserId::parse(key_of(item).pk.strip_prefix("USER#")?);
        Ok(found.iter().filter_map(user).collect())
    }

    /// Which of the organizations a user is in.
    ///
    /// # Errors
    /// When the store is unavailable.
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
    /// When the store is unavailable.
    pub async fn managers(&self, id: OrganizationId, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>> {
        let pk = keys::managers(id);
        let after = after.map(|after| after.to_string());
        let bound = after.as_deref().map_or(Bound::Whole, Bound::After);
        let items = self.query(Range { pk: &pk, bound, ascending: true }, limit).await?;
        Ok(items.iter().filter_map(|item| UserId::parse(&key_of(item).sk)).collect())
    }

    /// Removes a leftover membership of a deleted user. Nothing happens if the user was restored meanwhile.
    ///
    /// # Errors
    /// When the store is unavailable.
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
        transaction.check(keys::user(user), Condition::Absent, ());
        // A concurrent request has done the same, or restored the user.
        let _ = self.transact(&transaction).await?;
        Ok(())
    }
}
