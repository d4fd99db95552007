//! The `housekeeping` function: finishes what removals have left to be done, and does what expiration dates ask for.
//!
//! It is called when such work is noted (by the table's stream), once an hour, and when a day has begun.
//! What called it does not matter: what is to be done is in the table, and doing it twice changes nothing.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use shared::config::Config;
use shared::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = Config::from_environment()?;
    runtime::log_as_json(&config);
    let directory = Arc::new(runtime::function_directory(&config)?);
    lambda_runtime::run(service_fn(move |_: LambdaEvent<IgnoredAny>| {
        let directory = directory.clone();
        async move { directory.keep_house().await.map_err(lambda_runtime::Error::from) }
    }))
    .await
}
