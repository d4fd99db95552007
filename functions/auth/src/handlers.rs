//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::auth::Login;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::RequestOrigin;
use shared::model::EmailAddress;
use shared::web::body::UnparsedBody;
use shared::web::fields::{Blank, Field, FieldKind, Reader};
use shared::web::{Failure, Input};
use shared::{Directory, Error};

const USERNAME: Field =
    Field::new("username", "Username", FieldKind::Text(Blank::Refused)).required().at_most(EmailAddress::MAX);
const PASSWORD: Field = Field::new("password", "Password", FieldKind::Secret).required();

/// The fields of a login.
pub fn token_fields(_: bool) -> Vec<&'static Field> {
    vec![&USERNAME, &PASSWORD]
}

/// The response to a login.
#[derive(Serialize, schemars::JsonSchema)]
pub struct TokenResponse {
    token: String,
}

/// `POST /api/v1/users/token/` (section 6).
pub async fn obtain_token(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Json<TokenResponse>, Failure<OpenWisp>> {
    let login = read_login(&body.read().await?)?;
    let token = directory.obtain_token(login, &origin).await?;
    Ok(Json(TokenResponse { token: token.into_text() }))
}

/// The name and the password in a body.
///
/// # Errors
/// [`Error::Invalid`] with all violations.
pub fn read_login(input: &Input) -> shared::Result<Login> {
    let mut reader = Reader::new(input, false);
    let (username, password) = (reader.text(&USERNAME).value(), reader.secret(&PASSWORD).value());
    let violations = reader.finish();
    let (Some(identifier), Some(password)) = (username, password) else { return Err(Error::Invalid(violations)) };
    Ok(Login { identifier, password })
}
