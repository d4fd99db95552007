//! Why a request was rejected: for a reason of HTTP, or by the directory.

use http::Method;

use super::csrf::Forgery;
use crate::error::{Error, JsonKind};

/// Why a request was rejected.
#[derive(Debug)]
pub enum Rejection {
    /// No endpoint has this path, or the requested format does not exist.
    NoRoute,
    /// The endpoint does not support this method.
    MethodNotAllowed(Method),
    /// The client accepts none of the available representations.
    NotAcceptable,
    /// The page does not exist.
    InvalidPage,
    /// The body could not be read.
    Body(BodyError),
    /// A browser sent it, and it may not come from one of our own pages.
    Forged(Forgery),
    /// The directory refused or failed.
    Domain(Error),
}

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// Unsupported media type; the type as sent.
    MediaType(String),
    /// Invalid JSON; the reason.
    Json(String),
    /// Invalid multipart form; the reason.
    Multipart(String),
    /// Bytes that are invalid in its charset; the charset.
    Charset(&'static str),
    /// It is too large.
    TooLarge,
    /// It is a form with more pairs than this.
    TooManyPairs(usize),
    /// It is JSON, but not an object; its kind.
    NotAnObject(JsonKind),
    /// It is JSON `null`.
    Null,
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}
