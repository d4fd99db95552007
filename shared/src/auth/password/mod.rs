//! Password hashes: our own argon2id, and Django's formats for imported users.
//!
//! Hashing is slow on purpose, so it runs outside the async workers, with limited concurrency. Its duration would
//! reveal the kind of a hash, and whether there is one. So every failure does as much work as the slowest stored hash
//! of each kind ([`Effort`]).

mod effort;
mod formats;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub use self::effort::Effort;
pub use self::formats::{HashCost, Verdict, is_known_kind, is_usable};
use self::formats::{argon2id, verdict};
use crate::error::{Error, Result, Rule};
use crate::model::ambient::{Ambient, random};
use crate::model::{Field, MAX_PASSWORD};
use crate::secret::Secret;

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::auth::crypto::hex;

    const CHEAP: HashCost = HashCost { memory: 8, passes: 1 };

    #[test]
    fn a_hash_does_not_depend_on_what_was_hashed_before() {
        let hash = |memory, passes| argon2id(HashCost { memory, passes }, b"a password", &[7; 16]).expect("a hash");
        let first = [hash(64, 1), hash(1024, 2), hash(8, 3)];
        assert_eq!([hash(64, 1), hash(1024, 2), hash(8, 3)], first);
        assert_eq!(verdict(HashCost { memory: 64, passes: 1 }, b"a password", &first[0]), Some(Verdict::Right));
        assert_eq!(verdict(HashCost { memory: 64, passes: 1 }, b"another", &first[0]), Some(Verdict::Wrong));
    }

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
