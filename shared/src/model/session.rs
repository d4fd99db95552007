//! Browser sessions.

use super::{SessionId, Timestamp, UserId};
use crate::secret::Secret;

/// A session of a browser in which the user has signed in. Only a hash of the cookie's secret is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id among the sessions of its user.
    pub id: SessionId,
    /// Its user.
    pub user: UserId,
    /// SHA-256 of its secret, in hexadecimal.
    pub hash: Secret,
    /// The user's [`token_version`](super::User::token_version) at its start; a new version ends it.
    pub version: u64,
    /// When the user signed in.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Timestamp,
    /// When it expires.
    pub good_until: Timestamp,
    /// The client IP at login, as the gateway saw it.
    pub address: Option<String>,
    /// The user agent at login; at most 200 bytes.
    pub user_agent: Option<String>,
}

impl Session {
    /// How long a session lasts, in seconds: two weeks.
    pub const LIFE: i64 = 14 * 24 * 60 * 60;
    /// The most sessions of a user; another one ends the oldest.
    pub const MOST: usize = 100;
    /// The maximum length of a stored user agent, in bytes.
    pub const MOST_AGENT: usize = 200;
}
