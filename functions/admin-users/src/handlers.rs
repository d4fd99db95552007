//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::LINK;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use shared::dialect::openl2m::OpenL2m;
use shared::error::Entity;
use shared::model::UserNumber;
use shared::web::body::UnparsedBody;
use shared::web::dialect::Dialect as _;
use shared::web::negotiation::query_value;
use shared::web::pagination::whole_number;
use shared::web::{Authenticated, BaseUrl, Failure, IfMatch, Versioned};
use shared::{Directory, Error};

use crate::compressed_json::respond;
use crate::wire::{self, ProfileAnswer, UserResponse};

/// The default number of users in a part of the list.
const DEFAULT_LIMIT: usize = 1000;
/// The maximum number.
const MOST_LIMIT: usize = 5000;

type Result<T> = std::result::Result<T, Failure<OpenL2m>>;

/// `GET /api/admin/users/` (section 7); with `?after=` a part of the list (section 11, "The list at scale").
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenL2m>,
    base: BaseUrl,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let limit = directory.settings().answer_limit;
    let representation = OpenL2m::representation(&uri, &headers)?;
    let Some(after) = query_value(&uri, "after").and_then(|text| text.parse().ok().map(UserNumber)) else {
        let rows = directory.users_by_number(&caller).await?;
        let rows: Vec<UserResponse> = rows.into_iter().map(UserResponse::row).collect();
        return Ok(respond(&rows, representation, &headers, limit)?);
    };
    let size = query_value(&uri, "limit").and_then(|text| whole_number(&text)).filter(|&size| size > 0);
    let size = size.map_or(DEFAULT_LIMIT, |size| usize::try_from(size).unwrap_or(MOST_LIMIT)).min(MOST_LIMIT);
    let page = directory.users_after(&caller, after, size).await?;
    let rows: Vec<UserResponse> = page.items.into_iter().map(UserResponse::row).collect();
    let mut response = respond(&rows, representation, &headers, limit)?;
    if let Some(next) = page.next
        && let Ok(link) =
            HeaderValue::from_str(&format!("<{}{}?after={next}&limit={size}>; rel=\"next\"", base.0, uri.path()))
    {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// `POST /api/admin/users/` (section 6, Create).
pub async fn create(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenL2m>,
    UnparsedBody { body, .. }: UnparsedBody<OpenL2m>,
) -> Result<Versioned<(StatusCode, Json<UserResponse>)>> {
    let (draft, sent) = wire::new_user(&body.read().await?);
    let profile = ProfileAnswer::of(sent.is_some());
    let detail = directory.create_user(&caller, draft, None).await?;
    Ok(Versioned(detail.user.version, (StatusCode::CREATED, Json(UserResponse::new(detail.user, profile)))))
}

/// `GET /api/admin/users/{id}/` (section 4).
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenL2m>,
    Path(number): Path<String>,
) -> Result<Versioned<Json<UserResponse>>> {
    let detail = directory.user_by_number(&caller, parse(&number)?).await?;
    Ok(Versioned(detail.user.version, Json(UserResponse::new(detail.user, ProfileAnswer::Object))))
}

/// `POST` and `PATCH /api/admin/users/{id}/`, which do the same (section 6, Update).
pub async fn update(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenL2m>,
    Path(number): Path<String>,
    IfMatch(expected): IfMatch,
    UnparsedBody { body, .. }: UnparsedBody<OpenL2m>,
) -> Result<Versioned<Json<UserResponse>>> {
    // Read the object before the body: an unknown id is reported whatever was sent.
    let detail = directory.user_by_number(&caller, parse(&number)?).await?;
    let (draft, sent) = wire::changes(&body.read().await?, &detail.user);
    let detail = directory.change_user(&caller, detail, draft, &expected).await?;
    Ok(Versioned(detail.user.version, Json(UserResponse::new(detail.user, ProfileAnswer::of(sent)))))
}

/// A number of any length; one that is too large to be an id matches nobody.
fn parse(number: &str) -> std::result::Result<UserNumber, Error> {
    number.parse().map(UserNumber).map_err(|_| Error::NotFound(Entity::User))
}
