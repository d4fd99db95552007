//! One function per operation.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::{Method, StatusCode, Uri};
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::model::UserId;
use shared::web::body::UnparsedBody;
use shared::web::pagination::{NumberedPage, PageRequest};
use shared::web::{Authenticated, BaseUrl, Failure, IfMatch, LinkBaseUrl, Versioned};

use crate::filter::filter;
use crate::wire::{self, UserDetailResponse, UserRowResponse};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// `GET /api/v1/users/user/` (sections 7.3 and 15).
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<NumberedPage<UserRowResponse>>> {
    let request = PageRequest::numbered(&uri);
    let page = directory.users(&caller, &filter(&uri)?, request.range()).await?;
    Ok(Json(request.envelope(&base, page, |row| UserRowResponse::new(row, &caller))?))
}

/// `POST /api/v1/users/user/` (section 7.2).
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Extension(links): Extension<LinkBaseUrl>,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Versioned<(StatusCode, Json<UserRowResponse>)>> {
    let draft = wire::new_user(&body.read().await?, &caller);
    let detail = directory.create_user(&caller, draft, Some(&links.0)).await?;
    let row = detail.user.row(&detail.memberships);
    Ok(Versioned(detail.user.version, (StatusCode::CREATED, Json(UserRowResponse::new(row, &caller)))))
}

/// `GET /api/v1/users/user/{id}/` (section 7.3).
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
) -> Result<Versioned<Json<UserDetailResponse>>> {
    let detail = directory.user(&caller, id).await?;
    let detail = directory.ordered(&caller, detail).await?;
    Ok(Versioned(detail.user.version, Json(UserDetailResponse::new(detail, &caller))))
}

/// `PUT /api/v1/users/user/{id}/`, and `PATCH` for a part of the fields (section 7.4).
pub async fn change(
    method: Method,
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
    IfMatch(expected): IfMatch,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Versioned<Json<UserDetailResponse>>> {
    // Read the object before the body: an invisible object is 404 whatever was sent.
    let detail = directory.user(&caller, id).await?;
    let draft = wire::changes(&body.read().await?, method == Method::PATCH, &detail.user, &caller);
    let detail = directory.change_user(&caller, detail, draft, &expected).await?;
    let detail = directory.ordered(&caller, detail).await?;
    Ok(Versioned(detail.user.version, Json(UserDetailResponse::new(detail, &caller))))
}

/// `DELETE /api/v1/users/user/{id}/` (section 7.6).
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode> {
    let subject = directory.subject(&caller, id).await?;
    directory.delete_user(&caller, subject, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}
