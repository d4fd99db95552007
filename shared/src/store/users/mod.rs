//! Users, and everything that must change with them in one transaction: claims, list row, position, counters, the
//! register of superusers, queued mails.

mod due;
mod items;
mod many;
mod memberships;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

pub use self::due::DueUser;
use self::items::RowItem;
pub(in crate::store) use self::items::{MembershipItem, UserItem};
pub(in crate::store) use self::items::{is_false, is_zero};
pub use self::many::ClaimIndex;
pub use self::memberships::MembershipLeft;
use super::item::{from_item, key_of, to_bounded_item, to_item};
use super::keys::{self, Key, Position};
use super::lists::{Counts, Listing};
use super::outbox::mail_item;
use super::requests::{Bound, Range};
use super::search::EntryChange;
use super::sessions::session_item;
use super::transaction::{Condition, FailedConditions, Transaction};
use super::{Basis, Item, Store, cost};
use crate::error::{Error, Result};
use crate::model::{CleanupTask, Sequence};
use crate::model::{
    EdgeId, EmailAddress, GroupId, Mail, Membership, Organization, OrganizationId, PhoneNumber, Session, User, UserId,
    UserNumber, UserRow, Username,
};

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
pub struct Taken {
    /// The kind of value.
    pub claim: Claim,
    /// As the other user spells it.
    pub text: String,
    /// The other user.
    pub user: UserId,
}

/// The result of a write.
#[derive(Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was written.
    Done,
    /// The user, the organization of a membership, or a record that the decision depends on, has been changed or
    /// deleted since it was read; nothing was written.
    Stale,
    /// Other users have these claims; nothing was written.
    Taken(Vec<Taken>),
    /// The other superuser is no longer one; nothing was written.
    OtherSuperuserLost,
    /// A group that the user should join does not exist; nothing was written.
    UnknownGroup(GroupId),
}

/// A change of one user.
#[derive(Debug, Default)]
pub struct UserWrite<'a> {
    /// The user as read; `None` to create one.
    pub before: Option<&'a User>,
    /// The user after the change (its version is ignored); `None` to remove it.
    pub after: Option<&'a User>,
    /// All of the user's memberships after the change: the list row contains some of them. Not needed for a new user
    /// without any, nor if the row does not change.
    pub memberships: Option<&'a [Membership]>,
    /// The one that is added, changed or removed.
    pub membership: Option<MembershipWrite<'a>>,
    /// Mails caused by the change.
    pub mails: Vec<Mail>,
    /// A superuser who must remain one for this change to be made.
    pub other_superuser: Option<&'a User>,
    /// The records that the decision to allow the change depends on.
    pub basis: Option<&'a Basis>,
    /// A session that stays valid although the user's `token_version` changes; it must still exist.
    pub kept_session: Option<&'a Session>,
}

/// A membership that is added, changed or removed.
#[derive(Debug)]
pub struct MembershipWrite<'a> {
    /// The organization.
    pub organization: OrganizationState<'a>,
    /// The current membership, if there is one.
    pub before: Option<&'a Membership>,
    /// The membership after the change; `None` to remove it.
    pub after: Option<&'a Membership>,
    /// Whether it becomes the owner of its organization.
    pub becomes_owner: bool,
}

/// The organization of a membership change.
#[derive(Debug, Clone, Copy)]
pub enum OrganizationState<'a> {
    /// As read; it must not have changed.
    There(&'a Organization),
    /// Deleted; its id is never reused.
    Gone(OrganizationId),
}

/// The register of superusers, read in pieces.
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
    /// The user with that id.
    ///
    /// # Errors
    /// When the store does not answer, or the record is malformed.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        let item: Option<UserItem> = self.get(keys::user(id)).await?;
        item.map(User::try_from).transpose()
    }

    /// At most `limit` users with larger OpenL2M ids than `after`, sorted by these.
    ///
    /// # Errors
    /// When the store does not answer, or a record is malformed.
    pub async fn users_after(&self, after: UserNumber, limit: usize) -> Result<Vec<User>> {
        // The sequence has returned all numbers in use.
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
        let mut users = self.users_in_partition(&ids).await?;
        users.sort_by_key(|user| user.number);
        Ok(users)
    }

    /// The existing ones of these users, in no order.
    pub(super) async fn users_in_partition(&self, keys: &[Key]) -> Result<Vec<User>> {
        let items = self.batch(keys).await?.into_iter();
        items.map(|item| User::try_from(from_item::<UserItem>(&key_of(&item), item)?)).collect()
    }

    /// The user with that id and the memberships, sorted by organization id.
    ///
    /// # Errors
    /// When the store does not answer, or a record is malformed.
    pub async fn user_with_memberships(&self, id: UserId) -> Result<Option<(User, Vec<Membership>)>> {
        let pk = keys::user(id).pk;
        let range = Range { pk: &pk, bound: Bound::Whole, ascending: true };
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
        Ok(user.map(|user| (user, memberships)))
    }

    /// The user with this user name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_by_username(&self, name: &Username) -> Result<Option<Taken>> {
        self.claimed(Claim::Username, keys::username(name)).await
    }

    /// The user with this e-mail, ignoring case.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_by_email(&self, email: &EmailAddress) -> Result<Option<Taken>> {
        self.claimed(Claim::Email, keys::email(email)).await
    }

    /// The user with this telephone number.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_by_phone(&self, number: &PhoneNumber) -> Result<Option<Taken>> {
        self.claimed(Claim::Phone, keys::phone(number)).await
    }

    /// The user who has verified this address.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_by_address(&self, email: &EmailAddress) -> Result<Option<Taken>> {
        self.claimed(Claim::VerifiedAddress, keys::verified_address(email)).await
    }

    /// The user with this OpenL2M id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_by_number(&self, number: UserNumber) -> Result<Option<Taken>> {
        self.claimed(Claim::Number, keys::number(number)).await
    }

    /// The user with this Edge id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_by_edge_id(&self, id: EdgeId) -> Result<Option<Taken>> {
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

    /// The exact number of users.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn user_counts(&self) -> Result<Counts> {
        self.counts(keys::List::Users).await
    }

    /// At most `limit` list rows after the newest `offset`, newest first.
    ///
    /// # Errors
    /// When the store does not answer, or a row is malformed.
    pub async fn user_rows(&self, counts: &Counts, offset: u64, limit: usize) -> Result<Vec<UserRow>> {
        self.rows(counts, offset, limit).await?.into_iter().map(row_from_item).collect()
    }

    /// The list rows at those positions, in the same order; positions that are empty by now are omitted.
    ///
    /// # Errors
    /// When the store does not answer, or a row is malformed.
    pub async fn rows_in_places(&self, positions: &[String]) -> Result<Vec<(String, UserRow)>> {
        let wanted: Vec<Key> = positions
            .iter()
            .filter_map(|sk| Position::parse(keys::List::Users, sk))
            .map(|position| position.row())
            .collect();
        let rows = self.batch(&wanted).await?.into_iter().map(|item| Ok((key_of(&item).sk, row_from_item(item)?)));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        Ok(positions.iter().filter_map(|position| rows.iter().find(|(sk, _)| sk == position).cloned()).collect())
    }

    /// The users at those positions, in the same order; positions that are empty by now are omitted.
    ///
    /// # Errors
    /// When the store does not answer, or a record is malformed.
    pub async fn users_in_places(&self, positions: &[String]) -> Result<Vec<(String, User)>> {
        let wanted: Vec<Key> =
            positions.iter().filter_map(|position| Position::id(position)).map(|id| keys::user(UserId(id))).collect();
        let users = self.users_in_partition(&wanted).await?.into_iter();
        let mut users: BTreeMap<String, User> = users.map(|user| (Position::of_user(&user).sk, user)).collect();
        Ok(positions.iter().filter_map(|position| users.remove_entry(position)).collect())
    }

    /// Creates, changes or removes a user with everything that belongs to the user, in one transaction.
    ///
    /// # Errors
    /// When the store does not answer, or the record is too large for it.
    pub async fn user_write(&self, write: &UserWrite<'_>) -> Result<WriteOutcome> {
        let transaction = self.user_transaction(write)?;
        // Before anything is written: postings come first.
        transaction.check_size()?;
        let entries = EntryChange::new(write.before, write.after);
        self.search_prepare(&[&entries]).await?;
        match self.transact(&transaction).await? {
            Ok(()) => {
                self.search_clean(&entries).await;
                Ok(WriteOutcome::Done)
            }
            Err(broken) => {
                if write.before.is_none() {
                    self.search_undo(entries).await;
                }
                meaning(broken)
            }
        }
    }

    /// All changes of a user write, except the search index.
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
            transaction.put(keys::work(CleanupTask::User(before.id)).attributes());
        }
        write_ends_of_tokens(&mut transaction, write)?;
        for mail in &write.mails {
            transaction.put(mail_item(mail, self.ambient.now())?);
        }
        if let Some(basis) = write.basis {
            basis.require_in(&mut transaction, &Guard::Record);
        }
        Ok(transaction)
    }

    /// Replaces the hash of a user's password by another hash of the same password. Nothing happens if the password has
    /// changed since the user was read.
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
            .expression_attribute_values(":old", AttributeValue::S(user.password.reveal().to_owned()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(output) = self.write_if(|| update.clone().send()).await? {
            cost::wrote(output.consumed_capacity());
        }
        Ok(())
    }

    fn write_lists(&self, transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
        if let (Some(before), Some(after), None) = (write.before, write.after, &write.membership)
            && before.row(&[]).for_lists() == after.row(&[]).for_lists()
        {
            return Ok(());
        }
        let listing = |user: &User| Listing { position: Position::of_user(user), is_off: !user.is_active };
        let old = write.before.map(listing);
        let new = write.after.map(listing);
        let row = match (&new, write.after) {
            (Some(new), Some(after)) => {
                let memberships = match (write.memberships, write.before) {
                    (Some(memberships), _) => memberships,
                    (None, None) => &[],
                    (None, Some(_)) => return Err(Error::internal("a list row cannot change without its memberships")),
                };
                let item = to_item(&new.position.row(), &RowItem::from(after.row(memberships).for_lists()))?;
                Some((new, item))
            }
            _ => None,
        };
        let moment = write.after.map_or_else(|| self.ambient.now(), |after| after.date_joined);
        self.write_place(transaction, old.as_ref(), row, moment);
        Ok(())
    }
}

/// The record of a user, with that version.
pub(super) fn user_item(user: &User, version: u64) -> Result<Item> {
    to_bounded_item(&keys::user(user.id), &UserItem::new(user, version))
}

fn write_record(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
    let unchanged = |before: &User| Condition::Is("version", AttributeValue::N(before.version.to_string()));
    match (write.before, write.after) {
        (before, Some(after)) => {
            let version = before.map_or(1, |before| before.version + 1);
            let item = user_item(after, version)?;
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

/// API tokens that end together are deleted afterwards; a kept session gets the new version.
fn write_ends_of_tokens(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) -> Result<()> {
    let (Some(before), Some(after)) = (write.before, write.after) else { return Ok(()) };
    let ended = |user: &User| (user.api_tokens_ended, user.others_api_tokens_ended);
    if ended(before) != ended(after) {
        let mut work = keys::work(CleanupTask::EndedTokens(before.id)).attributes();
        // A later change leaves its own mark, which finishing this one does not delete.
        work.insert("version".to_owned(), AttributeValue::N(before.version.to_string()));
        transaction.put(work);
    }
    if let Some(session) = write.kept_session {
        let kept = Session { version: after.token_version, ..session.clone() };
        transaction.put_if(session_item(&kept)?, Condition::Present, Guard::Record);
    }
    Ok(())
}

fn write_superuser(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) {
    let registered = |user: Option<&User>| user.filter(|user| user.is_superuser).map(|user| user.id);
    match (registered(write.before), registered(write.after)) {
        (None, Some(id)) => transaction.put(keys::superuser(id).attributes()),
        (Some(id), None) => transaction.delete(keys::superuser(id)),
        _ => {}
    }
    if let Some(other) = write.other_superuser {
        transaction.require_version(keys::user(other.id), other.version, Guard::OtherSuperuser);
    }
}

/// The list row in an item.
pub(super) fn row_from_item(item: Item) -> Result<UserRow> {
    let key = key_of(&item);
    from_item::<RowItem>(&key, item)?.try_into()
}

/// The result that follows from failed conditions.
fn meaning(broken: Vec<FailedConditions<Guard>>) -> Result<WriteOutcome> {
    let mut taken = Vec::new();
    for FailedConditions { guard, item } in broken {
        match guard {
            Guard::Record | Guard::Organization => return Ok(WriteOutcome::Stale),
            Guard::OtherSuperuser => return Ok(WriteOutcome::OtherSuperuserLost),
            Guard::Group(id) => return Ok(WriteOutcome::UnknownGroup(id)),
            Guard::Claim(claim) => {
                let item = item.ok_or_else(|| Error::internal("a claim failed but its owner is unknown"))?;
                let ClaimItem { user, text } = from_item(&key_of(&item), item)?;
                taken.push(Taken { claim, text, user });
            }
        }
    }
    Ok(WriteOutcome::Taken(taken))
}

/// All claims of a user: key, kind, and the text as written if the key contains another form of it.
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
