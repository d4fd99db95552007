//! JSON Web Tokens (RFC 7519) signed with EdDSA; RFC 8725 says what to refuse.

use std::sync::{Arc, Weak};

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::keys::{KeyRing, Keys};
use super::remembered::Remembered;
use crate::config::TokenTtl;
use crate::error::{Error, Result};
use crate::model::ambient::{Ambient, random};
use crate::model::{Timestamp, User, UserId};

/// Issuer and audience of tokens.
const ISSUER: &str = "rollcall";
/// How long a process remembers that a signature is good, in seconds. To verify one takes longer than the rest of
/// reading a token.
const LIFE: i64 = 60;

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    /// The user.
    pub sub: UserId,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    jti: String,
    /// The user's token version at the time of issue.
    pub ver: u64,
}

/// The claims of tokens whose signature this process has verified recently, by the hash of the token.
#[derive(Clone, Default)]
pub(crate) struct VerifiedTokens(Remembered<[u8; 32], Verified>);

#[derive(Clone)]
struct Verified {
    claims: Claims,
    /// The keys that verified it. With other keys, the token is verified again. They end when their ring has newer ones.
    keys: Weak<Keys>,
    until: Timestamp,
}

impl VerifiedTokens {
    fn claims(&self, token: &[u8; 32], keys: &Arc<Keys>, now: Timestamp) -> Option<Claims> {
        let is_good = |found: &Verified| Weak::ptr_eq(&found.keys, &Arc::downgrade(keys)) && now < found.until;
        self.0.get(token).filter(is_good).map(|found| found.claims)
    }

    fn remember(&self, token: [u8; 32], claims: &Claims, keys: &Arc<Keys>, now: Timestamp) {
        let (claims, keys) = (claims.clone(), Arc::downgrade(keys));
        let verified = Verified { claims, keys, until: now.plus_seconds(LIFE) };
        self.0.insert(token, verified, |verified| now < verified.until);
    }
}

/// Signs a token for a user.
///
/// # Errors
/// When the keys cannot be fetched, or only public ones.
pub(crate) async fn issue(ring: &KeyRing, ambient: &dyn Ambient, life: TokenTtl, user: &User) -> Result<String> {
    let keys = ring.keys().await?;
    let key = keys.signing().ok_or_else(|| Error::internal("no signing key"))?;
    let now = ambient.now();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: ISSUER.to_owned(),
        sub: user.id,
        iat: now.seconds(),
        exp: match life {
            TokenTtl::Seconds(seconds) => Some(now.plus_seconds(seconds).seconds()),
            TokenTtl::Never => None,
        },
        jti: uuid::Builder::from_random_bytes(random(ambient)).into_uuid().simple().to_string(),
        ver: user.token_version,
    };
    let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
    encode(&header, &claims, key.signs()?).map_err(|e| Error::Internal(e.into()))
}

/// The claims of a token, if we issued it and it has not expired.
///
/// Only `kid` selects the key; `jwk`, `jku`, `x5u` and `x5c` in the header are ignored, and any algorithm except EdDSA
/// is refused.
pub(crate) async fn read(
    ring: &KeyRing,
    verified: &VerifiedTokens,
    now: Timestamp,
    token: &str,
) -> Result<Option<Claims>> {
    let Ok(header) = decode_header(token) else { return Ok(None) };
    let (Algorithm::EdDSA, Some(kid)) = (header.alg, header.kid) else { return Ok(None) };
    let keys = ring.keys_with(&kid).await?;
    let Some(key) = keys.by_id(&kid) else { return Ok(None) };
    // We check the expiry with our own clock, which tests can script.
    let is_live = |claims: &Claims| claims.exp.is_none_or(|exp| now.seconds() < exp);
    let digest = Sha256::digest(token).into();
    if let Some(claims) = verified.claims(&digest, &keys, now) {
        return Ok(Some(claims).filter(is_live));
    }
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation.set_required_spec_claims(&["iss", "aud", "sub"]);
    validation.validate_exp = false;
    let Ok(data) = decode::<Claims>(token, &key.verifies, &validation) else { return Ok(None) };
    verified.remember(digest, &data.claims, &keys, now);
    Ok(Some(data.claims).filter(is_live))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::auth::keys::{KeySource, rotated};
    use crate::model::ambient::System;

    #[tokio::test]
    async fn a_good_signature_is_remembered_for_its_keys_and_its_time_only() {
        let set = rotated(None, &System).expect("a set");
        let keys = async || {
            let ring = KeyRing::new(KeySource::Inline(set.clone()), System::shared());
            ring.keys().await.expect("keys")
        };
        let (keys, others) = (keys().await, keys().await);
        let (sub, text) = (UserId(Uuid::nil()), String::new);
        let claims = Claims { iss: text(), aud: text(), sub, iat: 0, exp: None, jti: text(), ver: 3 };
        let (verified, now) = (VerifiedTokens::default(), Timestamp::from_micros(0));
        verified.remember([1; 32], &claims, &keys, now);
        assert_eq!(verified.claims(&[1; 32], &keys, now.plus_seconds(LIFE - 1)), Some(claims.clone()));
        assert_eq!(verified.claims(&[1; 32], &keys, now.plus_seconds(LIFE)), None);
        assert_eq!(verified.claims(&[1; 32], &others, now), None);
        assert_eq!(verified.claims(&[2; 32], &keys, now), None);
    }
}
