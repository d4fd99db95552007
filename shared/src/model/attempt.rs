//! Attempts to sign in (`contracts/edge.md` section 8).

use super::Timestamp;

/// One attempt of a known user to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInAttempt {
    /// Whether the credentials were accepted.
    pub success: bool,
    /// When it was.
    pub at: Timestamp,
    /// What the client calls itself, at most 500 characters of it.
    pub user_agent: Option<String>,
    /// The client's address as the gateway saw it.
    pub address: Option<String>,
}
