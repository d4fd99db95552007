//! The `mailer` function: sends the mails of the outbox through SES.
//!
//! It is called when a mail is written to the outbox (by the table's stream), and every minute. The caller does not
//! matter: the mails are in the table, and nobody sends a mail that somebody else has taken.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as SesMessage};
use lambda_runtime::{LambdaEvent, service_fn};
use mailer::{Message, Sender, Transport, Unsent, empty_outbox};
use serde::de::IgnoredAny;
use shared::config::Config;
use shared::{aws, lambda};
use tokio::time::Instant;

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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = Config::from_environment()?;
    lambda::log_as_json(&config);
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
    let sender = Sender { from: config.mail_from, site_name: config.site_name };
    lambda_runtime::run(service_fn(move |_: LambdaEvent<IgnoredAny>| {
        let (directory, ses, sender) = (directory.clone(), ses.clone(), sender.clone());
        async move {
            let until = Instant::now() + AT_WORK;
            empty_outbox(&directory, &*ses, &sender, until).await.map_err(lambda_runtime::Error::from)
        }
    }))
    .await
}
