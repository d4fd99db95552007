//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{Method, StatusCode, Uri};
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::model::UserId;
use shared::web::body::Unread;
use shared::web::pagination::{Page, PageRequest};
use shared::web::{Admitted, Base, Failure};

use crate::wire::{self, UserDetailOut, UserRowOut};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// `GET /api/v1/users/user/` (section 7.3).
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    base: Base,
    uri: Uri,
) -> Result<Json<Page<UserRowOut>>> {
    let request = PageRequest::new(&uri);
    let page = directory.users(&caller, |total| request.rows(total)).await?;
    let rows = page.rows.into_iter().map(|row| UserRowOut::new(row, &caller)).collect();
    Ok(Json(request.envelope(&base, page.total, rows)?))
}

/// `POST /api/v1/users/user/` (section 7.2).
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    base: Base,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<(StatusCode, Json<UserRowOut>)> {
    let draft = wire::new_user(&body.read().await?, &caller);
    let detail = directory.create_user(&caller, draft, Some(&base.0)).await?;
    let row = detail.user.row(&detail.memberships);
    Ok((StatusCode::CREATED, Json(UserRowOut::new(row, &caller))))
}

/// `GET /api/v1/users/user/{id}/` (section 7.3).
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Path(id): Path<UserId>,
) -> Result<Json<UserDetailOut>> {
    let detail = directory.user(&caller, id).await?;
    Ok(Json(UserDetailOut::new(detail, &caller)))
}

/// `PUT /api/v1/users/user/{id}/`, and `PATCH` for a part of the fields (section 7.4).
pub async fn change(
    method: Method,
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Path(id): Path<UserId>,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Json<UserDetailOut>> {
    // The object before the body: what is out of sight is 404 whatever was sent.
    let detail = directory.user(&caller, id).await?;
    let draft = wire::changes(&body.read().await?, method == Method::PATCH, &caller);
    let detail = directory.change_user(&caller, detail, draft).await?;
    Ok(Json(UserDetailOut::new(detail, &caller)))
}

/// `DELETE /api/v1/users/user/{id}/` (section 7.6).
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Path(id): Path<UserId>,
) -> Result<StatusCode> {
    let user = directory.user_alone(&caller, id).await?;
    directory.delete_user(&caller, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
