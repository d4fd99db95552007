//! JSON Web Key Sets of Ed25519 keys: read, rotated, and without their private parts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};

use crate::auth::crypto::mac;
use crate::config::SIGNING_KEYS;
use crate::error::{Cause, Error, Result};
use crate::model::ambient::{Ambient, random};

/// The message for an unreadable key set. It never shows the content.
const MALFORMED: &str = "the signing keys are not a JSON Web Key Set of Ed25519 keys";

/// One key.
pub(in crate::auth) struct Key {
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
pub(in crate::auth) struct Keys(pub(super) Vec<Key>);

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

impl Keys {
    /// Parses a key set. The error never shows the content.
    pub(in crate::auth) fn parse(text: &str) -> std::result::Result<Self, Cause> {
        let document: Document = serde_json::from_str(text).map_err(|_| MALFORMED)?;
        let keys = document.keys.iter().map(Key::from_jwk).collect::<Option<Vec<_>>>();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err(MALFORMED.into()),
        }
    }

    pub(in crate::auth) fn signing(&self) -> Option<&Key> {
        self.0.first()
    }

    pub(in crate::auth) fn by_id(&self, kid: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == kid)
    }

    /// The link secrets of all keys that have one; the signing key must.
    pub(super) fn link_secrets(&self) -> Result<impl Iterator<Item = &[u8; 32]>> {
        if let Some(key) = self.signing() {
            key.private()?;
        }
        Ok(self.0.iter().filter_map(|key| Some(&key.private.as_ref()?.link_secret)))
    }

    pub(super) fn public(&self) -> Vec<PublicKey> {
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
    pub(in crate::auth) fn signs(&self) -> Result<&EncodingKey> {
        Ok(&self.private()?.signs)
    }

    /// The secret that seals mailed links.
    ///
    /// # Errors
    /// When the set contains only the public part.
    pub(in crate::auth) fn link_secret(&self) -> Result<&[u8; 32]> {
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
