//! `rollcall reindex`: writes the search index again, from the users.

use std::io::Write as _;

use shared::config::Config;
use shared::error::Cause;

use crate::connection::open;

/// Goes through all users; stopped, it goes on where it was when it is called again.
///
/// # Errors
/// When the store does not answer.
pub async fn run(config: &Config, aws: bool) -> Result<(), Cause> {
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    let mut total = 0;
    directory
        .reindex(|users| {
            total += users;
            // Who does not listen any more is no reason to stop.
            let _ = writeln!(std::io::stdout(), "{total} users");
        })
        .await?;
    let _ = writeln!(std::io::stdout(), "The search index of {} is whole.", opened.place);
    Ok(())
}
