//! The keys that sign tokens and mailed links.
//!
//! They are stored as a JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037). The first key signs; all of them
//! verify, so that rotated keys overlap. A process that only verifies gets the same set without the private parts.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use super::crypto::mac;
use crate::aws::Parameters;
use crate::config::{SIGNING_KEYS, VERIFYING_KEYS};
use crate::error::{Cause, Error, Result};
use crate::model::Timestamp;
use crate::model::ambient::{Ambient, random};

/// The minimum interval in seconds at which a warm process fetches the keys again for a token or link that may have
/// been made with an unknown key.
const PATIENCE: i64 = 10;

/// The minimum interval in seconds between attempts of a process without keys.
const SHORT_PATIENCE: i64 = 1;

/// The maximum age in seconds of the public keys that a warm process returns.
const PUBLIC_AGE: i64 = 300;

/// The message for an unreadable key set. It never shows the content.
const MALFORMED: &str = "the signing keys are not a JSON Web Key Set of Ed25519 keys";

/// One key.
pub(super) struct Key {
    pub id: String,
    /// The public part, as in key sets.
    x: String,
    pub verifies: DecodingKey,
    /// `None` if the set contains only the public part.
    private: Option<Private>,
}

/// Values derived from the private part of a key.
struct Private {
    signs: EncodingKey,
    /// For links; it reveals nothing about the private part.
    link_secret: [u8; 32],
}

/// The public part of a key, with which others verify tokens (RFC 7517, RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PublicKey {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    r#use: &'static str,
    kid: String,
    x: String,
}

/// The keys, the signing one first; never empty.
pub(super) struct Keys(Vec<Key>);

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

#[derive(Serialize, Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    kid: String,
    /// Public part.
    x: String,
    /// Private part.
    d: Option<String>,
}

/// A key set for processes that only verify.
#[derive(Serialize)]
struct PublicDocument {
    keys: Vec<PublicKey>,
}

impl KeyRing {
    /// A ring that has fetched nothing yet.
    pub fn new(source: KeySource, ambient: Arc<dyn Ambient>) -> Self {
        super::eddsa::install();
        Self { source, ambient, fetched: RwLock::default() }
    }

    /// The keys, as fetched last.
    pub(super) async fn keys(&self) -> Result<Arc<Keys>> {
        if let Some((_, keys)) = &self.fetched.read().await.keys {
            return Ok(keys.clone());
        }
        self.fetch(None).await
    }

    /// The keys, fetched again if `kid` is not among them.
    pub(super) async fn keys_with(&self, kid: &str) -> Result<Arc<Keys>> {
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
    pub(super) async fn any_link_secret(&self, now: Timestamp, is_sealed: impl Fn(&[u8; 32]) -> bool) -> Result<bool> {
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

impl Keys {
    /// Parses a key set. The error never shows the content.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, Cause> {
        let document: Document = serde_json::from_str(text).map_err(|_| MALFORMED)?;
        let keys = document.keys.iter().map(Key::from_jwk).collect::<Option<Vec<_>>>();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err(MALFORMED.into()),
        }
    }

    pub(super) fn signing(&self) -> Option<&Key> {
        self.0.first()
    }

    pub(super) fn by_id(&self, kid: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == kid)
    }

    /// The link secrets of all keys that have one; the signing key must.
    fn link_secrets(&self) -> Result<impl Iterator<Item = &[u8; 32]>> {
        if let Some(key) = self.signing() {
            key.private()?;
        }
        Ok(self.0.iter().filter_map(|key| Some(&key.private.as_ref()?.link_secret)))
    }

    fn public(&self) -> Vec<PublicKey> {
        let public = |key: &Key| PublicKey {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            r#use: "sig",
            kid: key.id.clone(),
            x: key.x.clone(),
        };
        self.0.iter().map(public).collect()
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

impl Key {
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if jwk.kty != "OKP" || jwk.crv != "Ed25519" || jwk.kid.is_empty() {
            return None;
        }
        let x: [u8; 32] = URL_SAFE_NO_PAD.decode(&jwk.x).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&x).ok().filter(|key| !key.is_weak())?;
        let private = match &jwk.d {
            Some(d) => Some(Private::from_seed(&URL_SAFE_NO_PAD.decode(d).ok()?.try_into().ok()?, &x)?),
            None => None,
        };
        let verifies = DecodingKey::from_ed_components(&jwk.x).ok()?;
        Some(Self { id: jwk.kid.clone(), x: jwk.x.clone(), verifies, private })
    }

    /// The key that signs tokens.
    ///
    /// # Errors
    /// When the set contains only the public part.
    pub(super) fn signs(&self) -> Result<&EncodingKey> {
        Ok(&self.private()?.signs)
    }

    /// The secret that seals mailed links.
    ///
    /// # Errors
    /// When the set contains only the public part.
    pub(super) fn link_secret(&self) -> Result<&[u8; 32]> {
        Ok(&self.private()?.link_secret)
    }

    fn private(&self) -> Result<&Private> {
        let missing =
            || format!("the keys are only public: to sign tokens, or to create or check links, set {SIGNING_KEYS}");
        self.private.as_ref().ok_or_else(|| Error::internal(missing()))
    }
}

impl Private {
    /// `None` if the public part does not match.
    fn from_seed(seed: &[u8; 32], public: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_bytes(seed);
        if key.verifying_key().as_bytes() != public {
            return None;
        }
        Some(Self {
            signs: EncodingKey::from_ed_der(key.to_pkcs8_der().ok()?.as_bytes()),
            link_secret: mac(seed, &[b"rollcall links"]),
        })
    }
}

/// A key set with a new signing key, followed by at most one key of `previous`.
///
/// # Errors
/// When `previous` is not a key set with private parts.
pub fn rotated(previous: Option<&str>, ambient: &dyn Ambient) -> std::result::Result<String, Cause> {
    let mut document = match previous {
        Some(text) => {
            if Keys::parse(text)?.link_secrets().is_err() {
                return Err("the keys are only public; a rotation needs the key set with the private parts".into());
            }
            serde_json::from_str(text)?
        }
        None => Document { keys: Vec::new() },
    };
    let seed: [u8; 32] = random(ambient);
    let public = *SigningKey::from_bytes(&seed).verifying_key().as_bytes();
    let key = Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        kid: URL_SAFE_NO_PAD.encode(&mac(&public, &[b"kid"])[..9]),
        x: URL_SAFE_NO_PAD.encode(public),
        d: Some(URL_SAFE_NO_PAD.encode(seed)),
    };
    document.keys.truncate(1);
    document.keys.insert(0, key);
    Ok(serde_json::to_string_pretty(&document)?)
}

/// The same keys without their private parts, for processes that only verify.
///
/// # Errors
/// When `set` is not a key set.
pub fn public_set(set: &str) -> std::result::Result<String, Cause> {
    Ok(serde_json::to_string_pretty(&PublicDocument { keys: Keys::parse(set)?.public() })?)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::auth::jwt;
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
            let claims = jwt::read(&verifying, now(), &token).await.expect("an answer");
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
