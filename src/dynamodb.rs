//! `rollcall dynamodb`: the embedded engine alone, with the table ready.

use std::net::SocketAddr;
use std::sync::Arc;

use rollcall::embedded::{Engine, STORE};
use shared::config::Config;
use shared::error::Cause;
use tokio::net::TcpListener;

use crate::connection::{Opened, key_source};
use crate::serve::{prepare, stopped};

/// Runs until told to stop.
///
/// # Errors
/// When the store or the port cannot be used.
pub async fn run(config: &Config, listen: SocketAddr) -> Result<(), Cause> {
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let address = listener.local_addr()?;
    let engine = Engine::open(&config.data)?;
    let database = engine.database().clone();
    let keys = key_source(config).await?;
    let opened = Opened::embedded(engine, config.data.join(STORE).display().to_string());
    let directory = Arc::new(opened.directory(config, keys));
    prepare(config, &directory).await?;
    println!("DynamoDB for functions:  http://{address}");
    println!("Table:                   {}", config.table);
    println!("Data:                    {}", opened.place);
    println!("Signing keys:            {}", config.data.join("signing-keys.json").display());
    Ok(dynoxide::server::serve_with_shutdown(listener, database, stopped()).await?)
}
