//! The table's stream as Lambda hands it over.

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use shared::Directory;
use shared::store::mail_of_stream;

use crate::{Sender, Transport, deliver};

/// Sends the mails of a batch, in order. The first record that fails is where the stream is to begin again.
pub async fn handle<T: Transport>(
    directory: &Directory,
    transport: &T,
    sender: &Sender,
    event: Event,
) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        let number = record.change.sequence_number.clone();
        if !deliver_record(directory, transport, sender, record).await {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = number;
            response.batch_item_failures.push(failure);
            break;
        }
    }
    response
}

async fn deliver_record<T: Transport>(
    directory: &Directory,
    transport: &T,
    sender: &Sender,
    record: EventRecord,
) -> bool {
    match mail_of_stream(record.change.new_image) {
        Ok(mail) => deliver(directory, transport, sender, &[mail]).await.is_empty(),
        Err(error) => {
            tracing::error!(error = %error, "a record of the outbox cannot be read");
            false
        }
    }
}
