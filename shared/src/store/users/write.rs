//! Writing a user with everything that belongs to the user, in one transaction.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::{OptionFuture, join};

use super::claims::{write_claims, write_entries};
use super::deleted::write_deleted;
use super::event::event_of;
use super::items::UserItem;
use super::rows::row_item;
use super::{ClaimConflict, ClaimItem, Guard, UserWrite, WriteOutcome};
use crate::error::{Error, Result};
use crate::model::{CleanupTask, Session, Timestamp, User};
use crate::store::item::{from_item, key_of, to_bounded_item};
use crate::store::keys::{self, Position};
use crate::store::lists::Listing;
use crate::store::outbox::mail_item;
use crate::store::search::{GroupEntries, write_search};
use crate::store::sessions::session_item;
use crate::store::transaction::{Condition, FailedConditions, Transaction};
use crate::store::{Item, Store, cost};

impl Store {
    /// Creates, changes or removes a user with everything that belongs to the user, in one transaction.
    ///
    /// # Errors
    /// When the store is unavailable, or the record is too large for it.
    pub async fn user_write(&self, write: &UserWrite<'_>) -> Result<WriteOutcome> {
        let build = || {
            let now = self.time_after(write.before.or(write.deleted.map(|deleted| &deleted.user)));
            let mut transaction = self.user_transaction(write, now)?;
            write_search(&mut transaction, (write.before, write.after), (write.version(), now))?;
            Ok::<_, Error>(transaction)
        };
        let mut transaction = build()?;
        transaction.check_size()?;
        let entries = GroupEntries::new(write.before, write.after, write.version());
        if !entries.wanted.is_empty() {
            self.groups_prepare(&entries).await?;
            // Its time must be that of the moment when it is sent.
            transaction = build()?;
        }
        // The numbers of a new user may have been the last ones reserved.
        let is_new = write.before.is_none() && write.deleted.is_none();
        let refill = OptionFuture::from(is_new.then(|| self.sequences_refill()));
        let (outcome, _) = join(self.transact(&transaction), refill).await;
        match outcome? {
            Ok(()) => {
                self.groups_clean(&entries).await;
                Ok(WriteOutcome::Done)
            }
            Err(broken) => {
                // Somebody else may have restored the user, who then needs these entries.
                if write.before.is_none() && write.deleted.is_none() {
                    self.groups_undo(entries).await;
                }
                outcome_of(broken)
            }
        }
    }

    /// All changes of a user write, except the lists of groups and what the search index does not contain yet.
    pub(super) fn user_transaction(&self, write: &UserWrite<'_>, now: Timestamp) -> Result<Transaction<Guard>> {
        let mut transaction = Transaction::new();
        write_record(&mut transaction, write, now)?;
        write_deleted(&mut transaction, write)?;
        self.write_lists(&mut transaction, write)?;
        write_claims(&mut transaction, write)?;
        write_entries(&mut transaction, write);
        write_superuser(&mut transaction, write);
        write_groups(&mut transaction, write);
        write_expiry(&mut transaction, write);
        write_inactive(&mut transaction, write);
        self.write_membership(&mut transaction, write)?;
        self.move_memberships(&mut transaction, write)?;
        if let (Some(before), None) = (write.before, write.after) {
            let mut work = keys::work(CleanupTask::User(before.id)).attributes();
            // The user may be restored and deleted again; finishing this one does not delete the later task.
            work.insert("version".to_owned(), AttributeValue::N(before.version.to_string()));
            transaction.put(work);
        }
        write_ends_of_tokens(&mut transaction, write)?;
        for mail in &write.mails {
            transaction.put(mail_item(mail, self.ambient.now())?);
        }
        if let Some(event) = event_of(write)? {
            self.write_event(&mut transaction, event)?;
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
    /// When the store is unavailable.
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
        let listing = |user: &User| Listing { position: Position::of_user(user), is_off: !user.flags.is_active };
        let old = write.before.map(listing);
        let new = write.after.map(listing);
        let row = match (&new, write.after) {
            (Some(new), Some(after)) => {
                let memberships = match (write.memberships, write.before) {
                    (Some(memberships), _) => memberships,
                    (None, None) => &[],
                    (None, Some(_)) => return Err(Error::internal("a list row cannot change without its memberships")),
                };
                let item = row_item(&new.position, after.row(memberships).for_lists())?;
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
pub(in crate::store) fn user_item(user: &User, version: u64) -> Result<Item> {
    to_bounded_item(&keys::user(user.id), &UserItem::new(user, version))
}

/// A change for which no time was set happens now.
fn write_record(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>, now: Timestamp) -> Result<()> {
    let unchanged = |before: &User| Condition::Is("version", AttributeValue::N(before.version.to_string()));
    match (write.before, write.after) {
        (before, Some(after)) => {
            // What follows from other acts, and what is imported, keeps its time.
            let has_time = before.is_none_or(|before| before.modified != after.modified) || write.actor.is_none();
            let modified = if has_time { after.modified } else { now };
            let item = user_item(&User { modified, ..after.clone() }, write.version())?;
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
    let key = |user: &User| Some(keys::expiry(user.expiry_due()?, user.id));
    transaction.move_bare(write.before.and_then(key), write.after.and_then(key));
}

fn write_inactive(transaction: &mut Transaction<Guard>, write: &UserWrite<'_>) {
    let key = |user: &User| (!user.flags.is_active).then(|| keys::inactive(&Position::of_user(user).sk));
    transaction.move_bare(write.before.and_then(key), write.after.and_then(key));
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
    let key = |user: &User| user.flags.is_superuser.then(|| keys::superuser(user.id));
    transaction.move_bare(write.before.and_then(key), write.after.and_then(key));
    if let Some(other) = write.other_superuser {
        transaction.require_version(keys::user(other.id), other.version, Guard::OtherSuperuser);
    }
}

/// The result that follows from failed conditions.
pub(super) fn outcome_of(broken: Vec<FailedConditions<Guard>>) -> Result<WriteOutcome> {
    let mut taken = Vec::new();
    for FailedConditions { guard, item } in broken {
        match guard {
            Guard::Record | Guard::Organization => return Ok(WriteOutcome::Stale),
            Guard::OtherSuperuser => return Ok(WriteOutcome::OtherSuperuserLost),
            Guard::Group(id) => return Ok(WriteOutcome::UnknownGroup(id)),
            Guard::Claim(claim) => {
                let item = item.ok_or_else(|| Error::internal("a claim failed but its owner is unknown"))?;
                let ClaimItem { user, text } = from_item(&key_of(&item), item)?;
                taken.push(ClaimConflict { claim, text, user });
            }
        }
    }
    Ok(WriteOutcome::Taken(taken))
}
