//! Values that must be unique among users, and who has them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::{Guard, UserWrite};
use crate::error::Result;
use crate::model::{EdgeId, EmailAddress, PhoneNumber, User, UserId, UserNumber, Username};
use crate::store::Store;
use crate::store::item::to_item;
use crate::store::keys::{self, Key};
use crate::store::transaction::{Condition, Transaction};

/// Values that must be unique among users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A user name.
    Username,
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

impl Store {
    /// The user with this user name.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn user_by_username(&self, name: &Username) -> Result<Option<ClaimConflict>> {
        self.claimed(Claim::Username, keys::username(name)).await
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
    let before = write.before.map(claims).unwrap_or_default();
    let after = write.after.map(claims).unwrap_or_default();
    let owner = |user: UserId| Condition::Is("user", AttributeValue::S(user.to_string()));
    for (key, (claim, text)) in &after {
        let Some(user) = write.after.map(|after| after.id) else { continue };
        let item = || to_item(key, &ClaimItem { user, text: text.clone() });
        match before.get(key) {
            None => transaction.put_if(item()?, Condition::Absent, Guard::Claim(*claim)),
            Some((_, old)) if old != text => {
                transaction.put_if(item()?, owner(user), Guard::Record);
            }
            Some(_) => {}
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(key)).cloned() {
        if let Some(before) = write.before {
            transaction.delete_if(key, owner(before.id), Guard::Record);
        }
    }
    Ok(())
}

/// All claims of a user: key, kind, and the text as written if the key contains another form of it.
pub(super) fn claims(user: &User) -> BTreeMap<Key, (Claim, String)> {
    let mut claims = BTreeMap::from([
        (keys::username(&user.username), (Claim::Username, String::new())),
        (keys::number(user.number), (Claim::Number, String::new())),
        (keys::edge_id(user.edge_id), (Claim::EdgeId, String::new())),
    ]);
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
