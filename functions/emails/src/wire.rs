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
///
/// Only superusers can say whether it is verified. A form that leaves this box out says nothing about it.
pub fn changes(input: &Input, partial: bool, may_verify: bool) -> Draft<AddressChanges> {
    let mut reader = Reader::new(input, partial);
    let email = reader.email(&EMAIL).value().flatten();
    let primary = reader.boolean(&PRIMARY).value();
    let mut violations = reader.finish();
    let mut verified = None;
    if may_verify {
        let mut reader = Reader::new(input, true);
        verified = reader.boolean(&VERIFIED).value();
        violations.extend(reader.finish());
    }
    Draft { content: AddressChanges { email, primary, verified }, violations }
}
