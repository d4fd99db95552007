//! The function in Lambda: sends mails through SES, and events to webhooks; puts events into the log.
//!
//! It is called when a mail is written to the outbox (by the table's stream), and every minute. What it sends is in the
//! table, and nobody sends what somebody else has taken. Only the calls of every minute send to webhooks: a receiver that
//! hangs must not hold up the stream, which brings the mails.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as SesMessage};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use shared::config::Config;
use shared::directory::SystemCaller;
use shared::error::Cause;
use shared::{aws, lambda};
use tokio::time::Instant;

use crate::{Message, Sender, SystemResolver, Transport, Unsent, WebhookClient, deliver_events, empty_outbox};

/// How long a call takes further mails. The template allows a minute, and the last mails need part of that.
const AT_WORK: Duration = Duration::from_secs(30);

/// Sends through Amazon SES.
struct Ses(aws_sdk_sesv2::Client);

impl Transport for Ses {
    async fn send(&self, message: &Message) -> Result<(), Unsent> {
        let content = content(message).map_err(|error| Unsent::ForNow(error.into()))?;
        let sent = self
            .0
            .send_email()
            .from_email_address(message.from.to_string())
            .destination(Destination::builder().to_addresses(message.to.to_string()).build())
            .content(content)
            .send()
            .await;
        sent.map(drop).map_err(|error| unsent(&error))
    }
}

fn content(message: &Message) -> Result<EmailContent, aws_sdk_sesv2::error::BuildError> {
    let utf8 = |text: &str| Content::builder().charset("UTF-8").data(text).build();
    let body = Body::builder().text(utf8(&message.text)?).html(utf8(&message.html)?).build();
    let simple = SesMessage::builder().subject(utf8(&message.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(simple).build())
}

/// The consequence of a failure for this mail and for others.
fn unsent(error: &SdkError<SendEmailError>) -> Unsent {
    let Some(refusal) = error.as_service_error() else {
        return Unsent::Unreachable(shared::error::Chain(error).to_string().into());
    };
    let told = format!("{}: {}", refusal.code().unwrap_or("unknown"), refusal.message().unwrap_or_default());
    match refusal {
        // The operator can still verify the address; in SES's sandbox, also the recipient's.
        SendEmailError::MessageRejected(_) if told.contains("not verified") => Unsent::ForNow(told.into()),
        SendEmailError::MessageRejected(_) => Unsent::ForGood("MessageRejected".to_owned()),
        SendEmailError::BadRequestException(_) => Unsent::ForGood("BadRequestException".to_owned()),
        // The others concern the account, its limits or its permissions.
        _ => Unsent::Unreachable(told.into()),
    }
}

/// Runs this function in Lambda until the process ends.
///
/// # Errors
/// When a setting is missing or invalid, or the Lambda runtime is not available.
pub fn run() -> Result<(), Cause> {
    lambda::run(serve)
}

async fn serve(config: Config) -> Result<(), Cause> {
    let directory = Arc::new(lambda::function_directory(&config)?);
    let connection = lambda::function_connection(&config)?;
    let timeout = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(12))
        .build();
    let mut ses = aws_sdk_sesv2::Config::builder()
        .behavior_version(aws_sdk_sesv2::config::BehaviorVersion::latest())
        .region(aws_sdk_sesv2::config::Region::new(connection.region))
        .credentials_provider(connection.credentials)
        .timeout_config(timeout)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .http_client(aws::http_client_for(config.ses_endpoint.as_deref()));
    ses.set_endpoint_url(config.ses_endpoint);
    let ses = Arc::new(Ses(aws_sdk_sesv2::Client::from_conf(ses.build())));
    let webhooks = Arc::new(WebhookClient::new(config.webhook_networks, SystemResolver));
    let sender = Sender { from: config.mail_from, site_name: config.site_name };
    lambda_runtime::run(service_fn(move |call: LambdaEvent<Value>| {
        let (directory, ses, sender, webhooks) = (directory.clone(), ses.clone(), sender.clone(), webhooks.clone());
        Box::pin(async move {
            let until = Instant::now() + AT_WORK;
            let is_of_stream = call.payload.get("Records").is_some();
            // None waits for another, nor stops it.
            let (mailed, sequenced, delivered) = tokio::join!(
                empty_outbox(&directory, &*ses, &sender, until),
                directory.sequence_events(SystemCaller::Outbox),
                async { if is_of_stream { Ok(()) } else { deliver_events(&directory, &webhooks, until).await } }
            );
            mailed.and(sequenced).and(delivered).map_err(lambda_runtime::Error::from)
        })
    }))
    .await
}
