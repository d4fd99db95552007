//! The meaning of the SDK's errors.

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};

use crate::error::{Cause, Chain, Error};

/// DynamoDB's error code if the condition of a write fails.
pub(super) const CONDITION: &str = "ConditionalCheckFailedException";
/// DynamoDB's error code while a transaction holds the item.
pub(super) const CONFLICT: &str = "TransactionConflictException";
/// DynamoDB's error codes for temporary failures.
const PASSING: [&str; 8] = [
    CONFLICT,
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionInProgressException",
    "LimitExceededException",
];

/// Converts an SDK error: a temporary failure, or a bug of ours.
pub(super) fn unavailable<E>(error: E) -> Error
where
    E: Into<StoreFailure>,
{
    let StoreFailure { passing, cause } = error.into();
    if passing { Error::Unavailable(cause) } else { Error::Internal(cause) }
}

/// The message of an SDK error.
pub(super) struct StoreFailure {
    pub passing: bool,
    pub cause: Cause,
}

impl<E> From<SdkError<E>> for StoreFailure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let passing = match &error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::ServiceError(context) => {
                context.raw().status().is_server_error()
                    || context.err().code().is_none_or(|code| PASSING.contains(&code))
            }
            _ => true,
        };
        Self { passing, cause: summary(&error).into() }
    }
}

/// What the log may contain of an error: the operation, and the error code or kind of failure. Never a request, a
/// response or a message of DynamoDB, which may repeat password hashes.
pub(super) fn summary<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    // `…::put_item::PutItemError`
    let operation = std::any::type_name::<E>().rsplit("::").next().unwrap_or_default().trim_end_matches("Error");
    let what = match error {
        SdkError::ServiceError(context) => match context.err().code() {
            Some(code) => code.to_owned(),
            None => format!("status {}", context.raw().status().as_u16()),
        },
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        // The HTTP client knows addresses and connections, not the content.
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => format!("not sent: {}", Chain(error)),
            None => "not sent".to_owned(),
        },
        SdkError::ResponseError(_) => "malformed response".to_owned(),
        _ => "request could not be built".to_owned(),
    };
    format!("DynamoDB {operation}: {what}")
}

impl From<BuildError> for StoreFailure {
    fn from(error: BuildError) -> Self {
        Self { passing: false, cause: error.into() }
    }
}
