//! API tokens on the Edge wire (section 7.1).

use serde::Serialize;
use shared::error::{Error, Result};
use shared::model::{ApiToken, Timestamp, User};
use shared::sign_in::PlainToken;
use shared::web::fields::{Blank, Field, FieldKind, Reader};
use shared::web::{Base, Input};

const TITLE: Field = Field::new("title", "Title", FieldKind::Text(Blank::Refused)).required().at_most(200);
const ACTIVE: Field = Field::new("active", "Active", FieldKind::Boolean);

/// What is shown in place of a hash, so that nobody is handed something to attack (section 12, difference 1).
const MASK: &str = "********";

/// The fields of a new token.
pub fn fields() -> Vec<&'static Field> {
    vec![&TITLE]
}

/// The fields of a change.
pub fn change_fields() -> Vec<&'static Field> {
    vec![&ACTIVE]
}

/// What a body calls a new token.
///
/// # Errors
/// [`Error::Invalid`]
pub fn title(input: &Input) -> Result<String> {
    let mut reader = Reader::new(input, false);
    let title = reader.text(&TITLE).value();
    let violations = reader.finish();
    title.ok_or(Error::Invalid(violations))
}

/// Whether a body switches a token on or off, if it says so.
///
/// # Errors
/// [`Error::Invalid`]
pub fn active(input: &Input) -> Result<Option<bool>> {
    let mut reader = Reader::new(input, true);
    let active = reader.boolean(&ACTIVE).value();
    let violations = reader.finish();
    if violations.is_empty() { Ok(active) } else { Err(Error::Invalid(violations)) }
}

/// A token.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TokenOut {
    id: String,
    url: String,
    user: String,
    title: String,
    token: String,
    hashed_token: &'static str,
    active: bool,
    created_on: String,
    updated_on: String,
    last_used: Option<String>,
    expires: String,
}

impl TokenOut {
    /// The token of a user, for a client of that base, without its text.
    pub fn new(token: ApiToken, user: &User, base: &Base) -> Self {
        let ApiToken { id, user: _, title, is_active, created, updated, last_used, good_until } = token;
        Self {
            id: id.to_string(),
            url: format!("{}/api/users/{}/tokens/{id}/", base.0, user.edge_id),
            user: user.edge_id.to_string(),
            title,
            token: String::new(),
            hashed_token: MASK,
            active: is_active,
            created_on: created.naive(),
            updated_on: updated.naive(),
            last_used: last_used.map(Timestamp::naive),
            expires: good_until.naive(),
        }
    }

    /// The same with its text, which is shown this once.
    #[must_use]
    pub fn with_text(self, text: PlainToken) -> Self {
        Self { token: text.0, ..self }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }
}
