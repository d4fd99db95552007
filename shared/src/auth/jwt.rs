//! JSON Web Tokens (RFC 7519) signed with EdDSA; RFC 8725 says what to refuse.

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use super::keys::KeyRing;
use crate::config::TokenTtl;
use crate::error::{Error, Result};
use crate::model::ambient::{Ambient, random};
use crate::model::{Timestamp, User, UserId};

/// Issuer and audience of tokens.
const ISSUER: &str = "rollcall";

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
pub(crate) async fn read(ring: &KeyRing, now: Timestamp, token: &str) -> Result<Option<Claims>> {
    let Ok(header) = decode_header(token) else { return Ok(None) };
    let (Algorithm::EdDSA, Some(kid)) = (header.alg, header.kid) else { return Ok(None) };
    let keys = ring.keys_with(&kid).await?;
    let Some(key) = keys.by_id(&kid) else { return Ok(None) };
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation.set_required_spec_claims(&["iss", "aud", "sub"]);
    // We check the expiry with our own clock, which tests can script.
    validation.validate_exp = false;
    let Ok(data) = decode::<Claims>(token, &key.verifies, &validation) else { return Ok(None) };
    let expired = data.claims.exp.is_some_and(|exp| now.seconds() >= exp);
    Ok((!expired).then_some(data.claims))
}
