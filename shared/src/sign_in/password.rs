//! Password hashes: argon2id of our own, and the forms that Django writes, for users who moved in.
//!
//! Hashing is slow on purpose, so it runs off the async workers, a few at a time.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::ambient::{Ambient, random};
use crate::error::{Error, Result};

/// What one argon2id hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB, at least 8.
    pub memory: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
}

impl HashCost {
    /// What the design asks for: 19 MiB, two passes.
    pub const DEFAULT: Self = Self { memory: 19_456, passes: 2 };
}

/// Bounds on what a stored hash may make a login cost; a hash beyond them matches nothing.
mod bounds {
    pub const PBKDF2_ITERATIONS: u32 = 5_000_000;
    pub const BCRYPT_COST: u32 = 15;
    pub const ARGON2_MEMORY: u32 = 262_144;
    pub const ARGON2_PASSES: u32 = 10;
    pub const ARGON2_LANES: u32 = 16;
    pub const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
    pub const SALT_BYTES: std::ops::RangeInclusive<usize> = 1..=64;
}

/// Whether a password fits, and whether its hash should be replaced by one of today's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does not fit.
    Wrong,
    /// It fits.
    Right,
    /// It fits, and the hash is of an older kind or of another cost.
    RightButOutdated,
}

/// Makes and verifies hashes.
#[derive(Clone)]
pub struct Hasher {
    cost: HashCost,
    ambient: Arc<dyn Ambient>,
    places: Arc<Semaphore>,
}

impl Hasher {
    /// A hasher that works on at most `at_once` passwords at a time.
    pub fn new(cost: HashCost, ambient: Arc<dyn Ambient>, at_once: usize) -> Self {
        Self { cost, ambient, places: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    /// The hash of a password, under a new salt.
    ///
    /// # Errors
    /// Only when the process cannot hash at all.
    pub async fn hash(&self, password: String) -> Result<String> {
        let salt: [u8; 16] = random(&*self.ambient);
        let cost = self.cost;
        self.run(move || argon2id(cost, password.as_bytes(), &salt)).await?
    }

    /// Whether `password` belongs to `stored`. Without `stored`, or when that is no hash, it costs the same and is wrong.
    ///
    /// # Errors
    /// Only when the process cannot hash at all.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict> {
        let cost = self.cost;
        self.run(move || match stored.and_then(|stored| verdict(cost, password.as_bytes(), &stored)) {
            Some(verdict) => Ok(verdict),
            None => argon2id(cost, password.as_bytes(), &[0; 16]).map(|_| Verdict::Wrong),
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = self.places.acquire().await.map_err(|e| Error::Internal(e.into()))?;
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(e.into()))
    }
}

/// Whether a login with this hash is possible at all; Django marks the others with `!`.
pub fn is_usable(stored: &str) -> bool {
    !stored.is_empty() && !stored.starts_with('!')
}

/// Whether a stored hash is of a kind that can be verified.
pub fn is_known_kind(stored: &str) -> bool {
    ["$argon2", "argon2$", "pbkdf2_sha256$", "bcrypt$", "bcrypt_sha256$"].iter().any(|start| stored.starts_with(start))
}

/// `$argon2id$v=19$m=…,t=…,p=1$salt$hash` (PHC string format).
fn argon2id(cost: HashCost, password: &[u8], salt: &[u8]) -> Result<String> {
    let failed = |error: argon2::Error| Error::internal(format!("argon2: {error}"));
    let params = Params::new(cost.memory, cost.passes, 1, Some(32)).map_err(failed)?;
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut hash)
        .map_err(failed)?;
    Ok(format!("{}{}${}", argon2id_prefix(cost), STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash)))
}

fn argon2id_prefix(cost: HashCost) -> String {
    format!("$argon2id$v=19$m={},t={},p=1$", cost.memory, cost.passes)
}

/// `None` when nothing was computed: `stored` is no hash, or one beyond the bounds.
fn verdict(cost: HashCost, password: &[u8], stored: &str) -> Option<Verdict> {
    let (fits, current) = match stored.split_once('$') {
        Some(("", _)) => (argon2_fits(password, stored), stored.starts_with(&argon2id_prefix(cost))),
        Some(("argon2", rest)) => (argon2_fits(password, &format!("${rest}")), false),
        Some(("pbkdf2_sha256", rest)) => (pbkdf2_fits(password, rest), false),
        Some(("bcrypt", rest)) => (bcrypt_fits(password, rest), false),
        Some(("bcrypt_sha256", rest)) => (bcrypt_fits(hex(&Sha256::digest(password)).as_bytes(), rest), false),
        _ => (None, false),
    };
    Some(match (fits?, current) {
        (true, true) => Verdict::Right,
        (true, false) => Verdict::RightButOutdated,
        (false, _) => Verdict::Wrong,
    })
}

/// `None` when the hash is malformed or beyond the bounds.
fn argon2_fits(password: &[u8], phc: &str) -> Option<bool> {
    let parts: Vec<&str> = phc.split('$').collect();
    let ["", algorithm, version, params, salt, hash] = parts[..] else { return None };
    let algorithm = Algorithm::new(algorithm).ok()?;
    let version = Version::try_from(number(version.strip_prefix("v=")?)?).ok()?;
    let (mut memory, mut passes, mut lanes) = (0, 0, 0);
    for param in params.split(',') {
        match param.split_once('=')? {
            ("m", value) => memory = number(value)?,
            ("t", value) => passes = number(value)?,
            ("p", value) => lanes = number(value)?,
            _ => return None,
        }
    }
    let (salt, hash) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?);
    let bounded = memory <= bounds::ARGON2_MEMORY
        && passes <= bounds::ARGON2_PASSES
        && lanes <= bounds::ARGON2_LANES
        && bounds::HASH_BYTES.contains(&hash.len())
        && bounds::SALT_BYTES.contains(&salt.len());
    if !bounded {
        return None;
    }
    let params = Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
    let mut computed = vec![0; hash.len()];
    Argon2::new(algorithm, version, params).hash_password_into(password, &salt, &mut computed).ok()?;
    Some(computed.ct_eq(&hash).into())
}

/// Django's `iterations$salt$hash`.
fn pbkdf2_fits(password: &[u8], stored: &str) -> Option<bool> {
    let parts: Vec<&str> = stored.split('$').collect();
    let [iterations, salt, hash] = parts[..] else { return None };
    let iterations = number(iterations)?;
    let hash = STANDARD.decode(hash).ok()?;
    if !(1..=bounds::PBKDF2_ITERATIONS).contains(&iterations)
        || hash.len() != 32
        || !bounds::SALT_BYTES.contains(&salt.len())
    {
        return None;
    }
    let computed = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt.as_bytes(), iterations);
    Some(computed.ct_eq(&hash[..]).into())
}

/// `$2b$12$…`
fn bcrypt_fits(password: &[u8], stored: &str) -> Option<bool> {
    let parts: Vec<&str> = stored.split('$').collect();
    let ["", "2a" | "2b" | "2y", cost, rest] = parts[..] else { return None };
    if number(cost)? > bounds::BCRYPT_COST || rest.len() != 53 {
        return None;
    }
    bcrypt::verify(password, stored).ok()
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// HMAC-SHA-256 (RFC 2104) of the parts, each with its length before it.
#[expect(clippy::expect_used, reason = "no key can make it fail")]
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHEAP: HashCost = HashCost { memory: 8, passes: 1 };

    #[test]
    fn own_hashes_verify_and_are_current() {
        let stored = argon2id(CHEAP, b"secret", &[7; 16]).expect("a hash");
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        assert_eq!(verdict(CHEAP, b"secret", &stored), Some(Verdict::Right));
        assert_eq!(verdict(CHEAP, b"Secret", &stored), Some(Verdict::Wrong));
        assert_eq!(verdict(HashCost { memory: 16, passes: 1 }, b"secret", &stored), Some(Verdict::RightButOutdated));
    }

    #[test]
    fn hashes_that_django_wrote_verify_and_are_outdated() {
        // Made with Django's own hashers for the password "Orchid-lantern-42".
        for stored in DJANGO {
            assert_eq!(verdict(CHEAP, b"Orchid-lantern-42", stored), Some(Verdict::RightButOutdated), "{stored}");
            assert_eq!(verdict(CHEAP, b"orchid-lantern-42", stored), Some(Verdict::Wrong), "{stored}");
        }
    }

    #[test]
    fn damaged_and_hostile_hashes_match_nothing() {
        for stored in [
            "",
            "!",
            "!unusable",
            "secret",
            "$",
            "$$$$$",
            "md5$salt$hash",
            "pbkdf2_sha256$x$salt$aGFzaA==",
            "pbkdf2_sha256$4000000000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "pbkdf2_sha256$0$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "pbkdf2_sha256$1$salt$",
            "bcrypt$$2b$31$0123456789012345678901234567890123456789012345678901a",
            "bcrypt$$2b$99$short",
            "bcrypt_sha256$$2b$",
            "argon2$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=4000000000,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=0$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$",
        ] {
            assert_eq!(verdict(CHEAP, b"", stored), None, "{stored}");
            assert_eq!(verdict(CHEAP, b"secret", stored), None, "{stored}");
        }
    }

    proptest! {
        #[test]
        fn no_stored_text_makes_the_verifier_panic(
            scheme in "(pbkdf2_sha256|bcrypt|bcrypt_sha256|argon2|)",
            rest in "(\\$[a-z0-9=,.+/A-Z]{0,12}){0,6}",
        ) {
            verdict(CHEAP, b"x", &format!("{scheme}{rest}"));
        }
    }

    const DJANGO: [&str; 4] = [
        "pbkdf2_sha256$1000$W3Dkpsalt0$Meva6GdOqIIjORRrVMbBcB7r6d5P7dTb6b51xOKw8CE=",
        "bcrypt$$2b$04$popKlwicBsH1qfPjKBjtMO.MlzGAg4Ux4SIufohL26ObLsJKeJ.FK",
        "bcrypt_sha256$$2b$04$iCKl7gEkzNJWH1vKqISO8OaYYIfLJpt4ybEnCJa0bLBkBiVxTnHRK",
        "argon2$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHQ$qdYUIDdOnxgRTDcQb2B8Wxc2RZ0YiQWwGrnXU3DfRtc",
    ];
}
