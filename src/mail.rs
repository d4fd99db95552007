//! The background task of `serve` that empties the outbox: by SMTP, or into the log.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use mailer::{Message, Sender, Transport, deliver};
use shared::Directory;
use shared::config::Config;
use shared::error::Cause;
use shared::model::EmailAddress;

/// How long the task rests when the outbox is empty.
const REST: Duration = Duration::from_millis(250);
/// How long it rests after a mail could not be sent.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How many mails it takes at once.
const BATCH: usize = 25;

/// Where mails go.
pub enum Post {
    /// To a mail server.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    /// Into the log, for development.
    Log,
}

impl Post {
    /// As the settings say.
    ///
    /// # Errors
    /// When the mail server's URL cannot be used.
    pub fn new(config: &Config) -> Result<Self, Cause> {
        let Some(url) = &config.smtp_url else { return Ok(Self::Log) };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            // The URL may hold a password, so it is not shown.
            .map_err(|_| "ROLLCALL_SMTP_URL should be a URL, such as smtp://127.0.0.1:1025")?
            .timeout(Some(Duration::from_secs(20)))
            .build();
        Ok(Self::Smtp(Box::new(transport)))
    }
}

impl Transport for Post {
    async fn send(&self, from: &EmailAddress, message: &Message) -> Result<(), Cause> {
        match self {
            Self::Smtp(transport) => {
                let mailbox = |address: &EmailAddress| address.as_str().parse::<Mailbox>();
                let mail = lettre::Message::builder()
                    .from(mailbox(from)?)
                    .to(mailbox(&message.to)?)
                    .subject(&message.subject)
                    .multipart(MultiPart::alternative_plain_html(message.text.clone(), message.html.clone()))?;
                transport.send(mail).await?;
            }
            Self::Log => {
                tracing::info!("mail to {}: {}\n{}", message.to, message.subject, message.text);
            }
        }
        Ok(())
    }
}

/// Sends what waits, for ever.
pub async fn empty_outbox(directory: Arc<Directory>, post: Post, sender: Sender) {
    loop {
        let pause = match directory.waiting_mails(BATCH).await {
            Ok(mails) if mails.is_empty() => REST,
            Ok(mails) => {
                let failed = deliver(&directory, &post, &sender, &mails).await;
                if failed.is_empty() { Duration::ZERO } else { AFTER_FAILURE }
            }
            Err(error) => {
                tracing::warn!(error = %error, "the outbox cannot be read");
                AFTER_FAILURE
            }
        };
        tokio::time::sleep(pause).await;
    }
}
