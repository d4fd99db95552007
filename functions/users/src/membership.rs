//! Memberships in a user's body (`contracts/openwisp.md` section 8).

use shared::model::{MembershipRequest, OrganizationId, WhenSame};
use shared::web::fields::{Field, FieldKind, Nested, Reader, Sent};

const ORGANIZATION: Field =
    Field::new("organization_users.organization", "Organization", FieldKind::Reference).required().nullable();
const IS_ADMIN: Field = Field::new("organization_users.is_admin", "Organization manager", FieldKind::Boolean);

/// The field as OPTIONS describes it.
pub const ORGANIZATION_USERS: Field =
    Field::new("organization_users", "Organization users", FieldKind::Nested(&[ORGANIZATION, IS_ADMIN]));

/// How a request treats memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// A new user: if there is a membership, it must name an organization.
    Create,
    /// PUT: as for a new user, but a client may send back what it has read.
    Replace,
    /// PATCH: without an organization, nothing is requested.
    Update,
}

/// The requested membership, if any.
pub fn read(reader: &mut Reader<'_>, treatment: Treatment) -> Option<MembershipRequest> {
    let nested = match reader.nested_or_first(&ORGANIZATION_USERS) {
        Sent::Value(Nested::Object(nested)) => nested,
        Sent::Value(Nested::EmptyList(nested)) if treatment == Treatment::Create => nested,
        _ => return None,
    };
    let mut inner = Reader::new(&nested, treatment == Treatment::Update);
    let organization = inner.uuid(&ORGANIZATION);
    // In a complete form, a missing checkbox means false.
    let is_admin = inner.boolean(&IS_ADMIN).value();
    inner.finish_into(reader);
    let same = match treatment {
        Treatment::Update => WhenSame::Remove,
        Treatment::Create | Treatment::Replace => WhenSame::Keep,
    };
    match organization {
        Sent::Value(named) => Some(MembershipRequest { organization: named.map(OrganizationId), is_admin, same }),
        Sent::Null | Sent::Absent => None,
    }
}
