//! How each API speaks: credentials, errors, the habits of its HTTP.
//!
//! A dialect is a type, not a value. Nothing below the handlers asks which one is spoken.

mod answers;
pub mod edge;
pub mod messages;
pub mod openl2m;
pub mod openwisp;

use axum::response::Response;
use http::HeaderMap;

use crate::error::{Error, Result};
use crate::sign_in::Credential;

/// What differs between the APIs in every call.
pub trait Dialect: Send + Sync + 'static {
    /// The credential that a request carries, in the forms that this API knows.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a header of a known scheme that cannot hold one.
    fn credential(headers: &HeaderMap) -> Result<Option<Credential>>;

    /// An error as this API tells it.
    fn render(error: &Error) -> Response;
}
