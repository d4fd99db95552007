//! `rollcall create-token`: makes an API token for a program, such as an identity provider, that keeps it for long.

use shared::config::Config;
use shared::directory::SystemCaller;
use shared::error::{Cause, Entity, Error, Rule};
use shared::model::{ApiToken, Username, parse_date};

use crate::commands::CreateToken;
use crate::connection::open;
use crate::output::{say, warn};

/// Makes the token and prints its text, which is shown only once.
///
/// # Errors
/// When the user or the day is unknown, the user has the most tokens, or the store is unavailable.
pub async fn run(config: &Config, options: CreateToken) -> Result<(), Cause> {
    let CreateToken { username, title, expires, aws } = options;
    let last_day = expires.map(|text| parse_date(&text).ok_or("--expires is a day, YYYY-MM-DD")).transpose()?;
    let opened = open(config, aws).await?;
    let directory = opened.directory_without_keys(config);
    let made = match Username::of_existing(&username) {
        Some(name) => directory.create_token_of(SystemCaller::Operator, &name, &title, last_day).await,
        None => Err(Error::NotFound(Entity::User)),
    };
    match made {
        Ok((token, text)) => {
            warn(format_args!("The token {title:?} of {username} works until {}.", token.good_until.rfc3339_short()));
            say(format_args!("{}", text.reveal()));
            Ok(())
        }
        Err(Error::NotFound(_)) => Err(format!("no such user: {username} in {}", opened.place).into()),
        Err(Error::Invalid(violations)) if violations.iter().any(|violation| violation.rule == Rule::Past) => {
            Err("--expires is a day in the past".into())
        }
        Err(Error::Invalid(_)) => Err(format!("--title has at most {} characters", ApiToken::MAX_TITLE).into()),
        Err(error) => Err(error.into()),
    }
}
