//! Organizations and who belongs to them (`contracts/openwisp.md` section 2).

use super::{Change, MembershipId, OrganizationId, Timestamp, UserId};

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

impl Membership {
    /// Sorts memberships of a user as they are listed: by the organizations' names.
    pub(crate) fn sort(memberships: &mut [Self]) {
        memberships.sort_by(|a, b| (&a.name, a.organization).cmp(&(&b.name, b.organization)));
    }
}

/// What is asked for one membership of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipRequest {
    /// The organization.
    pub organization: OrganizationId,
    /// Whether the user shall manage it, if that was said.
    pub is_admin: Option<bool>,
    /// What it means when the user is a member of just that kind already.
    pub same: WhenSame,
}

/// What it means to be asked for a membership that exists just so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenSame {
    /// It is to be removed: a toggle.
    Remove,
    /// It is to stay.
    Keep,
}

/// Changes of an organization, or one to be made. What is `None` or [`Change::Keep`] stays.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of `Organization`")]
pub struct OrganizationChanges {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub is_active: Option<bool>,
    pub description: Option<String>,
    pub email: Option<String>,
    pub url: Option<String>,
    /// The membership that shall own it.
    pub owner: Change<MembershipId>,
}

/// Whether `text` is a slug: ASCII letters, digits, `-` and `_`.
pub fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
