//! Mails that wait to be sent.

use super::Directory;
use crate::error::Result;
use crate::model::Mail;

impl Directory {
    /// Some of the mails that wait, at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn waiting_mails(&self, limit: usize) -> Result<Vec<Mail>> {
        self.store.outbox(limit).await
    }

    /// Forgets a mail that was sent.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn mail_was_sent(&self, id: &str) -> Result<()> {
        self.store.outbox_remove(id).await
    }
}
