//! What the cookie of a session holds: the user, the session, and a secret of which the table has the hash alone.

use super::api_token::is_api_token;
use crate::model::{SessionId, UserId};
use crate::secret::Secret;

/// The content of a session cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionToken {
    pub user: UserId,
    pub session: SessionId,
    pub secret: Secret,
}

impl SessionToken {
    /// Parses a text: the user's id in 32 digits, the session's in 24, and the secret in 40, separated by dots.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let user = UserId::parse_simple(parts.next()?)?;
        let session = SessionId::parse(parts.next()?)?;
        let secret = parts.next().filter(|secret| is_api_token(secret))?;
        parts.next().is_none().then(|| Self { user, session, secret: secret.into() })
    }

    pub fn text(&self) -> Secret {
        format!("{}.{}.{}", self.user.0.simple(), self.session, self.secret.reveal()).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cookie_is_read_as_it_was_written() {
        let user = UserId(uuid::Uuid::from_u128(7));
        let session = SessionId::parse(&"0a".repeat(12)).expect("an id");
        let cookie = SessionToken { user, session, secret: "5f".repeat(20).into() };
        assert_eq!(SessionToken::parse(&cookie.text()), Some(cookie.clone()));
        let text = cookie.text().into_text();
        for other in [format!("{text}."), format!("{text}a"), text.replacen('.', "", 1), text.to_uppercase()] {
            assert_eq!(SessionToken::parse(&other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            SessionToken::parse(&text);
        }
    }
}
