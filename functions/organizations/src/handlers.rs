//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{Method, StatusCode, Uri};
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::model::OrganizationId;
use shared::web::body::Unread;
use shared::web::pagination::{Page, PageRequest};
use shared::web::{Admitted, Base, Failure};

use crate::wire::{self, OrganizationDetailOut, OrganizationRowOut};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// `GET /api/v1/users/organization/` (section 12.1).
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    base: Base,
    uri: Uri,
) -> Result<Json<Page<OrganizationRowOut>>> {
    let request = PageRequest::new(&uri);
    let page = directory.organizations(&caller, |total| request.rows(total)).await?;
    let rows = page.organizations.into_iter().map(OrganizationRowOut::from).collect();
    Ok(Json(request.envelope(&base, page.total, rows)?))
}

/// `POST /api/v1/users/organization/` (section 12.2).
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<(StatusCode, Json<OrganizationRowOut>)> {
    let draft = wire::new_organization(&body.read().await?);
    let organization = directory.create_organization(draft).await?;
    Ok((StatusCode::CREATED, Json(organization.into())))
}

/// `GET /api/v1/users/organization/{id}/` (section 12.1).
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Path(id): Path<OrganizationId>,
) -> Result<Json<OrganizationDetailOut>> {
    Ok(Json(directory.organization(&caller, id).await?.into()))
}

/// `PUT /api/v1/users/organization/{id}/`, and `PATCH` for a part of the fields (section 12.3).
pub async fn change(
    method: Method,
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Path(id): Path<OrganizationId>,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Json<OrganizationDetailOut>> {
    let organization = directory.organization(&caller, id).await?;
    let draft = wire::changes(&body.read().await?, method == Method::PATCH);
    Ok(Json(directory.change_organization(&caller, organization, draft).await?.into()))
}

/// `DELETE /api/v1/users/organization/{id}/` (section 12.5).
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Path(id): Path<OrganizationId>,
) -> Result<StatusCode> {
    let organization = directory.organization(&caller, id).await?;
    directory.delete_organization(&caller, organization).await?;
    Ok(StatusCode::NO_CONTENT)
}
