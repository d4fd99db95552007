//! Password reset requests that were not processed yet.

use serde::{Deserialize, Serialize};

use super::item::{from_item, key_of, to_item};
use super::outbox::mail_item;
use super::requests::{Bound, Range};
use super::transaction::{Condition, Transaction};
use super::{NewEvent, Store, keys};
use crate::error::Result;
use crate::model::{Mail, Timestamp};
use crate::secret::Secret;

/// A password reset request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResetRequest {
    /// Its time and an unpredictable id.
    pub sk: String,
    /// What the user typed as identification.
    pub identifier: Secret,
    /// Base of the link to be mailed.
    pub base: String,
    /// The key that seals the link.
    pub ticket: Secret,
    /// When it expires, in seconds since 1970.
    pub expires: i64,
}

impl Store {
    /// The id of a request made now; `random` is unpredictable.
    pub fn reset_name(now: Timestamp, random: u64) -> String {
        keys::reset(now, random).sk
    }

    /// Stores a request.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn reset_insert(&self, request: &ResetRequest) -> Result<()> {
        self.put(to_item(&keys::reset_named(&request.sk), request)?, None).await?;
        Ok(())
    }

    /// At most `limit` requests after the one with that id, oldest first.
    ///
    /// # Errors
    /// When the store is unavailable, or an item is malformed.
    pub async fn resets(&self, after: Option<&str>, limit: usize) -> Result<Vec<ResetRequest>> {
        let bound = after.map_or(Bound::Whole, Bound::After);
        let items = self.query(Range { pk: keys::RESETS, bound, ascending: true }, limit).await?;
        items.into_iter().map(|item| from_item(&key_of(&item), item)).collect()
    }

    /// Replaces a request by its mails, if any, and by the events of these. Nothing happens if it was processed already.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn reset_answer(&self, request: &ResetRequest, mails: Vec<(Mail, NewEvent)>) -> Result<()> {
        let key = keys::reset_named(&request.sk);
        if mails.is_empty() {
            return self.remove(&key).await;
        }
        let mut transaction = Transaction::new();
        transaction.delete_if(key, Condition::Present, ());
        for (mail, event) in mails {
            transaction.put(mail_item(&mail, self.ambient.now())?);
            self.write_event(&mut transaction, event)?;
        }
        let _ = self.transact(&transaction).await?;
        Ok(())
    }
}
