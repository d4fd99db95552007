//! The memberships of a user: `/api/v1/users/user/{id}/organization/…` (`contracts/openwisp.md` section 15).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{StatusCode, Uri};
use serde::Serialize;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::{Draft, NewMembership};
use shared::error::Error;
use shared::model::{Action, Membership, MembershipId, OrganizationId, UserId};
use shared::web::body::UnparsedBody;
use shared::web::fields::{Blank, Field, FieldKind, Reader};
use shared::web::pagination::{NumberedPage, PageRequest};
use shared::web::{Authenticated, BaseUrl, Failure};

const ID: Field = Field::new("id", "Id", FieldKind::Text(Blank::Refused)).read_only();
const ORGANIZATION: Field = Field::new("organization", "Organization", FieldKind::Reference).required();
const READ_ONLY_ORGANIZATION: Field = ORGANIZATION.read_only();
const IS_ADMIN: Field = Field::new("is_admin", "Organization manager", FieldKind::Boolean);

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;
/// The user and the organization.
type Address = Path<(UserId, OrganizationId)>;

/// The fields of a new membership, in the order of the wire.
pub fn new_fields(_: bool) -> Vec<&'static Field> {
    vec![&ID, &ORGANIZATION, &IS_ADMIN]
}

/// The fields of a membership.
pub fn fields(_: bool) -> Vec<&'static Field> {
    vec![&ID, &READ_ONLY_ORGANIZATION, &IS_ADMIN]
}

/// A membership.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OrganizationUserResponse {
    id: MembershipId,
    organization: OrganizationId,
    is_admin: bool,
}

impl From<Membership> for OrganizationUserResponse {
    fn from(Membership { id, organization, is_admin, .. }: Membership) -> Self {
        Self { id, organization, is_admin }
    }
}

/// `GET /api/v1/users/user/{id}/organization/`.
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(user): Path<UserId>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<NumberedPage<OrganizationUserResponse>>> {
    let request = PageRequest::numbered(&uri);
    let page = directory.memberships(&caller, user, request.range()).await?;
    Ok(Json(request.envelope(&base, page, OrganizationUserResponse::from)?))
}

/// `POST /api/v1/users/user/{id}/organization/`.
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(user): Path<UserId>,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<(StatusCode, Json<OrganizationUserResponse>)> {
    // Check permission before the body.
    directory.check_may_change_memberships(&caller, user, Action::Add).await?;
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let content = NewMembership {
        organization: reader.uuid(&ORGANIZATION).value().map(|named| named.map(OrganizationId)),
        is_admin: reader.boolean(&IS_ADMIN).value().unwrap_or_default(),
    };
    let draft = Draft { content, violations: reader.finish() };
    let made = directory.add_membership(&caller, user, draft).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// `GET /api/v1/users/user/{id}/organization/{organization}/`.
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path((user, organization)): Address,
) -> Result<Json<OrganizationUserResponse>> {
    Ok(Json(directory.membership(&caller, user, organization).await?.into()))
}

/// `PATCH /api/v1/users/user/{id}/organization/{organization}/`.
pub async fn change(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path((user, organization)): Address,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Json<OrganizationUserResponse>> {
    directory.membership(&caller, user, organization).await?;
    directory.check_may_change_memberships(&caller, user, Action::Change).await?;
    let input = body.read().await?;
    let mut reader = Reader::new(&input, true);
    let is_admin = reader.boolean(&IS_ADMIN).value();
    let violations = reader.finish();
    if !violations.is_empty() {
        return Err(Error::Invalid(violations).into());
    }
    Ok(Json(directory.change_membership(&caller, user, organization, is_admin).await?.into()))
}

/// `DELETE /api/v1/users/user/{id}/organization/{organization}/`.
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path((user, organization)): Address,
) -> Result<StatusCode> {
    directory.remove_membership(&caller, user, organization).await?;
    Ok(StatusCode::NO_CONTENT)
}
