//! `/Me`: the caller's own user (RFC 7644 section 3.11, `contracts/scim.md` section 10.12).

use http::StatusCode;
use shared::dialect::scim::{MEDIA_TYPE, Scim};
use shared::directory::UserDetail;
use shared::web::body::UnparsedBody;

use crate::answer::{Answer, Result, if_match};
use crate::context::Context;
use crate::query::Shape;
use crate::users::{answer, change_by, replace_by};

/// `GET /Me`.
pub async fn read(context: Context) -> Result<Answer> {
    let (context, detail) = oneself(context).await?;
    let answer = answer(&context, StatusCode::OK, detail, &Shape::of_uri(&context.uri)).await?;
    Ok(answer.unless_known(&context.headers))
}

/// `PUT /Me`.
pub async fn replace(context: Context, UnparsedBody { body, .. }: UnparsedBody<Scim>) -> Result<Answer> {
    let (context, detail) = oneself(context).await?;
    let body = body.read_json(MEDIA_TYPE).await?;
    let detail = replace_by(&context, detail, body, &if_match(&context.headers)).await?;
    answer(&context, StatusCode::OK, detail, &Shape::of_uri(&context.uri)).await
}

/// `PATCH /Me`.
pub async fn change(context: Context, UnparsedBody { body, .. }: UnparsedBody<Scim>) -> Result<Answer> {
    let (context, detail) = oneself(context).await?;
    let body = body.read_json(MEDIA_TYPE).await?;
    let detail = change_by(&context, detail, &body, &if_match(&context.headers)).await?;
    answer(&context, StatusCode::OK, detail, &Shape::of_uri(&context.uri)).await
}

/// The caller with the rights over the own account, and that account.
async fn oneself(context: Context) -> Result<(Context, UserDetail)> {
    let caller = context.directory.as_oneself(context.caller).await?;
    let detail = context.directory.user(&caller, caller.user.id).await?;
    Ok((Context { caller, ..context }, detail))
}
