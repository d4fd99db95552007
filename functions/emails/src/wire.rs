//! E-mail addresses on the OpenWISP wire.

use serde::Serialize;
use shared::directory::{AddressChanges, Draft};
use shared::model::{AddressId, EmailAddress, MailboxEntry};
use shared::web::Input;
use shared::web::fields::{Blank, Field, FieldKind, Reader};

const ID: Field = Field::new("id", "Id", FieldKind::Integer).read_only();
const EMAIL: Field =
    Field::new("email", "Email address", FieldKind::Email(Blank::Refused)).required().at_most(EmailAddress::MAX);
const VERIFIED: Field = Field::new("verified", "Verified", FieldKind::Boolean);
const READ_ONLY_VERIFIED: Field = VERIFIED.read_only();
const PRIMARY: Field = Field::new("primary", "Primary", FieldKind::Boolean);

/// The fields of a new address, which nobody can say to be verified.
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
pub struct AddressOut {
    id: AddressId,
    email: EmailAddress,
    verified: bool,
    primary: bool,
}

impl From<MailboxEntry> for AddressOut {
    fn from(MailboxEntry { id, email, verified, primary }: MailboxEntry) -> Self {
        Self { id, email, verified, primary }
    }
}

/// What a body says of an address.
pub fn new_address(input: &Input) -> Draft<AddressChanges> {
    read(input, false)
}

/// What a body says of an address that is there.
///
/// Only superusers can say whether it is verified. A form says nothing about it that leaves the box out,
/// or leaves it on as it was: a box does not vouch for another text in the field above it.
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
