//! `rollcall deleted`: lists deleted users, restores and purges them.

use shared::config::Config;
use shared::dialect::field_names::wire_name;
use shared::dialect::messages::sentence;
use shared::directory::SystemCaller;
use shared::error::{Cause, Error};
use shared::model::UserId;
use shared::{Directory, Result};

use crate::commands::{Deleted, DeletedAct};
use crate::connection::open;
use crate::output::say;

/// How many rows are read at once.
const PIECE: usize = 100;
/// The operator.
const BY: SystemCaller = SystemCaller::Operator;

/// Does what was asked for.
///
/// # Errors
/// When there is no such deleted user, others have the user's values, or the store is unavailable.
pub async fn run(config: &Config, options: Deleted) -> Result<(), Cause> {
    let Deleted { act, aws } = options;
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    match act.unwrap_or(DeletedAct::List) {
        DeletedAct::List => list(&directory).await.map_err(Cause::from),
        DeletedAct::Restore { id } => {
            let restored = directory.restore_user_as(BY, parsed(&id)?).await.map_err(|error| in_words(error, &id))?;
            say(format_args!("Restored {} in {}.", restored.user.username, opened.place));
            for group in restored.lost_groups {
                say(format_args!("The group {group} no longer exists."));
            }
            for organization in restored.lost_organizations {
                say(format_args!("The organization {organization} no longer exists."));
            }
            Ok(())
        }
        DeletedAct::Purge { id } => {
            directory.purge_user_as(BY, parsed(&id)?).await.map_err(|error| in_words(error, &id))?;
            say(format_args!("Purged {id} from {}.", opened.place));
            Ok(())
        }
    }
}

/// One line for each: id, when deleted, until when restorable, user name.
async fn list(directory: &Directory) -> Result<()> {
    let mut after = None;
    loop {
        let page = directory.all_deleted_users(BY, after.as_deref(), PIECE).await?;
        for (row, until) in page.items {
            let (deleted, until) = (row.at.date(), until.date());
            say(format_args!("{}  deleted {deleted}, restorable until {until}  {}", row.id, row.username));
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn parsed(id: &str) -> Result<UserId, Cause> {
    UserId::parse(id).ok_or_else(|| format!("{id} is not the id of a user, as `rollcall deleted` shows it").into())
}

fn in_words(error: Error, id: &str) -> Cause {
    match error {
        Error::NotFound(_) => format!("no deleted user has the id {id}").into(),
        Error::Taken(violations) => {
            let taken: Vec<String> =
                violations.iter().map(|v| format!("{}: {}", wire_name(v.field), sentence(v))).collect();
            taken.join(" ").into()
        }
        error => error.into(),
    }
}
