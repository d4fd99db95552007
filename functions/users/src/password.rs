//! `/api/v1/users/user/{id}/password/` (`contracts/openwisp.md` section 9.1).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::SetPassword;
use shared::model::UserId;
use shared::web::body::Unread;
use shared::web::fields::{Field, FieldKind, Reader};
use shared::web::{Admitted, ClientAddress, Failure};
use shared::{Directory, Error};

const CURRENT: Field = Field::new("current_password", "Current password", FieldKind::Secret).required().nullable();
const NEW: Field = Field::new("new_password", "New password", FieldKind::Secret).required().at_most(128);
const CONFIRM: Field = Field::new("confirm_password", "Confirm password", FieldKind::Secret).required().at_most(128);

/// The fields of a password to be set.
pub fn fields(_: bool) -> Vec<&'static Field> {
    vec![&CURRENT, &NEW, &CONFIRM]
}

/// That it was done.
#[derive(Serialize, schemars::JsonSchema)]
pub struct Done {
    status: &'static str,
    message: &'static str,
}

/// `PUT /api/v1/users/user/{id}/password/`.
pub async fn set(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    Path(id): Path<UserId>,
    ClientAddress(address): ClientAddress,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Json<Done>, Failure<OpenWisp>> {
    let user = directory.user_alone_or_oneself(&caller, id).await?;
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let current = reader.text(&CURRENT).value();
    let (new, again) = (reader.text(&NEW).value(), reader.text(&CONFIRM).value());
    let violations = reader.finish();
    let (Some(new), Some(again), true) = (new, again, violations.is_empty()) else {
        return Err(Error::Invalid(violations).into());
    };
    directory.set_password(&caller, user, SetPassword { current, new, again }, address.as_deref()).await?;
    Ok(Json(Done { status: "Success", message: "Password updated successfully" }))
}
