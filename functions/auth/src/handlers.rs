//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::dialect::openwisp::OpenWisp;
use shared::sign_in::Login;
use shared::web::body::Unread;
use shared::web::fields::{Blank, Field, FieldKind, Reader};
use shared::web::{ClientAddress, Failure};
use shared::{Directory, Error};

const USERNAME: Field = Field::new("username", "Username", FieldKind::Text(Blank::Refused)).required();
const PASSWORD: Field = Field::new("password", "Password", FieldKind::Secret).required();

/// The fields of a login.
pub fn token_fields(_: bool) -> Vec<&'static Field> {
    vec![&USERNAME, &PASSWORD]
}

/// The answer to a login.
#[derive(Serialize)]
pub struct TokenOut {
    token: String,
}

/// `POST /api/v1/users/token/` (section 6).
pub async fn obtain_token(
    State(directory): State<Arc<Directory>>,
    ClientAddress(address): ClientAddress,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Json<TokenOut>, Failure<OpenWisp>> {
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let (username, password) = (reader.text(&USERNAME).value(), reader.text(&PASSWORD).value());
    let violations = reader.finish();
    let (Some(identifier), Some(password)) = (username, password) else {
        return Err(Error::Invalid(violations).into());
    };
    let token = directory.obtain_token(Login { identifier, password }, address.as_deref()).await?;
    Ok(Json(TokenOut { token: token.0 }))
}
