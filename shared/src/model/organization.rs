//! Organizations and their members (`contracts/openwisp.md` section 2).

use super::{
    Change, EmailAddress, Field, LimitedText, MAX_TEXT, MembershipId, Named, OrganizationId, Timestamp, UserId, limits,
};

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Counts the changes; a write names the version that it has read.
    pub version: u64,
    /// 1 to 200 characters, not unique.
    pub name: String,
    /// 1 to 200 ASCII letters, digits, `-` and `_`; unique, case-sensitive.
    pub slug: String,
    /// Whether its managers see it and its members.
    pub is_active: bool,
    /// At most [`MAX_TEXT`] characters.
    pub description: String,
    /// An e-mail address, or empty.
    pub email: String,
    /// A URL of at most 200 characters, or empty.
    pub url: String,
    /// The membership of the owner, and the owner.
    pub owner: Option<(MembershipId, UserId)>,
    /// The time of creation.
    pub created: Timestamp,
    /// The time of the last change.
    pub modified: Timestamp,
}

/// A user's membership in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// The organization.
    pub organization: OrganizationId,
    /// Whether the user manages the organization.
    pub is_admin: bool,
}

impl Organization {
    /// The maximum length of a name, in characters.
    pub const MAX_NAME: usize = 200;
    /// The maximum length of a slug, in characters.
    pub const MAX_SLUG: usize = 200;
    /// The maximum length of a URL, in characters.
    pub const MAX_URL: usize = 200;

    /// Whether a new member with that membership becomes the owner: the first manager of an organization without one.
    pub fn takes_as_owner(&self, membership: &Membership) -> bool {
        membership.is_admin && self.owner.is_none()
    }

    /// Its texts, each with its field and its maximum length. Texts written before the limit existed may be
    /// longer.
    pub fn limited_texts(&self) -> [LimitedText<'_>; 5] {
        [
            (Field::OrganizationName, &self.name, Self::MAX_NAME),
            (Field::Slug, &self.slug, Self::MAX_SLUG),
            (Field::Description, &self.description, MAX_TEXT),
            (Field::Email, &self.email, EmailAddress::MAX),
            (Field::Url, &self.url, Self::MAX_URL),
        ]
    }

    /// The fields and limits of its texts that are too long, except those unchanged from `before`.
    pub fn too_long(&self, before: Option<&Self>) -> Vec<(Field, usize)> {
        let stored = before.map(Self::limited_texts);
        limits::too_long(&self.limited_texts(), stored.as_ref().map_or(&[], |stored| stored))
    }
}

/// A requested membership of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRequest {
    /// The organization.
    pub organization: Named<OrganizationId>,
    /// Whether the user is to manage it, if the request says so.
    pub is_admin: Option<bool>,
    /// What to do if this membership exists already.
    pub same: WhenSame,
}

/// What to do if the requested membership already exists unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenSame {
    /// Remove it: a toggle.
    Remove,
    /// Keep it.
    Keep,
}

/// Changes of an organization, or a new one. `None` and [`Change::Keep`] keep the value.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "same fields as `Organization`")]
pub struct OrganizationChanges {
    pub name: Option<String>,
    pub slug: Option<String>,
    pub is_active: Option<bool>,
    pub description: Option<String>,
    pub email: Option<String>,
    pub url: Option<String>,
    /// The membership of the new owner.
    pub owner: Change<Named<MembershipId>>,
}

/// Whether `text` is a slug: ASCII letters, digits, `-` and `_`.
pub fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
