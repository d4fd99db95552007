//! One function per operation on deleted users.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{StatusCode, Uri};
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::model::UserId;
use shared::web::pagination::{ContinuedPage, PageRequest};
use shared::web::{Authenticated, BaseUrl, Failure};

use crate::wire::{DeletedRowResponse, DeletedUserResponse, RestoredResponse};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// `GET /api/rollcall/v1/deleted/`
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<ContinuedPage<DeletedRowResponse>>> {
    let request = PageRequest::numbered(&uri);
    let page = directory.deleted_users(&caller, request.after(), request.size()).await?;
    Ok(Json(request.continued(&base, page, DeletedRowResponse::from)))
}

/// `GET /api/rollcall/v1/deleted/{id}/`
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
) -> Result<Json<DeletedUserResponse>> {
    Ok(Json(directory.deleted_user(&caller, id).await?.into()))
}

/// `DELETE /api/rollcall/v1/deleted/{id}/`
pub async fn purge(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
) -> Result<StatusCode> {
    directory.purge_user(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/rollcall/v1/deleted/{id}/restore/`
pub async fn restore(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
) -> Result<Json<RestoredResponse>> {
    Ok(Json(directory.restore_user(&caller, id).await?.into()))
}
