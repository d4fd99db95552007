//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{Method, StatusCode, Uri};
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::openwisp::endpoint::Parent;
use shared::error::Entity;
use shared::model::AddressId;
use shared::web::body::Unread;
use shared::web::pagination::{Page, PageRequest};
use shared::web::{Admitted, Base, Failure};
use shared::{Directory, Error};

use crate::wire::{self, AddressOut};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;
/// The user's id and the address's number.
type Address = Path<(String, String)>;

/// `GET /api/v1/users/user/{id}/email/`.
pub async fn list(Parent(user): Parent, base: Base, uri: Uri) -> Result<Json<Page<AddressOut>>> {
    let request = PageRequest::new(&uri);
    Ok(Json(request.page_of(&base, user.addresses, AddressOut::from)?))
}

/// `POST /api/v1/users/user/{id}/email/`.
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Parent(user): Parent,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<(StatusCode, Json<AddressOut>)> {
    let draft = wire::new_address(&body.read().await?);
    let entry = directory.add_address(&caller, user, draft).await?;
    Ok((StatusCode::CREATED, Json(entry.into())))
}

/// `GET /api/v1/users/user/{id}/email/{number}/`.
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Parent(user): Parent,
    Path((_, number)): Address,
) -> Result<Json<AddressOut>> {
    Ok(Json(directory.address(&user, id(&number)?)?.clone().into()))
}

/// `PUT /api/v1/users/user/{id}/email/{number}/`, and `PATCH` for a part of the fields.
pub async fn change(
    method: Method,
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Parent(user): Parent,
    Path((_, number)): Address,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Json<AddressOut>> {
    let id = id(&number)?;
    let was_verified = directory.address(&user, id)?.verified;
    let is_partial = method == Method::PATCH;
    let draft = wire::changes(&body.read().await?, is_partial, caller.user.is_superuser, was_verified);
    Ok(Json(directory.change_address(&caller, user, id, draft).await?.into()))
}

/// `DELETE /api/v1/users/user/{id}/email/{number}/`.
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Parent(user): Parent,
    Path((_, number)): Address,
) -> Result<StatusCode> {
    directory.delete_address(&caller, user, id(&number)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A number too large to be an id is no address's.
fn id(number: &str) -> std::result::Result<AddressId, Error> {
    number.parse().map(AddressId).map_err(|_| Error::NotFound(Entity::EmailAddress))
}
