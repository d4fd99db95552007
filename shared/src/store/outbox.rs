//! Mails that wait to be sent.

use serde::{Deserialize, Serialize};

use super::transaction::Transaction;
use super::{Bound, Item, Range, Store, from_item, key_of, keys, to_item};
use crate::error::{Error, Result};
use crate::model::{EmailAddress, Mail, MailKind, Timestamp};

#[derive(Serialize, Deserialize)]
struct MailItem {
    sk: String,
    to: EmailAddress,
    username: String,
    #[serde(flatten)]
    kind: MailKind,
    /// When the mail is not worth sending any more, in seconds since 1970.
    #[serde(default)]
    expires: i64,
}

/// How long a mail is worth sending, in seconds: as long as its link works.
const LIFE: i64 = 3 * 24 * 60 * 60;

impl Store {
    /// Some of the mails that wait, at most `limit`. Those that could not be sent for days are forgotten.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outbox(&self, limit: usize) -> Result<Vec<Mail>> {
        let range = Range { pk: keys::OUTBOX, bound: Bound::Whole, ascending: true };
        let now = self.ambient.now().seconds();
        let mut mails = Vec::new();
        for item in self.query(range, limit).await? {
            let record: MailItem = from_item(&key_of(&item), item)?;
            if record.expires < now {
                tracing::warn!(mail.id = record.sk, "a mail could not be sent for days and is given up");
                self.outbox_remove(&record.sk).await?;
            } else {
                mails.push(mail(record));
            }
        }
        Ok(mails)
    }

    /// Puts a mail into the outbox that no other change causes.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outbox_insert(&self, mail: &Mail) -> Result<()> {
        let mut transaction = Transaction::<()>::new();
        transaction.put(mail_item(mail, self.ambient.now())?);
        self.transact(&transaction).await?.map_err(|_| Error::internal("a mail met a condition"))
    }

    /// Forgets a mail that was sent. Nothing happens if it is gone already.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outbox_remove(&self, id: &str) -> Result<()> {
        self.remove(&keys::mail(id)).await
    }
}

/// The item of a mail, to be written with what causes it.
pub(super) fn mail_item(mail: &Mail, now: Timestamp) -> Result<Item> {
    let Mail { id, to, username, kind } = mail;
    let record = MailItem {
        sk: id.clone(),
        to: to.clone(),
        username: username.clone(),
        kind: kind.clone(),
        expires: now.plus_seconds(LIFE).seconds(),
    };
    to_item(&keys::mail(id), &record)
}

/// The mail that a record of the table's stream brings.
///
/// # Errors
/// When the record is no mail.
pub fn mail_of_stream(item: serde_dynamo::Item) -> Result<Mail> {
    let record = serde_dynamo::from_item(item).map_err(|error| Error::Internal(error.into()))?;
    Ok(mail(record))
}

fn mail(MailItem { sk, to, username, kind, expires: _ }: MailItem) -> Mail {
    Mail { id: sk, to, username, kind }
}
