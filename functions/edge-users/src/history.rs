//! The access history of a user (section 8).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::Uri;
use serde::Serialize;
use shared::Directory;
use shared::dialect::{edge::Edge, edge::user_of};
use shared::model::SignInAttempt;
use shared::web::pagination::PageRequest;
use shared::web::{Authenticated, BaseUrl, Failure};

/// A login attempt.
#[derive(Serialize, schemars::JsonSchema)]
pub struct AttemptResponse {
    success: bool,
    user_agent: Option<String>,
    attempted_on: String,
    remote_address: Option<String>,
}

/// `GET /api/users/{id}/history`
pub async fn list(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<Edge>,
    Path(id): Path<String>,
    base: BaseUrl,
    uri: Uri,
) -> Result<Response, Failure<Edge>> {
    let user = user_of(&directory, &caller, &id).await?;
    let request = PageRequest::linked(&uri)?;
    let page = directory.history(&caller, &user.user, request.range(), request.after()).await?;
    Ok(request.respond(&base, page, AttemptResponse::from)?)
}

impl From<SignInAttempt> for AttemptResponse {
    fn from(attempt: SignInAttempt) -> Self {
        let SignInAttempt { success, at, user_agent, address } = attempt;
        Self { success, user_agent, attempted_on: at.naive(), remote_address: address }
    }
}
