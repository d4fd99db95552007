//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{Method, StatusCode, Uri};
use shared::dialect::openwisp::OpenWisp;
use shared::error::Entity;
use shared::model::{Action, GroupId};
use shared::web::body::UnparsedBody;
use shared::web::pagination::{NumberedPage, PageRequest};
use shared::web::{Authenticated, BaseUrl, Failure, IfMatch, Versioned};
use shared::{Directory, Error};

use crate::wire::{self, GroupResponse};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// `GET /api/v1/users/group/`.
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<NumberedPage<GroupResponse>>> {
    let request = PageRequest::numbered(&uri);
    let page = directory.groups(&caller, request.range()).await?;
    Ok(Json(request.envelope(&base, page, GroupResponse::from)?))
}

/// `POST /api/v1/users/group/`.
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Versioned<(StatusCode, Json<GroupResponse>)>> {
    let draft = wire::changes(&body.read().await?, false);
    let group = directory.create_group(&caller, draft).await?;
    Ok(Versioned(group.version, (StatusCode::CREATED, Json(group.into()))))
}

/// `GET /api/v1/users/group/{number}/`.
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(number): Path<String>,
) -> Result<Versioned<Json<GroupResponse>>> {
    let group = directory.group(&caller, Action::View, id(&number)?).await?;
    Ok(Versioned(group.version, Json(group.into())))
}

/// `PUT /api/v1/users/group/{number}/`, and `PATCH` for a part of the fields.
pub async fn change(
    method: Method,
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(number): Path<String>,
    IfMatch(expected): IfMatch,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Versioned<Json<GroupResponse>>> {
    let group = directory.group(&caller, Action::Change, id(&number)?).await?;
    let draft = wire::changes(&body.read().await?, method == Method::PATCH);
    let group = directory.change_group(&caller, group, draft, &expected).await?;
    Ok(Versioned(group.version, Json(group.into())))
}

/// `DELETE /api/v1/users/group/{number}/`.
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(number): Path<String>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode> {
    let group = directory.group(&caller, Action::Delete, id(&number)?).await?;
    directory.delete_group(&caller, group, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A number too large to be an id matches no group.
fn id(number: &str) -> std::result::Result<GroupId, Error> {
    number.parse().map(GroupId).map_err(|_| Error::NotFound(Entity::Group))
}
