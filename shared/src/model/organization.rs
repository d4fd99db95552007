//! Organizations and who belongs to them (`contracts/openwisp.md` section 2).

use super::{MembershipId, OrganizationId, Timestamp, UserId};

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Counts its changes; a write names the version that it saw.
    pub version: u64,
    /// 1 to 200 characters, not unique.
    pub name: String,
    /// 1 to 200 ASCII letters, digits, `-` and `_`; unique, case-sensitive.
    pub slug: String,
    /// Whether its managers see it and its members.
    pub is_active: bool,
    /// Any text.
    pub description: String,
    /// An e-mail address, or empty.
    pub email: String,
    /// A web address, or empty.
    pub url: String,
    /// The membership that owns it, and whose that is.
    pub owner: Option<(MembershipId, UserId)>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// One user's place in one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// The organization.
    pub organization: OrganizationId,
    /// The organization's name, by which memberships are listed.
    pub name: String,
    /// Whether the user manages the organization.
    pub is_admin: bool,
}

/// Whether `text` is a slug: ASCII letters, digits, `-` and `_`.
pub fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
