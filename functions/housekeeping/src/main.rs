//! The `housekeeping` function: finishes what removals have left to be done.
//!
//! It is called when such work is noted (by the table's stream) and once an hour besides.
//! What called it does not matter: the work is in the table, and doing it twice changes nothing.

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
        async move { directory.follow_up().await.map_err(lambda_runtime::Error::from) }
    }))
    .await
}
