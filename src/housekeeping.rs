//! The background task of `serve` that finishes what removals have left to be done, and does what expiration dates ask for.

use std::sync::Arc;
use std::time::Duration;

use shared::Directory;

/// How long the task rests between two looks.
const REST: Duration = Duration::from_mins(1);

/// Looks for work at the start and then every minute, for ever.
pub async fn keep_house(directory: Arc<Directory>) {
    loop {
        if let Err(error) = directory.keep_house().await {
            tracing::warn!(error = %error, "housekeeping waits");
        }
        tokio::time::sleep(REST).await;
    }
}
