//! The caller whom an endpoint has let in.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::Failure;
use crate::dialect::Dialect;
use crate::directory::Caller;
use crate::error::{Error, Unauthenticated};

/// Extracts the caller; without one the answer is, in dialect `D`, that there are no credentials.
#[derive(Debug)]
pub struct Admitted<D> {
    /// Who is asking.
    pub caller: Caller,
    dialect: PhantomData<D>,
}

impl<D: Dialect, S: Sync> FromRequestParts<S> for Admitted<D> {
    type Rejection = Failure<D>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let caller = parts.extensions.remove::<Caller>();
        let caller = caller.ok_or(Error::Unauthenticated(Unauthenticated::NoCredentials))?;
        Ok(Self { caller, dialect: PhantomData })
    }
}
