//! The `mailer` function: takes new mails from the table's stream and sends them by SES.

use std::sync::Arc;

use aws_lambda_events::event::dynamodb::Event;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as SesMessage};
use lambda_runtime::{LambdaEvent, service_fn};
use mailer::{Message, Sender, Transport, handle};
use shared::config::Config;
use shared::error::Cause;
use shared::model::EmailAddress;
use shared::runtime;

/// Sends by Amazon SES.
struct Ses(aws_sdk_sesv2::Client);

impl Transport for Ses {
    async fn send(&self, from: &EmailAddress, message: &Message) -> Result<(), Cause> {
        let utf8 = |text: &str| Content::builder().charset("UTF-8").data(text).build();
        let body = Body::builder().text(utf8(&message.text)?).html(utf8(&message.html)?).build();
        let simple = SesMessage::builder().subject(utf8(&message.subject)?).body(body).build();
        self.0
            .send_email()
            .from_email_address(from.as_str())
            .destination(Destination::builder().to_addresses(message.to.as_str()).build())
            .content(EmailContent::builder().simple(simple).build())
            .send()
            .await?;
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = Config::from_environment()?;
    runtime::log_as_json(&config);
    let directory = Arc::new(runtime::function_directory(&config)?);
    let connection = runtime::function_connection(&config)?;
    let mut ses = aws_sdk_sesv2::Config::builder()
        .behavior_version(aws_sdk_sesv2::config::BehaviorVersion::latest())
        .region(aws_sdk_sesv2::config::Region::new(connection.region))
        .credentials_provider(connection.credentials)
        .http_client(runtime::http_client_for(config.ses_endpoint.as_deref()));
    ses.set_endpoint_url(config.ses_endpoint);
    let ses = Arc::new(Ses(aws_sdk_sesv2::Client::from_conf(ses.build())));
    let sender = Sender { from: config.mail_from, site_name: config.site_name };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| {
        let (directory, ses, sender) = (directory.clone(), ses.clone(), sender.clone());
        async move { Ok::<_, lambda_runtime::Error>(handle(&directory, &*ses, &sender, event.payload).await) }
    }))
    .await
}
