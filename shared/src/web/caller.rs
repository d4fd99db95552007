//! What an endpoint knows about an admitted request: the caller, and the user below whom the path lies.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{Failure, Rejection};
use crate::directory::{Caller, Subject};
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

/// Extracts the user below whom the path lies, whom the caller sees.
#[derive(Debug)]
pub struct Parent<D> {
    /// The user.
    pub parent: Subject,
    dialect: PhantomData<D>,
}

impl<D: Dialect, S: Sync> FromRequestParts<S> for Parent<D> {
    type Rejection = Failure<D>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let parent = parts.extensions.remove::<Subject>();
        Ok(Self { parent: parent.ok_or(Rejection::NoRoute)?, dialect: PhantomData })
    }
}
