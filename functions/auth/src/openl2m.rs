//! Tokens for OpenL2M clients (`contracts/openl2m.md` section 3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::dialect::openl2m::OpenL2m;
use shared::directory::{RequestOrigin, TokenGrant};
use shared::error::Refusal;
use shared::model::UserNumber;
use shared::web::Failure;
use shared::web::body::UnparsedBody;
use shared::web::endpoint::{Access, Endpoint};
use shared::{Directory, Error};

use crate::handlers::read_login;

/// `POST /api/users/token/`
pub const TOKEN: Endpoint =
    Endpoint { path: "/api/users/token/", name: "Api Obtain Token", access: Access::Anyone, ..Endpoint::PLAIN };

/// The most unexpired tokens of a user.
const MOST_TOKENS: usize = 3;
/// The title of such a token, where tokens have titles.
const TITLE: &str = "OpenL2M";

/// The response to a login.
#[derive(Serialize, schemars::JsonSchema)]
pub struct TokenResponse {
    token: String,
    user_id: UserNumber,
    email: String,
}

/// `POST /api/users/token/`: a new token each time; earlier ones stay valid.
pub async fn obtain_token(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    UnparsedBody { body, .. }: UnparsedBody<OpenL2m>,
) -> Result<Json<TokenResponse>, Failure<OpenL2m>> {
    let login = read_login(&body.read().await?)?;
    match directory.obtain_api_token(login, &origin, TITLE, MOST_TOKENS).await? {
        TokenGrant::Made(user, token) => {
            let email = user.email.map(|email| email.to_string()).unwrap_or_default();
            Ok(Json(TokenResponse { token: token.into_text(), user_id: user.number, email }))
        }
        TokenGrant::TooMany => Err(Error::Refused(Refusal::TooManyTokens).into()),
    }
}
