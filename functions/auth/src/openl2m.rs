//! Tokens for OpenL2M's clients (`contracts/openl2m.md` section 3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::dialect::openl2m::OpenL2m;
use shared::error::Refusal;
use shared::model::UserNumber;
use shared::sign_in::OneMoreToken;
use shared::web::body::Unread;
use shared::web::endpoint::{Access, Endpoint};
use shared::web::{ClientAddress, Failure};
use shared::{Directory, Error};

use crate::handlers::read_login;

/// `POST /api/users/token/`
pub const TOKEN: Endpoint =
    Endpoint { path: "/api/users/token/", name: "Api Obtain Token", allow: "POST, OPTIONS", access: Access::Anyone };

/// How many tokens a user may have that have not run out.
const MOST_TOKENS: usize = 3;
/// What such a token is called where tokens have titles.
const TITLE: &str = "OpenL2M";

/// The answer to a login.
#[derive(Serialize, schemars::JsonSchema)]
pub struct TokenOut {
    token: String,
    user_id: UserNumber,
    email: String,
}

/// `POST /api/users/token/`: a new token each time; the earlier ones keep working.
pub async fn obtain_token(
    State(directory): State<Arc<Directory>>,
    ClientAddress(address): ClientAddress,
    Unread { body, .. }: Unread<OpenL2m>,
) -> Result<Json<TokenOut>, Failure<OpenL2m>> {
    let login = read_login(&body.read().await?)?;
    match directory.obtain_api_token(login, address.as_deref(), TITLE, MOST_TOKENS).await? {
        OneMoreToken::Made(user, token) => {
            let email = user.email.map(|email| email.to_string()).unwrap_or_default();
            Ok(Json(TokenOut { token: token.0, user_id: user.number, email }))
        }
        OneMoreToken::TooMany => Err(Error::Refused(Refusal::TooManyTokens).into()),
    }
}
