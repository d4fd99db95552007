//! Unlocking a user: `/api/rollcall/v1/users/{id}/unlock/`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::model::UserId;
use shared::web::{Authenticated, Failure};

/// The result of unlocking.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Unlocked {
    /// How many consecutive failed logins were cleared.
    forgotten_failures: usize,
}

/// `POST /api/rollcall/v1/users/{id}/unlock/`
pub async fn unlock(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
) -> Result<Json<Unlocked>, Failure<OpenWisp>> {
    let forgotten_failures = directory.unlock(&caller, id).await?;
    Ok(Json(Unlocked { forgotten_failures }))
}
