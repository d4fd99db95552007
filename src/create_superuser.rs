//! `rollcall create-superuser`: also restores access when nobody can administer the directory any more.

use std::io::{BufRead as _, IsTerminal as _};

use shared::config::Config;
use shared::dialect::field_names::wire_name;
use shared::dialect::messages::sentence;
use shared::directory::SystemCaller;
use shared::error::{Cause, Error};
use shared::model::{EmailAddress, Username};

use crate::commands::CreateSuperuser;
use crate::connection::open;
use crate::output::{say, warn};

/// Creates the user; the password comes from `ROLLCALL_ADMIN_PASSWORD`, or else from a line on standard input.
///
/// # Errors
/// When the name or address is taken or invalid, or the store is unavailable.
pub async fn run(config: &Config, options: CreateSuperuser) -> Result<(), Cause> {
    let CreateSuperuser { username, email, aws } = options;
    let username = Username::parse(&username).ok_or("a user name is 1 to 150 letters, digits or @ . + - _")?;
    let email = email.map(|text| EmailAddress::parse(&text).ok_or("invalid e-mail address")).transpose()?;
    let password = match &config.admin_password {
        Some(password) => password.clone(),
        None => read_password()?.into(),
    };
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    if opened.engine.is_some() {
        directory.store().table_create().await?;
    }
    directory.install(SystemCaller::Operator).await?;
    match directory.create_superuser(SystemCaller::Operator, username, email, password).await {
        Ok(user) => {
            say(format_args!("Created superuser {} in {}.", user.username, opened.place));
            Ok(())
        }
        Err(Error::Invalid(violations)) => {
            let told: Vec<String> =
                violations.iter().map(|v| format!("{}: {}", wire_name(v.field), sentence(v))).collect();
            Err(told.join(" ").into())
        }
        Err(error) => Err(error.into()),
    }
}

fn read_password() -> Result<String, Cause> {
    let input = std::io::stdin();
    if input.is_terminal() {
        warn("Password (visible while you type; set ROLLCALL_ADMIN_PASSWORD instead to hide it):");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() { Err("the password is empty".into()) } else { Ok(password) }
}
