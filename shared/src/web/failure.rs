//! Domain error to the dialect's response.

use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};

use crate::dialect::Dialect;
use crate::error::Error;

/// An error that will be told in the words of dialect `D`.
#[derive(Debug)]
pub struct Failure<D> {
    error: Error,
    dialect: PhantomData<D>,
}

impl<D> From<Error> for Failure<D> {
    fn from(error: Error) -> Self {
        Self { error, dialect: PhantomData }
    }
}

impl<D: Dialect> IntoResponse for Failure<D> {
    fn into_response(self) -> Response {
        render::<D>(&self.error)
    }
}

/// Tells an error in the words of `D`, and the log what the client must not see.
pub fn render<D: Dialect>(error: &Error) -> Response {
    match error {
        Error::Internal(_) => tracing::error!(error = %error, "a request failed by a defect"),
        Error::Unavailable(_) => tracing::warn!(error = %error, "a request failed for want of the store"),
        _ => {}
    }
    D::render(error)
}
