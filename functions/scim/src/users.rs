//! `/Users` (`contracts/scim.md` sections 2 to 5).

use axum::extract::Path;
use http::StatusCode;
use serde_json::{Map, Value};
use shared::Error;
use shared::dialect::scim::{MEDIA_TYPE, Scim};
use shared::directory::{Draft, Expected, UserDetail};
use shared::error::Entity;
use shared::model::{Action, Model, UserChanges, UserId};
use shared::web::body::UnparsedBody;

use crate::answer::{Answer, Failed, Result, if_match};
use crate::context::Context;
use crate::query::{Query, Shape};
use crate::schema::USER;
use crate::user::{Names, resource};
use crate::{body, changes, list, patch};

/// `GET /Users`.
pub async fn list(context: Context) -> Result<Answer> {
    let query = Query::of_uri(&context.uri)?;
    page(&context, &query).await
}

/// `POST /Users/.search`.
pub async fn search(context: Context, UnparsedBody { body, .. }: UnparsedBody<Scim>) -> Result<Answer> {
    let query = Query::of_body(&body.read_json(MEDIA_TYPE).await?)?;
    page(&context, &query).await
}

async fn page(context: &Context, query: &Query) -> Result<Answer> {
    let mut page = list::users(context, query, false).await?;
    page.resources = page.resources.into_iter().map(|user| query.shape.of(&USER, user)).collect();
    Ok(Answer::ok(page.body()))
}

/// `POST /Users`.
pub async fn create(context: Context, UnparsedBody { body, .. }: UnparsedBody<Scim>) -> Result<Answer> {
    let body = body.read_json(MEDIA_TYPE).await?;
    create_from(&context, body, &Shape::of_uri(&context.uri)).await
}

/// `GET /Users/{id}`.
pub async fn read(context: Context, Path(id): Path<String>) -> Result<Answer> {
    let detail = context.directory.user(&context.caller, user_id(&id)?).await?;
    let answer = answer(&context, StatusCode::OK, detail, &Shape::of_uri(&context.uri)).await?;
    Ok(answer.unless_known(&context.headers))
}

/// `PUT /Users/{id}`.
pub async fn replace(
    context: Context,
    Path(id): Path<String>,
    UnparsedBody { body, .. }: UnparsedBody<Scim>,
) -> Result<Answer> {
    let expected = if_match(&context.headers);
    // An invisible user is 404 whatever was sent.
    let detail = context.directory.user(&context.caller, user_id(&id)?).await?;
    let body = body.read_json(MEDIA_TYPE).await?;
    let detail = replace_by(&context, detail, body, &expected).await?;
    answer(&context, StatusCode::OK, detail, &Shape::of_uri(&context.uri)).await
}

/// `PATCH /Users/{id}`.
pub async fn change(
    context: Context,
    Path(id): Path<String>,
    UnparsedBody { body, .. }: UnparsedBody<Scim>,
) -> Result<Answer> {
    let expected = if_match(&context.headers);
    let detail = context.directory.user(&context.caller, user_id(&id)?).await?;
    let body = body.read_json(MEDIA_TYPE).await?;
    let detail = change_by(&context, detail, &body, &expected).await?;
    answer(&context, StatusCode::OK, detail, &Shape::of_uri(&context.uri)).await
}

/// `DELETE /Users/{id}`.
pub async fn delete(context: Context, Path(id): Path<String>) -> Result<Answer> {
    delete_at(&context, &id, &if_match(&context.headers)).await
}

/// Only one spelling is an id; all others are nobody's.
pub fn user_id(text: &str) -> Result<UserId, Error> {
    UserId::parse(text).ok_or(Error::NotFound(Entity::User))
}

/// Creates the user of a body.
pub async fn create_from(context: &Context, body: Map<String, Value>, shape: &Shape) -> Result<Answer> {
    context.must(Action::Add, Model::User)?;
    let Draft { mut content, violations } = changes::new_user(&body::resource(&USER, body)?);
    content.membership = context.directory.membership_for_new_users(&context.caller).await?;
    let detail = context.directory.create_user(&context.caller, Draft { content, violations }, None).await?;
    answer(context, StatusCode::CREATED, detail, shape).await
}

/// Makes a user look like a body.
pub async fn replace_by(
    context: &Context,
    detail: UserDetail,
    body: Map<String, Value>,
    expected: &Expected,
) -> Result<UserDetail> {
    let after = body::resource(&USER, body)?;
    let draft =
        |detail: &UserDetail| Ok::<_, Failed>(changes::changes(&seen(context, detail), &after, &detail.user.extras));
    Box::pin(context.directory.change_user_by(&context.caller, detail, draft, expected)).await
}

/// Applies the operations of a body to a user.
pub async fn change_by(
    context: &Context,
    detail: UserDetail,
    body: &Map<String, Value>,
    expected: &Expected,
) -> Result<UserDetail> {
    let steps = patch::steps(&USER, body)?;
    let draft = |detail: &UserDetail| -> Result<Draft<UserChanges>> {
        let before = seen(context, detail);
        let mut after = before.clone();
        steps.iter().try_for_each(|step| step.apply(&mut after))?;
        Ok(changes::changes(&before, &after, &detail.user.extras))
    };
    Box::pin(context.directory.change_user_by(&context.caller, detail, draft, expected)).await
}

/// Deletes a user.
pub async fn delete_at(context: &Context, id: &str, expected: &Expected) -> Result<Answer> {
    context.must(Action::Delete, Model::User)?;
    let subject = context.directory.subject(&context.caller, user_id(id)?).await?;
    context.directory.delete_user(&context.caller, subject, expected).await?;
    Ok(Answer::nothing())
}

/// A user as the caller sees it, without names of others.
fn seen(context: &Context, detail: &UserDetail) -> Map<String, Value> {
    resource(&detail.user.row(&detail.memberships), &context.caller, &context.root, &Names::default())
}

/// A response about a user.
pub async fn answer(context: &Context, status: StatusCode, detail: UserDetail, shape: &Shape) -> Result<Answer> {
    let detail = context.directory.ordered(&context.caller, detail).await?;
    let rows = vec![detail.user.row(&detail.memberships)];
    let found = list::resources(context, rows, false).await?.pop();
    let whole = Answer::resource(status, found.map(|found| found.resource).unwrap_or_default());
    let shown = whole.body.and_then(|body| match body {
        Value::Object(user) => Some(Value::Object(shape.of(&USER, user))),
        _ => None,
    });
    Ok(Answer { body: shown, ..whole })
}
