//! `/.search`: users and groups together (RFC 7644 section 3.4.3).

use shared::dialect::scim::{MEDIA_TYPE, Scim};
use shared::model::{Action, Model};
use shared::web::body::UnparsedBody;

use crate::answer::{Answer, Result};
use crate::context::Context;
use crate::list;
use crate::query::Query;

/// `POST /.search`.
pub async fn search(context: Context, UnparsedBody { body, .. }: UnparsedBody<Scim>) -> Result<Answer> {
    for model in [Model::User, Model::Group] {
        context.must(Action::View, model)?;
    }
    let query = Query::of_body(&body.read_json(MEDIA_TYPE).await?)?;
    Ok(Answer::ok(list::both(&context, &query).await?.body()))
}
