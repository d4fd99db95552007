//! The text of an API token: 160 random bits in 40 hexadecimal digits, stored as its SHA-256.

use sha2::{Digest as _, Sha256};

use super::crypto::hex;

/// Whether a text can be an API token; JWTs contain dots.
pub fn is_api_token(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The lookup hash of a token's text.
pub fn token_hash(text: &str) -> String {
    hex(&Sha256::digest(text))
}
