//! What lists contain of users.

use std::collections::BTreeSet;

use super::User;
use crate::model::{
    Date, EdgeId, EdgeProfile, EmailAddress, Extras, Flags, GroupId, Membership, PermissionId, PhoneNumber, Timestamp,
    UserEmail, UserId, UserNumber, Username, shorten,
};

/// The data of a user in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "same fields as `User`")]
pub struct UserRow {
    pub id: UserId,
    pub number: UserNumber,
    pub edge_id: EdgeId,
    pub username: Username,
    pub email: Option<EmailAddress>,
    pub first_name: String,
    pub last_name: String,
    pub phone_number: Option<PhoneNumber>,
    pub birth_date: Option<Date>,
    pub expiration_date: Option<Date>,
    pub flags: Flags,
    pub last_login: Option<Timestamp>,
    pub date_joined: Timestamp,
    pub groups: BTreeSet<GroupId>,
    pub permissions: BTreeSet<PermissionId>,
    /// Without the description if [`Lacks::description`] is set.
    pub sharing: EdgeProfile,
    pub has_signed_in: bool,
    /// The user's organizations, or some of them; see [`Lacks::memberships`].
    pub memberships: Vec<Membership>,
    pub external_id: Option<String>,
    /// Empty if [`Lacks::details`] is set, as is `url`.
    pub extras: Extras,
    /// The user's addresses; none in lists.
    pub addresses: Vec<UserEmail>,
    pub url: String,
    /// Version and time of the last change, which only the user's record contains.
    pub change: Option<(u64, Timestamp)>,
    /// What only the user's record contains.
    pub lacks: Lacks,
}

/// What a list row leaves to the user's record, so that its size is limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lacks {
    /// The description, which is not empty.
    pub description: bool,
    /// Some of the memberships.
    pub memberships: bool,
    /// Larger extras, a URL.
    pub details: bool,
}

impl UserRow {
    /// The largest extras in a list row, in bytes.
    const MAX_EXTRAS: usize = 512;
    /// The most organizations in a list row.
    pub const MAX_MEMBERSHIPS: usize = 20;

    /// The row for lists: without free text, and with nothing of unlimited size.
    #[must_use]
    pub fn for_lists(mut self) -> Self {
        self.lacks.description |= !std::mem::take(&mut self.sharing.description).is_empty();
        self.lacks.memberships |= self.memberships.len() > Self::MAX_MEMBERSHIPS;
        self.change = None;
        self.lacks.details |= !self.url.is_empty() || self.extras.size() > Self::MAX_EXTRAS;
        self.addresses.clear();
        if self.lacks.details {
            self.url.clear();
            self.extras = Extras::default();
        }
        // Sorted, so that the same memberships make the same row.
        self.memberships.sort_by_key(|membership| membership.organization);
        self.memberships.truncate(Self::MAX_MEMBERSHIPS);
        // Longer values were stored before limits existed.
        for name in [&mut self.first_name, &mut self.last_name] {
            shorten(name, User::MAX_NAME);
        }
        if let Some(label) = &mut self.sharing.organization {
            shorten(label, EdgeProfile::MAX_ORGANIZATION);
        }
        self
    }
}

impl User {
    /// The user's data for lists.
    pub fn row(&self, memberships: &[Membership]) -> UserRow {
        UserRow {
            id: self.id,
            number: self.number,
            edge_id: self.edge_id,
            username: self.username.clone(),
            email: self.email.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            phone_number: self.phone_number.clone(),
            birth_date: self.birth_date,
            expiration_date: self.expiration_date,
            flags: self.flags,
            last_login: self.last_login,
            date_joined: self.date_joined,
            groups: self.groups.clone(),
            permissions: self.permissions.clone(),
            sharing: self.sharing.clone(),
            has_signed_in: self.has_signed_in,
            memberships: memberships.to_vec(),
            external_id: self.external_id.clone(),
            extras: self.extras.clone(),
            addresses: self.addresses.clone(),
            url: self.details.url.clone(),
            change: Some((self.version, self.modified)),
            lacks: Lacks::default(),
        }
    }
}
