//! Changing the own password, and resetting a forgotten one (`contracts/openwisp.md` sections 9.2 to 9.4).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::{ChangePassword, ResetPassword};
use shared::web::body::Unread;
use shared::web::fields::{Blank, Field, FieldKind, Reader};
use shared::web::{Admitted, Base, ClientAddress, Failure};
use shared::{Directory, Error};

const INPUT: Field = Field::new("input", "Input", FieldKind::Text(Blank::Refused)).required();
const UID: Field = Field::new("uid", "Uid", FieldKind::Text(Blank::Refused)).required();
const TOKEN: Field = Field::new("token", "Token", FieldKind::Text(Blank::Refused)).required();
const OLD: Field = Field::new("old_password", "Old password", FieldKind::Secret).required().at_most(128);
const NEW: Field = Field::new("new_password1", "New password1", FieldKind::Secret).required().at_most(128);
const AGAIN: Field = Field::new("new_password2", "New password2", FieldKind::Secret).required().at_most(128);

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// The fields of a change.
pub fn change_fields(_: bool) -> Vec<&'static Field> {
    vec![&OLD, &NEW, &AGAIN]
}

/// The fields of a request for a link.
pub fn reset_fields(_: bool) -> Vec<&'static Field> {
    vec![&INPUT]
}

/// The fields that a link leads to.
pub fn confirm_fields(_: bool) -> Vec<&'static Field> {
    vec![&UID, &TOKEN, &NEW, &AGAIN]
}

/// The new password and the same again.
pub fn new_password(reader: &mut Reader<'_>) -> Option<(String, String)> {
    let (new, again) = (reader.text(&NEW).value(), reader.text(&AGAIN).value());
    new.zip(again)
}

/// What was done.
#[derive(Serialize, schemars::JsonSchema)]
pub struct Done {
    detail: &'static str,
}

/// `POST /api/v1/users/user/password/change/` (section 9.2).
pub async fn change(
    State(directory): State<Arc<Directory>>,
    Admitted { caller, .. }: Admitted<OpenWisp>,
    ClientAddress(address): ClientAddress,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Json<Done>> {
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let (old, passwords) = (reader.text(&OLD).value(), new_password(&mut reader));
    let violations = reader.finish();
    let (Some(old), Some((new, again)), true) = (old, passwords, violations.is_empty()) else {
        return Err(Error::Invalid(violations).into());
    };
    let change = ChangePassword { old, new, again };
    directory.change_own_password(&caller, change, address.as_deref()).await?;
    Ok(Json(Done { detail: "New password has been saved." }))
}

/// `POST /api/v1/users/password/reset/` (section 9.3).
pub async fn request_reset(
    State(directory): State<Arc<Directory>>,
    ClientAddress(address): ClientAddress,
    base: Base,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Json<Done>> {
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let identifier = reader.text(&INPUT).value();
    let Some(identifier) = identifier else { return Err(Error::Invalid(reader.finish()).into()) };
    directory.request_password_reset(&identifier, &base.0, address.as_deref()).await?;
    Ok(Json(Done { detail: "Password reset e-mail has been sent." }))
}

/// `POST /api/v1/users/password/reset/confirm/` (section 9.4).
pub async fn confirm_reset(
    State(directory): State<Arc<Directory>>,
    ClientAddress(address): ClientAddress,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Json<Done>> {
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let (uid, token) = (reader.text(&UID).value(), reader.text(&TOKEN).value());
    let passwords = new_password(&mut reader);
    let violations = reader.finish();
    let (Some(uid), Some(token), Some((new, again))) = (uid, token, passwords) else {
        return Err(Error::Invalid(violations).into());
    };
    directory.reset_password(ResetPassword { uid, token, new, again }, address.as_deref()).await?;
    Ok(Json(Done { detail: "Password has been reset with the new password." }))
}
