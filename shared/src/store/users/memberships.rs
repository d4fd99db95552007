//! Memberships: in the partitions of their users and of their organizations, and their counts.

use aws_sdk_dynamodb::types::AttributeValue;

use super::items::MembershipItem;
use super::{ClaimItem, Guard, MembershipWrite, OrganizationState, UserWrite};
use crate::error::{Error, Refusal, Result};
use crate::model::ambient::random;
use crate::model::{Membership, Organization, OrganizationId, User, UserId};
use crate::store::item::{from_item, key_of, to_item};
use crate::store::keys::{self, Key, Position};
use crate::store::lists::SHARDS;
use crate::store::organizations::{EPOCH, organization_item};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Item, Store};

/// Attribute of a membership: the user's list position, for when the user is deleted.
const PLACE: &str = "place";

/// A membership of a deleted user.
#[derive(Debug)]
pub struct MembershipLeft {
    /// The organization.
    pub organization: OrganizationId,
    /// The user's position in lists.
    pub position: String,
    /// The membership, or why it is malformed.
    pub membership: Result<Membership>,
}

impl Store {
    /// At most `limit` remaining memberships of a deleted user, after the one in that organization.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn memberships_left(
        &self,
        id: UserId,
        after: Option<OrganizationId>,
        limit: usize,
    ) -> Result<Vec<MembershipLeft>> {
        let Key { pk, sk: first } = after.map_or_else(
            || Key { pk: keys::user(id).pk, sk: keys::MEMBERSHIP.to_owned() },
            |after| keys::membership(id, after),
        );
        let first = format!("{first}!");
        let bound = Bound::Between(&first, keys::LAST_MEMBERSHIP);
        let left = |item: Item| {
            let key = key_of(&item);
            let organization = key.sk.strip_prefix(keys::MEMBERSHIP).and_then(OrganizationId::parse)?;
            let position = item.get(PLACE).and_then(|position| position.as_s().ok()).cloned().unwrap_or_default();
            let membership = from_item::<MembershipItem>(&key, item).map(Membership::from);
            Some(MembershipLeft { organization, position, membership })
        };
        let items = self.query(Range { pk: &pk, bound, ascending: true }, limit).await?;
        Ok(items.into_iter().filter_map(left).collect())
    }

    /// A membership of a user, who may be deleted.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn membership(&self, user: UserId, organization: OrganizationId) -> Result<Option<Membership>> {
        let item: Option<MembershipItem> = self.get(keys::membership(user, organization)).await?;
        Ok(item.map(Membership::from))
    }

    /// Creates, changes or removes the membership of the write, with everything that belongs to it.
    pub(super) fn write_membership(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let Some(user) = write.after.or(write.before) else { return Ok(()) };
        for restored in &write.restored {
            self.write_one_membership(transaction, user, restored)?;
            if write.restored.len() > 1 {
                transaction.put(keys::shared_member(restored.organization.id(), user.id).attributes());
            }
        }
        let Some(change) = &write.membership else { return Ok(()) };
        let id = change.organization.id();
        let others = write.memberships.unwrap_or_default().iter().map(|membership| membership.organization);
        let others: Vec<_> = others.filter(|&other| other != id).collect();
        match (change.before, change.after) {
            (None, Some(_)) if !others.is_empty() => {
                transaction.put(keys::shared_member(id, user.id).attributes());
                if let [only] = others[..] {
                    transaction.put(keys::shared_member(only, user.id).attributes());
                }
            }
            (Some(_), None) => {
                transaction.delete(keys::shared_member(id, user.id));
                if let [only] = others[..] {
                    transaction.delete(keys::shared_member(only, user.id));
                }
            }
            _ => {}
        }
        self.write_one_membership(transaction, user, change)
    }

    /// The same without the notes on who is in several organizations.
    fn write_one_membership(
        &self,
        transaction: &mut Transaction<Guard>,
        user: &User,
        change: &MembershipWrite<'_>,
    ) -> Result<()> {
        let MembershipWrite { organization, before, after, becomes_owner } = *change;
        let id = organization.id();
        let position = Position::of_user(user).sk;
        if let Some(after) = after {
            put_membership(transaction, user.id, &position, after)?;
        } else {
            transaction.delete(keys::membership(user.id, id));
            transaction.delete(keys::member(id, &position));
        }
        let [byte] = random(&*self.ambient);
        let count = keys::member_count(id, byte % SHARDS);
        match (before, after) {
            (None, Some(after)) => {
                let claim = ClaimItem { user: user.id, text: id.to_string() };
                transaction.put(to_item(&keys::membership_id(after.id), &claim)?);
                transaction.add(count, &[("members", 1), (EPOCH, 1)]);
            }
            (Some(before), None) => {
                transaction.delete(keys::membership_id(before.id));
                transaction.add(count, &[("members", -1), (EPOCH, 1)]);
            }
            _ => {}
        }
        let manager = keys::manager(id, user.id);
        let (was, is) = (before.is_some_and(|m| m.is_admin), after.is_some_and(|m| m.is_admin));
        match (was, is) {
            (false, true) => transaction.put(manager.attributes()),
            (true, false) => transaction.delete(manager),
            _ => {}
        }
        let OrganizationState::There(organization) = organization else { return Ok(()) };
        let unchanged = Condition::Is("version", AttributeValue::N(organization.version.to_string()));
        match (becomes_owner, after) {
            (true, Some(after)) => {
                let owned = Organization { owner: Some((after.id, user.id)), ..organization.clone() };
                let item = organization_item(&owned, organization.version + 1)?;
                transaction.put_if(item, unchanged, Guard::Organization);
            }
            _ => transaction.check(keys::organization(id), unchanged, Guard::Organization),
        }
        Ok(())
    }

    /// Moves the memberships when the user's list position changes.
    pub(super) fn move_memberships(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let (Some(before), Some(after)) = (write.before, write.after) else { return Ok(()) };
        let (old, new) = (Position::of_user(before).sk, Position::of_user(after).sk);
        let memberships = write.memberships.unwrap_or_default();
        if old == new || memberships.is_empty() {
            return Ok(());
        }
        if memberships.len() > User::MAX_MOVED {
            return Err(Error::Refused(Refusal::TooManyToMove));
        }
        // No API creates, changes or removes a membership together with a move.
        for membership in memberships {
            transaction.delete(keys::member(membership.organization, &old));
            put_membership(transaction, after.id, &new, membership)?;
            let [byte] = random(&*self.ambient);
            let count = keys::member_count(membership.organization, byte % SHARDS);
            transaction.add(count, &[(EPOCH, 1)]);
        }
        Ok(())
    }
}

/// Writes a membership in the partitions of its user and of its organization.
fn put_membership(
    transaction: &mut Transaction<Guard>,
    user: UserId,
    position: &str,
    membership: &Membership,
) -> Result<()> {
    let key = keys::membership(user, membership.organization);
    let mut item = to_item(&key, &MembershipItem::from(membership))?;
    item.insert(PLACE.to_owned(), AttributeValue::S(position.to_owned()));
    transaction.put(item);
    transaction.put(keys::member(membership.organization, position).attributes());
    Ok(())
}

impl OrganizationState<'_> {
    fn id(self) -> OrganizationId {
        match self {
            Self::There(organization) => organization.id,
            Self::Gone(id) => id,
        }
    }
}
