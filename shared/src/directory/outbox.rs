//! Mails waiting to be sent.

use async_recursion::async_recursion as boxed;

use super::{Directory, SystemCaller};
use crate::error::Result;
use crate::model::Mail;
use crate::store::QueuedMail;

impl Directory {
    /// At most `limit` waiting mails, due or not; those never tried come first.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn waiting_mails(&self, limit: usize) -> Result<Vec<Mail>> {
        self.store.outbox(limit).await
    }

    /// At most `limit` due mails, those waiting longest first. Mails that could not be sent for three days are given
    /// up.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn due_mails(&self, limit: usize) -> Result<Vec<QueuedMail>> {
        self.store.outbox_due(limit).await
    }

    /// Takes a mail to send it. Nobody else takes it until it is due again: after 5 seconds, and twice as long each
    /// time, up to an hour. `None` if somebody else has taken or sent it.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn take_mail(&self, by: SystemCaller, mail: QueuedMail) -> Result<Option<QueuedMail>> {
        tracing::debug!(by = ?by, mail.id = mail.mail.id, "mail taken from the outbox");
        self.store.outbox_take(mail).await
    }

    /// Returns a taken mail that could not be tried. It is due again after 5 seconds.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn give_mail_back(&self, by: SystemCaller, mail: &QueuedMail) -> Result<()> {
        tracing::debug!(by = ?by, mail.id = mail.mail.id, "mail returned to the outbox");
        self.store.outbox_give_back(mail).await
    }

    /// Deletes a mail that was sent, or that was permanently refused.
    ///
    /// # Errors
    /// When the store is unavailable.
    #[boxed]
    pub async fn forget_mail(&self, by: SystemCaller, mail: &QueuedMail) -> Result<()> {
        tracing::debug!(by = ?by, mail.id = mail.mail.id, "mail completed");
        self.store.outbox_remove(mail).await
    }
}
