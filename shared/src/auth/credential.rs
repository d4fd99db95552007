//! What a request shows to say who sends it.

use std::fmt;

use crate::secret::Secret;

/// The credential of a request.
pub enum Credential {
    /// A token in an `Authorization: Bearer` header (RFC 6750): a JWT or the text of an API token.
    Bearer(String),
    /// The text of an API token.
    ApiToken(String),
    /// The text of an API token with the user name that its owner must have.
    NamedToken {
        /// The user name.
        username: String,
        /// The token's text.
        token: String,
    },
    /// A user name and its password, sent with every request (RFC 7617).
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// The session cookie of a browser.
    Session(String),
}

/// A name and a password for a login.
#[derive(Debug)]
pub struct Login {
    /// A user name, an e-mail address or a telephone number.
    pub identifier: String,
    /// The password.
    pub password: Secret,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}
