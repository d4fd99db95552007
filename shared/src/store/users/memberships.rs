//! Memberships: beside their users, among the members of their organizations, and how many these are.

use aws_sdk_dynamodb::types::AttributeValue;

use super::items::MembershipItem;
use super::{ClaimItem, Guard, MembershipWrite, OrganizationState, UserWrite};
use crate::ambient::random;
use crate::error::{Error, Refusal, Result};
use crate::model::{Membership, Organization, OrganizationId, User, UserId};
use crate::store::keys::{self, Place};
use crate::store::lists::SHARDS;
use crate::store::organizations::{EPOCH, organization_item};
use crate::store::transaction::{Condition, Transaction};
use crate::store::{Bound, Range, Store, from_item, key_of, to_item};

/// Attribute of a membership: the user's place in lists, for when the user is gone.
const PLACE: &str = "place";

impl Store {
    /// Memberships of a removed user that are still there, at most `limit`, each with the user's place in lists.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn memberships_left(&self, id: UserId, limit: usize) -> Result<Vec<(String, Membership)>> {
        let pk = keys::user(id).pk;
        let range = Range { pk: &pk, bound: Bound::Prefix(keys::MEMBERSHIP), ascending: true };
        let mut left = Vec::new();
        for item in self.query(range, limit).await? {
            let place = item.get(PLACE).and_then(|place| place.as_s().ok()).cloned().unwrap_or_default();
            left.push((place, from_item::<MembershipItem>(&key_of(&item), item)?.into()));
        }
        Ok(left)
    }

    /// A membership of a user, who may be gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn membership(&self, user: UserId, organization: OrganizationId) -> Result<Option<Membership>> {
        let item: Option<MembershipItem> = self.get(keys::membership(user, organization)).await?;
        Ok(item.map(Membership::from))
    }

    /// Makes, changes or removes the membership that the write names, with all that goes with it.
    pub(super) fn write_membership(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let Some(MembershipWrite { organization, before, after, becomes_owner }) = &write.membership else {
            return Ok(());
        };
        let Some(user) = write.after.or(write.before) else { return Ok(()) };
        let id = organization.id();
        let place = Place::of_user(user).sk;
        if let Some(after) = after {
            put_membership(transaction, user.id, &place, after)?;
        } else {
            transaction.delete(keys::membership(user.id, id));
            transaction.delete(keys::member(id, &place));
        }
        let others = write.memberships.unwrap_or_default().iter().map(|membership| membership.organization);
        let others: Vec<_> = others.filter(|&other| other != id).collect();
        match (before, after) {
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
                let owned = Organization { owner: Some((after.id, user.id)), ..(**organization).clone() };
                let item = organization_item(&owned, organization.version + 1)?;
                transaction.put_if(item, unchanged, Guard::Organization);
            }
            _ => transaction.check(keys::organization(id), unchanged, Guard::Organization),
        }
        Ok(())
    }

    /// Takes the memberships along when the user's place in lists moves.
    pub(super) fn move_memberships(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let (Some(before), Some(after)) = (write.before, write.after) else { return Ok(()) };
        let (old, new) = (Place::of_user(before).sk, Place::of_user(after).sk);
        let memberships = write.memberships.unwrap_or_default();
        if old == new || memberships.is_empty() {
            return Ok(());
        }
        if memberships.len() > User::MAX_MOVED {
            return Err(Error::Refused(Refusal::TooManyToMove));
        }
        // One that is made, changed or removed with the move is no business of any API.
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

/// Writes a membership beside its user and among the members of its organization.
fn put_membership(
    transaction: &mut Transaction<Guard>,
    user: UserId,
    place: &str,
    membership: &Membership,
) -> Result<()> {
    let key = keys::membership(user, membership.organization);
    let mut item = to_item(&key, &MembershipItem::from(membership))?;
    item.insert(PLACE.to_owned(), AttributeValue::S(place.to_owned()));
    transaction.put(item);
    transaction.put(keys::member(membership.organization, place).attributes());
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
