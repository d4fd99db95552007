//! Sends the mails of the outbox: text, order of work, and what happens when one fails.
//!
//! The same code serves the table's stream in Lambda and the background task of `rollcall serve`.

mod stream;
mod text;

use shared::Directory;
use shared::model::{EmailAddress, Mail};

pub use stream::handle;
pub use text::Message;

/// Carries one message to its receiver.
pub trait Transport: Send + Sync {
    /// Hands the message over.
    ///
    /// # Errors
    /// When it was not accepted; the mail is tried again later.
    fn send(
        &self,
        from: &EmailAddress,
        message: &Message,
    ) -> impl Future<Output = Result<(), shared::error::Cause>> + Send;
}

/// Names in mails.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Where mails come from.
    pub from: EmailAddress,
    /// What the site is called.
    pub site_name: String,
}

/// Sends mails one by one and takes each that went out from the outbox. Returns the ids of those that did not.
///
/// A mail goes out at least once: a crash between the two steps sends it again.
pub async fn deliver<T: Transport>(
    directory: &Directory,
    transport: &T,
    sender: &Sender,
    mails: &[Mail],
) -> Vec<String> {
    let mut failed = Vec::new();
    for mail in mails {
        let message = Message::new(mail, &sender.site_name);
        if let Err(error) = transport.send(&sender.from, &message).await {
            tracing::warn!(mail.id = mail.id, error = %error, "mail not sent, will be tried again");
            failed.push(mail.id.clone());
            continue;
        }
        tracing::info!(mail.id = mail.id, "mail sent");
        if let Err(error) = directory.mail_was_sent(&mail.id).await {
            tracing::warn!(mail.id = mail.id, error = %error, "a sent mail stays in the outbox");
        }
    }
    failed
}
