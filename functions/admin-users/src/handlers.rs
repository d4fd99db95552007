//! One function per operation.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use shared::dialect::openl2m::OpenL2m;
use shared::error::Entity;
use shared::model::UserNumber;
use shared::web::body::Unread;
use shared::web::endpoint::Admission as _;
use shared::web::negotiation::query_value;
use shared::web::{Admitted, Base, Failure};
use shared::{Directory, Error};

use crate::answer::answer;
use crate::wire::{self, ProfileAnswer, UserOut};

/// How many users a part of the list has, if the client does not say.
const DEFAULT_LIMIT: usize = 1000;
/// How many it has at most.
const MOST_LIMIT: usize = 5000;

type Result<T> = std::result::Result<T, Failure<OpenL2m>>;

/// `GET /api/admin/users/` (section 7); a part of the list with `?after=` (section 11, "The list at scale").
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenL2m>,
    base: Base,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let limit = directory.settings().answer_limit;
    let representation = OpenL2m::representation(&uri, &headers)?;
    let Some(after) = query_value(&uri, "after").and_then(|text| text.parse().ok().map(UserNumber)) else {
        let rows = directory.users_by_number(&caller).await?;
        let rows: Vec<UserOut> = rows.into_iter().map(UserOut::row).collect();
        return Ok(answer(&rows, representation, &headers, limit)?);
    };
    let size = query_value(&uri, "limit").and_then(|text| text.parse().ok()).filter(|&size| size > 0);
    let size = size.unwrap_or(DEFAULT_LIMIT).min(MOST_LIMIT);
    let (rows, more) = directory.users_after(&caller, after, size).await?;
    let next = rows.last().filter(|_| more).map(|row| row.number);
    let rows: Vec<UserOut> = rows.into_iter().map(UserOut::row).collect();
    let mut response = answer(&rows, representation, &headers, limit)?;
    if let Some(next) = next
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
    Admitted { caller, .. }: Admitted<OpenL2m>,
    Unread { body, .. }: Unread<OpenL2m>,
) -> Result<Response> {
    let (draft, sent) = wire::new_user(&body.read().await?);
    let profile = ProfileAnswer::of(sent.is_some());
    let detail = directory.create_user(&caller, draft, None).await?;
    Ok((StatusCode::CREATED, Json(UserOut::new(detail.user, profile))).into_response())
}

/// `GET /api/admin/users/{id}/` (section 4).
pub async fn read(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenL2m>,
    Path(number): Path<String>,
) -> Result<Json<UserOut>> {
    let detail = directory.user_by_number(&caller, parse(&number)?).await?;
    Ok(Json(UserOut::new(detail.user, ProfileAnswer::Object)))
}

/// `POST` and `PATCH /api/admin/users/{id}/`, which are the same (section 6, Update).
pub async fn update(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenL2m>,
    Path(number): Path<String>,
    Unread { body, .. }: Unread<OpenL2m>,
) -> Result<Json<UserOut>> {
    // The object before the body: an unknown id is told whatever was sent.
    let detail = directory.user_by_number(&caller, parse(&number)?).await?;
    let (draft, sent) = wire::changes(&body.read().await?, detail.user.number);
    let detail = directory.change_user(&caller, detail, draft).await?;
    Ok(Json(UserOut::new(detail.user, ProfileAnswer::of(sent))))
}

/// A number of any length; one that is too large to be an id is nobody's.
fn parse(number: &str) -> std::result::Result<UserNumber, Error> {
    number.parse().map(UserNumber).map_err(|_| Error::NotFound(Entity::User))
}
