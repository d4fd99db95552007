//! A rejection as the dialect's response.

use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};

use super::Rejection;
use crate::error::Error;
use crate::web::dialect::Dialect;

/// A rejection to render in dialect `D`.
#[derive(Debug)]
pub struct Failure<D> {
    rejection: Rejection,
    dialect: PhantomData<D>,
}

impl<D> From<Rejection> for Failure<D> {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, dialect: PhantomData }
    }
}

impl<D> From<Error> for Failure<D> {
    fn from(error: Error) -> Self {
        Rejection::from(error).into()
    }
}

impl<D: Dialect> IntoResponse for Failure<D> {
    fn into_response(self) -> Response {
        render::<D>(&self.rejection)
    }
}

/// Renders a rejection in dialect `D`, and logs what the client must not see.
pub fn render<D: Dialect>(rejection: &Rejection) -> Response {
    match rejection {
        Rejection::Domain(error @ Error::Internal(_)) => tracing::error!(error = %error, "internal error"),
        Rejection::Domain(error @ Error::Unavailable(_)) => tracing::warn!(error = %error, "store unavailable"),
        _ => {}
    }
    D::render(rejection)
}
