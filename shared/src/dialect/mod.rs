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
use http::request::Parts;

use crate::directory::Directory;
use crate::error::{Error, Result, Unauthenticated};
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

    /// The answer at an address where there is nothing.
    fn nowhere(_: &Directory, _: &mut Parts) -> impl Future<Output = Response> + Send {
        std::future::ready(Self::render(&Error::NoRoute))
    }
}

/// The words of the `Authorization` header, of which the first is the scheme in whatever letter case.
fn authorization(headers: &HeaderMap) -> Option<(Vec<u8>, Vec<&[u8]>)> {
    let header = headers.get(http::header::AUTHORIZATION)?;
    let mut words = header.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let scheme = words.next()?.to_ascii_lowercase();
    Some((scheme, words.collect()))
}

fn refused<T>(why: Unauthenticated) -> Result<T> {
    Err(Error::Unauthenticated(why))
}
