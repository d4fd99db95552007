//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::{Method, StatusCode, Uri};
use shared::dialect::openwisp::OpenWisp;
use shared::directory::AddressDetail;
use shared::error::Entity;
use shared::model::{Action, AddressId};
use shared::web::body::UnparsedBody;
use shared::web::pagination::{NumberedPage, PageRequest};
use shared::web::{Authenticated, BaseUrl, Failure, IfMatch, Parent, Versioned};
use shared::{Directory, Error};

use crate::wire::{self, AddressResponse};

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;
/// The user's id and the number of the e-mail address.
type Address = Path<(String, String)>;

/// `GET /api/v1/users/user/{id}/email/`.
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Parent { parent: owner, .. }: Parent<OpenWisp>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Json<NumberedPage<AddressResponse>>> {
    let request = PageRequest::numbered(&uri);
    let addresses = directory.addresses(&caller, owner)?;
    Ok(Json(request.envelope(&base, request.range().cut(addresses), AddressResponse::from)?))
}

/// `POST /api/v1/users/user/{id}/email/`.
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Parent { parent: owner, .. }: Parent<OpenWisp>,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Versioned<(StatusCode, Json<AddressResponse>)>> {
    // Check permission before the body.
    directory.check_may_change_addresses(&caller, &owner, Action::Add).await?;
    let draft = wire::new_address(&body.read().await?);
    let AddressDetail { entry, version } = directory.add_address(&caller, owner, draft).await?;
    Ok(Versioned(version, (StatusCode::CREATED, Json(entry.into()))))
}

/// `GET /api/v1/users/user/{id}/email/{number}/`.
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Parent { parent: owner, .. }: Parent<OpenWisp>,
    Path((_, number)): Address,
) -> Result<Versioned<Json<AddressResponse>>> {
    let AddressDetail { entry, version } = directory.address(&caller, &owner, id(&number)?)?;
    Ok(Versioned(version, Json(entry.into())))
}

/// `PUT /api/v1/users/user/{id}/email/{number}/`, and `PATCH` for a part of the fields.
pub async fn change(
    method: Method,
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Parent { parent: owner, .. }: Parent<OpenWisp>,
    Path((_, number)): Address,
    IfMatch(expected): IfMatch,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Versioned<Json<AddressResponse>>> {
    let id = id(&number)?;
    let was_verified = directory.address(&caller, &owner, id)?.entry.verified;
    directory.check_may_change_addresses(&caller, &owner, Action::Change).await?;
    let is_partial = method == Method::PATCH;
    let draft = wire::changes(&body.read().await?, is_partial, caller.user.flags.is_superuser, was_verified);
    let AddressDetail { entry, version } = directory.change_address(&caller, owner, id, draft, &expected).await?;
    Ok(Versioned(version, Json(entry.into())))
}

/// `DELETE /api/v1/users/user/{id}/email/{number}/`.
pub async fn delete(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Parent { parent: owner, .. }: Parent<OpenWisp>,
    Path((_, number)): Address,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode> {
    directory.delete_address(&caller, owner, id(&number)?, &expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A number too large to be an id matches no address.
fn id(number: &str) -> std::result::Result<AddressId, Error> {
    number.parse().map(AddressId).map_err(|_| Error::NotFound(Entity::EmailAddress))
}
