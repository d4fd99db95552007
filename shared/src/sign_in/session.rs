//! Sessions of browsers: who, until when, under a seal. Nothing of them is stored.
//!
//! A seal is bound to the password's hash, so that any change of the password ends every session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::Recognized;
use super::keys::KeyRing;
use super::password::mac;
use crate::directory::Directory;
use crate::error::{Error, Result, Unauthenticated};
use crate::model::{Timestamp, User, UserId};

/// How long a session lasts, in seconds: two weeks.
pub const SESSION_LIFE: i64 = 14 * 24 * 60 * 60;
const SEAL: usize = 32;
const FACTS: usize = 16 + 8;

/// What a session says; the seal is checked against the user as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Session {
    user: UserId,
    expires: i64,
    seal: [u8; SEAL],
}

/// A session of that user: the id of the key that seals it, a dot, and the session.
pub(crate) async fn session(ring: &KeyRing, now: Timestamp, user: &User) -> Result<String> {
    let keys = ring.keys().await?;
    let key = keys.signing().ok_or_else(|| Error::internal("no signing key"))?;
    let expires = now.plus_seconds(SESSION_LIFE).seconds();
    let mut bytes = user.id.0.as_bytes().to_vec();
    bytes.extend(expires.to_be_bytes());
    bytes.extend(seal(&key.link_secret, expires, user));
    Ok(format!("{}.{}", key.id, URL_SAFE_NO_PAD.encode(bytes)))
}

impl Session {
    /// Takes a session apart; whether it is genuine is not known yet.
    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; FACTS + SEAL] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (user, rest) = bytes.split_first_chunk::<16>()?;
        let (expires, seal) = rest.split_first_chunk::<8>()?;
        let user = UserId(Uuid::from_bytes(*user));
        Some(Self { user, expires: i64::from_be_bytes(*expires), seal: seal.try_into().ok()? })
    }

    /// Whether it was sealed with that secret for the user as it is now.
    fn is_sealed(&self, secret: &[u8], user: &User) -> bool {
        bool::from(seal(secret, self.expires, user).ct_eq(&self.seal))
    }
}

fn seal(secret: &[u8], expires: i64, user: &User) -> [u8; SEAL] {
    let version = user.token_version.to_be_bytes();
    mac(secret, &[b"session", user.id.0.as_bytes(), &expires.to_be_bytes(), &version, user.password.as_bytes()])
}

impl Directory {
    /// The user whose session it is. One that is not good counts as none (`contracts/openwisp.md` section 4).
    pub(super) async fn user_of_session(&self, text: &str) -> Result<Recognized> {
        let refused = |named| Recognized::refused(named, Unauthenticated::NoCredentials);
        let now = self.ambient.now();
        let Some((kid, session)) = text.split_once('.') else { return Ok(refused(None)) };
        let Some(session) = Session::parse(session).filter(|session| now.seconds() < session.expires) else {
            return Ok(refused(None));
        };
        let keys = self.keys.keys_with(kid).await?;
        let Some(key) = keys.by_id(kid) else { return Ok(refused(None)) };
        let user = self.store.user(session.user).await?.filter(|user| session.is_sealed(&key.link_secret, user));
        let Some(user) = user else { return Ok(refused(None)) };
        let id = user.id;
        let recognized = Recognized::if_active(user, now);
        Ok(if recognized.outcome.is_ok() { recognized } else { refused(Some(id)) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            Session::parse(&text);
        }
    }
}
