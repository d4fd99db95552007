//! Keys in mailed links: who, which address, until when, under a seal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::keys::{KeyRing, Keys};
use super::password::mac;
use crate::error::{Error, Result};
use crate::model::{AddressId, EmailAddress, Timestamp, User, UserId};

/// How long a link for a new password works, in seconds: three days (`contracts/openwisp.md` section 9.4).
const RESET_LIFE: i64 = 3 * 24 * 60 * 60;
/// How long a confirmation link works, in seconds: three days (`contracts/openwisp.md` section 13.1).
const CONFIRMATION_LIFE: i64 = 3 * 24 * 60 * 60;
const SEAL: usize = 32;
const FACTS: usize = 16 + 8 + 8;

/// What a confirmation key says; the seal is checked against the address as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfirmationKey {
    /// Whose address.
    pub user: UserId,
    /// Which of the addresses.
    pub address: AddressId,
    expires: i64,
    seal: [u8; SEAL],
}

/// The key that confirms this address, good for three days and for this text of the address only.
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
    let mut bytes = facts(user, address, expires).to_vec();
    bytes.extend(seal(&key.link_secret, user, address, expires, email));
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl ConfirmationKey {
    /// Takes a key apart; whether it is genuine is not known yet.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; FACTS + SEAL] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (user, rest) = bytes.split_first_chunk::<16>()?;
        let (address, rest) = rest.split_first_chunk::<8>()?;
        let (expires, seal) = rest.split_first_chunk::<8>()?;
        Some(Self {
            user: UserId(Uuid::from_bytes(*user)),
            address: AddressId(u64::from_be_bytes(*address)),
            expires: i64::from_be_bytes(*expires),
            seal: seal.try_into().ok()?,
        })
    }

    /// Whether it was made for this text of the address, by us, and its time has not passed.
    pub(crate) async fn fits(&self, ring: &KeyRing, now: Timestamp, email: &EmailAddress) -> Result<bool> {
        let keys = ring.keys().await?;
        Ok(now.seconds() < self.expires && self.is_sealed(&keys, email))
    }

    fn is_sealed(&self, keys: &Keys, email: &EmailAddress) -> bool {
        keys.all().iter().any(|key| {
            let expected = seal(&key.link_secret, self.user, self.address, self.expires, email);
            bool::from(expected.ct_eq(&self.seal))
        })
    }
}

/// The token of a mailed pair; it fits as long as password, e-mail and last login of its user stay as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetPair {
    expires: i64,
    seal: [u8; SEAL],
}

/// `<uid>-<token>` for setting a new password.
pub(crate) async fn reset_pair(ring: &KeyRing, now: Timestamp, user: &User) -> Result<String> {
    let keys = ring.keys().await?;
    let key = keys.signing().ok_or_else(|| Error::internal("no signing key"))?;
    let expires = now.plus_seconds(RESET_LIFE).seconds();
    let mut bytes = expires.to_be_bytes().to_vec();
    bytes.extend(reset_seal(&key.link_secret, expires, user));
    Ok(format!("{}-{}", user.id.0.simple(), URL_SAFE_NO_PAD.encode(bytes)))
}

impl ResetPair {
    /// Takes a token apart; whether it is genuine is not known yet.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 8 + SEAL] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (expires, seal) = bytes.split_first_chunk::<8>()?;
        Some(Self { expires: i64::from_be_bytes(*expires), seal: seal.try_into().ok()? })
    }

    /// Whether it was made for the user as it is now, by us, and its time has not passed.
    pub(crate) async fn fits(&self, ring: &KeyRing, now: Timestamp, user: &User) -> Result<bool> {
        let keys = ring.keys().await?;
        let sealed = keys.all().iter().any(|key| {
            let expected = reset_seal(&key.link_secret, self.expires, user);
            bool::from(expected.ct_eq(&self.seal))
        });
        Ok(sealed && now.seconds() < self.expires)
    }
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

fn facts(user: UserId, address: AddressId, expires: i64) -> [u8; FACTS] {
    let mut bytes = [0; FACTS];
    bytes[..16].copy_from_slice(user.0.as_bytes());
    bytes[16..24].copy_from_slice(&address.0.to_be_bytes());
    bytes[24..].copy_from_slice(&expires.to_be_bytes());
    bytes
}

fn seal(secret: &[u8], user: UserId, address: AddressId, expires: i64, email: &EmailAddress) -> [u8; SEAL] {
    mac(secret, &[b"confirm-email", &facts(user, address, expires), email.as_str().as_bytes()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ambient::System;
    use crate::sign_in::keys::{KeySource, rotated};

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
        assert!(key.fits(&ring, now, &email).await.expect("an answer"));
        assert!(!key.fits(&ring, now, &other).await.expect("an answer"));
        assert!(!key.fits(&ring, now.plus_seconds(CONFIRMATION_LIFE), &email).await.expect("an answer"));
        assert!(!key.fits(&self::ring(), now, &email).await.expect("an answer"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            ConfirmationKey::parse(&text);
            ResetPair::parse(&text);
        }
    }
}
