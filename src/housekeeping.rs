//! Background tasks of `serve`: one finishes cleanup after removals and processes expiration dates; one deletes expired
//! items, as DynamoDB itself does; one creates password reset mails; one puts events into the log.

use std::sync::Arc;
use std::time::Duration;

use rollcall::embedded::Engine;
use shared::Directory;
use shared::directory::SystemCaller;

/// The interval of housekeeping.
const REST: Duration = Duration::from_mins(1);
/// The interval of deleting expired items from the embedded store; each run scans the whole table.
const SWEEP: Duration = Duration::from_hours(1);
/// The interval of putting events into the log. Whoever reads the log does it too.
const REST_OF_EVENTS: Duration = Duration::from_secs(5);
/// The interval of checking for password reset requests, whose users wait for the mail.
const REST_OF_RESETS: Duration = Duration::from_millis(250);

/// Processes pending work at the start and then every minute, forever.
pub async fn run_housekeeping(directory: Arc<Directory>) {
    loop {
        if let Err(error) = directory.run_housekeeping(SystemCaller::Housekeeping).await {
            tracing::warn!(error = %error, "housekeeping failed; will retry");
        }
        tokio::time::sleep(REST).await;
    }
}

/// Puts events into the log, forever.
pub async fn sequence_events(directory: Arc<Directory>) {
    loop {
        if let Err(error) = directory.sequence_events(SystemCaller::Housekeeping).await {
            tracing::warn!(error = %error, "could not put events into the log; will retry");
        }
        tokio::time::sleep(REST_OF_EVENTS).await;
    }
}

/// Deletes expired items from the embedded store at the start and then every hour, forever.
pub async fn expire(engine: Engine) {
    loop {
        match engine.expire().await {
            Ok(0) => {}
            Ok(items) => tracing::info!(items, "expired items deleted"),
            Err(error) => tracing::warn!(error = %error, "could not delete expired items; will retry"),
        }
        tokio::time::sleep(SWEEP).await;
    }
}

/// Creates requested password reset mails, forever.
pub async fn mail_resets(directory: Arc<Directory>) {
    loop {
        if let Err(error) = directory.mail_resets(SystemCaller::Housekeeping).await {
            tracing::warn!(error = %error, "could not process password reset requests; will retry");
        }
        tokio::time::sleep(REST_OF_RESETS).await;
    }
}
