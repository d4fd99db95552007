//! `rollcall edge-staff`: grants users the staff role of the Edge API, or revokes it.

use shared::config::Config;
use shared::directory::SystemCaller;
use shared::error::{Cause, Error};
use shared::model::Username;

use crate::commands::EdgeStaff;
use crate::connection::open;
use crate::output::say;

/// Processes all names; an unknown name does not stop the others.
///
/// # Errors
/// When a name is unknown, or the store is unavailable.
pub async fn run(config: &Config, options: EdgeStaff) -> Result<(), Cause> {
    let EdgeStaff { usernames, revoke, aws } = options;
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    let mut unknown = Vec::new();
    for name in usernames {
        let changed = match Username::of_existing(&name) {
            Some(username) => directory.set_edge_staff(SystemCaller::Operator, &username, !revoke).await,
            None => Err(Error::NotFound(shared::error::Entity::User)),
        };
        let state = if revoke { "not staff of the Edge API" } else { "staff of the Edge API" };
        match changed {
            Ok(true) => say(format_args!("{name} is now {state}.")),
            Ok(false) => say(format_args!("{name} is already {state}.")),
            Err(Error::NotFound(_)) => unknown.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(format!("no such user: {} in {}", unknown.join(" or "), opened.place).into())
}
