//! Changing one's own password, and resetting a forgotten one (`contracts/openwisp.md` sections 9.2 to 9.4).

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::RequestOrigin;
use shared::directory::{ChangePassword, ResetPassword};
use shared::model::EmailAddress;
use shared::secret::Secret;
use shared::web::body::UnparsedBody;
use shared::web::fields::{Blank, Field, FieldKind, Reader};
use shared::web::{Authenticated, Failure, Input, LinkBaseUrl};
use shared::{Directory, Error};

const INPUT: Field =
    Field::new("input", "Input", FieldKind::Text(Blank::Refused)).required().at_most(EmailAddress::MAX);
const UID: Field = Field::new("uid", "Uid", FieldKind::Text(Blank::Refused)).required();
const TOKEN: Field = Field::new("token", "Token", FieldKind::Text(Blank::Refused)).required();
const OLD: Field = Field::new("old_password", "Old password", FieldKind::Secret).required().at_most(128);
const NEW: Field = Field::new("new_password1", "New password1", FieldKind::Secret).required().at_most(128);
const AGAIN: Field = Field::new("new_password2", "New password2", FieldKind::Secret).required().at_most(128);

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// The fields of a password change.
pub fn change_fields(_: bool) -> Vec<&'static Field> {
    vec![&OLD, &NEW, &AGAIN]
}

/// The fields of a reset request.
pub fn reset_fields(_: bool) -> Vec<&'static Field> {
    vec![&INPUT]
}

/// The fields of a reset with a mailed link.
pub fn confirm_fields(_: bool) -> Vec<&'static Field> {
    vec![&UID, &TOKEN, &NEW, &AGAIN]
}

/// The new password and its repetition.
pub fn new_password(reader: &mut Reader<'_>) -> Option<(Secret, Secret)> {
    let (new, again) = (reader.secret(&NEW).value(), reader.secret(&AGAIN).value());
    new.zip(again)
}

/// The passwords in a body of a change.
///
/// # Errors
/// [`Error::Invalid`] with all violations.
pub fn read_change(input: &Input) -> shared::Result<ChangePassword> {
    let mut reader = Reader::new(input, false);
    let (old, passwords) = (reader.secret(&OLD).value(), new_password(&mut reader));
    let violations = reader.finish();
    match (old, passwords, violations.is_empty()) {
        (Some(old), Some((new, again)), true) => Ok(ChangePassword { old, new, again }),
        _ => Err(Error::Invalid(violations)),
    }
}

/// The success message.
#[derive(Serialize, schemars::JsonSchema)]
pub struct DetailResponse {
    detail: &'static str,
}

/// `POST /api/v1/users/user/password/change/` (section 9.2).
pub async fn change(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    origin: RequestOrigin,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Json<DetailResponse>> {
    let change = read_change(&body.read().await?)?;
    directory.change_own_password(&caller, change, &origin).await?;
    Ok(Json(DetailResponse { detail: "New password has been saved." }))
}

/// `POST /api/v1/users/password/reset/` (section 9.3).
pub async fn request_reset(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    Extension(links): Extension<LinkBaseUrl>,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Json<DetailResponse>> {
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let identifier = reader.text(&INPUT).value();
    let Some(identifier) = identifier else { return Err(Error::Invalid(reader.finish()).into()) };
    directory.request_password_reset(&identifier, &links.0, &origin).await?;
    Ok(Json(DetailResponse { detail: "Password reset e-mail has been sent." }))
}

/// `POST /api/v1/users/password/reset/confirm/` (section 9.4).
pub async fn confirm_reset(
    State(directory): State<Arc<Directory>>,
    origin: RequestOrigin,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Json<DetailResponse>> {
    let input = body.read().await?;
    let mut reader = Reader::new(&input, false);
    let (uid, token) = (reader.text(&UID).value(), reader.secret(&TOKEN).value());
    let passwords = new_password(&mut reader);
    let violations = reader.finish();
    let (Some(uid), Some(token), Some((new, again))) = (uid, token, passwords) else {
        return Err(Error::Invalid(violations).into());
    };
    directory.reset_password(ResetPassword { uid, token, new, again }, &origin).await?;
    Ok(Json(DetailResponse { detail: "Password has been reset with the new password." }))
}
