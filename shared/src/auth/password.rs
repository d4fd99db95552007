//! Password hashes: our own argon2id, and Django's formats for imported users.
//!
//! Hashing is slow on purpose, so it runs outside the async workers, with limited concurrency. Its duration would
//! reveal the kind of a hash, and whether there is one. So every failure does as much work as the slowest stored hash
//! of each kind ([`Effort`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::crypto::hex;
use crate::error::{Error, Result, Rule};
use crate::model::ambient::{Ambient, random};
use crate::model::{Field, MAX_PASSWORD};
use crate::secret::Secret;

/// The cost of an argon2id hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB, at least 8.
    pub memory: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
}

impl HashCost {
    /// 19 MiB, two passes (`docs/design.md` section 5).
    pub const DEFAULT: Self = Self { memory: 19_456, passes: 2 };
}

/// Limits on the cost of verifying a stored hash; a hash beyond them matches nothing.
mod bounds {
    pub const PBKDF2_ITERATIONS: u32 = 5_000_000;
    pub const BCRYPT_COST: u32 = 15;
    pub const BCRYPT_BYTES: usize = 72;
    pub const ARGON2_MEMORY: u32 = 262_144;
    pub const ARGON2_PASSES: u32 = 10;
    pub const ARGON2_LANES: u32 = 16;
    pub const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
    pub const SALT_BYTES: std::ops::RangeInclusive<usize> = 1..=64;
}

/// Limits on the cost of every failure: at least twice Django's current defaults. Hashes beyond them are still
/// verified, and the extra time shows.
const MOST_EFFORT: Effort = Effort { argon2: 2 * 262_144, bcrypt: 1 << 13, pbkdf2: 2_500_000 };

/// Whether a password matches, and whether its hash should be replaced by a current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No match.
    Wrong,
    /// Match.
    Right,
    /// Match, but the hash has an older format or another cost.
    NeedsRehash,
}

/// Creates and verifies hashes.
#[derive(Clone)]
pub struct Hasher {
    cost: HashCost,
    ambient: Arc<dyn Ambient>,
    places: Arc<Semaphore>,
}

impl Hasher {
    /// A hasher that handles at most `at_once` passwords concurrently.
    pub fn new(cost: HashCost, ambient: Arc<dyn Ambient>, at_once: usize) -> Self {
        Self { cost, ambient, places: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    /// The cost of its own hashes.
    pub(crate) fn own_effort(&self) -> Effort {
        Effort::of_own(self.cost)
    }

    /// Hashes a password with a new salt.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`MAX_PASSWORD`] bytes; otherwise only if the process cannot hash at all.
    pub async fn hash(&self, password: Secret) -> Result<Secret> {
        if password.len() > MAX_PASSWORD {
            return Err(Error::invalid(Field::Password, Rule::TooLong(MAX_PASSWORD)));
        }
        let salt: [u8; 16] = random(&*self.ambient);
        let cost = self.cost;
        self.run(move || argon2id(cost, password.as_bytes(), &salt)).await?.map(Secret::from)
    }

    /// Whether `password` matches `stored`. Without `stored`, with a malformed one, or with more than [`MAX_PASSWORD`]
    /// bytes, it does not.
    ///
    /// # Errors
    /// Only if the process cannot hash at all.
    pub async fn verify(&self, password: Secret, stored: Option<Secret>) -> Result<Verdict> {
        self.verify_evenly(password, stored, Effort::default(), true).await
    }

    /// The same, but a failure costs as much as `most`, whatever is stored, even nothing. If `counts` is false, the
    /// password is wrong in any case.
    ///
    /// # Errors
    /// Only if the process cannot hash at all.
    pub async fn verify_evenly(
        &self,
        password: Secret,
        stored: Option<Secret>,
        most: Effort,
        counts: bool,
    ) -> Result<Verdict> {
        let cost = self.cost;
        let is_too_long = password.len() > MAX_PASSWORD;
        let (password, counts) = if is_too_long { (Secret::default(), false) } else { (password, counts) };
        self.run(move || {
            let found = stored.as_ref().and_then(|stored| verdict(cost, password.as_bytes(), stored));
            if let Some(right) = found.filter(|found| counts && *found != Verdict::Wrong) {
                return Ok(right);
            }
            let spent = if let (Some(stored), Some(_)) = (stored, found) {
                Effort::of(&stored)
            } else {
                argon2id(cost, password.as_bytes(), &[0; 16])?;
                Effort::of_own(cost)
            };
            most.bounded().max(Effort::of_own(cost)).beyond(spent).spend(password.as_bytes())?;
            Ok(Verdict::Wrong)
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = self.places.acquire().await.map_err(|e| Error::Internal(e.into()))?;
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Internal(e.into()))
    }
}

/// The work of verifying hashes, separately for each kind, since the kinds have no common measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// argon2: KiB times passes.
    argon2: u64,
    /// bcrypt: rounds, two to the power of the cost.
    bcrypt: u64,
    /// PBKDF2: iterations.
    pbkdf2: u64,
}

impl Effort {
    /// The work of verifying a password against a stored hash; zero for a malformed hash or one beyond the limits.
    pub fn of(stored: &str) -> Self {
        let none = Self::default();
        let effort = match stored.split_once('$') {
            Some(("", _)) => argon2_params(stored).map(|params| Self { argon2: argon2_effort(&params), ..none }),
            Some(("argon2", rest)) => {
                argon2_params(&format!("${rest}")).map(|params| Self { argon2: argon2_effort(&params), ..none })
            }
            Some(("pbkdf2_sha256", rest)) => {
                pbkdf2_iterations(rest).map(|iterations| Self { pbkdf2: u64::from(iterations), ..none })
            }
            Some(("bcrypt" | "bcrypt_sha256", rest)) => {
                bcrypt_cost(rest).map(|cost| Self { bcrypt: 1 << cost, ..none })
            }
            _ => None,
        };
        effort.unwrap_or_default()
    }

    fn of_own(cost: HashCost) -> Self {
        Self { argon2: u64::from(cost.memory) * u64::from(cost.passes), ..Self::default() }
    }

    /// The same, within the limits of a failure.
    #[must_use]
    pub fn bounded(self) -> Self {
        let Self { argon2, bcrypt, pbkdf2 } = MOST_EFFORT;
        Self { argon2: self.argon2.min(argon2), bcrypt: self.bcrypt.min(bcrypt), pbkdf2: self.pbkdf2.min(pbkdf2) }
    }

    /// The maximum of each kind.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            argon2: self.argon2.max(other.argon2),
            bcrypt: self.bcrypt.max(other.bcrypt),
            pbkdf2: self.pbkdf2.max(other.pbkdf2),
        }
    }

    /// The excess over the other, for each kind.
    #[must_use]
    pub fn beyond(self, other: Self) -> Self {
        Self {
            argon2: self.argon2.saturating_sub(other.argon2),
            bcrypt: self.bcrypt.saturating_sub(other.bcrypt),
            pbkdf2: self.pbkdf2.saturating_sub(other.pbkdf2),
        }
    }

    /// The values by kind.
    pub fn kinds(self) -> [(&'static str, u64); 3] {
        [("argon2", self.argon2), ("bcrypt", self.bcrypt), ("pbkdf2", self.pbkdf2)]
    }

    /// Parses [`Effort::kinds`]; missing kinds are zero.
    pub fn read(kinds: &BTreeMap<String, u64>) -> Self {
        let of = |kind: &str| kinds.get(kind).copied().unwrap_or_default();
        Self { argon2: of("argon2"), bcrypt: of("bcrypt"), pbkdf2: of("pbkdf2") }
    }

    /// Does that much work without a result.
    fn spend(self, password: &[u8]) -> Result<()> {
        let Self { argon2, bcrypt, pbkdf2 } = self;
        let passes = 2;
        let memory = u32::try_from(argon2 / 2).unwrap_or(bounds::ARGON2_MEMORY).min(bounds::ARGON2_MEMORY);
        // Less than eight KiB does not matter, and argon2 does not support it.
        if memory >= Params::MIN_M_COST {
            argon2id(HashCost { memory, passes }, password, &[0; 16])?;
        }
        // A number of rounds is a sum of powers of two.
        for cost in (4..=bounds::BCRYPT_COST).filter(|cost| bcrypt >> cost & 1 == 1) {
            bcrypt::hash_with_salt_bytes(password, cost, [0; 16])
                .map_err(|error| Error::internal(error.to_string()))?;
        }
        let iterations = u32::try_from(pbkdf2).unwrap_or(bounds::PBKDF2_ITERATIONS);
        if iterations > 0 {
            std::hint::black_box(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, &[0; 16], iterations));
        }
        Ok(())
    }
}

/// Whether a login with this hash is possible at all; Django marks unusable ones with `!`.
pub fn is_usable(stored: &str) -> bool {
    !stored.is_empty() && !stored.starts_with('!')
}

/// Whether a stored hash has a supported format.
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

/// `None` if nothing was computed: `stored` is malformed or beyond the limits.
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
        (true, false) => Verdict::NeedsRehash,
        (false, _) => Verdict::Wrong,
    })
}

/// The parameters of a PHC string.
struct Argon2Params {
    algorithm: Algorithm,
    version: Version,
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// `None` if the hash is malformed or beyond the limits.
fn argon2_params(phc: &str) -> Option<Argon2Params> {
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
    bounded.then_some(Argon2Params { algorithm, version, memory, passes, lanes, salt, hash })
}

fn argon2_effort(params: &Argon2Params) -> u64 {
    u64::from(params.memory) * u64::from(params.passes)
}

/// `None` if the hash is malformed or beyond the limits.
fn argon2_fits(password: &[u8], phc: &str) -> Option<bool> {
    let Argon2Params { algorithm, version, memory, passes, lanes, salt, hash } = argon2_params(phc)?;
    let params = Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
    let mut computed = vec![0; hash.len()];
    Argon2::new(algorithm, version, params).hash_password_into(password, &salt, &mut computed).ok()?;
    Some(computed.ct_eq(&hash).into())
}

/// From Django's `iterations$salt$hash`, unless it is beyond the limits.
fn pbkdf2_iterations(stored: &str) -> Option<u32> {
    let iterations = number(stored.split('$').next()?)?;
    (1..=bounds::PBKDF2_ITERATIONS).contains(&iterations).then_some(iterations)
}

fn pbkdf2_fits(password: &[u8], stored: &str) -> Option<bool> {
    let parts: Vec<&str> = stored.split('$').collect();
    let [_, salt, hash] = parts[..] else { return None };
    let iterations = pbkdf2_iterations(stored)?;
    let hash = STANDARD.decode(hash).ok()?;
    if hash.len() != 32 || !bounds::SALT_BYTES.contains(&salt.len()) {
        return None;
    }
    let computed = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt.as_bytes(), iterations);
    Some(computed.ct_eq(&hash[..]).into())
}

/// From `$2b$12$…`, unless it is beyond the limits.
fn bcrypt_cost(stored: &str) -> Option<u32> {
    let parts: Vec<&str> = stored.split('$').collect();
    let ["", "2a" | "2b" | "2y", cost, rest] = parts[..] else { return None };
    number(cost).filter(|cost| *cost <= bounds::BCRYPT_COST && rest.len() == 53)
}

fn bcrypt_fits(password: &[u8], stored: &str) -> Option<bool> {
    bcrypt_cost(stored)?;
    let fits = bcrypt::verify(password, stored).ok()?;
    // bcrypt ignores the rest, which must not become part of the password when the hash is renewed.
    Some(fits && password.len() <= bounds::BCRYPT_BYTES)
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
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
        assert_eq!(verdict(HashCost { memory: 16, passes: 1 }, b"secret", &stored), Some(Verdict::NeedsRehash));
    }

    #[test]
    fn hashes_that_django_wrote_verify_and_are_outdated() {
        // Created with Django's own hashers for the password "Orchid-lantern-42".
        for stored in DJANGO {
            assert_eq!(verdict(CHEAP, b"Orchid-lantern-42", stored), Some(Verdict::NeedsRehash), "{stored}");
            assert_eq!(verdict(CHEAP, b"orchid-lantern-42", stored), Some(Verdict::Wrong), "{stored}");
        }
    }

    #[test]
    fn what_bcrypt_does_not_read_is_no_password() {
        let longest = "x".repeat(72);
        let hash = bcrypt::hash(&longest, 4).expect("a hash");
        let stored = format!("bcrypt${hash}");
        assert_eq!(verdict(CHEAP, longest.as_bytes(), &stored), Some(Verdict::NeedsRehash));
        assert_eq!(verdict(CHEAP, format!("{longest}y").as_bytes(), &stored), Some(Verdict::Wrong));
        let digest = bcrypt::hash(hex(&Sha256::digest(format!("{longest}y"))), 4).expect("a hash");
        let stored = format!("bcrypt_sha256${digest}");
        assert_eq!(verdict(CHEAP, format!("{longest}y").as_bytes(), &stored), Some(Verdict::NeedsRehash));
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

    #[test]
    fn failures_cost_as_much_as_the_slowest_hash_of_each_kind() {
        let own = Effort::of_own(CHEAP);
        let [pbkdf2, bcrypt, bcrypt_sha256, argon2] = DJANGO.map(Effort::of);
        assert_eq!(pbkdf2, Effort { pbkdf2: 1000, ..Effort::default() });
        assert_eq!((bcrypt, bcrypt_sha256), (Effort { bcrypt: 16, ..Effort::default() }, bcrypt));
        assert_eq!(argon2, Effort { argon2: 2048, ..Effort::default() });
        let most = DJANGO.iter().map(|stored| Effort::of(stored)).fold(own, Effort::max);
        assert_eq!(most, Effort { argon2: 2048, bcrypt: 16, pbkdf2: 1000 });
        // Whatever was computed, the remaining work makes up the difference.
        for spent in [own, pbkdf2, bcrypt, argon2, Effort { bcrypt: 1 << 15, ..Effort::default() }] {
            let left = most.beyond(spent);
            assert!(left.spend(b"secret").is_ok());
            assert_eq!(
                Effort::max(most, spent),
                Effort {
                    argon2: left.argon2 + spent.argon2,
                    bcrypt: left.bcrypt + spent.bcrypt,
                    pbkdf2: left.pbkdf2 + spent.pbkdf2,
                }
            );
        }
        for none in ["", "!", "md5$x$y", "pbkdf2_sha256$4000000000$salt$AAAA", "bcrypt$$2b$31$x", "argon2$x"] {
            assert_eq!(Effort::of(none), Effort::default(), "{none}");
        }
        let kinds = most.kinds().map(|(kind, amount)| (kind.to_owned(), amount));
        assert_eq!(Effort::read(&BTreeMap::from(kinds)), most);
        assert_eq!(Effort { bcrypt: 1 << 15, ..most }.bounded(), Effort { bcrypt: 1 << 13, ..most });
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
