//! The background task of `serve` that sends the mails of the outbox: through SMTP, or to the log.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use outbox::{BATCH, Delivery, Message, Sender, Transport, Unsent, deliver_one};
use shared::Directory;
use shared::config::Config;
use shared::error::Cause;
use shared::model::AsciiAddress;
use tokio::time::{Instant, timeout};

/// The interval of checking for due mails.
const REST: Duration = Duration::from_millis(250);
/// The pause when nothing can be sent; then twice as long each time.
const TROUBLE: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONG_TROUBLE: Duration = Duration::from_mins(1);
/// The time limit for sending a mail.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time limit for a connection test.
const SHORT_PATIENCE: Duration = Duration::from_secs(5);

/// Where mails are sent.
pub enum MailTransport {
    /// To a mail server.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    /// To the log, for development.
    Log,
    /// Nowhere: they wait. They contain password reset links, so they must not appear in the log of a server that
    /// others can reach.
    Nowhere,
}

impl MailTransport {
    /// According to the settings.
    ///
    /// # Errors
    /// When the mail server's URL or the sender is invalid.
    pub fn new(config: &Config) -> Result<Self, Cause> {
        let Some(url) = &config.smtp_url else {
            return Ok(if config.listen.ip().is_loopback() { Self::Log } else { Self::Nowhere });
        };
        // lettre parses it again from the mail's header.
        let from = config.mail_from.to_string();
        from.parse::<Mailbox>().map_err(|error| format!("ROLLCALL_MAIL_FROM is {from}: {error}"))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            // The URL may contain a password, so it is not shown.
            .map_err(|_| "ROLLCALL_SMTP_URL is not a valid URL, such as smtp://127.0.0.1:1025")?
            .timeout(Some(SHORT_PATIENCE))
            .build();
        Ok(Self::Smtp(Box::new(transport)))
    }
}

impl Transport for MailTransport {
    async fn send(&self, message: &Message) -> Result<(), Unsent> {
        match self {
            Self::Smtp(transport) => send(transport, message).await,
            Self::Log => {
                tracing::info!("mail to {}: {}\n{}", message.to, message.subject, message.text);
                Ok(())
            }
            Self::Nowhere => {
                Err(Unsent::Unreachable("ROLLCALL_SMTP_URL is not set; set it to the URL of a mail server".into()))
            }
        }
    }
}

async fn send(transport: &AsyncSmtpTransport<Tokio1Executor>, message: &Message) -> Result<(), Unsent> {
    let mail = written(message).map_err(|error| Unsent::ForGood(error.to_string()))?;
    let failure = match timeout(PATIENCE, transport.send(mail)).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => Some(error),
        Err(_) => None,
    };
    let told = failure.as_ref().map_or_else(|| "the mail server timed out".to_owned(), told);
    let is_about_us = failure.as_ref().is_some_and(|error| is_about_us(error, &told));
    // lettre does not say whether a reply was to the greeting, to a password, or to this mail.
    let is_there = async || matches!(timeout(SHORT_PATIENCE, transport.test_connection()).await, Ok(Ok(true)));
    if is_about_us || !is_there().await {
        return Err(Unsent::Unreachable(told.into()));
    }
    Err(if failure.is_some_and(|error| error.is_permanent()) {
        Unsent::ForGood(told)
    } else {
        Unsent::ForNow(told.into())
    })
}

/// Builds the mail for lettre.
fn written(message: &Message) -> Result<lettre::Message, lettre::error::Error> {
    // It was checked already; lettre's own check is stricter than necessary.
    let address = |AsciiAddress { local, domain }: &AsciiAddress| Address::new_dangerous(local, domain);
    let (from, to) = (address(&message.from), address(&message.to));
    lettre::Message::builder()
        .envelope(Envelope::new(Some(from.clone()), vec![to.clone()])?)
        .message_id(Some(format!("<{}>", message.id)))
        .from(Mailbox::new(None, from))
        .to(Mailbox::new(None, to))
        .subject(&message.subject)
        .multipart(MultiPart::alternative_plain_html(message.text.clone(), message.html.clone()))
}

/// A failure without the server's text, which may repeat the mail: `550 5.1.1`.
fn told(error: &Error) -> String {
    if error.is_response() {
        return "the mail server's reply is malformed".to_owned();
    }
    let Some(code) = error.status() else { return error.to_string() };
    let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let is_code = |word: &&str| word.split('.').count() == 3 && word.bytes().all(|b| b == b'.' || b.is_ascii_digit());
    match words.split_whitespace().next().filter(is_code) {
        Some(enhanced) => format!("{code} {enhanced}"),
        None => code.to_string(),
    }
}

/// Whether a reply is about the sender: then no mail will be accepted before the operator acts (RFC 4954, RFC 3463).
fn is_about_us(error: &Error, told: &str) -> bool {
    let code = error.status().map(|code| code.to_string());
    let needs_password = code.is_some_and(|code| ["530", "534", "535", "538"].contains(&code.as_str()));
    needs_password || told.ends_with(" 5.1.7") || told.ends_with(" 5.1.8")
}

/// Sends due mails, forever. A slow mail does not block others.
pub async fn empty_outbox(directory: Arc<Directory>, post: MailTransport, sender: Sender) {
    let mut under_way = FuturesUnordered::new();
    let (mut trouble, mut resume) = (Duration::ZERO, Instant::now());
    loop {
        // If nothing could be sent, one mail tests whether that has changed.
        let most = if trouble.is_zero() { BATCH } else { 1 };
        let room = if Instant::now() < resume { 0 } else { most.saturating_sub(under_way.len()) };
        let delivery = match directory.due_mails(room).await {
            Ok(due) => {
                under_way.extend(due.into_iter().map(|mail| deliver_one(&directory, &post, &sender, mail)));
                tokio::select! {
                    Some(delivery) = under_way.next() => delivery,
                    () = tokio::time::sleep(REST) => continue,
                }
            }
            Err(error) => Err(error),
        };
        match delivery {
            Ok(Delivery::Busy | Delivery::Idle) => (trouble, resume) = (Duration::ZERO, Instant::now()),
            // Of several concurrent failures, only the first one counts.
            _ if Instant::now() < resume => {}
            failed => {
                if let Err(error) = failed {
                    tracing::warn!(error = %error, "could not read the outbox; will retry");
                }
                trouble = (trouble * 2).clamp(TROUBLE, LONG_TROUBLE);
                resume = Instant::now() + trouble;
            }
        }
    }
}
