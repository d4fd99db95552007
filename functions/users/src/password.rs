//! `/api/v1/users/user/{id}/password/` (`contracts/openwisp.md` section 9.1).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use shared::Directory;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::RequestOrigin;
use shared::directory::{Draft, SetPassword};
use shared::model::UserId;
use shared::web::body::UnparsedBody;
use shared::web::fields::{Field, FieldKind, Reader, Sent};
use shared::web::{Authenticated, Failure};

const CURRENT: Field = Field::new("current_password", "Current password", FieldKind::Secret).required().nullable();
const NEW: Field = Field::new("new_password", "New password", FieldKind::Secret).required().at_most(128);
const CONFIRM: Field = Field::new("confirm_password", "Confirm password", FieldKind::Secret).required().at_most(128);

/// The fields for setting a password.
pub fn fields(_: bool) -> Vec<&'static Field> {
    vec![&CURRENT, &NEW, &CONFIRM]
}

/// The success message.
#[derive(Serialize, schemars::JsonSchema)]
pub struct PasswordSet {
    status: &'static str,
    message: &'static str,
}

/// `PUT /api/v1/users/user/{id}/password/`.
pub async fn set(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
    origin: RequestOrigin,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Json<PasswordSet>, Failure<OpenWisp>> {
    let of = directory.subject_or_oneself(&caller, id).await?;
    // Check permission before the body.
    directory.check_may_set_password(&caller, &of).await?;
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let current = reader.secret(&CURRENT);
    let is_current_refused = current == Sent::Absent;
    let (current, new, again) = (current.value(), reader.secret(&NEW).value(), reader.secret(&CONFIRM).value());
    let content = SetPassword { current, is_current_refused, new, again };
    let draft = Draft { content, violations: reader.finish() };
    directory.set_password(&caller, of, draft, &origin).await?;
    Ok(Json(PasswordSet { status: "Success", message: "Password updated successfully" }))
}
