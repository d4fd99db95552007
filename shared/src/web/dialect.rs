//! What differs between the APIs in every call. A dialect is a type, not a value.

use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;

use super::Rejection;
use crate::auth::Credential;
use crate::directory::Directory;
use crate::error::Result;

/// What every call of an API needs from its dialect.
pub trait Dialect: Send + Sync + 'static {
    /// Whether its credentials can be signed tokens, so that its functions need keys.
    const HAS_SIGNED_TOKENS: bool = false;

    /// The credential of a request, in the forms that this API supports.
    ///
    /// # Errors
    /// [`crate::Error::Unauthenticated`] for a header of a supported scheme that is malformed.
    fn credential(headers: &HeaderMap) -> Result<Option<Credential>>;

    /// The response for a rejected request in this API.
    fn render(rejection: &Rejection) -> Response;

    /// The response for an unknown path.
    fn not_found(_: &Directory, _: &mut Parts) -> impl Future<Output = Response> + Send {
        std::future::ready(Self::render(&Rejection::NoRoute))
    }
}
