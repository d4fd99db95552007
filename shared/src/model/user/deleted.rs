//! Deleted users, who can be restored for some time.

use super::User;
use crate::model::{EmailAddress, Membership, OrganizationId, Timestamp, UserId, Username};

/// A deleted user who waits to be restored or purged.
///
/// The record holds everything that a restoration needs, so cleanup after the deletion removes the rest as always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedUser {
    /// The user when deleted; the deletion counts as a change of the version.
    pub user: User,
    /// The memberships when deleted.
    pub memberships: Vec<Membership>,
    /// The time of the deletion.
    pub at: Timestamp,
    /// Who deleted the user, if it was a user.
    pub by: Option<UserId>,
}

/// The data of a deleted user in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedRow {
    /// The user.
    pub id: UserId,
    /// The user name, which others may have by now.
    pub username: Username,
    /// The e-mail, which others may have by now.
    pub email: Option<EmailAddress>,
    /// See [`User::first_name`].
    pub first_name: String,
    /// See [`User::last_name`].
    pub last_name: String,
    /// Whether the user was a superuser.
    pub is_superuser: bool,
    /// The user's organizations, or some of them.
    pub organizations: Vec<OrganizationId>,
    /// Whether only the record has all organizations.
    pub lacks_organizations: bool,
    /// The time of the deletion.
    pub at: Timestamp,
    /// Who deleted the user, if it was a user.
    pub by: Option<UserId>,
}

impl DeletedUser {
    /// The most memberships in the record; a restoration brings back no others.
    pub const MAX_MEMBERSHIPS: usize = 1000;

    /// The record of a user with those memberships who is deleted at that time.
    pub fn new(user: &User, memberships: &[Membership], at: Timestamp, by: Option<UserId>) -> Self {
        let mut user = User { version: user.version + 1, ..user.clone() };
        // A user who is deleted right after a restoration may still have some to come back.
        let mut memberships: Vec<_> = memberships.iter().cloned().chain(std::mem::take(&mut user.returning)).collect();
        memberships.truncate(Self::MAX_MEMBERSHIPS);
        Self { user, memberships, at, by }
    }

    /// The deleted user's data for lists.
    pub fn row(&self) -> DeletedRow {
        let user = &self.user;
        let organizations = self.memberships.iter().map(|membership| membership.organization);
        DeletedRow {
            id: user.id,
            username: user.username.clone(),
            email: user.email.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            is_superuser: user.flags.is_superuser,
            organizations: organizations.take(DeletedRow::MAX_ORGANIZATIONS).collect(),
            lacks_organizations: self.memberships.len() > DeletedRow::MAX_ORGANIZATIONS,
            at: self.at,
            by: self.by,
        }
    }
}

impl DeletedRow {
    /// The most organizations in a list row.
    pub const MAX_ORGANIZATIONS: usize = 20;
}
