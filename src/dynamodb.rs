//! `rollcall dynamodb`: the embedded engine alone, with the table ready.

use std::net::SocketAddr;
use std::sync::Arc;

use shared::ambient::System;
use shared::config::Config;
use shared::error::Cause;
use shared::runtime::directory;
use shared::sign_in::password::HashCost;
use shared::store::Connection;

use crate::connection::key_source;
use crate::embedded::Engine;
use crate::serve::{prepare, stopped};

/// Runs until told to stop.
///
/// # Errors
/// When the store or the port cannot be used.
pub async fn run(config: &Config, listen: SocketAddr) -> Result<(), Cause> {
    let engine = Engine::start(&config.data, listen).await?;
    let keys = key_source(config).await?;
    let connection = Connection::local(engine.url());
    let directory = Arc::new(directory(config, connection, keys, HashCost::DEFAULT, System::shared()));
    prepare(config, &directory).await?;
    println!("DynamoDB for functions:  {}", engine.url());
    println!("Table:                   {}", config.table);
    println!("Data:                    {}", config.data.join("rollcall.db").display());
    println!("Signing keys:            {}", config.data.join("signing-keys.json").display());
    stopped().await;
    engine.stop().await;
    Ok(())
}
