//! The items that hold users, their list rows and their memberships.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{
    AddressId, Date, EdgeId, EmailAddress, GroupId, MailboxEntry, Membership, MembershipId, OrganizationId,
    PermissionId, PhoneNumber, Profile, Sharing, Timestamp, User, UserId, UserNumber, UserRow, Username,
};

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
    name: String,
    #[serde(default, skip_serializing_if = "is_false")]
    is_admin: bool,
}

/// The attributes that the user's record and its list row share.
#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are the wire's")]
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
    #[serde(default, skip_serializing_if = "is_false")]
    is_active: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    is_staff: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    is_superuser: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_login: Option<Timestamp>,
    date_joined: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<GroupId>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    permissions: BTreeSet<PermissionId>,
    #[serde(default, skip_serializing_if = "is_default")]
    sharing: Sharing,
    #[serde(default, skip_serializing_if = "is_false")]
    has_signed_in: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    memberships: Vec<MembershipItem>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct UserItem {
    #[serde(flatten)]
    row: RowItem,
    version: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    token_version: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    email_is_shared: bool,
    password: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    bio: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    company: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    location: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    notes: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    manages: BTreeSet<OrganizationId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<AddressItem>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::model::time::optional_date")]
    reminded_of: Option<Date>,
    #[serde(default, skip_serializing_if = "is_default")]
    profile: Profile,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
pub(in crate::store) fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl UserItem {
    /// The record of a user, bearing that version.
    pub(super) fn new(user: &User, version: u64) -> Self {
        let address = |entry: &MailboxEntry| AddressItem {
            id: entry.id,
            email: entry.email.clone(),
            verified: entry.verified,
            primary: entry.primary,
        };
        Self {
            row: user.row(&[]).into(),
            version,
            token_version: user.token_version,
            email_is_shared: user.email_is_shared,
            password: user.password.clone(),
            bio: user.bio.clone(),
            url: user.url.clone(),
            company: user.company.clone(),
            location: user.location.clone(),
            notes: user.notes.clone(),
            manages: user.manages.clone(),
            addresses: user.addresses.iter().map(address).collect(),
            reminded_of: user.reminded_of,
            profile: user.profile.clone(),
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
            email_is_shared,
            password,
            bio,
            url,
            company,
            location,
            notes,
            manages,
            addresses,
            reminded_of,
            profile,
        } = item;
        let row = UserRow::try_from(row)?;
        let entry = |item: AddressItem| MailboxEntry {
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
            username: row.username,
            email: row.email,
            email_is_shared,
            password,
            first_name: row.first_name,
            last_name: row.last_name,
            bio,
            url,
            company,
            location,
            notes,
            phone_number: row.phone_number,
            birth_date: row.birth_date,
            expiration_date: row.expiration_date,
            is_active: row.is_active,
            is_staff: row.is_staff,
            is_superuser: row.is_superuser,
            last_login: row.last_login,
            date_joined: row.date_joined,
            groups: row.groups,
            permissions: row.permissions,
            manages,
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
            is_active: row.is_active,
            is_staff: row.is_staff,
            is_superuser: row.is_superuser,
            last_login: row.last_login,
            date_joined: row.date_joined,
            groups: row.groups,
            permissions: row.permissions,
            sharing: row.sharing,
            has_signed_in: row.has_signed_in,
            memberships: row.memberships.iter().map(MembershipItem::from).collect(),
        }
    }
}

impl TryFrom<RowItem> for UserRow {
    type Error = Error;

    fn try_from(item: RowItem) -> Result<Self> {
        let edge_id = EdgeId::parse(&item.edge_id)
            .ok_or_else(|| Error::internal(format!("user {} has a damaged Edge id", item.id)))?;
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
            is_active: item.is_active,
            is_staff: item.is_staff,
            is_superuser: item.is_superuser,
            last_login: item.last_login,
            date_joined: item.date_joined,
            groups: item.groups,
            permissions: item.permissions,
            sharing: item.sharing,
            has_signed_in: item.has_signed_in,
            memberships: item.memberships.into_iter().map(Membership::from).collect(),
        })
    }
}

impl From<MembershipItem> for Membership {
    fn from(item: MembershipItem) -> Self {
        let MembershipItem { id, organization, name, is_admin } = item;
        Self { id, organization, name, is_admin }
    }
}

impl From<&Membership> for MembershipItem {
    fn from(membership: &Membership) -> Self {
        let Membership { id, organization, name, is_admin } = membership;
        Self { id: *id, organization: *organization, name: name.clone(), is_admin: *is_admin }
    }
}
