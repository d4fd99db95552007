//! `rollcall reindex`: rebuilds the search index from the users.

use shared::config::Config;
use shared::directory::SystemCaller;
use shared::error::Cause;

use crate::connection::open;
use crate::output::say;

/// Processes all users; an interrupted run resumes when it is called again.
///
/// # Errors
/// When the store is unavailable.
pub async fn run(config: &Config, aws: bool) -> Result<(), Cause> {
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    let mut total = 0;
    directory
        .reindex(SystemCaller::Operator, |users| {
            total += users;
            say(format_args!("{total} users"));
        })
        .await?;
    say(format_args!("The search index of {} is complete.", opened.place));
    Ok(())
}
