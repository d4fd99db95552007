//! The keys that sign tokens and mailed links.
//!
//! They are kept as a JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037) with their private parts.
//! The first key signs; all of them verify, so that keys can be rotated with an overlap.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use super::password::mac;
use crate::ambient::{Ambient, random};
use crate::error::{Cause, Error, Result};
use crate::model::Timestamp;

/// A warm process asks again for the keys at most this often, in seconds, when a token names one that it lacks.
const PATIENCE: i64 = 10;

/// A warm process gives out public keys that are at most this old, in seconds.
const PUBLIC_AGE: i64 = 300;

/// One key.
pub(super) struct Key {
    pub id: String,
    /// The public part, as it stands in key sets.
    pub x: String,
    pub signs: EncodingKey,
    pub verifies: DecodingKey,
    /// For links: derived from the private part, so that knowing one tells nothing of the other.
    pub link_secret: [u8; 32],
}

/// The public part of a key, by which others verify tokens (RFC 7517, RFC 8037).
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

/// Where the keys are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file; `rollcall serve` makes it when it is missing.
    File(PathBuf),
    /// A parameter of AWS Systems Manager, by name.
    Parameter(String, crate::runtime::Parameters),
    /// The key set itself.
    Inline(String),
}

/// The keys of a process, fetched when first needed and again when a token names one that is not there.
pub struct KeyRing {
    source: KeySource,
    ambient: Arc<dyn Ambient>,
    fetched: RwLock<Option<(Timestamp, Arc<Keys>)>>,
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
    d: String,
}

impl KeyRing {
    /// A ring that has fetched nothing yet.
    pub fn new(source: KeySource, ambient: Arc<dyn Ambient>) -> Self {
        super::eddsa::install();
        Self { source, ambient, fetched: RwLock::default() }
    }

    /// The keys as last fetched.
    pub(super) async fn keys(&self) -> Result<Arc<Keys>> {
        if let Some((_, keys)) = &*self.fetched.read().await {
            return Ok(keys.clone());
        }
        self.fetch(None).await
    }

    /// The keys, fetched again if `kid` is not among them.
    pub(super) async fn keys_with(&self, kid: &str) -> Result<Arc<Keys>> {
        let keys = self.keys().await?;
        if keys.by_id(kid).is_some() {
            return Ok(keys);
        }
        self.fetch(Some(self.ambient.now().plus_seconds(-PATIENCE))).await
    }

    /// The public parts of all keys, of which another process may have signed with any.
    ///
    /// # Errors
    /// When the keys cannot be fetched.
    pub async fn public(&self) -> Result<Vec<PublicKey>> {
        let keys = self.fetch(Some(self.ambient.now().plus_seconds(-PUBLIC_AGE))).await?;
        let public = |key: &Key| PublicKey {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            r#use: "sig",
            kid: key.id.clone(),
            x: key.x.clone(),
        };
        Ok(keys.all().iter().map(public).collect())
    }

    /// Fetches, unless that was done after `unless_since` (or at all, without it).
    async fn fetch(&self, unless_since: Option<Timestamp>) -> Result<Arc<Keys>> {
        let mut fetched = self.fetched.write().await;
        if let Some((when, keys)) = &*fetched
            && unless_since.is_none_or(|since| *when > since)
        {
            return Ok(keys.clone());
        }
        let text = match &self.source {
            KeySource::Inline(text) => text.clone(),
            KeySource::File(path) => tokio::fs::read_to_string(path)
                .await
                .map_err(|error| Error::internal(format!("signing keys {}: {error}", path.display())))?,
            KeySource::Parameter(name, parameters) => parameters.secret(name).await.map_err(Error::Unavailable)?,
        };
        let keys = Arc::new(Keys::parse(&text).map_err(Error::Internal)?);
        *fetched = Some((self.ambient.now(), keys.clone()));
        Ok(keys)
    }
}

impl Keys {
    /// Reads a key set. The error never shows what was read.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, Cause> {
        let malformed = |_| Cause::from("the signing keys are no JSON Web Key Set of Ed25519 keys");
        let document: Document = serde_json::from_str(text).map_err(malformed)?;
        let keys = document.keys.iter().map(Key::from_jwk).collect::<Option<Vec<_>>>();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err("the signing keys are no JSON Web Key Set of Ed25519 keys".into()),
        }
    }

    pub(super) fn signing(&self) -> Option<&Key> {
        self.0.first()
    }

    pub(super) fn by_id(&self, kid: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == kid)
    }

    pub(super) fn all(&self) -> &[Key] {
        &self.0
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
        let seed: [u8; 32] = URL_SAFE_NO_PAD.decode(&jwk.d).ok()?.try_into().ok()?;
        let key = SigningKey::from_bytes(&seed);
        let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        if public != jwk.x {
            return None;
        }
        Some(Self {
            id: jwk.kid.clone(),
            x: public.clone(),
            signs: EncodingKey::from_ed_der(key.to_pkcs8_der().ok()?.as_bytes()),
            verifies: DecodingKey::from_ed_components(&public).ok()?,
            link_secret: mac(&seed, &[b"rollcall links"]),
        })
    }
}

/// A key set with a new signing key before the keys of `previous`, of which at most one is kept.
///
/// # Errors
/// When `previous` is no key set.
pub fn rotated(previous: Option<&str>, ambient: &dyn Ambient) -> std::result::Result<String, Cause> {
    let mut document = match previous {
        Some(text) => {
            Keys::parse(text)?;
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
        d: URL_SAFE_NO_PAD.encode(seed),
    };
    document.keys.truncate(1);
    document.keys.insert(0, key);
    Ok(serde_json::to_string_pretty(&document)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::System;

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
    fn what_is_no_key_set_is_refused_without_being_shown() {
        let damaged = rotated(None, &System).expect("a set").replace("\"x\": \"", "\"x\": \"A");
        for text in ["", "{}", "{\"keys\":[]}", "secret", damaged.as_str()] {
            let error = Keys::parse(text).err().expect("an error").to_string();
            assert_eq!(error, "the signing keys are no JSON Web Key Set of Ed25519 keys");
        }
    }
}
