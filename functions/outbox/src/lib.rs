//! Sends the mails of the outbox, and events to webhooks: texts, order, and handling of failures.
//!
//! The same code serves Lambda and the background task of `rollcall serve`.

mod function;
mod text;
mod webhooks;

use futures_util::future::join_all;
use shared::Directory;
use shared::directory::QueuedMail;
use shared::directory::SystemCaller;
use shared::error::{Cause, Result};
use shared::model::AsciiAddress;
use tokio::time::Instant;

pub use function::run;
pub use text::Message;
pub use webhooks::{Resolve, SystemResolver, WebhookClient, WebhookRequest, deliver_events, deliver_to};

/// How many mails are sent at once.
pub const BATCH: usize = 8;

/// Delivers a message to its recipient.
pub trait Transport: Send + Sync {
    /// Sends the message. It takes no more than some seconds.
    ///
    /// # Errors
    /// If it was not accepted.
    fn send(&self, message: &Message) -> impl Future<Output = std::result::Result<(), Unsent>> + Send;
}

/// Why a message was not sent.
#[derive(Debug)]
pub enum Unsent {
    /// It will never be accepted. The reason is a code without any of the mail's content.
    ForGood(String),
    /// It may be accepted later.
    ForNow(Cause),
    /// No mail can be sent at present.
    Unreachable(Cause),
}

/// The result of processing the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing is due.
    Idle,
    /// Mails were sent, given up, or postponed. More may be due.
    Busy,
    /// No mail can be sent at present.
    Unreachable,
}

/// The sender's names in mails.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The sender's address.
    pub from: AsciiAddress,
    /// The name of the site.
    pub site_name: String,
}

/// Sends due mails until there are none, nothing can be sent, or `until` is reached.
///
/// # Errors
/// When the store is unavailable.
pub async fn empty_outbox<T: Transport>(
    directory: &Directory,
    transport: &T,
    sender: &Sender,
    until: Instant,
) -> Result<()> {
    while Instant::now() < until && deliver(directory, transport, sender, BATCH).await? == Delivery::Busy {}
    Ok(())
}

/// Sends at most `limit` due mails concurrently, and deletes those that were sent or will never be accepted. The others
/// are due again later, each after a separate pause.
///
/// A mail is sent at least once: a crash between sending and deleting sends it again.
///
/// # Errors
/// When the store is unavailable.
pub async fn deliver<T: Transport>(
    directory: &Directory,
    transport: &T,
    sender: &Sender,
    limit: usize,
) -> Result<Delivery> {
    let due = directory.due_mails(limit).await?;
    let sent = join_all(due.into_iter().map(|mail| deliver_one(directory, transport, sender, mail))).await;
    let deliveries = sent.into_iter().collect::<Result<Vec<_>>>()?;
    // An unreachable service is more significant than a mail that was sent just before.
    Ok(match deliveries.iter().find(|delivery| **delivery == Delivery::Unreachable) {
        Some(unreachable) => *unreachable,
        None => deliveries.first().copied().unwrap_or(Delivery::Idle),
    })
}

/// Takes a mail and sends it; for the results see [`deliver`].
///
/// # Errors
/// When the store is unavailable.
pub async fn deliver_one<T: Transport>(
    directory: &Directory,
    transport: &T,
    sender: &Sender,
    mail: QueuedMail,
) -> Result<Delivery> {
    let by = SystemCaller::Outbox;
    let Some(mail) = directory.take_mail(by, mail).await? else { return Ok(Delivery::Busy) };
    let id = &mail.mail.id;
    let sent = match Message::new(&mail.mail, sender) {
        Some(message) => transport.send(&message).await,
        None => Err(Unsent::ForGood("address".to_owned())),
    };
    match sent {
        Ok(()) => {
            tracing::info!(mail.id = id, "mail sent");
            directory.forget_mail(by, &mail).await?;
        }
        Err(Unsent::ForGood(code)) => {
            tracing::warn!(mail.id = id, mail.code = code, "mail not sent, given up");
            directory.forget_mail(by, &mail).await?;
        }
        Err(Unsent::ForNow(error)) => {
            tracing::warn!(mail.id = id, error = %error, "mail not sent; will retry");
        }
        Err(Unsent::Unreachable(error)) => {
            tracing::warn!(mail.id = id, error = %error, "mail not sent: the mail service is unavailable; will retry");
            directory.give_mail_back(by, &mail).await?;
            return Ok(Delivery::Unreachable);
        }
    }
    Ok(Delivery::Busy)
}
