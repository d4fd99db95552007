//! Keys in mailed links: user, e-mail address and expiry, with a seal (MAC).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::crypto::mac;
use super::keys::KeyRing;
use crate::error::{Error, Result};
use crate::model::ambient::{Ambient, random};
use crate::model::{AddressId, EmailAddress, Timestamp, User, UserId};
use crate::secret::Secret;

/// How long a password reset link works, in seconds: three days (`contracts/openwisp.md` section 9.4).
const RESET_LIFE: i64 = 3 * 24 * 60 * 60;
/// How long a confirmation link works, in seconds: three days (`contracts/openwisp.md` section 13.1).
const CONFIRMATION_LIFE: i64 = 3 * 24 * 60 * 60;
const SEAL: usize = 32;
const FACTS: usize = 16 + 8 + 8;
const NONCE: usize = 16;

/// The content of a confirmation key; the seal is checked against the current e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfirmationKey {
    /// The user.
    pub user: UserId,
    /// The e-mail address.
    pub address: AddressId,
    expires: i64,
    mac_of: [u8; SEAL],
}

/// The key that confirms this e-mail address, valid for three days and only for its current text.
pub(crate) async fn confirmation_key(
    ring: &KeyRing,
    now: Timestamp,
    user: UserId,
    address: AddressId,
    email: &EmailAddress,
) -> Result<String> {
    let keys = ring.keys().await?;
    let key = keys.signing().ok_or_else(|| Error::internal("no signing key"))?;
    let expires = now.plus_seconds(CONFIRMATION_LIFE).seconds();
    let mut bytes = payload(user, address, expires).to_vec();
    bytes.extend(mac_of(key.link_secret()?, user, address, expires, email));
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl ConfirmationKey {
    /// Parses a key; it may still be forged.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; FACTS + SEAL] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (user, rest) = bytes.split_first_chunk::<16>()?;
        let (address, rest) = rest.split_first_chunk::<8>()?;
        let (expires, mac_of) = rest.split_first_chunk::<8>()?;
        Some(Self {
            user: UserId(Uuid::from_bytes(*user)),
            address: AddressId(u64::from_be_bytes(*address)),
            expires: i64::from_be_bytes(*expires),
            mac_of: mac_of.try_into().ok()?,
        })
    }

    /// Whether we made it for this e-mail address, and it has not expired.
    pub(crate) async fn verify(&self, ring: &KeyRing, now: Timestamp, email: &EmailAddress) -> Result<bool> {
        let is_sealed = |secret: &[u8; 32]| {
            let expected = mac_of(secret, self.user, self.address, self.expires, email);
            bool::from(expected.ct_eq(&self.mac_of))
        };
        Ok(now.seconds() < self.expires && ring.any_link_secret(now, is_sealed).await?)
    }
}

/// A key that seals only the links of one password reset request, so that the process that creates them needs no
/// signing key.
pub(crate) struct ResetTicket {
    expires: i64,
    nonce: [u8; NONCE],
    secret: [u8; SEAL],
}

/// The token of a mailed pair; valid as long as password, e-mail and last login of its user do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetToken {
    expires: i64,
    nonce: [u8; NONCE],
    mac_of: [u8; SEAL],
}

impl ResetTicket {
    /// A ticket for links that work for three days.
    ///
    /// # Errors
    /// When the signing key cannot be read.
    pub(crate) async fn new(ring: &KeyRing, ambient: &dyn Ambient) -> Result<Self> {
        let keys = ring.keys().await?;
        let key = keys.signing().ok_or_else(|| Error::internal("no signing key"))?;
        let expires = ambient.now().plus_seconds(RESET_LIFE).seconds();
        let nonce = random(ambient);
        Ok(Self { expires, nonce, secret: ticket_secret(key.link_secret()?, expires, &nonce) })
    }

    /// The text stored with the request.
    pub(crate) fn text(&self) -> Secret {
        let bytes = [&self.expires.to_be_bytes()[..], &self.nonce, &self.secret].concat();
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// Parses the text of [`ResetTicket::text`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (expires, nonce, secret) = three_parts(text)?;
        Some(Self { expires, nonce, secret })
    }
}

/// `<uid>-<token>` for setting a new password.
pub(crate) fn reset_pair(ticket: &ResetTicket, user: &User) -> String {
    let ResetTicket { expires, nonce, secret } = ticket;
    let bytes = [&expires.to_be_bytes()[..], nonce, &reset_seal(secret, *expires, user)].concat();
    format!("{}-{}", user.id.0.simple(), URL_SAFE_NO_PAD.encode(bytes))
}

impl ResetToken {
    /// Parses a token; it may still be forged.
    pub fn parse(text: &str) -> Option<Self> {
        let (expires, nonce, mac_of) = three_parts(text)?;
        Some(Self { expires, nonce, mac_of })
    }

    /// Whether we made it for the current state of the user, and it has not expired.
    pub(crate) async fn verify(&self, ring: &KeyRing, now: Timestamp, user: &User) -> Result<bool> {
        let is_sealed = |secret: &[u8; 32]| {
            let expected = reset_seal(&ticket_secret(secret, self.expires, &self.nonce), self.expires, user);
            bool::from(expected.ct_eq(&self.mac_of))
        };
        Ok(now.seconds() < self.expires && ring.any_link_secret(now, is_sealed).await?)
    }
}

/// A timestamp, a nonce, and a seal or a secret.
fn three_parts(text: &str) -> Option<(i64, [u8; NONCE], [u8; SEAL])> {
    let bytes: [u8; 8 + NONCE + SEAL] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (expires, rest) = bytes.split_first_chunk::<8>()?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
    Some((i64::from_be_bytes(*expires), *nonce, rest.try_into().ok()?))
}

fn ticket_secret(secret: &[u8], expires: i64, nonce: &[u8]) -> [u8; SEAL] {
    mac(secret, &[b"reset-ticket", &expires.to_be_bytes(), nonce])
}

fn reset_seal(secret: &[u8], expires: i64, user: &User) -> [u8; SEAL] {
    let email = user.email.as_ref().map_or("", |email| email.as_str());
    let last_login = user.last_login.map_or(0, Timestamp::micros);
    mac(
        secret,
        &[
            b"reset-password",
            user.id.0.as_bytes(),
            &expires.to_be_bytes(),
            user.password.as_bytes(),
            email.as_bytes(),
            &last_login.to_be_bytes(),
        ],
    )
}

fn payload(user: UserId, address: AddressId, expires: i64) -> [u8; FACTS] {
    let mut bytes = [0; FACTS];
    bytes[..16].copy_from_slice(user.0.as_bytes());
    bytes[16..24].copy_from_slice(&address.0.to_be_bytes());
    bytes[24..].copy_from_slice(&expires.to_be_bytes());
    bytes
}

fn mac_of(secret: &[u8], user: UserId, address: AddressId, expires: i64, email: &EmailAddress) -> [u8; SEAL] {
    mac(secret, &[b"confirm-email", &payload(user, address, expires), email.as_str().as_bytes()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auth::keys::{KeySource, rotated};
    use crate::model::ambient::System;

    fn ring() -> KeyRing {
        let keys = rotated(None, &System).expect("keys");
        KeyRing::new(KeySource::Inline(keys), System::shared())
    }

    #[tokio::test]
    async fn a_key_fits_its_address_until_its_time_passes() {
        let (ring, now) = (ring(), Timestamp::from_micros(0));
        let email = EmailAddress::parse("a@b.example").expect("an address");
        let other = EmailAddress::parse("c@b.example").expect("an address");
        let user = UserId(Uuid::from_u128(7));
        let text = confirmation_key(&ring, now, user, AddressId(3), &email).await.expect("a key");
        let key = ConfirmationKey::parse(&text).expect("a key");
        assert_eq!((key.user, key.address), (user, AddressId(3)));
        assert!(key.verify(&ring, now, &email).await.expect("an answer"));
        assert!(!key.verify(&ring, now, &other).await.expect("an answer"));
        assert!(!key.verify(&ring, now.plus_seconds(CONFIRMATION_LIFE), &email).await.expect("an answer"));
        assert!(!key.verify(&self::ring(), now, &email).await.expect("an answer"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            ConfirmationKey::parse(&text);
            ResetToken::parse(&text);
            ResetTicket::parse(&text);
        }
    }
}
