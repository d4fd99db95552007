//! The `housekeeping` function: finishes cleanup after removals, processes expiration dates, and merges
//! changes into the search index.
//!
//! It is called when a cleanup task is written (by the table's stream), once an hour, and at the start of each day. The
//! caller does not matter: the tasks are in the table, and repeating one changes nothing.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use shared::config::Config;
use shared::directory::SystemCaller;
use shared::error::Cause;
use shared::lambda;

/// Runs this function in Lambda until the process ends.
///
/// # Errors
/// When a setting is missing or invalid, or the Lambda runtime is not available.
pub fn run() -> Result<(), Cause> {
    lambda::run(serve)
}

async fn serve(config: Config) -> Result<(), Cause> {
    let directory = Arc::new(lambda::function_directory(&config)?);
    lambda_runtime::run(service_fn(move |_: LambdaEvent<IgnoredAny>| {
        let directory = directory.clone();
        async move { directory.run_housekeeping(SystemCaller::Housekeeping).await.map_err(lambda_runtime::Error::from) }
    }))
    .await
}
