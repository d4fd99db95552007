//! API tokens (`contracts/edge.md` section 7, `contracts/openl2m.md` section 3).

use super::{Timestamp, TokenId, User, UserId};

/// A token that an API client uses instead of a password. Only a hash of its text is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id; later ones sort later.
    pub id: TokenId,
    /// Its user.
    pub user: UserId,
    /// What it is for, in its owner's words.
    pub title: String,
    /// Whether it works at all.
    pub is_active: bool,
    /// The time of creation.
    pub created: Timestamp,
    /// The time of the last change, not counting use.
    pub updated: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
    /// When it expires.
    pub good_until: Timestamp,
    /// Whether somebody other than its owner created it, or may have.
    pub made_by_other: bool,
    /// The user's [`User::api_token_version`] at its creation; a new version ends it.
    pub version: u64,
}

impl ApiToken {
    /// How many days a token is valid.
    pub const DAYS: i64 = 365;
    /// The maximum length of a title, in characters.
    pub const MAX_TITLE: usize = 200;
    /// The most tokens of a user, valid or not.
    pub const MAX_PER_USER: usize = 100;

    /// Whether it is active and not expired; a version change may still have ended it.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.is_active && now < self.good_until
    }

    /// Whether a password reset or a promotion has ended it.
    pub fn is_ended(&self, owner: &User) -> bool {
        self.version != owner.api_token_version(self.made_by_other)
    }
}
