//! The `housekeeping` function: finishes cleanup after removals, and processes expiration dates.
//!
//! It is called when a cleanup task is written (by the table's stream), once an hour, and at the start of each day. The
//! caller does not matter: the tasks are in the table, and repeating one changes nothing.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use shared::config::Config;
use shared::directory::SystemCaller;
use shared::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = Config::from_environment()?;
    lambda::log_as_json(&config);
    let directory = Arc::new(lambda::function_directory(&config)?);
    lambda_runtime::run(service_fn(move |_: LambdaEvent<IgnoredAny>| {
        let directory = directory.clone();
        async move { directory.run_housekeeping(SystemCaller::Housekeeping).await.map_err(lambda_runtime::Error::from) }
    }))
    .await
}
