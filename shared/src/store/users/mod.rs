//! Users, and everything that must change with them in one transaction: claims, list row, position, counters, the
//! register of superusers, queued mails, the record of a deleted user.

mod activity;
mod claims;
mod deleted;
mod due;
mod entries;
mod event;
mod items;
mod many;
mod memberships;
mod read;
mod rows;
mod write;

pub use self::claims::{Claim, ClaimConflict};
use self::claims::{ClaimItem, claims};
pub use self::due::DueUser;
pub(in crate::store) use self::entries::entries;
pub(in crate::store) use self::items::{MembershipItem, UserItem};
pub(in crate::store) use self::items::{is_false, is_zero};
pub use self::many::ClaimIndex;
pub use self::memberships::MembershipLeft;
pub use self::read::Superusers;
use self::write::outcome_of;
pub(in crate::store) use self::write::user_item;
use crate::error::{Error, Result};
use crate::model::{
    Actor, DeletedUser, EventAction, GroupId, Mail, Membership, Organization, OrganizationId, Session, User,
};
use crate::store::Basis;

/// The result of a write.
#[derive(Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was written.
    Done,
    /// The user, the organization of a membership, or a record that the decision depends on, has been changed or
    /// deleted since it was read; nothing was written.
    Stale,
    /// Other users have these claims; nothing was written.
    Taken(Vec<ClaimConflict>),
    /// The other superuser is no longer one; nothing was written.
    OtherSuperuserLost,
    /// A group that the user should join does not exist; nothing was written.
    UnknownGroup(GroupId),
}

impl WriteOutcome {
    /// Whether it was written, for a change that only a stale record can prevent: it claims nothing and joins no group.
    ///
    /// # Errors
    /// [`Error::Internal`] if anything else prevented it.
    pub fn is_done(&self) -> Result<bool> {
        match self {
            Self::Done => Ok(true),
            Self::Stale | Self::OtherSuperuserLost => Ok(false),
            Self::Taken(_) | Self::UnknownGroup(_) => Err(Error::internal("unexpected conflict while writing a user")),
        }
    }
}

/// A change of one user.
#[derive(Debug, Default)]
pub struct UserWrite<'a> {
    /// The user as read; `None` to create one.
    pub before: Option<&'a User>,
    /// The user after the change (its version is ignored); `None` to remove it.
    pub after: Option<&'a User>,
    /// All of the user's memberships after the change: the list row contains some of them. Not needed for a new user
    /// without any, nor if the row does not change.
    pub memberships: Option<&'a [Membership]>,
    /// The one that is added, changed or removed.
    pub membership: Option<MembershipWrite<'a>>,
    /// The record of a deleted user: a removal puts it, and a restoration, which is a write without `before`, takes it
    /// away.
    pub deleted: Option<&'a DeletedUser>,
    /// The memberships that a restoration brings back.
    pub restored: Vec<MembershipWrite<'a>>,
    /// Mails caused by the change.
    pub mails: Vec<Mail>,
    /// A superuser who must remain one for this change to be made.
    pub other_superuser: Option<&'a User>,
    /// The records that the decision to allow the change depends on.
    pub basis: Option<&'a Basis>,
    /// Who changes it, for the event. Without one there is no event: a job follows up on an act that has its own.
    pub actor: Option<&'a Actor>,
    /// What the event says has happened, if it is more than the change itself shows.
    pub action: Option<EventAction>,
    /// A session that stays valid although the user's `token_version` changes; it must still exist.
    pub kept_session: Option<&'a Session>,
}

impl UserWrite<'_> {
    /// The version that it makes of the user.
    fn version(&self) -> u64 {
        let before = self.before.or(self.deleted.map(|deleted| &deleted.user));
        before.map_or(1, |before| before.version + 1)
    }
}

/// A membership that is added, changed or removed.
#[derive(Debug)]
pub struct MembershipWrite<'a> {
    /// The organization.
    pub organization: OrganizationState<'a>,
    /// The current membership, if there is one.
    pub before: Option<&'a Membership>,
    /// The membership after the change; `None` to remove it.
    pub after: Option<&'a Membership>,
    /// Whether it becomes the owner of its organization.
    pub becomes_owner: bool,
}

/// The organization of a membership change.
#[derive(Debug, Clone, Copy)]
pub enum OrganizationState<'a> {
    /// As read; it must not have changed.
    There(&'a Organization),
    /// Deleted; its id is never reused.
    Gone(OrganizationId),
}

#[derive(Debug, Clone)]
enum Guard {
    Record,
    Claim(Claim),
    OtherSuperuser,
    Group(GroupId),
    Organization,
}
