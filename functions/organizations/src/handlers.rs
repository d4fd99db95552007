//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{Method, StatusCode, Uri};
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::model::OrganizationId;
use shared::web::body::UnparsedBody;
use shared::web::pagination::{NumberedPage, PageRequest};
use shared::web::{Authenticated, BaseUrl, Failure, IfMatch, Versioned};

use crate::wire::{self, OrganizationDetailResponse, OrganizationRowResponse};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// `GET /api/v1/users/organization/` (section 12.1).
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<NumberedPage<OrganizationRowResponse>>> {
    let request = PageRequest::numbered(&uri);
    let page = directory.organizations(&caller, request.range()).await?;
    Ok(Json(request.envelope(&base, page, OrganizationRowResponse::from)?))
}

/// `POST /api/v1/users/organization/` (section 12.2).
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Versioned<(StatusCode, Json<OrganizationRowResponse>)>> {
    let draft = wire::new_organization(&body.read().await?);
    let organization = directory.create_organization(&caller, draft).await?;
    Ok(Versioned(organization.version, (StatusCode::CREATED, Json(organization.into()))))
}

/// `GET /api/v1/users/organization/{id}/` (section 12.1).
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<OrganizationId>,
) -> Result<Versioned<Json<OrganizationDetailResponse>>> {
    let organization = directory.organization(&caller, id).await?;
    Ok(Versioned(organization.version, Json(organization.into())))
}

/// `PUT /api/v1/users/organization/{id}/`, and `PATCH` for a part of the fields (section 12.3).
pub async fn change(
    method: Method,
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<OrganizationId>,
    IfMatch(expected): IfMatch,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Versioned<Json<OrganizationDetailResponse>>> {
    let organization = directory.organization(&caller, id).await?;
    let draft = wire::changes(&body.read().await?, method == Method::PATCH, &organization);
    let organization = directory.change_organization(&caller, organization, draft, &expected).await?;
    Ok(Versioned(organization.version, Json(organization.into())))
}

/// `DELETE /api/v1/users/organization/{id}/` (section 12.5).
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<OrganizationId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode> {
    let organization = directory.organization(&caller, id).await?;
    directory.delete_organization(&caller, organization, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}
