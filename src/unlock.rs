//! `rollcall unlock`: lets users sign in from every network again, after too many consecutive failures.

use shared::config::Config;
use shared::directory::SystemCaller;
use shared::error::{Cause, Entity, Error};
use shared::model::Username;

use crate::commands::Unlock;
use crate::connection::open;
use crate::output::say;

/// Processes all names; an unknown name does not stop the others.
///
/// # Errors
/// When a name is unknown, or the store is unavailable.
pub async fn run(config: &Config, options: Unlock) -> Result<(), Cause> {
    let Unlock { usernames, aws } = options;
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    let mut unknown = Vec::new();
    for name in usernames {
        let unlocked = match Username::of_existing(&name) {
            Some(username) => directory.unlock_named(SystemCaller::Operator, &username).await,
            None => Err(Error::NotFound(Entity::User)),
        };
        match unlocked {
            Ok(failures) => say(format_args!("{name} is unlocked: {failures} consecutive failures cleared.")),
            Err(Error::NotFound(_)) => unknown.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(format!("no such user: {} in {}", unknown.join(" or "), opened.place).into())
}
