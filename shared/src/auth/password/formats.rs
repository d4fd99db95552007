//! The formats of stored hashes.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::auth::crypto::hex;
use crate::error::{Error, Result};

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

/// Working memory of argon2, kept for the next hash. The system takes a fifth of the time of a hash to provide it.
static SPARE: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());
/// How much of it is kept, in pieces of at most [`MOST_BLOCKS`].
const MOST_SPARE: usize = 4;
/// The blocks of 1 KiB that our own hashes need. More is not kept.
const MOST_BLOCKS: usize = 19_456;

/// Limits on the cost of verifying a stored hash; a hash beyond them matches nothing.
pub(super) mod bounds {
    pub const PBKDF2_ITERATIONS: u32 = 5_000_000;
    pub const BCRYPT_COST: u32 = 15;
    pub const BCRYPT_BYTES: usize = 72;
    pub const ARGON2_MEMORY: u32 = 262_144;
    pub const ARGON2_PASSES: u32 = 10;
    pub const ARGON2_LANES: u32 = 16;
    pub const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
    pub const SALT_BYTES: std::ops::RangeInclusive<usize> = 1..=64;
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
pub(super) fn argon2id(cost: HashCost, password: &[u8], salt: &[u8]) -> Result<String> {
    let failed = |error: argon2::Error| Error::internal(format!("argon2: {error}"));
    let params = Params::new(cost.memory, cost.passes, 1, Some(32)).map_err(failed)?;
    let mut hash = [0; 32];
    compute(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params), password, salt, &mut hash).map_err(failed)?;
    Ok(format!("{}{}${}", argon2id_prefix(cost), STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash)))
}

/// Writes a hash to `hash`.
fn compute(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    hash: &mut [u8],
) -> std::result::Result<(), argon2::Error> {
    let blocks = argon2.params().block_count();
    if blocks > MOST_BLOCKS {
        return argon2.hash_password_into(password, salt, hash);
    }
    let spare = || SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut memory = spare().pop().unwrap_or_default();
    if memory.len() < blocks {
        memory.try_reserve_exact(blocks - memory.len()).map_err(|_| argon2::Error::OutOfMemory)?;
        memory.resize(blocks, Block::new());
    }
    let done = argon2.hash_password_into_with_memory(password, salt, hash, &mut memory[..blocks]);
    let mut spare = spare();
    if spare.len() < MOST_SPARE {
        spare.push(memory);
    }
    done
}

fn argon2id_prefix(cost: HashCost) -> String {
    format!("$argon2id$v=19$m={},t={},p=1$", cost.memory, cost.passes)
}

/// `None` if nothing was computed: `stored` is malformed or beyond the limits.
pub(super) fn verdict(cost: HashCost, password: &[u8], stored: &str) -> Option<Verdict> {
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
pub(super) struct Argon2Params {
    algorithm: Algorithm,
    version: Version,
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// `None` if the hash is malformed or beyond the limits.
pub(super) fn argon2_params(phc: &str) -> Option<Argon2Params> {
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

pub(super) fn argon2_effort(params: &Argon2Params) -> u64 {
    u64::from(params.memory) * u64::from(params.passes)
}

/// `None` if the hash is malformed or beyond the limits.
fn argon2_fits(password: &[u8], phc: &str) -> Option<bool> {
    let Argon2Params { algorithm, version, memory, passes, lanes, salt, hash } = argon2_params(phc)?;
    let params = Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
    let mut computed = vec![0; hash.len()];
    compute(&Argon2::new(algorithm, version, params), password, &salt, &mut computed).ok()?;
    Some(computed.ct_eq(&hash).into())
}

/// From Django's `iterations$salt$hash`, unless it is beyond the limits.
pub(super) fn pbkdf2_iterations(stored: &str) -> Option<u32> {
    let iterations = number(stored.split('$').next()?)?;
    (1..=bounds::PBKDF2_ITERATIONS).contains(&iterations).then_some(iterations)
}

/// The first 32 bytes of PBKDF2 with HMAC-SHA-256 (RFC 8018); no iterations count as one.
pub(super) fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut computed = [0; 32];
    let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    derive(PBKDF2_HMAC_SHA256, iterations, salt, password, &mut computed);
    computed
}

fn pbkdf2_fits(password: &[u8], stored: &str) -> Option<bool> {
    let parts: Vec<&str> = stored.split('$').collect();
    let [_, salt, hash] = parts[..] else { return None };
    let iterations = pbkdf2_iterations(stored)?;
    let hash = STANDARD.decode(hash).ok()?;
    if hash.len() != 32 || !bounds::SALT_BYTES.contains(&salt.len()) {
        return None;
    }
    Some(pbkdf2(password, salt.as_bytes(), iterations).ct_eq(&hash[..]).into())
}

/// From `$2b$12$…`, unless it is beyond the limits.
pub(super) fn bcrypt_cost(stored: &str) -> Option<u32> {
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
