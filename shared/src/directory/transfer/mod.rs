//! Import and export: everything in the directory, as records that can be written to a file and read again.
//!
//! Records describe another directory. [`Importer`] imports them: existing records stay, conflicts are reported and
//! skipped, and an interrupted import can be repeated. [`Exporter`] exports them.

mod attempts;
mod events;
mod exporter;
mod groups;
mod importer;
mod limits;
mod organizations;
mod report;
mod tokens;
mod users;

use std::collections::BTreeSet;

use uuid::Uuid;

pub use self::exporter::Exporter;
pub use self::importer::Importer;
pub use self::report::{ImportCounts, Issue, IssueKind, Report};
use crate::model::Sequence;
use crate::model::{
    EdgeId, Group, MembershipId, NewUser, Organization, OrganizationId, SignInAttempt, Timestamp, TokenId, User,
    UserId, UserNumber, Username,
};
use crate::secret::Secret;
pub use crate::store::{Damaged, DayRecord, SegmentRecord};

/// One record to import or export. Groups and organizations come before the users who belong to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A group; its version does not matter.
    Group(Group),
    /// An organization; its version is ignored, and so is its owner, which the owner's membership determines.
    Organization(Organization),
    /// A user.
    User(Box<UserRecord>),
    /// A login attempt of a user, and the id under which it was recorded.
    Attempt(UserId, u64, SignInAttempt),
    /// Numbers up to this one were assigned and are not assigned again.
    SequenceFloor(Sequence, u64),
    /// A segment of the event log. They come first, in order.
    Segment(SegmentRecord),
    /// A closed day of the event log.
    EventDay(DayRecord),
}

/// One item of a source.
#[derive(Debug, Clone)]
pub struct ImportEntry {
    /// Where it is in the source, in words.
    pub origin: String,
    /// The record, or why it cannot be used.
    pub record: Result<Record, String>,
    /// Parts of it that could not be used, each with the reason.
    pub left_out: Vec<String>,
}

/// A user to import or export, with everything that belongs to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The user. Ids that the source lacks are assigned on import, and so are address numbers that are 0. The managed
    /// organizations follow from the memberships.
    pub user: User,
    /// What the source knows.
    pub has: Known,
    /// Whether the e-mail may also be another user's; see [`User::email_is_shared`].
    pub may_share_email: bool,
    /// The user's organizations.
    pub memberships: Vec<MembershipRecord>,
    /// The user's API tokens.
    pub tokens: Vec<TokenRecord>,
}

/// Which data the source has; the rest is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each may be known independently")]
pub struct Known {
    /// The OpenWISP id.
    pub id: bool,
    /// The OpenL2M id.
    pub number: bool,
    /// The Edge id.
    pub edge_id: bool,
    /// When the user joined.
    pub date_joined: bool,
}

/// A membership to import or export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipRecord {
    /// Its id.
    pub id: MembershipId,
    /// The organization.
    pub organization: OrganizationId,
    /// Whether the user manages the organization.
    pub is_admin: bool,
    /// Whether the user owns the organization.
    pub is_owner: bool,
}

/// An API token to import or export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The hash of its text; see [`crate::auth::token_hash`].
    pub hash: Secret,
    /// Its id, if the source has one of this form.
    pub id: Option<TokenId>,
    /// What it is for.
    pub title: String,
    /// Whether it works at all.
    pub is_active: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When it was changed.
    pub updated: Timestamp,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// When it expires.
    pub good_until: Timestamp,
    /// Whether somebody other than its owner created it, or may have.
    pub made_by_other: bool,
}

impl UserRecord {
    /// A user with that name about whom nothing else is known, and who cannot sign in with a password.
    pub fn new(username: &Username, joined: Timestamp) -> Self {
        let user = User::new(UserId(Uuid::nil()), EdgeId::NONE, username, &NewUser::default(), joined);
        Self {
            user: User { password: "!".into(), ..user },
            has: Known { id: false, number: false, edge_id: false, date_joined: true },
            may_share_email: false,
            memberships: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// Sets the OpenWISP id.
    pub fn set_id(&mut self, id: UserId) {
        self.user.id = id;
        self.has.id = true;
    }

    /// Sets the OpenL2M id.
    pub fn set_number(&mut self, number: UserNumber) {
        self.user.number = number;
        self.has.number = true;
    }

    /// Sets the Edge id.
    pub fn set_edge_id(&mut self, id: EdgeId) {
        self.user.edge_id = id;
        self.has.edge_id = true;
    }

    /// Why such a user cannot be written, whatever the directory contains.
    fn defect(&self) -> Option<String> {
        let User { addresses, groups, first_name, last_name, password, .. } = &self.user;
        let verified = addresses.iter().filter(|address| address.verified).count();
        let distinct: BTreeSet<String> = addresses.iter().map(|address| address.email.folded()).collect();
        let too_long = |text: &str| text.chars().count() > User::MAX_NAME;
        if addresses.len() > User::MAX_ADDRESSES || verified > User::MAX_VERIFIED {
            Some(format!(
                "more than {} e-mail addresses, or more than {} verified ones",
                User::MAX_ADDRESSES,
                User::MAX_VERIFIED
            ))
        } else if distinct.len() < addresses.len() {
            Some("an e-mail address occurs twice".to_owned())
        } else if addresses.iter().filter(|address| address.primary).count() > 1 {
            Some("more than one primary e-mail address".to_owned())
        } else if groups.len() > User::MAX_GROUPS {
            Some(format!("more than {} groups", User::MAX_GROUPS))
        } else if too_long(first_name) || too_long(last_name) {
            Some(format!("a name longer than {} characters", User::MAX_NAME))
        } else if password.chars().count() > MAX_HASH {
            Some("an unrecognised password hash".to_owned())
        } else if self.has.number && !(1..=MAX_NUMBER).contains(&self.user.number.0) {
            Some(format!("its number is not between 1 and {MAX_NUMBER}"))
        } else if addresses.iter().any(|address| address.id.0 > MAX_NUMBER) {
            Some(format!("the id of an e-mail address is greater than {MAX_NUMBER}"))
        } else {
            None
        }
    }
}

/// The largest number that is imported: Django counts in 32 bits. New numbers start after it.
const MAX_NUMBER: u64 = 0x7fff_ffff;
/// The maximum length of a stored hash, in characters.
const MAX_HASH: usize = 512;
