//! The list rows of users: everything that lists show, in one attribute.
//!
//! A list consists of rows and is read often, so a row is JSON with short names. As attributes of their own, its fields
//! would take DynamoDB's format for each of them, which takes twice as long to parse. The position in the key has the
//! rest: id and date.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::items::{MembershipItem, RowItem, is_default, is_false, what_is_set};
use crate::error::{Error, Result};
use crate::model::{
    Date, EdgeId, EdgeProfile, EmailAddress, Extras, Flags, GroupId, Lacks, Membership, PermissionId, PhoneNumber,
    Timestamp, UserId, UserNumber, UserRow, Username,
};
use crate::store::Item;
use crate::store::item::{from_item, key_of, to_item};
use crate::store::keys::Position;

/// An item in the list of users.
#[derive(Serialize, Deserialize)]
struct ListedItem {
    /// A [`RowText`] as JSON.
    row: String,
}

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own")]
struct RowText {
    #[serde(rename = "n")]
    number: UserNumber,
    #[serde(rename = "x")]
    edge_id: String,
    #[serde(rename = "u")]
    username: Username,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    email: Option<EmailAddress>,
    #[serde(rename = "f", default, skip_serializing_if = "String::is_empty")]
    first_name: String,
    #[serde(rename = "l", default, skip_serializing_if = "String::is_empty")]
    last_name: String,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    phone_number: Option<PhoneNumber>,
    #[serde(
        rename = "b",
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::model::time::optional_date"
    )]
    birth_date: Option<Date>,
    #[serde(
        rename = "t",
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::model::time::optional_date"
    )]
    expiration_date: Option<Date>,
    #[serde(rename = "s", default, serialize_with = "what_is_set", skip_serializing_if = "is_default")]
    flags: Flags,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    last_login: Option<Timestamp>,
    #[serde(rename = "g", default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<GroupId>,
    #[serde(rename = "r", default, skip_serializing_if = "BTreeSet::is_empty")]
    permissions: BTreeSet<PermissionId>,
    #[serde(rename = "h", default, skip_serializing_if = "is_default")]
    sharing: EdgeProfile,
    #[serde(rename = "v", default, skip_serializing_if = "is_false")]
    has_signed_in: bool,
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    memberships: Vec<MembershipItem>,
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(rename = "z", default, skip_serializing_if = "Extras::is_empty")]
    extras: Extras,
    #[serde(rename = "ld", default, skip_serializing_if = "is_false")]
    lacks_description: bool,
    #[serde(rename = "lm", default, skip_serializing_if = "is_false")]
    lacks_memberships: bool,
    #[serde(rename = "lx", default, skip_serializing_if = "is_false")]
    lacks_details: bool,
}

/// The item of a row at its position.
pub(super) fn row_item(position: &Position, row: UserRow) -> Result<Item> {
    let row = serde_json::to_string(&RowText::from(row)).map_err(|error| Error::Internal(error.into()))?;
    to_item(&position.row(), &ListedItem { row })
}

/// The list row in an item.
pub(super) fn row_from_item(mut item: Item) -> Result<UserRow> {
    let Some(text) = item.remove("row") else {
        // Written when each field was an attribute.
        return from_item::<RowItem>(&key_of(&item), item)?.try_into();
    };
    let key = key_of(&item);
    let damaged = |why: &dyn Display| Error::internal(format!("malformed item {key}: {why}"));
    let text = text.as_s().map_err(|_| damaged(&"the row is no text"))?;
    let row: RowText = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    row.at(&key.sk).ok_or_else(|| damaged(&"bad position or Edge id"))
}

impl From<UserRow> for RowText {
    fn from(row: UserRow) -> Self {
        Self {
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
            groups: row.groups,
            permissions: row.permissions,
            sharing: row.sharing,
            has_signed_in: row.has_signed_in,
            memberships: row.memberships.iter().map(MembershipItem::from).collect(),
            external_id: row.external_id,
            extras: row.extras,
            lacks_description: row.lacks.description,
            lacks_memberships: row.lacks.memberships,
            lacks_details: row.lacks.details,
        }
    }
}

impl RowText {
    /// The row at a position, if both are well-formed.
    fn at(self, position: &str) -> Option<UserRow> {
        let row = self;
        Some(UserRow {
            id: UserId(Position::id(position)?),
            number: row.number,
            edge_id: EdgeId::parse(&row.edge_id)?,
            username: row.username,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            phone_number: row.phone_number,
            birth_date: row.birth_date,
            expiration_date: row.expiration_date,
            flags: row.flags,
            last_login: row.last_login,
            date_joined: Position::moment(position)?,
            groups: row.groups,
            permissions: row.permissions,
            sharing: row.sharing,
            has_signed_in: row.has_signed_in,
            memberships: row.memberships.into_iter().map(Membership::from).collect(),
            external_id: row.external_id,
            extras: row.extras,
            addresses: Vec::new(),
            url: String::new(),
            change: None,
            lacks: Lacks {
                description: row.lacks_description,
                memberships: row.lacks_memberships,
                details: row.lacks_details,
            },
        })
    }
}
