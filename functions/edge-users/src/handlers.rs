//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use shared::dialect::{edge::Edge, edge::user_of};
use shared::directory::Caller;
use shared::model::User;
use shared::web::body::UnparsedBody;
use shared::web::pagination::PageRequest;
use shared::web::{Authenticated, BaseUrl, Failure, IfMatch, Versioned};
use shared::{Directory, Error};

use crate::wire::{self, UserResponse};

type Result<T> = std::result::Result<T, Failure<Edge>>;

/// `GET /api/users` (section 4).
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Response> {
    let filter = wire::filter(&uri)?;
    let request = PageRequest::linked(&uri)?;
    let page = directory.find_users(&caller, &filter, request.range()).await?;
    let page = directory.with_previous_sign_in(&caller, page).await?;
    Ok(request.respond(&base, page, |(row, previous)| UserResponse::new(row, previous, &base))?)
}

/// `POST /api/users` (section 5).
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    base: BaseUrl,
    UnparsedBody { body, .. }: UnparsedBody<Edge>,
) -> Result<Response> {
    let draft = wire::new_user(&body.json_for_form().read().await?);
    let detail = directory.create_user(&caller, draft, None).await?;
    let version = detail.user.version;
    let user = UserResponse::new(detail.user.row(&[]), None, &base);
    let location = HeaderValue::from_str(user.url()).map_err(|error| Error::Internal(error.into()))?;
    Ok(Versioned(version, (StatusCode::CREATED, [(LOCATION, location)], Json(user))).into_response())
}

/// `GET /api/users/{id}` (section 3).
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path(id): Path<String>,
    base: BaseUrl,
) -> Result<Versioned<Json<UserResponse>>> {
    let detail = user_of(&directory, &caller, &id).await?;
    Ok(Versioned(detail.user.version, Json(shown(&directory, &caller, detail.user, &base).await?)))
}

/// `PATCH /api/users/{id}` (section 6).
pub async fn update(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path(id): Path<String>,
    base: BaseUrl,
    IfMatch(expected): IfMatch,
    UnparsedBody { body, .. }: UnparsedBody<Edge>,
) -> Result<Versioned<(StatusCode, Json<UserResponse>)>> {
    // Check permission before the body.
    let detail = user_of(&directory, &caller, &id).await?;
    directory.check_may_change(&caller, &detail).await?;
    let draft = wire::changes(&body.json_for_form().read().await?, &detail.user);
    let user = directory.change_user(&caller, detail, draft, &expected).await?.user;
    Ok(Versioned(user.version, (StatusCode::ACCEPTED, Json(shown(&directory, &caller, user, &base).await?))))
}

/// `DELETE /api/users/{id}` (section 6, rule 8).
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path(id): Path<String>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode> {
    let detail = user_of(&directory, &caller, &id).await?;
    directory.delete_user(&caller, detail.into(), &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn shown(directory: &Directory, caller: &Caller, user: User, base: &BaseUrl) -> Result<UserResponse> {
    let previous = directory.previous_sign_in(caller, &user).await?;
    Ok(UserResponse::new(user.row(&[]), previous, base))
}
