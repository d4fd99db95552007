//! Secrets by themselves: credentials, passwords, tokens, keys and mailed links. Knows users and no store.

mod api_token;
mod credential;
pub(crate) mod crypto;
mod eddsa;
pub(crate) mod jwt;
pub mod keys;
pub(crate) mod link;
pub mod password;
mod password_policy;
pub(crate) mod remembered;
pub(crate) mod session_token;
pub(crate) mod webhook_signature;

pub use self::api_token::{is_api_token, token_hash};
pub use self::credential::{Credential, Login};
pub use self::link::ConfirmationKey;
pub use self::password_policy::{password_violations, violations_without_user};
