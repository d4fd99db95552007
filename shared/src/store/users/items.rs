//! The items of users and their memberships.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::{
    AddressId, Date, EdgeId, EdgeProfile, EmailAddress, Extras, Flags, GroupId, Lacks, Membership, MembershipId,
    OpenWispDetails, OrganizationId, PermissionId, PhoneNumber, SwitchProfile, Timestamp, User, UserEmail, UserId,
    UserNumber, UserRow, Username,
};
use crate::secret::Secret;

#[derive(Serialize, Deserialize)]
struct AddressItem {
    id: AddressId,
    email: EmailAddress,
    #[serde(default, skip_serializing_if = "is_false")]
    verified: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    primary: bool,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct MembershipItem {
    id: MembershipId,
    organization: OrganizationId,
    #[serde(default, skip_serializing_if = "is_false")]
    is_admin: bool,
}

/// The attributes of a user's record that lists show. Older list rows have them too.
#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute of its own")]
pub(super) struct RowItem {
    id: UserId,
    number: UserNumber,
    edge_id: String,
    username: Username,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    first_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    last_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_number: Option<PhoneNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::model::time::optional_date")]
    birth_date: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::model::time::optional_date")]
    expiration_date: Option<Date>,
    #[serde(flatten, serialize_with = "what_is_set")]
    flags: Flags,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_login: Option<Timestamp>,
    date_joined: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<GroupId>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    permissions: BTreeSet<PermissionId>,
    #[serde(default, skip_serializing_if = "is_default")]
    sharing: EdgeProfile,
    #[serde(default, skip_serializing_if = "is_false")]
    has_signed_in: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    memberships: Vec<MembershipItem>,
    #[serde(default, skip_serializing_if = "is_false")]
    lacks_description: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    lacks_memberships: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    extras: Extras,
    /// Whether an older list row lacks no details. The oldest ones, which do not say so, lack them.
    #[serde(default, skip_serializing_if = "is_false")]
    is_whole: bool,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct UserItem {
    #[serde(flatten)]
    row: RowItem,
    version: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    token_version: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    api_tokens_ended: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    others_api_tokens_ended: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    email_is_shared: bool,
    password: Secret,
    #[serde(flatten, serialize_with = "what_is_set")]
    details: OpenWispDetails,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    manages: BTreeSet<OrganizationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holds: Option<BTreeSet<OrganizationId>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    returning: Vec<MembershipItem>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<AddressItem>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::model::time::optional_date")]
    reminded_of: Option<Date>,
    #[serde(default, skip_serializing_if = "is_default")]
    profile: SwitchProfile,
    #[serde(default, skip_serializing_if = "is_false")]
    has_caseless_name: bool,
    /// `None` in a record written before this attribute existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
pub(in crate::store) fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
pub(in crate::store) fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Serializes a group of flags and texts without those that are false or empty.
pub(super) fn what_is_set<S: Serializer>(
    group: &impl Serialize,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let mut fields: Map<String, Value> =
        serde_json::to_value(group).and_then(serde_json::from_value).map_err(S::Error::custom)?;
    fields.retain(|_, value| *value != false && *value != "");
    fields.serialize(serializer)
}

impl UserItem {
    /// The record of a user, with that version.
    pub(super) fn new(user: &User, version: u64) -> Self {
        let address = |entry: &UserEmail| AddressItem {
            id: entry.id,
            email: entry.email.clone(),
            verified: entry.verified,
            primary: entry.primary,
        };
        Self {
            // Only rows say whether they are whole.
            row: RowItem { is_whole: false, ..user.row(&[]).into() },
            version,
            token_version: user.token_version,
            api_tokens_ended: user.api_tokens_ended,
            others_api_tokens_ended: user.others_api_tokens_ended,
            email_is_shared: user.email_is_shared,
            password: user.password.clone(),
            details: user.details.clone(),
            manages: user.manages.clone(),
            holds: user.holds.clone(),
            returning: user.returning.iter().map(MembershipItem::from).collect(),
            addresses: user.addresses.iter().map(address).collect(),
            reminded_of: user.reminded_of,
            profile: user.profile.clone(),
            has_caseless_name: user.has_caseless_name,
            modified: Some(user.modified),
        }
    }
}

impl TryFrom<UserItem> for User {
    type Error = Error;

    fn try_from(item: UserItem) -> Result<Self> {
        let UserItem {
            row,
            version,
            token_version,
            api_tokens_ended,
            others_api_tokens_ended,
            email_is_shared,
            password,
            details,
            manages,
            holds,
            returning,
            addresses,
            reminded_of,
            profile,
            has_caseless_name,
            modified,
        } = item;
        let row = UserRow::try_from(row)?;
        let entry = |item: AddressItem| UserEmail {
            id: item.id,
            email: item.email,
            verified: item.verified,
            primary: item.primary,
        };
        Ok(Self {
            id: row.id,
            number: row.number,
            edge_id: row.edge_id,
            version,
            token_version,
            api_tokens_ended,
            others_api_tokens_ended,
            username: row.username,
            has_caseless_name,
            email: row.email,
            email_is_shared,
            password,
            first_name: row.first_name,
            last_name: row.last_name,
            details,
            phone_number: row.phone_number,
            birth_date: row.birth_date,
            expiration_date: row.expiration_date,
            flags: row.flags,
            last_login: row.last_login,
            date_joined: row.date_joined,
            modified: modified.unwrap_or(row.date_joined),
            external_id: row.external_id,
            extras: row.extras,
            groups: row.groups,
            permissions: row.permissions,
            manages,
            holds,
            returning: returning.into_iter().map(Membership::from).collect(),
            addresses: addresses.into_iter().map(entry).collect(),
            reminded_of,
            profile,
            sharing: row.sharing,
            has_signed_in: row.has_signed_in,
        })
    }
}

impl From<UserRow> for RowItem {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            number: row.number,
            edge_id: row.edge_id.to_string(),
            username: row.username,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            phone_number: row.phone_number,
            birth_date: row.birth_date,
            expiration_date: row.expiration_date,
            flags: row.flags,
            last_login: row.last_login,
            date_joined: row.date_joined,
            groups: row.groups,
            permissions: row.permissions,
            sharing: row.sharing,
            has_signed_in: row.has_signed_in,
            memberships: row.memberships.iter().map(MembershipItem::from).collect(),
            lacks_description: row.lacks.description,
            lacks_memberships: row.lacks.memberships,
            external_id: row.external_id,
            extras: row.extras,
            is_whole: !row.lacks.details,
        }
    }
}

impl TryFrom<RowItem> for UserRow {
    type Error = Error;

    fn try_from(item: RowItem) -> Result<Self> {
        let edge_id = EdgeId::parse(&item.edge_id)
            .ok_or_else(|| Error::internal(format!("malformed user {}: bad Edge id", item.id)))?;
        Ok(Self {
            id: item.id,
            number: item.number,
            edge_id,
            username: item.username,
            email: item.email,
            first_name: item.first_name,
            last_name: item.last_name,
            phone_number: item.phone_number,
            birth_date: item.birth_date,
            expiration_date: item.expiration_date,
            flags: item.flags,
            last_login: item.last_login,
            date_joined: item.date_joined,
            groups: item.groups,
            permissions: item.permissions,
            sharing: item.sharing,
            has_signed_in: item.has_signed_in,
            memberships: item.memberships.into_iter().map(Membership::from).collect(),
            external_id: item.external_id,
            extras: item.extras,
            addresses: Vec::new(),
            url: String::new(),
            change: None,
            lacks: Lacks {
                description: item.lacks_description,
                memberships: item.lacks_memberships,
                details: !item.is_whole,
            },
        })
    }
}

impl From<MembershipItem> for Membership {
    fn from(item: MembershipItem) -> Self {
        let MembershipItem { id, organization, is_admin } = item;
        Self { id, organization, is_admin }
    }
}

impl From<&Membership> for MembershipItem {
    fn from(membership: &Membership) -> Self {
        let Membership { id, organization, is_admin } = *membership;
        Self { id, organization, is_admin }
    }
}
