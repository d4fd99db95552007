//! Users, and everything that must change with them in one transaction:
//! claims, list row, place, counters, the register of superusers, queued mails.

mod items;
mod many;
mod memberships;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

pub(in crate::store) use self::items::is_zero;
use self::items::{MembershipItem, RowItem, UserItem};
pub use self::many::Claimed;
use super::keys::{self, Key, Place, Sequence, Work};
use super::lists::Counts;
use super::outbox::mail_item;
use super::search::EntryChange;
use super::transaction::{Broken, Condition, Transaction};
use super::{Bound, Item, Range, Store, cost, from_item, key_of, to_bounded_item, to_item};
use crate::error::{Error, Result};
use crate::model::{
    Date, EdgeId, EmailAddress, GroupId, Mail, Membership, Organization, OrganizationId, PhoneNumber, User, UserId,
    UserNumber, UserRow, Username,
};

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
    /// The user, or the organization of a membership, has changed or gone since it was read; nothing was written.
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
    /// The user's memberships as they shall be, which its list row shows.
    /// Not needed for a new user without any, nor where the row stays as it is.
    pub memberships: Option<&'a [Membership]>,
    /// The one of them that is made, changed or removed.
    pub membership: Option<MembershipWrite<'a>>,
    /// Mails that the change causes.
    pub mails: Vec<Mail>,
    /// A superuser who must stay one for this change to be made.
    pub other_superuser: Option<&'a User>,
}

/// One membership that is made, changed or removed.
#[derive(Debug)]
pub struct MembershipWrite<'a> {
    /// The organization.
    pub organization: OrganizationState<'a>,
    /// The membership as it is, if it is there.
    pub before: Option<&'a Membership>,
    /// As it shall be; `None` to remove it.
    pub after: Option<&'a Membership>,
    /// Whether it shall own its organization.
    pub becomes_owner: bool,
}

/// An organization as a change of a membership found it.
#[derive(Debug, Clone, Copy)]
pub enum OrganizationState<'a> {
    /// As read; it must not have changed.
    There(&'a Organization),
    /// Removed; its id never comes back.
    Gone(OrganizationId),
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
    Organization,
}

#[derive(Serialize, Deserialize)]
struct ClaimItem {
    user: UserId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
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

    /// Users with larger OpenL2M ids than `after`, in order of these, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer, or a record is damaged.
    pub async fn users_after(&self, after: UserNumber, limit: usize) -> Result<Vec<User>> {
        // Numbers in use go up to what the sequence has given.
        let end = UserNumber(self.sequence_given(Sequence::Users).await?);
        let mut ids = Vec::new();
        let mut from = UserNumber(after.0.saturating_add(1));
        while from <= end && ids.len() < limit {
            let (pk, next) = keys::numbers(from);
            let first = keys::number(from).sk;
            let bound = Bound::Between(&first, keys::LAST_NUMBER);
            let wanted = limit - ids.len();
            for item in self.query(Range { pk: &pk, bound, ascending: true }, wanted).await? {
                ids.push(keys::user(from_item::<ClaimItem>(&key_of(&item), item)?.user));
            }
            from = next;
        }
        let mut users = self.users_in(&ids).await?;
        users.sort_by_key(|user| user.number);
        Ok(users)
    }

    /// Those of the users who exist, in no order.
    pub(super) async fn users_in(&self, keys: &[Key]) -> Result<Vec<User>> {
        let items = self.batch(keys).await?.into_iter();
        items.map(|item| User::try_from(from_item::<UserItem>(&key_of(&item), item)?)).collect()
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
        Membership::sort(&mut memberships);
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

    /// Who has this OpenL2M id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_claiming_number(&self, number: UserNumber) -> Result<Option<Taken>> {
        self.claimed(Claim::Number, keys::number(number)).await
    }

    /// Who has this Edge id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_claiming_edge_id(&self, id: EdgeId) -> Result<Option<Taken>> {
        self.claimed(Claim::EdgeId, keys::edge_id(id)).await
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

    /// Users whose expiration date asks for something on that day, or has asked for it since an earlier one,
    /// the longest due first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn users_due(&self, today: Date) -> Result<Vec<UserId>> {
        let end = keys::expiry_after(today);
        let range = Range { pk: keys::EXPIRY, bound: Bound::Before(&end), ascending: true };
        let items = self.query(range, usize::MAX).await?;
        Ok(items.iter().filter_map(|item| keys::expiry_user(&key_of(item).sk)).collect())
    }

    /// How many users there are, exactly.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_counts(&self) -> Result<Counts> {
        self.counts(keys::List::Users).await
    }

    /// At most `limit` list rows after the newest `offset`, newest first.
    ///
    /// # Errors
    /// When the store does not answer, or a row does not parse.
    pub async fn user_rows(&self, counts: &Counts, offset: u64, limit: usize) -> Result<Vec<UserRow>> {
        self.rows(counts, offset, limit).await?.into_iter().map(row_from_item).collect()
    }

    /// The list rows that stand in those places, in their order; of a place that is empty by now, none.
    ///
    /// # Errors
    /// When the store does not answer, or a row does not parse.
    pub async fn rows_in_places(&self, places: &[String]) -> Result<Vec<(String, UserRow)>> {
        let wanted: Vec<Key> =
            places.iter().filter_map(|sk| Place::parse(keys::List::Users, sk)).map(|place| place.row()).collect();
        let rows = self.batch(&wanted).await?.into_iter().map(|item| Ok((key_of(&item).sk, row_from_item(item)?)));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        Ok(places.iter().filter_map(|place| rows.iter().find(|(sk, _)| sk == place).cloned()).collect())
    }

    /// Makes, changes or removes a user with everything that goes with it, in one transaction.
    ///
    /// # Errors
    /// When the store does not answer, or the record is too large for it.
    pub async fn user_write(&self, write: &UserWrite<'_>) -> Result<Written> {
        let transaction = self.user_transaction(write)?;
        let entries = EntryChange::new(write.before, write.after);
        self.search_prepare(&[&entries]).await?;
        match self.transact(&transaction).await? {
            Ok(()) => {
                self.search_clean(&entries).await;
                Ok(Written::Done)
            }
            Err(broken) => {
                if write.before.is_none() {
                    self.search_undo(entries).await;
                }
                meaning(broken)
            }
        }
    }

    /// All that a write of a user changes, but for the search index.
    fn user_transaction(&self, write: &UserWrite<'_>) -> Result<Transaction<Guard>> {
        let mut transaction = Transaction::new();
        write_record(&mut transaction, write)?;
        self.write_lists(&mut transaction, write)?;
        write_claims(&mut transaction, write)?;
        write_superuser(&mut transaction, write);
        write_groups(&mut transaction, write);
        write_expiry(&mut transaction, write);
        self.write_membership(&mut transaction, write)?;
        self.move_memberships(&mut transaction, write)?;
        if let (Some(before), None) = (write.before, write.after) {
            transaction.put(keys::work(Work::User(before.id)).attributes());
        }
        for mail in &write.mails {
            transaction.put(mail_item(mail, self.ambient.now())?);
        }
        Ok(transaction)
    }

    /// Replaces the hash of a user's password by another of the same password.
    /// Nothing happens when the password has changed since the user was read.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_password_replace(&self, user: &User, hash: &str) -> Result<()> {
        let update = self
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
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(output) = self.write_if(|| update.clone().send()).await? {
            cost::wrote(output.consumed_capacity());
        }
        Ok(())
    }

    fn write_lists(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        if let (Some(before), Some(after), None) = (write.before, write.after, &write.membership)
            && before.row(&[]) == after.row(&[])
        {
            return Ok(());
        }
        let old = write.before.map(Place::of_user);
        let new = write.after.map(Place::of_user);
        let row = match (&new, write.after) {
            (Some(place), Some(after)) => {
                let memberships = match (write.memberships, write.before) {
                    (Some(memberships), _) => memberships,
                    (None, None) => &[],
                    (None, Some(_)) => return Err(Error::internal("a list row changes without its memberships")),
                };
                let item = to_bounded_item(&place.row(), &RowItem::from(after.row(memberships)))?;
                Some((place, item))
            }
            _ => None,
        };
        let moment = write.after.map_or_else(|| self.ambient.now(), |after| after.date_joined);
        self.write_place(transaction, old.as_ref(), row, moment);
        Ok(())
    }
}

fn write_record(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
    let unchanged = |before: &User| Condition::Is("version", AttributeValue::N(before.version.to_string()));
    match (write.before, write.after) {
        (before, Some(after)) => {
            let version = before.map_or(1, |before| before.version + 1);
            let item = to_bounded_item(&keys::user(after.id), &UserItem::new(after, version))?;
            let condition = before.map_or(Condition::Absent, unchanged);
            transaction.put_if(item, condition, Guard::Record);
        }
        (Some(before), None) => {
            transaction.delete_if(keys::user(before.id), unchanged(before), Guard::Record);
        }
        (None, None) => {}
    }
    Ok(())
}

fn write_claims(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
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

fn write_groups(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) {
    let none = BTreeSet::new();
    let old = write.before.map_or(&none, |before| &before.groups);
    let new = write.after.map_or(&none, |after| &after.groups);
    let Some(user) = write.after.or(write.before).map(|user| user.id) else { return };
    for &id in new.difference(old) {
        transaction.check(keys::group(id), Condition::Present, Guard::Group(id));
        transaction.put(keys::group_user(id, user).attributes());
    }
    for &id in old.difference(new) {
        transaction.delete(keys::group_user(id, user));
    }
}

fn write_expiry(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) {
    let key = |user: Option<&User>| user.and_then(|user| Some(keys::expiry(user.expiry_due()?, user.id)));
    let (old, new) = (key(write.before), key(write.after));
    if old == new {
        return;
    }
    if let Some(old) = old {
        transaction.delete(old);
    }
    if let Some(new) = new {
        transaction.put(new.attributes());
    }
}

fn write_superuser(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) {
    let registered = |user: Option<&User>| user.filter(|user| user.is_superuser).map(|user| user.id);
    match (registered(write.before), registered(write.after)) {
        (None, Some(id)) => transaction.put(keys::superuser(id).attributes()),
        (Some(id), None) => transaction.delete(keys::superuser(id)),
        _ => {}
    }
    if let Some(other) = write.other_superuser {
        let unchanged = Condition::Is("version", AttributeValue::N(other.version.to_string()));
        transaction.check(keys::user(other.id), unchanged, Guard::OtherSuperuser);
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
            Guard::Record | Guard::Organization => return Ok(Written::Stale),
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
