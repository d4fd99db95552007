//! The caller's own API tokens and sessions: `/api/rollcall/v1/me/…`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{StatusCode, Uri};
use serde::Serialize;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::PageRange;
use shared::error::Entity;
use shared::model::{ApiToken, Session, SessionId, Timestamp, TokenId};
use shared::web::endpoint::{Access, Endpoint, Route};
use shared::web::pagination::{NumberedPage, PageRequest};
use shared::web::{Authenticated, BaseUrl, Failure};
use shared::{Directory, Error};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

const TOKENS: Endpoint = Endpoint {
    path: "/api/rollcall/v1/me/tokens/",
    name: "My API Tokens",
    about: "Your API tokens, oldest first.",
    access: Access::User,
    ..Endpoint::PLAIN
};

const TOKEN: Endpoint = Endpoint {
    path: "/api/rollcall/v1/me/tokens/{token}/",
    name: "My API Token",
    about: "One of your API tokens. Once deleted, it no longer works.",
    ..TOKENS
};

const SESSIONS: Endpoint = Endpoint {
    path: "/api/rollcall/v1/me/sessions/",
    name: "My Sessions",
    about: "The browsers in which you are signed in, oldest first. Deleting all of them signs you out everywhere: your \
            sessions and signed tokens end, your API tokens stay.",
    ..TOKENS
};

const SESSION: Endpoint = Endpoint {
    path: "/api/rollcall/v1/me/sessions/{session}/",
    name: "My Session",
    about: "A browser in which you are signed in. Deleting it signs that browser out.",
    ..TOKENS
};

/// The endpoints of this module, with their handlers.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(&TOKENS).get(tokens),
        Route::new(&TOKEN).get(token).delete(delete_token),
        Route::new(&SESSIONS).get(sessions).delete(delete_sessions),
        Route::new(&SESSION).get(session).delete(delete_session),
    ]
}

/// An API token of the caller, without its text.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OwnTokenResponse {
    id: String,
    title: String,
    active: bool,
    made_by_other: bool,
    created: String,
    last_used: Option<String>,
    expires: String,
}

/// A session of the caller.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct SessionResponse {
    id: String,
    current: bool,
    created: String,
    last_used: String,
    expires: String,
    address: Option<String>,
    user_agent: Option<String>,
}

/// `GET /api/rollcall/v1/me/tokens/`
async fn tokens(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<NumberedPage<OwnTokenResponse>>> {
    let request = PageRequest::numbered(&uri);
    let page = directory.own_tokens(&caller, request.range()).await?;
    Ok(Json(request.envelope(&base, page, OwnTokenResponse::from)?))
}

/// `GET /api/rollcall/v1/me/tokens/{token}/`
async fn token(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
) -> Result<Json<OwnTokenResponse>> {
    Ok(Json(directory.token(&caller, &caller.user, token_id(&id)?).await?.into()))
}

/// `DELETE /api/rollcall/v1/me/tokens/{token}/`
async fn delete_token(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    directory.delete_own_token(&caller, token_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/rollcall/v1/me/sessions/`
async fn sessions(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<NumberedPage<SessionResponse>>> {
    let request = PageRequest::numbered(&uri);
    let page = directory.own_sessions(&caller, request.range()).await?;
    let current = caller.session().map(|session| session.id);
    Ok(Json(request.envelope(&base, page, |session| SessionResponse::new(session, current))?))
}

/// `DELETE /api/rollcall/v1/me/sessions/`
async fn delete_sessions(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
) -> Result<StatusCode> {
    directory.sign_out_everywhere(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/rollcall/v1/me/sessions/{session}/`
async fn session(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
) -> Result<Json<SessionResponse>> {
    let id = session_id(&id)?;
    let current = caller.session().map(|session| session.id);
    let own = directory.own_sessions(&caller, PageRange::ALL).await?;
    let found = own.items.into_iter().find(|session| session.id == id);
    Ok(Json(SessionResponse::new(found.ok_or(Error::NotFound(Entity::Session))?, current)))
}

/// `DELETE /api/rollcall/v1/me/sessions/{session}/`
async fn delete_session(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    directory.end_own_session(&caller, session_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn token_id(text: &str) -> std::result::Result<TokenId, Error> {
    TokenId::parse(text).ok_or(Error::NotFound(Entity::Token))
}

fn session_id(text: &str) -> std::result::Result<SessionId, Error> {
    SessionId::parse(text).ok_or(Error::NotFound(Entity::Session))
}

impl From<ApiToken> for OwnTokenResponse {
    fn from(token: ApiToken) -> Self {
        let ApiToken { id, title, is_active, made_by_other, created, last_used, good_until, .. } = token;
        Self {
            id: id.to_string(),
            title,
            active: is_active,
            made_by_other,
            created: created.rfc3339(),
            last_used: last_used.map(Timestamp::rfc3339),
            expires: good_until.rfc3339(),
        }
    }
}

impl SessionResponse {
    fn new(session: Session, current: Option<SessionId>) -> Self {
        let Session { id, created, last_used, good_until, address, user_agent, .. } = session;
        Self {
            id: id.to_string(),
            current: current == Some(id),
            created: created.rfc3339(),
            last_used: last_used.rfc3339(),
            expires: good_until.rfc3339(),
            address,
            user_agent,
        }
    }
}
