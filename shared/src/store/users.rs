//! Users, and everything that must change with them in one transaction:
//! claims, list row, place, counters, the register of superusers, queued mails.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use super::keys::{self, Key, Place};
use super::lists::{SHARDS, unsettles};
use super::outbox::mail_item;
use super::transaction::{Broken, Condition, Transaction};
use super::{Bound, Item, Range, Store, cost, from_item, key_of, to_item, unavailable};
use crate::ambient::random;
use crate::error::{Error, Refusal, Result};
use crate::model::{
    AddressId, Date, EdgeId, EmailAddress, GroupId, Mail, MailboxEntry, Membership, MembershipId, OrganizationId,
    PermissionId, PhoneNumber, Timestamp, User, UserId, UserNumber, UserRow, Username,
};

/// The largest record that is written; DynamoDB's own limit is 400 KB with names and keys.
const MOST_BYTES: usize = 380_000;

/// What can be claimed by one user alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// A user name.
    Username,
    /// The e-mail of a user.
    Email,
    /// A telephone number.
    Phone,
    /// An e-mail address that was verified.
    VerifiedAddress,
    /// An id on the OpenL2M wire.
    Number,
    /// An id on the Edge wire.
    EdgeId,
}

/// A claim that another user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What is taken.
    pub claim: Claim,
    /// As the other user wrote it.
    pub text: String,
    /// The other user.
    pub user: UserId,
}

/// What became of a write.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// It was made.
    Done,
    /// The user has changed or gone since it was read; nothing was written.
    Stale,
    /// Other users have what this one should get; nothing was written.
    Taken(Vec<Taken>),
    /// The other superuser is no longer one; nothing was written.
    OtherSuperuserLost,
    /// A group that the user should join does not exist; nothing was written.
    UnknownGroup(GroupId),
}

/// One change of one user.
#[derive(Debug, Default)]
pub struct UserWrite<'a> {
    /// The user as read; `None` to make one.
    pub before: Option<&'a User>,
    /// The user as it shall be, whose version is ignored; `None` to remove it.
    pub after: Option<&'a User>,
    /// The user's memberships, which its list row shows.
    pub memberships: &'a [Membership],
    /// Mails that the change causes.
    pub mails: Vec<Mail>,
    /// A superuser who must stay one for this change to be made.
    pub other_superuser: Option<&'a User>,
}

/// The register of superusers, read piece by piece.
#[derive(Debug)]
pub struct Superusers {
    /// Some of them.
    pub ids: Vec<UserId>,
    /// Where the next piece begins, if there is one.
    pub after: Option<String>,
}

#[derive(Debug, Clone)]
enum Guard {
    Record,
    Claim(Claim),
    OtherSuperuser,
    Group(GroupId),
}

#[derive(Serialize, Deserialize)]
struct ClaimItem {
    user: UserId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
}

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
struct MembershipItem {
    id: MembershipId,
    organization: OrganizationId,
    name: String,
    #[serde(default, skip_serializing_if = "is_false")]
    is_admin: bool,
}

/// The attributes that the user's record and its list row share.
#[derive(Serialize, Deserialize)]
struct RowItem {
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    memberships: Vec<MembershipItem>,
}

#[derive(Serialize, Deserialize)]
struct UserItem {
    #[serde(flatten)]
    row: RowItem,
    version: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    token_version: u64,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<AddressItem>,
}

impl Store {
    /// The user of that id.
    ///
    /// # Errors
    /// When the store does not answer, or the record is damaged.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        let item: Option<UserItem> = self.get(keys::user(id)).await?;
        item.map(User::try_from).transpose()
    }

    /// The user of that id and its memberships, by the organizations' names.
    ///
    /// # Errors
    /// When the store does not answer, or a record is damaged.
    pub async fn user_with_memberships(&self, id: UserId) -> Result<Option<(User, Vec<Membership>)>> {
        let pk = keys::user(id).pk;
        let range = Range { pk: &pk, bound: Bound::Whole, ascending: false };
        let mut user = None;
        let mut memberships = Vec::new();
        for item in self.query(range, usize::MAX).await? {
            let key = key_of(&item);
            if key.sk == keys::USER {
                user = Some(User::try_from(from_item::<UserItem>(&key, item)?)?);
            } else {
                memberships.push(Membership::from(from_item::<MembershipItem>(&key, item)?));
            }
        }
        memberships.sort_by(|a, b| (&a.name, a.organization).cmp(&(&b.name, b.organization)));
        Ok(user.map(|user| (user, memberships)))
    }

    /// Who has this claim.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_claiming_username(&self, name: &Username) -> Result<Option<Taken>> {
        self.claimed(Claim::Username, keys::username(name)).await
    }

    /// Who has this e-mail, in any letter case.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_claiming_email(&self, email: &EmailAddress) -> Result<Option<Taken>> {
        self.claimed(Claim::Email, keys::email(email)).await
    }

    /// Who has this telephone number.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_claiming_phone(&self, number: &PhoneNumber) -> Result<Option<Taken>> {
        self.claimed(Claim::Phone, keys::phone(number)).await
    }

    /// Who has verified this address.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_claiming_address(&self, email: &EmailAddress) -> Result<Option<Taken>> {
        self.claimed(Claim::VerifiedAddress, keys::verified_address(email)).await
    }

    async fn claimed(&self, claim: Claim, key: Key) -> Result<Option<Taken>> {
        let item: Option<ClaimItem> = self.get(key).await?;
        Ok(item.map(|ClaimItem { user, text }| Taken { claim, text, user }))
    }

    /// Some of the superusers, active or not.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn superusers(&self, after: Option<&str>) -> Result<Superusers> {
        const PIECE: usize = 20;
        let bound = after.map_or(Bound::Whole, Bound::After);
        let items = self.query(Range { pk: keys::SUPERUSERS, bound, ascending: true }, PIECE).await?;
        let names: Vec<String> = items.iter().map(|item| key_of(item).sk).collect();
        let after = if names.len() < PIECE { None } else { names.last().cloned() };
        Ok(Superusers { ids: names.iter().filter_map(|name| UserId::parse(name)).collect(), after })
    }

    /// Makes, changes or removes a user with everything that goes with it, in one transaction.
    ///
    /// # Errors
    /// When the store does not answer, or the record is too large for it.
    pub async fn user_write(&self, write: &UserWrite<'_>) -> Result<Written> {
        let mut transaction = Transaction::new();
        self.write_record(&mut transaction, write)?;
        self.write_lists(&mut transaction, write)?;
        self.write_claims(&mut transaction, write)?;
        self.write_superuser(&mut transaction, write)?;
        self.write_groups(&mut transaction, write)?;
        for mail in &write.mails {
            transaction.put(&self.table, mail_item(mail)?)?;
        }
        match self.transact(&transaction).await? {
            Ok(()) => Ok(Written::Done),
            Err(broken) => meaning(broken),
        }
    }

    /// Replaces the hash of a user's password by another of the same password.
    /// Nothing happens when the password has changed since the user was read.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_password_replace(&self, user: &User, hash: &str) -> Result<()> {
        let replaced = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::user(user.id).attributes()))
            .update_expression("SET #password = :new ADD #version :one")
            .condition_expression("#password = :old")
            .expression_attribute_names("#password", "password")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":new", AttributeValue::S(hash.to_owned()))
            .expression_attribute_values(":old", AttributeValue::S(user.password.clone()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match replaced {
            Ok(output) => cost::wrote(output.consumed_capacity()),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {}
            Err(error) => return Err(unavailable(error)),
        }
        Ok(())
    }

    fn write_record(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let unchanged = |before: &User| Condition::Is("version", AttributeValue::N(before.version.to_string()));
        match (write.before, write.after) {
            (before, Some(after)) => {
                let version = before.map_or(1, |before| before.version + 1);
                let item = to_item(&keys::user(after.id), &UserItem { version, ..UserItem::from(after) })?;
                if size(&item) > MOST_BYTES {
                    return Err(Error::Refused(Refusal::TooLargeToStore));
                }
                let condition = before.map_or(Condition::Absent, unchanged);
                transaction.put_if(&self.table, item, condition, Guard::Record)
            }
            (Some(before), None) => {
                transaction.delete_if(&self.table, &keys::user(before.id), unchanged(before), Guard::Record)
            }
            (None, None) => Ok(()),
        }
    }

    fn write_lists(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let place = |user: &User| Place::new(user.date_joined, user.id);
        let (old, new) = (write.before.map(place), write.after.map(place));
        if let Some(after) = write.after {
            let row = RowItem::from(after.row(write.memberships));
            transaction.put(&self.table, to_item(&place(after).row(), &row)?)?;
        }
        if old == new {
            return Ok(());
        }
        if let Some(old) = &old {
            transaction.delete(&self.table, &old.row())?;
            transaction.delete(&self.table, &old.mark())?;
        }
        if let Some(new) = &new {
            transaction.put(&self.table, new.mark().attributes())?;
        }
        let late = write.after.is_some_and(|after| unsettles(after.date_joined, self.ambient.now()));
        let epoch = i64::from(old.is_some() || late);
        let [byte] = random(&*self.ambient);
        let count = |year| keys::user_count(year, byte % SHARDS);
        match (old.map(|place| place.year), new.map(|place| place.year)) {
            (Some(from), Some(to)) if from == to => transaction.add(&self.table, &count(to), &[("epoch", epoch)])?,
            (from, to) => {
                if let Some(year) = from {
                    transaction.add(&self.table, &count(year), &[("users", -1), ("epoch", epoch)])?;
                }
                if let Some(year) = to {
                    transaction.add(&self.table, &count(year), &[("users", 1), ("epoch", epoch)])?;
                }
            }
        }
        Ok(())
    }

    fn write_claims(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let before = write.before.map(claims).unwrap_or_default();
        let after = write.after.map(claims).unwrap_or_default();
        let owner = |user: UserId| Condition::Is("user", AttributeValue::S(user.to_string()));
        for (key, (claim, text)) in &after {
            let Some(user) = write.after.map(|after| after.id) else { continue };
            let item = || to_item(key, &ClaimItem { user, text: text.clone() });
            match before.get(key) {
                None => transaction.put_if(&self.table, item()?, Condition::Absent, Guard::Claim(*claim))?,
                Some((_, old)) if old != text => {
                    transaction.put_if(&self.table, item()?, owner(user), Guard::Record)?;
                }
                Some(_) => {}
            }
        }
        for key in before.keys().filter(|key| !after.contains_key(key)) {
            if let Some(before) = write.before {
                transaction.delete_if(&self.table, key, owner(before.id), Guard::Record)?;
            }
        }
        Ok(())
    }

    fn write_groups(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let none = BTreeSet::new();
        let old = write.before.map_or(&none, |before| &before.groups);
        let new = write.after.map_or(&none, |after| &after.groups);
        let Some(user) = write.after.or(write.before).map(|user| user.id) else { return Ok(()) };
        for &id in new.difference(old) {
            transaction.check(&self.table, &keys::group(id), Condition::Present, Guard::Group(id))?;
            transaction.put(&self.table, keys::group_user(id, user).attributes())?;
        }
        for &id in old.difference(new) {
            transaction.delete(&self.table, &keys::group_user(id, user))?;
        }
        Ok(())
    }

    fn write_superuser(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        let registered = |user: Option<&User>| user.filter(|user| user.is_superuser).map(|user| user.id);
        match (registered(write.before), registered(write.after)) {
            (None, Some(id)) => transaction.put(&self.table, keys::superuser(id).attributes())?,
            (Some(id), None) => transaction.delete(&self.table, &keys::superuser(id))?,
            _ => {}
        }
        if let Some(other) = write.other_superuser {
            let unchanged = Condition::Is("version", AttributeValue::N(other.version.to_string()));
            transaction.check(&self.table, &keys::user(other.id), unchanged, Guard::OtherSuperuser)?;
        }
        Ok(())
    }
}

/// The list row that an item holds.
pub(super) fn row_from_item(item: Item) -> Result<UserRow> {
    let key = key_of(&item);
    from_item::<RowItem>(&key, item)?.try_into()
}

/// What conditions that did not hold mean for the caller.
fn meaning(broken: Vec<Broken<Guard>>) -> Result<Written> {
    let mut taken = Vec::new();
    for Broken { guard, item } in broken {
        match guard {
            Guard::Record => return Ok(Written::Stale),
            Guard::OtherSuperuser => return Ok(Written::OtherSuperuserLost),
            Guard::Group(id) => return Ok(Written::UnknownGroup(id)),
            Guard::Claim(claim) => {
                let item = item.ok_or_else(|| Error::internal("a claim failed without telling whose it is"))?;
                let ClaimItem { user, text } = from_item(&key_of(&item), item)?;
                taken.push(Taken { claim, text, user });
            }
        }
    }
    Ok(Written::Taken(taken))
}

/// Everything that a user claims: key, kind, and the text as written where the key holds another form of it.
fn claims(user: &User) -> BTreeMap<Key, (Claim, String)> {
    let mut claims = BTreeMap::from([
        (keys::username(&user.username), (Claim::Username, String::new())),
        (keys::number(user.number), (Claim::Number, String::new())),
        (keys::edge_id(user.edge_id), (Claim::EdgeId, String::new())),
    ]);
    if let Some(email) = &user.email {
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

/// About how many bytes DynamoDB counts for an item.
fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>(),
        _ => 1,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<&User> for UserItem {
    fn from(user: &User) -> Self {
        let address = |entry: &MailboxEntry| AddressItem {
            id: entry.id,
            email: entry.email.clone(),
            verified: entry.verified,
            primary: entry.primary,
        };
        Self {
            row: user.row(&[]).into(),
            version: user.version,
            token_version: user.token_version,
            password: user.password.clone(),
            bio: user.bio.clone(),
            url: user.url.clone(),
            company: user.company.clone(),
            location: user.location.clone(),
            notes: user.notes.clone(),
            addresses: user.addresses.iter().map(address).collect(),
        }
    }
}

impl TryFrom<UserItem> for User {
    type Error = Error;

    fn try_from(item: UserItem) -> Result<Self> {
        let UserItem { row, version, token_version, password, bio, url, company, location, notes, addresses } = item;
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
            addresses: addresses.into_iter().map(entry).collect(),
        })
    }
}

impl From<UserRow> for RowItem {
    fn from(row: UserRow) -> Self {
        let membership = |membership: Membership| MembershipItem {
            id: membership.id,
            organization: membership.organization,
            name: membership.name,
            is_admin: membership.is_admin,
        };
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
            memberships: row.memberships.into_iter().map(membership).collect(),
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
