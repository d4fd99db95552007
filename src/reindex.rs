//! `rollcall reindex`: writes the search index again, from the users.

use std::io::Write as _;

use shared::ambient::System;
use shared::config::Config;
use shared::error::Cause;
use shared::runtime::directory;
use shared::sign_in::keys::KeySource;
use shared::sign_in::password::HashCost;

use crate::connection::open;

/// Goes through all users; stopped, it goes on where it was when it is called again.
///
/// # Errors
/// When the store does not answer.
pub async fn run(config: &Config, aws: bool) -> Result<(), Cause> {
    let opened = open(config, aws).await?;
    // No token is signed and no link is made here.
    let keys = KeySource::Inline(String::new());
    let directory = directory(config, opened.connection, keys, HashCost::DEFAULT, System::shared());
    let mut total = 0;
    let done = directory
        .reindex(|users| {
            total += users;
            // Who does not listen any more is no reason to stop.
            let _ = writeln!(std::io::stdout(), "{total} users");
        })
        .await;
    if let Some(engine) = opened.engine {
        engine.stop().await;
    }
    done?;
    let _ = writeln!(std::io::stdout(), "The search index of {} is whole.", opened.place);
    Ok(())
}
