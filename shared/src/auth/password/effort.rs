//! How much work it is to verify a hash, so that failures take as long as successes.

use std::collections::BTreeMap;

use argon2::Params;

use super::formats::{
    HashCost, argon2_effort, argon2_params, argon2id, bcrypt_cost, bounds, pbkdf2, pbkdf2_iterations,
};
use crate::error::{Error, Result};

/// Limits on the cost of every failure: at least twice Django's current defaults. Hashes beyond them are still
/// verified, and the extra time shows.
const MOST_EFFORT: Effort = Effort { argon2: 2 * 262_144, bcrypt: 1 << 13, pbkdf2: 2_500_000 };

/// The work of verifying hashes, separately for each kind, since the kinds have no common measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// argon2: KiB times passes.
    pub(super) argon2: u64,
    /// bcrypt: rounds, two to the power of the cost.
    pub(super) bcrypt: u64,
    /// PBKDF2: iterations.
    pub(super) pbkdf2: u64,
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

    pub(super) fn of_own(cost: HashCost) -> Self {
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
    pub(super) fn spend(self, password: &[u8]) -> Result<()> {
        let Self { argon2, bcrypt, pbkdf2: rounds } = self;
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
        let iterations = u32::try_from(rounds).unwrap_or(bounds::PBKDF2_ITERATIONS);
        if iterations > 0 {
            std::hint::black_box(pbkdf2(password, &[0; 16], iterations));
        }
        Ok(())
    }
}
