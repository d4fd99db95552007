//! The caller that an endpoint has admitted.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::Failure;
use crate::directory::Caller;
use crate::error::{Error, Unauthenticated};
use crate::web::dialect::Dialect;

/// Extracts the caller; without one, the response in dialect `D` says that credentials are missing.
#[derive(Debug)]
pub struct Authenticated<D> {
    /// The caller.
    pub caller: Caller,
    dialect: PhantomData<D>,
}

impl<D: Dialect, S: Sync> FromRequestParts<S> for Authenticated<D> {
    type Rejection = Failure<D>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let caller = parts.extensions.remove::<Caller>();
        let caller = caller.ok_or(Error::Unauthenticated(Unauthenticated::NoCredentials))?;
        Ok(Self { caller, dialect: PhantomData })
    }
}
