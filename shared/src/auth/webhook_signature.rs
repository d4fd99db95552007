//! Signatures of webhooks, as Standard Webhooks says (`docs/webhooks.md`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::model::ambient::{Ambient, random};
use crate::secret::Secret;

/// What stands before the base64 of a secret.
const PREFIX: &str = "whsec_";

/// A new secret of 256 bits.
pub(crate) fn new_webhook_secret(ambient: &dyn Ambient) -> Secret {
    format!("{PREFIX}{}", STANDARD.encode(random::<32>(ambient))).into()
}

/// The signatures of a message by these secrets, separated by spaces: `v1,<base64>`. A malformed secret signs nothing.
pub(crate) fn signatures<'a>(
    secrets: impl Iterator<Item = &'a Secret>,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let signed = secrets.filter_map(|secret| {
        let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    });
    signed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_signed_alike() {
        let secret = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let signed =
            |secrets: &[Secret]| signatures(secrets.iter(), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed(std::slice::from_ref(&secret)), expected);
        assert_eq!(signed(&[secret.clone(), secret]), format!("{expected} {expected}"));
        assert_eq!(signed(&["other".into(), "whsec_!".into()]), "");
    }
}
