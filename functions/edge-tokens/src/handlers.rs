//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use shared::dialect::{edge::Edge, edge::user_of};
use shared::directory::Subject;
use shared::error::Entity;
use shared::model::TokenId;
use shared::web::body::UnparsedBody;
use shared::web::pagination::PageRequest;
use shared::web::{Authenticated, BaseUrl, Failure};
use shared::{Directory, Error};

use crate::wire::{self, TokenResponse};

type Result<T> = std::result::Result<T, Failure<Edge>>;

/// `GET /api/users/{id}/tokens` (section 7.3).
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path(id): Path<String>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Response> {
    let user: Subject = user_of(&directory, &caller, &id).await?.into();
    let request = PageRequest::linked(&uri)?;
    let page = directory.tokens(&caller, &user.user, request.range()).await?;
    Ok(request.respond(&base, page, |token| TokenResponse::new(token, &user.user, &base))?)
}

/// `POST /api/users/{id}/tokens` (section 7.2).
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path(id): Path<String>,
    base: BaseUrl,
    UnparsedBody { body, .. }: UnparsedBody<Edge>,
) -> Result<Response> {
    let user: Subject = user_of(&directory, &caller, &id).await?.into();
    directory.check_may_write_tokens(&caller, &user).await?;
    let title = wire::title(&body.json_for_form().read().await?)?;
    let owner = user.user.clone();
    let (token, text) = directory.create_token(&caller, user, &title).await?;
    let token = TokenResponse::new(token, &owner, &base).with_text(text);
    let location = HeaderValue::from_str(token.url()).map_err(|error| Error::Internal(error.into()))?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(token)).into_response())
}

/// `GET /api/users/{id}/tokens/{tokenid}` (section 7.1).
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path((id, token)): Path<(String, String)>,
    base: BaseUrl,
) -> Result<Json<TokenResponse>> {
    let user: Subject = user_of(&directory, &caller, &id).await?.into();
    let token = directory.token(&caller, &user.user, parse(&token)?).await?;
    Ok(Json(TokenResponse::new(token, &user.user, &base)))
}

/// `PATCH /api/users/{id}/tokens/{tokenid}` (section 7.4).
pub async fn update(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path((id, token)): Path<(String, String)>,
    base: BaseUrl,
    UnparsedBody { body, .. }: UnparsedBody<Edge>,
) -> Result<(StatusCode, Json<TokenResponse>)> {
    let user: Subject = user_of(&directory, &caller, &id).await?.into();
    directory.check_may_write_tokens(&caller, &user).await?;
    let id = parse(&token)?;
    directory.token(&caller, &user.user, id).await?;
    let is_active = wire::active(&body.json_for_form().read().await?)?;
    let owner = user.user.clone();
    let token = directory.switch_token(&caller, user, id, is_active).await?;
    Ok((StatusCode::ACCEPTED, Json(TokenResponse::new(token, &owner, &base))))
}

/// `DELETE /api/users/{id}/tokens/{tokenid}` (section 7.5).
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path((id, token)): Path<(String, String)>,
) -> Result<StatusCode> {
    let user: Subject = user_of(&directory, &caller, &id).await?.into();
    directory.check_may_write_tokens(&caller, &user).await?;
    directory.delete_token(&caller, user, parse(&token)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(token: &str) -> std::result::Result<TokenId, Error> {
    TokenId::parse(token).ok_or(Error::NotFound(Entity::Token))
}
