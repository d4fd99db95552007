//! API tokens on the Edge wire (section 7.1).

use serde::Serialize;
use shared::error::{Error, Result};
use shared::model::{ApiToken, Timestamp, User};
use shared::secret::Secret;
use shared::web::fields::{Blank, Field, FieldKind, Reader};
use shared::web::{BaseUrl, Input};

const TITLE: Field =
    Field::new("title", "Title", FieldKind::Text(Blank::Refused)).required().at_most(ApiToken::MAX_TITLE);
const ACTIVE: Field = Field::new("active", "Active", FieldKind::Boolean);

/// Shown instead of a hash, so that nobody can attack the hash (section 12, difference 1).
const MASK: &str = "********";

/// The fields of a new token.
pub fn fields() -> Vec<&'static Field> {
    vec![&TITLE]
}

/// The fields of a change.
pub fn change_fields() -> Vec<&'static Field> {
    vec![&ACTIVE]
}

/// The title of a new token in a body.
///
/// # Errors
/// [`Error::Invalid`]
pub fn title(input: &Input) -> Result<String> {
    let mut reader = Reader::new(input, false);
    let title = reader.text(&TITLE).value();
    let violations = reader.finish();
    title.ok_or(Error::Invalid(violations))
}

/// Whether a body activates or deactivates a token, if it contains that.
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
pub struct TokenResponse {
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

impl TokenResponse {
    /// The token of a user without its text, for a client of this base URL.
    pub fn new(token: ApiToken, user: &User, base: &BaseUrl) -> Self {
        let ApiToken { id, title, is_active, created, updated, last_used, good_until, .. } = token;
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

    /// The same with its text, which is shown only once.
    #[must_use]
    pub fn with_text(self, text: Secret) -> Self {
        Self { token: text.into_text(), ..self }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}
