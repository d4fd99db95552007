//! Mails that wait to be sent.

use serde::{Deserialize, Serialize};

use super::transaction::Transaction;
use super::{Bound, Item, Range, Store, from_item, key_of, keys, to_item};
use crate::error::{Error, Result};
use crate::model::{EmailAddress, Mail, MailKind};

#[derive(Serialize, Deserialize)]
struct MailItem {
    sk: String,
    to: EmailAddress,
    username: String,
    #[serde(flatten)]
    kind: MailKind,
}

impl Store {
    /// Some of the mails that wait, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outbox(&self, limit: usize) -> Result<Vec<Mail>> {
        let range = Range { pk: keys::OUTBOX, bound: Bound::Whole, ascending: true };
        self.query(range, limit).await?.into_iter().map(|item| from_item(&key_of(&item), item).map(mail)).collect()
    }

    /// Puts a mail into the outbox that no other change causes.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn outbox_insert(&self, mail: &Mail) -> Result<()> {
        let mut transaction = Transaction::<()>::new();
        transaction.put(&self.table, mail_item(mail)?)?;
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
pub(super) fn mail_item(mail: &Mail) -> Result<Item> {
    let Mail { id, to, username, kind } = mail;
    let record = MailItem { sk: id.clone(), to: to.clone(), username: username.clone(), kind: kind.clone() };
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

fn mail(MailItem { sk, to, username, kind }: MailItem) -> Mail {
    Mail { id: sk, to, username, kind }
}
