//! `rollcall create-superuser`: also the way back when nobody can administer the directory any more.

use std::io::{BufRead as _, IsTerminal as _};

use shared::config::Config;
use shared::dialect::messages::sentence;
use shared::error::{Cause, Error};
use shared::model::{EmailAddress, Username};

use crate::commands::CreateSuperuser;
use crate::connection::open;

/// Makes the user; the password comes from `ROLLCALL_ADMIN_PASSWORD`, else as a line on standard input.
///
/// # Errors
/// When the name or address is taken or none, or the store does not answer.
pub async fn run(config: &Config, options: CreateSuperuser) -> Result<(), Cause> {
    let CreateSuperuser { username, email, aws } = options;
    let username = Username::parse(&username).ok_or("the user name should be 1 to 150 letters, digits or @ . + - _")?;
    let email = email.map(|text| EmailAddress::parse(&text).ok_or("the e-mail address is none")).transpose()?;
    let password = match &config.admin_password {
        Some(password) => password.clone(),
        None => read_password()?,
    };
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    if opened.engine.is_some() {
        directory.store().table_create().await?;
    }
    directory.install().await?;
    match directory.create_superuser(username, email, password).await {
        Ok(user) => {
            println!("Superuser {} made in {}.", user.username, opened.place);
            Ok(())
        }
        Err(Error::Invalid(violations)) => {
            let told: Vec<String> = violations.iter().map(|v| format!("{}: {}", v.field, sentence(v))).collect();
            Err(told.join(" ").into())
        }
        Err(error) => Err(error.into()),
    }
}

fn read_password() -> Result<String, Cause> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("Password (shown as you type; set ROLLCALL_ADMIN_PASSWORD to avoid that):");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() { Err("the password should not be empty".into()) } else { Ok(password) }
}
