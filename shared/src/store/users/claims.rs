//! Values that must be unique among users, and who has them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::entries::entries;
use super::{Guard, UserWrite};
use crate::error::Result;
use crate::model::{EdgeId, EmailAddress, PhoneNumber, User, UserId, UserNumber, Username};
use crate::store::Store;
use crate::store::item::{from_item, key_of, to_item};
use crate::store::keys::{self, Key};
use crate::store::requests::{Bound, Range};
use crate::store::transaction::{Condition, Transaction};

/// Values that must be unique among users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A user name.
    Username,
    /// A user name without regard to letter case, among names that identity providers gave.
    CaselessName,
    /// The e-mail of a user.
    Email,
    /// A telephone number.
    Phone,
    /// A verified e-mail address.
    VerifiedAddress,
    /// An id on the OpenL2M wire.
    Number,
    /// An id on the Edge wire.
    EdgeId,
}

/// A claim of another user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimConflict {
    /// The kind of value.
    pub claim: Claim,
    /// As the other user spells it.
    pub text: String,
    /// The other user.
    pub user: UserId,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ClaimItem {
    pub user: UserId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// How many users of one name, or of one external id, are found.
const MOST_FOUND: usize = 1000;

impl Store {
    /// The user with this user name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_by_username(&self, name: &Username) -> Result<Option<ClaimConflict>> {
        self.claimed(Claim::Username, keys::username(name)).await
    }

    /// The users whose names are this one, ignoring case. Names of earlier releases are found after a rebuild of the
    /// search index, or as they are spelled.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn users_by_caseless_name(&self, name: &Username) -> Result<BTreeSet<UserId>> {
        let pk = keys::names(&name.folded());
        let mut found = BTreeSet::new();
        for item in self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, MOST_FOUND).await? {
            let key = key_of(&item);
            found.insert(match UserId::parse(&key.sk) {
                Some(id) => id,
                None => from_item::<ClaimItem>(&key, item)?.user,
            });
        }
        if found.is_empty() && name.folded() != name.as_str() {
            found.extend(self.user_by_username(name).await?.map(|taken| taken.user));
        }
        Ok(found)
    }

    /// The users with this external id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn users_by_external_id(&self, id: &str) -> Result<BTreeSet<UserId>> {
        let pk = keys::external_ids(id);
        let items = self.query(Range { pk: &pk, bound: Bound::Whole, ascending: true }, MOST_FOUND).await?;
        Ok(items.iter().filter_map(|item| UserId::parse(&key_of(item).sk)).collect())
    }

    /// The user with this e-mail, ignoring case.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_by_email(&self, email: &EmailAddress) -> Result<Option<ClaimConflict>> {
        self.claimed(Claim::Email, keys::email(email)).await
    }

    /// The user with this telephone number.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_by_phone(&self, number: &PhoneNumber) -> Result<Option<ClaimConflict>> {
        self.claimed(Claim::Phone, keys::phone(number)).await
    }

    /// The user who has verified this address.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_by_address(&self, email: &EmailAddress) -> Result<Option<ClaimConflict>> {
        self.claimed(Claim::VerifiedAddress, keys::verified_address(email)).await
    }

    /// The user with this OpenL2M id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_by_number(&self, number: UserNumber) -> Result<Option<ClaimConflict>> {
        self.claimed(Claim::Number, keys::number(number)).await
    }

    /// The user with this Edge id.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_by_edge_id(&self, id: EdgeId) -> Result<Option<ClaimConflict>> {
        self.claimed(Claim::EdgeId, keys::edge_id(id)).await
    }

    async fn claimed(&self, claim: Claim, key: Key) -> Result<Option<ClaimConflict>> {
        let item: Option<ClaimItem> = self.get(key).await?;
        Ok(item.map(|ClaimItem { user, text }| ClaimConflict { claim, text, user }))
    }
}

pub(super) fn write_claims(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
    // A deleted user keeps the claims on its ids.
    let kept = || write.deleted.map(|deleted| kept_claims(&deleted.user)).unwrap_or_default();
    let before = write.before.map_or_else(kept, claims);
    let after = write.after.map_or_else(kept, claims);
    for (key, (claim, text)) in &after {
        let Some(user) = write.after.map(|after| after.id) else { continue };
        let item = || to_item(key, &ClaimItem { user, text: text.clone() });
        match before.get(key) {
            None => transaction.put_if(item()?, Condition::Absent, Guard::Claim(*claim)),
            Some((_, old)) if old != text => {
                transaction.put_if(item()?, owned_by(user), Guard::Record);
            }
            Some(_) => {}
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(key)).cloned() {
        if let Some(before) = write.before {
            transaction.delete_if(key, owned_by(before.id), Guard::Record);
        }
    }
    Ok(())
}

/// The claims that a user keeps while deleted: those on ids.
pub(super) fn kept_claims(user: &User) -> BTreeMap<Key, (Claim, String)> {
    BTreeMap::from([
        (keys::number(user.number), (Claim::Number, String::new())),
        (keys::edge_id(user.edge_id), (Claim::EdgeId, String::new())),
    ])
}

/// That a claim is this user's.
pub(super) fn owned_by(user: UserId) -> Condition {
    Condition::Is("user", AttributeValue::S(user.to_string()))
}

/// Writes the entries by which users are found who may have a value in common.
pub(super) fn write_entries(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) {
    let before = write.before.map(entries).unwrap_or_default();
    let after = write.after.map(entries).unwrap_or_default();
    for key in after.difference(&before) {
        transaction.put(key.attributes());
    }
    for key in before.difference(&after) {
        transaction.delete(key.clone());
    }
}

/// All claims of a user: key, kind, and the text as written if the key contains another form of it.
pub(super) fn claims(user: &User) -> BTreeMap<Key, (Claim, String)> {
    let mut claims = kept_claims(user);
    claims.insert(keys::username(&user.username), (Claim::Username, String::new()));
    if user.has_caseless_name {
        claims.insert(keys::caseless_name(&user.username), (Claim::CaselessName, String::new()));
    }
    if let Some(email) = user.email.as_ref().filter(|_| !user.email_is_shared) {
        claims.insert(keys::email(email), (Claim::Email, email.to_string()));
    }
    if let Some(phone) = &user.phone_number {
        claims.insert(keys::phone(phone), (Claim::Phone, String::new()));
    }
    for address in user.addresses.iter().filter(|address| address.verified) {
        claims.insert(keys::verified_address(&address.email), (Claim::VerifiedAddress, String::new()));
    }
    claims
}
