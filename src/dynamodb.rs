//! `rollcall dynamodb`: only the embedded engine, with the table.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rollcall::dynamodb_endpoint::{AccessKey, router};
use rollcall::embedded::{Engine, STORE};
use rollcall::http_server::{Limits, raise_descriptors, serve};
use shared::config::Config;
use shared::error::Cause;
use tokio::net::TcpListener;

use crate::connection::{OpenStore, key_source, write_secret};
use crate::housekeeping::expire;
use crate::output::say;
use crate::serve::{prepare, stopped};

/// The file with the settings of functions, in the data folder.
const SETTINGS: &str = "functions.env";

/// Runs until stopped.
///
/// # Errors
/// When the store or the port cannot be used.
pub async fn run(config: &Config, listen: SocketAddr) -> Result<(), Cause> {
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let address = listener.local_addr()?;
    let engine = Engine::open(&config.data)?;
    let keys = key_source(config).await?;
    let opened = OpenStore::embedded(engine.clone(), config.data.join(STORE).display().to_string());
    let directory = Arc::new(opened.directory(config, keys));
    prepare(config, &directory).await?;
    let sweeper = tokio::spawn(expire(engine.clone()));
    let key = AccessKey::random();
    let (file, signing_keys) = (config.data.join(SETTINGS), config.data.join("signing-keys.json"));
    write_settings(&file, &settings(config, address, &key, &signing_keys))?;
    say(format_args!("DynamoDB for functions:  http://{address}"));
    say(format_args!("Table:                   {}", config.table));
    say(format_args!("Data:                    {}", opened.place));
    say(format_args!("Settings of functions:   {} (--env-file of cargo lambda watch)", file.display()));
    say(format_args!(
        "Other programs:          export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        key.id, key.secret
    ));
    // Each function is a client, and all of them run on this machine.
    let limits = Limits::of_network().with_descriptors(raise_descriptors());
    serve(listener, router(engine, key, address), limits, |_| true, stopped()).await;
    sweeper.abort();
    Ok(())
}

/// The settings that `cargo lambda watch` passes to functions.
fn settings(config: &Config, address: SocketAddr, key: &AccessKey, signing_keys: &Path) -> String {
    format!(
        "# Settings for the functions under `cargo lambda watch`. `rollcall dynamodb` rewrites this file each time it starts.\n\
         AWS_ENDPOINT_URL_DYNAMODB=http://{address}\n\
         AWS_REGION=us-east-1\n\
         AWS_ACCESS_KEY_ID={}\n\
         AWS_SECRET_ACCESS_KEY={}\n\
         ROLLCALL_TABLE={}\n\
         # In AWS, functions that only verify tokens get ROLLCALL_VERIFYING_KEYS instead. Locally one file is enough.\n\
         ROLLCALL_SIGNING_KEYS={}\n\
         # Without it, links begin with https, which `cargo lambda watch` does not support.\n\
         ROLLCALL_PUBLIC_URL={}\n",
        key.id,
        key.secret,
        config.table,
        signing_keys.display(),
        config.public_url.as_deref().unwrap_or("http://127.0.0.1:9000"),
    )
}

/// The key of the previous start is no longer valid.
fn write_settings(file: &Path, text: &str) -> Result<(), Cause> {
    if file.exists() {
        std::fs::remove_file(file)?;
    }
    write_secret(file, text)
}
