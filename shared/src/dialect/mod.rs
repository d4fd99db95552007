//! How each API speaks: credentials, errors, HTTP conventions. Nothing below the handlers asks which one is in use.

pub mod edge;
mod error_bodies;
pub mod event;
pub mod field_names;
pub mod messages;
pub mod openl2m;
pub mod openwisp;
pub mod scim;

use http::HeaderMap;

use crate::error::{Error, Result, Unauthenticated};

/// The words of the `Authorization` header; the first is the scheme, in any case.
fn authorization(headers: &HeaderMap) -> Option<(Vec<u8>, Vec<&[u8]>)> {
    let header = headers.get(http::header::AUTHORIZATION)?;
    let mut words = header.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let scheme = words.next()?.to_ascii_lowercase();
    Some((scheme, words.collect()))
}

fn refused<T>(why: Unauthenticated) -> Result<T> {
    Err(Error::Unauthenticated(why))
}
