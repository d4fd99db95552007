//! The keys that sign tokens and mailed links.
//!
//! They are stored as a JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037). The first key signs; all of them
//! verify, so that rotated keys overlap. A process that only verifies gets the same set without the private parts.

mod key_set;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::RwLock;

pub(in crate::auth) use self::key_set::Keys;
pub use self::key_set::{PublicKey, public_set, rotated};
use crate::aws::Parameters;
use crate::config::{SIGNING_KEYS, VERIFYING_KEYS};
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::model::ambient::Ambient;

/// The minimum interval in seconds at which a warm process fetches the keys again for a token or link that may have
/// been made with an unknown key.
const PATIENCE: i64 = 10;

/// The minimum interval in seconds between attempts of a process without keys.
const SHORT_PATIENCE: i64 = 1;

/// The maximum age in seconds of the public keys that a warm process returns.
const PUBLIC_AGE: i64 = 300;

/// The location of the keys, with or without their private parts.
#[derive(Clone)]
pub enum KeySource {
    /// A file; `rollcall serve` creates it if it is missing.
    File(PathBuf),
    /// A parameter of AWS Systems Manager, by name.
    Parameter(String, Parameters),
    /// The key set itself.
    Inline(String),
    /// No keys: the process handles neither signed tokens nor mailed links.
    Nowhere,
}

/// The keys of a process, fetched on first use and again when something may have been signed with an unknown key.
pub struct KeyRing {
    source: KeySource,
    ambient: Arc<dyn Ambient>,
    fetched: RwLock<Fetched>,
}

/// What a process has fetched so far.
#[derive(Default)]
struct Fetched {
    keys: Option<(Timestamp, Arc<Keys>)>,
    /// The time and message of the last failed fetch since then: other requests need not repeat it.
    failed: Option<(Timestamp, String)>,
}

impl KeyRing {
    /// A ring that has fetched nothing yet.
    pub fn new(source: KeySource, ambient: Arc<dyn Ambient>) -> Self {
        crate::auth::eddsa::install();
        Self { source, ambient, fetched: RwLock::default() }
    }

    /// The keys, as fetched last.
    pub(in crate::auth) async fn keys(&self) -> Result<Arc<Keys>> {
        if let Some((_, keys)) = &self.fetched.read().await.keys {
            return Ok(keys.clone());
        }
        self.fetch(None).await
    }

    /// The keys, fetched again if `kid` is not among them.
    pub(in crate::auth) async fn keys_with(&self, kid: &str) -> Result<Arc<Keys>> {
        let keys = self.keys().await?;
        if keys.by_id(kid).is_some() { Ok(keys) } else { self.newer(self.ambient.now()).await }
    }

    /// The keys, fetched again unless that was done very recently: another process may have signed with a newer one.
    async fn newer(&self, now: Timestamp) -> Result<Arc<Keys>> {
        self.fetch(Some(now.plus_seconds(-PATIENCE))).await
    }

    /// Whether `is_sealed` is true for the link secret of any key, including newer keys that must be fetched.
    ///
    /// # Errors
    /// When the keys cannot be fetched, or only public ones.
    pub(in crate::auth) async fn any_link_secret(
        &self,
        now: Timestamp,
        is_sealed: impl Fn(&[u8; 32]) -> bool,
    ) -> Result<bool> {
        let keys = self.keys().await?;
        if keys.link_secrets()?.any(&is_sealed) {
            return Ok(true);
        }
        // A link does not name its key.
        let newer = self.newer(now).await?;
        Ok(newer.link_secrets()?.any(&is_sealed))
    }

    /// The public parts of all keys; another process may have signed with any of them.
    ///
    /// # Errors
    /// When the keys cannot be fetched.
    pub async fn public(&self) -> Result<Vec<PublicKey>> {
        Ok(self.fetch(Some(self.ambient.now().plus_seconds(-PUBLIC_AGE))).await?.public())
    }

    /// Fetches the keys, unless that was done after `unless_since` (or at all, if `None`).
    async fn fetch(&self, unless_since: Option<Timestamp>) -> Result<Arc<Keys>> {
        let mut fetched = self.fetched.write().await;
        if let Some((when, keys)) = &fetched.keys
            && unless_since.is_none_or(|since| *when > since)
        {
            return Ok(keys.clone());
        }
        let now = self.ambient.now();
        let retry_policy = if fetched.keys.is_some() { PATIENCE } else { SHORT_PATIENCE };
        if let Some((when, told)) = &fetched.failed
            && now < when.plus_seconds(retry_policy)
        {
            return Err(Error::Unavailable(told.clone().into()));
        }
        match self.read().await {
            Ok(keys) => {
                *fetched = Fetched { keys: Some((now, keys.clone())), failed: None };
                Ok(keys)
            }
            Err(error) => {
                if let Error::Unavailable(cause) = &error {
                    fetched.failed = Some((now, cause.to_string()));
                }
                Err(error)
            }
        }
    }

    async fn read(&self) -> Result<Arc<Keys>> {
        let text = match &self.source {
            KeySource::Inline(text) => text.clone(),
            KeySource::File(path) => tokio::fs::read_to_string(path)
                .await
                .map_err(|error| Error::internal(format!("signing keys {}: {error}", path.display())))?,
            KeySource::Parameter(name, parameters) => parameters.value(name).await.map_err(Error::Unavailable)?,
            KeySource::Nowhere => {
                return Err(Error::internal(format!("no keys: set {SIGNING_KEYS} or {VERIFYING_KEYS}")));
            }
        };
        Ok(Arc::new(Keys::parse(&text).map_err(Error::Internal)?))
    }
}

impl fmt::Debug for KeySource {
    /// The location of the keys, but not the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Parameter(name, _) => f.debug_tuple("Parameter").field(name).finish_non_exhaustive(),
            Self::Inline(_) => f.debug_tuple("Inline").finish_non_exhaustive(),
            Self::Nowhere => f.write_str("Nowhere"),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::auth::jwt::{self, VerifiedTokens};
    use crate::auth::link::{ConfirmationKey, ResetTicket, ResetToken, confirmation_key, reset_pair};
    use crate::config::TokenTtl;
    use crate::model::ambient::System;
    use crate::model::{AddressId, EdgeId, EmailAddress, NewUser, User, UserId, Username};

    fn now() -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn ring(set: &str) -> KeyRing {
        KeyRing::new(KeySource::Inline(set.to_owned()), System::shared())
    }

    fn user() -> User {
        let username = Username::parse("jane").expect("a name");
        let edge_id = EdgeId::parse("070707070707070707070707").expect("an id");
        User::new(UserId(Uuid::from_u128(7)), edge_id, &username, &NewUser::default(), now())
    }

    async fn token_of(ring: &KeyRing) -> Result<String> {
        jwt::issue(ring, &System, TokenTtl::Never, &user()).await
    }

    /// The log message of an internal error.
    #[track_caller]
    fn internal<T>(result: Result<T>) -> String {
        match result {
            Err(Error::Internal(cause)) => cause.to_string(),
            Err(other) => panic!("another error: {other:?}"),
            Ok(_) => panic!("no error"),
        }
    }

    /// One member of each key of a set.
    fn parts(set: &str, name: &str) -> Vec<Value> {
        let set: Value = serde_json::from_str(set).expect("JSON");
        set["keys"].as_array().expect("keys").iter().map(|key| key[name].clone()).collect()
    }

    #[test]
    fn a_rotated_set_signs_with_the_new_key_and_keeps_the_last() {
        let first = rotated(None, &System).expect("a set");
        let second = rotated(Some(&first), &System).expect("a set");
        let third = rotated(Some(&second), &System).expect("a set");
        let ids =
            |text: &str| -> Vec<String> { Keys::parse(text).expect("keys").0.into_iter().map(|key| key.id).collect() };
        assert_eq!(ids(&first).len(), 1);
        assert_eq!(ids(&second)[1..], ids(&first)[..]);
        assert_eq!(ids(&third)[1..], ids(&second)[..1]);
    }

    #[test]
    fn a_public_set_has_every_key_and_no_private_part() {
        let set = rotated(Some(&rotated(None, &System).expect("a set")), &System).expect("a set");
        let public = public_set(&set).expect("a public set");
        assert_eq!(parts(&public, "kid"), parts(&set, "kid"));
        assert_eq!(parts(&public, "x"), parts(&set, "x"));
        assert_eq!(parts(&public, "d"), [Value::Null, Value::Null]);
        for secret in parts(&set, "d") {
            assert!(!public.contains(secret.as_str().expect("a private part")));
        }
        assert_eq!(public_set(&public).expect("the same set"), public);
    }

    #[tokio::test]
    async fn a_public_set_verifies_tokens_of_all_its_keys_and_of_no_other() {
        let first = rotated(None, &System).expect("a set");
        let second = rotated(Some(&first), &System).expect("a set");
        let third = rotated(Some(&second), &System).expect("a set");
        let verifying = ring(&public_set(&second).expect("a public set"));
        for (set, good) in [(&first, true), (&second, true), (&third, false)] {
            let token = token_of(&ring(set)).await.expect("a token");
            let claims = jwt::read(&verifying, &VerifiedTokens::default(), now(), &token).await.expect("an answer");
            assert_eq!(claims.is_some_and(|claims| claims.sub == user().id), good);
        }
    }

    #[tokio::test]
    async fn a_public_set_signs_nothing_and_the_error_names_the_setting_and_shows_no_key() {
        let set = rotated(None, &System).expect("a set");
        let (signing, verifying) = (ring(&set), ring(&public_set(&set).expect("a public set")));
        let email = EmailAddress::parse("a@b.example").expect("an address");
        let user = user();
        let key = confirmation_key(&signing, now(), user.id, AddressId(3), &email).await.expect("a key");
        let key = ConfirmationKey::parse(&key).expect("a key");
        let ticket = ResetTicket::new(&signing, &System).await.expect("a ticket");
        let pair = reset_pair(&ticket, &user);
        let pair = ResetToken::parse(pair.split_once('-').expect("a pair").1).expect("a pair");
        let errors = [
            internal(token_of(&verifying).await),
            internal(confirmation_key(&verifying, now(), user.id, AddressId(3), &email).await),
            internal(key.verify(&verifying, now(), &email).await),
            internal(ResetTicket::new(&verifying, &System).await.map(drop)),
            internal(pair.verify(&verifying, now(), &user).await),
        ];
        for error in errors {
            assert!(error.contains("ROLLCALL_SIGNING_KEYS"), "{error}");
            for part in [parts(&set, "x"), parts(&set, "d")].concat() {
                assert!(!error.contains(part.as_str().expect("a part")), "{error}");
            }
        }
    }

    #[test]
    fn a_public_set_cannot_be_rotated() {
        let public = public_set(&rotated(None, &System).expect("a set")).expect("a public set");
        let error = rotated(Some(&public), &System).expect_err("an error").to_string();
        assert!(error.contains("private"), "{error}");
    }

    #[test]
    fn no_source_shows_its_keys() {
        let set = rotated(None, &System).expect("a set");
        assert_eq!(format!("{:?}", KeySource::Inline(set)), "Inline(..)");
    }

    #[tokio::test]
    async fn who_has_no_keys_is_told_which_settings_name_them() {
        let ring = KeyRing::new(KeySource::Nowhere, System::shared());
        let error = internal(token_of(&ring).await);
        assert!(error.contains("ROLLCALL_SIGNING_KEYS") && error.contains("ROLLCALL_VERIFYING_KEYS"), "{error}");
    }

    #[test]
    fn what_is_no_key_set_is_refused_without_being_shown() {
        let set = rotated(None, &System).expect("a set");
        let damaged = |set: &str| set.replace("\"x\": \"", "\"x\": \"A");
        let public = damaged(&public_set(&set).expect("a public set"));
        let without_order =
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;
        for text in ["", "{}", "{\"keys\":[]}", "secret", &damaged(&set), &public, without_order] {
            let error = Keys::parse(text).err().expect("an error").to_string();
            assert_eq!(error, "the signing keys are not a JSON Web Key Set of Ed25519 keys");
        }
    }
}
