//! Moving in and out: everything that the directory holds, as records that somebody can write down and read again.
//!
//! Records tell what another directory says. [`Arrivals`] takes them in: what is here already stays as it is, what
//! contradicts it is told and left out, and to be stopped and begun again does no harm. [`Departures`] gives them.

mod arrivals;
mod companions;
mod departures;
mod report;
mod users;

use std::collections::BTreeSet;

use uuid::Uuid;

pub use self::arrivals::Arrivals;
pub use self::departures::Departures;
pub use self::report::{Report, Tally, Trouble, TroubleKind};
use crate::model::{
    EdgeId, Group, MembershipId, NewUser, Organization, OrganizationId, SignInAttempt, Timestamp, TokenId, User,
    UserId, UserNumber, Username,
};
use crate::store::keys::Sequence;

/// One thing that moves in or out. Groups and organizations come before the users who belong to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A group; its version does not matter.
    Group(Group),
    /// An organization; neither its version nor its owner matters, whom the owner's membership tells.
    Organization(Organization),
    /// A user.
    User(Box<Mover>),
    /// An attempt of a user to sign in, and the name under which it was noted.
    Attempt(UserId, u64, SignInAttempt),
    /// Numbers up to this one were given out and are not given again.
    Given(Sequence, u64),
}

/// What a source says at one place.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The place, in words.
    pub origin: String,
    /// What stands there, or why it cannot be used.
    pub record: Result<Record, String>,
    /// Parts of it that could not be used, each with the reason.
    pub left_out: Vec<String>,
}

/// A user on the move, with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mover {
    /// The user. Ids that the source does not have are made on arrival, and so are the numbers of addresses that are 0;
    /// what it manages follows from its memberships.
    pub user: User,
    /// Which ids the source has.
    pub has: KnownIds,
    /// Whether the e-mail may be somebody else's too; see [`User::email_is_shared`].
    pub may_share_email: bool,
    /// The organizations that it is in.
    pub memberships: Vec<MovingMembership>,
    /// Its API tokens.
    pub tokens: Vec<MovingToken>,
}

/// Which of a user's three ids a source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownIds {
    /// The one of OpenWISP.
    pub id: bool,
    /// The one of OpenL2M.
    pub number: bool,
    /// The one of Edge.
    pub edge_id: bool,
}

/// A membership on the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovingMembership {
    /// Its id.
    pub id: MembershipId,
    /// The organization.
    pub organization: OrganizationId,
    /// Whether the user manages the organization.
    pub is_admin: bool,
    /// Whether the user owns the organization.
    pub is_owner: bool,
}

/// An API token on the move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovingToken {
    /// The hash of its text; see [`crate::sign_in::token_hash`].
    pub hash: String,
    /// Its id, if the source has one of this kind.
    pub id: Option<TokenId>,
    /// What it is for.
    pub title: String,
    /// Whether it works at all.
    pub is_active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed.
    pub updated: Timestamp,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// The moment from which on it does not work.
    pub good_until: Timestamp,
}

impl Mover {
    /// A user of that name of whom nothing else is known, who cannot sign in with a password.
    pub fn new(username: &Username, joined: Timestamp) -> Self {
        let user = User::new(UserId(Uuid::nil()), EdgeId::NONE, username, &NewUser::default(), joined);
        Self {
            user: User { password: "!".to_owned(), ..user },
            has: KnownIds { id: false, number: false, edge_id: false },
            may_share_email: false,
            memberships: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// With this id of OpenWISP.
    pub fn set_id(&mut self, id: UserId) {
        self.user.id = id;
        self.has.id = true;
    }

    /// With this id of OpenL2M.
    pub fn set_number(&mut self, number: UserNumber) {
        self.user.number = number;
        self.has.number = true;
    }

    /// With this id of Edge.
    pub fn set_edge_id(&mut self, id: EdgeId) {
        self.user.edge_id = id;
        self.has.edge_id = true;
    }

    /// Why no such user can be written, whatever is in the directory.
    fn defect(&self) -> Option<String> {
        let User { addresses, groups, first_name, last_name, password, .. } = &self.user;
        let verified = addresses.iter().filter(|address| address.verified).count();
        let distinct: BTreeSet<String> = addresses.iter().map(|address| address.email.folded()).collect();
        let too_long = |text: &str| text.chars().count() > User::MAX_NAME;
        if addresses.len() > User::MAX_ADDRESSES || verified > User::MAX_VERIFIED {
            Some(format!("more than {} addresses, or {} verified ones", User::MAX_ADDRESSES, User::MAX_VERIFIED))
        } else if distinct.len() < addresses.len() {
            Some("an address stands there twice".to_owned())
        } else if addresses.iter().filter(|address| address.primary).count() > 1 {
            Some("more than one address is the primary one".to_owned())
        } else if groups.len() > User::MAX_GROUPS {
            Some(format!("more than {} groups", User::MAX_GROUPS))
        } else if too_long(first_name) || too_long(last_name) {
            Some(format!("a name of more than {} characters", User::MAX_NAME))
        } else if password.chars().count() > MAX_HASH {
            Some("a password hash that is none".to_owned())
        } else if self.has.number && !(1..=MAX_NUMBER).contains(&self.user.number.0) {
            Some(format!("its number is not between 1 and {MAX_NUMBER}"))
        } else if addresses.iter().any(|address| address.id.0 > MAX_NUMBER) {
            Some(format!("an address has a number beyond {MAX_NUMBER}"))
        } else {
            None
        }
    }
}

/// The largest number that moves in: that of the 32 bits in which Django counts. Later ones begin behind it.
const MAX_NUMBER: u64 = 0x7fff_ffff;
/// The most characters of a stored hash.
const MAX_HASH: usize = 512;
