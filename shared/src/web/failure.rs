//! Domain error to the dialect's response.

use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::web::dialect::Dialect;

/// An error to render in dialect `D`.
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

/// Renders an error in dialect `D`, and logs what the client must not see.
pub fn render<D: Dialect>(error: &Error) -> Response {
    match error {
        Error::Internal(_) => tracing::error!(error = %error, "internal error"),
        Error::Unavailable(_) => tracing::warn!(error = %error, "store unavailable"),
        _ => {}
    }
    D::render(error)
}
