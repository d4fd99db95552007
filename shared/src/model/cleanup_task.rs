//! Clean-up that follows a change.

use super::{GroupId, OrganizationId, UserId};

/// A task that did not fit into the transaction of its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CleanupTask {
    /// Remove a deleted group from its users.
    Group(GroupId),
    /// Make users join and leave a group.
    Members(GroupId),
    /// Update the members of a changed or deleted organization.
    Organization(OrganizationId),
    /// Delete what belonged to a deleted user.
    User(UserId),
    /// Delete the API tokens of a user that were ended together.
    EndedTokens(UserId),
    /// Make the memberships of a restored user that did not fit into one transaction.
    Returning(UserId),
    /// Delete everything that is left of a deleted user.
    Purge(UserId),
    /// A purged user: remove what the log of events says about the person.
    Erasure(UserId),
}
