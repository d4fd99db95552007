//! API tokens (`contracts/edge.md` section 7, `contracts/openl2m.md` section 3).

use super::{Timestamp, TokenId, UserId};

/// A token that an API client shows in place of a password. What it is told by is kept as a hash alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id; later ones sort later.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// What it is for, in its owner's words.
    pub title: String,
    /// Whether it works at all.
    pub is_active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed; use does not count.
    pub updated: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
    /// The moment from which on it does not work.
    pub good_until: Timestamp,
}

impl ApiToken {
    /// For how many days a token is good.
    pub const DAYS: i64 = 365;

    /// Whether it works at that moment.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.is_active && now < self.good_until
    }
}
