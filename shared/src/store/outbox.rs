//! Mails waiting to be sent.
//!
//! A new mail is in one partition, sorted by creation time. Before sending it, a sender moves it to another partition,
//! under the time of the next attempt, with a growing pause. So nobody else sends it meanwhile, a failed mail comes
//! after all others, and a mail whose sender crashes is retried.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::item::{from_item, key_of, to_item};
use super::requests::{Bound, Range};
use super::transaction::{Condition, Transaction};
use super::{Item, Store, keys};
use crate::error::{Error, Result};
use crate::model::{EmailAddress, Mail, MailKind, Timestamp, doubled};

#[derive(Serialize, Deserialize)]
struct MailItem {
    to: EmailAddress,
    username: String,
    #[serde(flatten)]
    kind: MailKind,
    /// When the mail expires, in seconds since 1970. Some mails of earlier releases lack this.
    #[serde(default)]
    expires: i64,
}

/// A mail of the outbox, and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedMail {
    /// The mail.
    pub mail: Mail,
    item: Item,
}

/// How long a mail is worth sending, in seconds: as long as its link works.
const LIFE: i64 = 3 * 24 * 60 * 60;
/// The pause after the first attempt, in seconds; each further one is twice as long.
const FIRST_PAUSE: i64 = 5;
/// The longest pause between two attempts, in seconds.
const LONGEST_PAUSE: i64 = 60 * 60;
/// Attribute of a mail: the number of attempts.
const TRIES: &str = "tries";

impl Store {
    /// At most `limit` due mails, those due longest first. Mails that could not be sent for days are deleted; a
    /// malformed one is moved behind the others.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn outbox_due(&self, limit: usize) -> Result<Vec<QueuedMail>> {
        let now = self.ambient.now();
        let retries = keys::retry_after(now);
        let new = self.query(Range { pk: keys::OUTBOX, bound: Bound::Whole, ascending: true }, limit);
        let tried = self.query(Range { pk: keys::RETRIES, bound: Bound::Before(&retries), ascending: true }, limit);
        let (new, tried) = tokio::try_join!(new, tried)?;
        let mut items: Vec<Item> = new.into_iter().chain(tried).collect();
        items.sort_by_cached_key(|item| keys::mail_of(&key_of(item).sk).0.to_owned());
        items.truncate(limit);
        let mut due = Vec::new();
        for item in items {
            let key = key_of(&item);
            if item.get(keys::EXPIRES).and_then(number).is_some_and(|expires| expires < now.seconds()) {
                tracing::warn!(mail.id = keys::mail_of(&key.sk).1, "mail not sent for days, given up");
                self.remove(&key).await?;
                continue;
            }
            match queued(item.clone()) {
                Ok(mail) => due.push(mail),
                Err(error) => {
                    tracing::error!(mail.id = keys::mail_of(&key.sk).1, error = %error, "malformed mail in the outbox");
                    self.outbox_move(item, 1).await?;
                }
            }
        }
        Ok(due)
    }

    /// At most `limit` waiting mails, due or not; new ones first. Malformed ones are skipped.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn outbox(&self, limit: usize) -> Result<Vec<Mail>> {
        let mut items = Vec::new();
        for pk in [keys::OUTBOX, keys::RETRIES] {
            items.extend(self.query(Range { pk, bound: Bound::Whole, ascending: true }, limit - items.len()).await?);
        }
        Ok(items.into_iter().filter_map(|item| Some(queued(item).ok()?.mail)).collect())
    }

    /// Takes a mail to send it: nobody else takes it until it is due again. `None` if somebody else has taken or sent
    /// it.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn outbox_take(&self, mail: QueuedMail) -> Result<Option<QueuedMail>> {
        let QueuedMail { mail, item } = mail;
        Ok(self.outbox_move(item, 1).await?.map(|item| QueuedMail { mail, item }))
    }

    /// Returns a taken mail that was not tried: it is due again after the shortest pause.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn outbox_give_back(&self, mail: &QueuedMail) -> Result<()> {
        self.outbox_move(mail.item.clone(), -1).await.map(drop)
    }

    /// Adds a mail that belongs to no other change.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn outbox_insert(&self, mail: &Mail) -> Result<()> {
        let mut transaction = Transaction::<()>::new();
        transaction.put(mail_item(mail, self.ambient.now())?);
        self.transact(&transaction).await?.map_err(|_| Error::internal("unexpected conflict while updating a mail"))
    }

    /// Deletes a mail; no error if it is already deleted.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn outbox_remove(&self, mail: &QueuedMail) -> Result<()> {
        self.remove(&key_of(&mail.item)).await
    }

    /// Counts attempts and moves a mail to its next time. `None`, and no change, if it is no longer there.
    async fn outbox_move(&self, mut item: Item, retries: i64) -> Result<Option<Item>> {
        let from = key_of(&item);
        let before = item.get(TRIES).and_then(number).unwrap_or_default();
        let now = self.ambient.now();
        let due = now.plus_seconds(pause(if retries > 0 { before } else { 0 }));
        item.extend(keys::retry(due, keys::mail_of(&from.sk).1).attributes());
        let expires = now.plus_seconds(LIFE).seconds();
        item.entry(keys::EXPIRES.to_owned()).or_insert_with(|| AttributeValue::N(expires.to_string()));
        item.insert(TRIES.to_owned(), AttributeValue::N((before + retries).max(0).to_string()));
        let mut transaction = Transaction::new();
        if key_of(&item) == from {
            transaction.put_if(item.clone(), Condition::Present, ());
        } else {
            transaction.delete_if(from, Condition::Present, ());
            transaction.put(item.clone());
        }
        Ok(self.transact(&transaction).await?.is_ok().then_some(item))
    }
}

/// The pause in seconds after this many attempts.
fn pause(retries: i64) -> i64 {
    doubled(FIRST_PAUSE, LONGEST_PAUSE, u32::try_from(retries).unwrap_or(u32::MAX))
}

/// The item of a new mail, to be written together with its cause.
pub(super) fn mail_item(mail: &Mail, now: Timestamp) -> Result<Item> {
    let Mail { id, to, username, kind } = mail;
    let record = MailItem {
        to: to.clone(),
        username: username.clone(),
        kind: kind.clone(),
        expires: now.plus_seconds(LIFE).seconds(),
    };
    to_item(&keys::mail(now, id), &record)
}

fn queued(item: Item) -> Result<QueuedMail> {
    let key = key_of(&item);
    let MailItem { to, username, kind, expires: _ } = from_item(&key, item.clone())?;
    let id = keys::mail_of(&key.sk).1.to_owned();
    Ok(QueuedMail { mail: Mail { id, to, username, kind }, item })
}

fn number(value: &AttributeValue) -> Option<i64> {
    value.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let pauses: Vec<i64> = (0..12).map(pause).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert_eq!([pause(i64::MAX), pause(-1)], [3600, 3600]);
    }
}
