//! E-mail addresses on the OpenWISP wire.

use serde::Serialize;
use shared::directory::{AddressChanges, Draft};
use shared::model::{AddressId, EmailAddress, UserEmail};
use shared::web::Input;
use shared::web::fields::{Blank, Field, FieldKind, Reader};

const ID: Field = Field::new("id", "Id", FieldKind::Integer).read_only();
const EMAIL: Field =
    Field::new("email", "Email address", FieldKind::Email(Blank::Refused)).required().at_most(EmailAddress::MAX);
const VERIFIED: Field = Field::new("verified", "Verified", FieldKind::Boolean);
const READ_ONLY_VERIFIED: Field = VERIFIED.read_only();
const PRIMARY: Field = Field::new("primary", "Primary", FieldKind::Boolean);

/// The fields of a new address, which nobody can mark as verified.
pub fn new_fields(_: bool) -> Vec<&'static Field> {
    fields(false)
}

/// The fields of an address, in the order of the wire.
pub fn fields(is_superuser: bool) -> Vec<&'static Field> {
    let verified = if is_superuser { &VERIFIED } else { &READ_ONLY_VERIFIED };
    vec![&ID, &EMAIL, verified, &PRIMARY]
}

/// An e-mail address.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct AddressResponse {
    id: AddressId,
    email: EmailAddress,
    verified: bool,
    primary: bool,
}

impl From<UserEmail> for AddressResponse {
    fn from(UserEmail { id, email, verified, primary }: UserEmail) -> Self {
        Self { id, email, verified, primary }
    }
}

/// The new address in a body.
pub fn new_address(input: &Input) -> Draft<AddressChanges> {
    read(input, false)
}

/// The changes of an existing address in a body.
///
/// Only superusers can set whether it is verified. A form that omits the checkbox, or leaves it checked, does not set
/// it: the checkbox does not confirm a changed address in the field above it.
pub fn changes(input: &Input, partial: bool, may_verify: bool, was_verified: bool) -> Draft<AddressChanges> {
    let Draft { mut content, mut violations } = read(input, partial);
    if may_verify {
        let mut reader = Reader::new(input, true);
        let is_kept = |verified: &bool| *verified && was_verified && matches!(input, Input::Form(_));
        content.verified = reader.boolean(&VERIFIED).value().filter(|verified| !is_kept(verified));
        violations.extend(reader.finish());
    }
    Draft { content, violations }
}

fn read(input: &Input, partial: bool) -> Draft<AddressChanges> {
    let mut reader = Reader::new(input, partial);
    let email = reader.email(&EMAIL).value().flatten();
    let primary = reader.boolean(&PRIMARY).value();
    Draft { content: AddressChanges { email, primary, verified: None }, violations: reader.finish() }
}
