//! What every handler works with.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use http::request::Parts;
use http::{HeaderMap, Uri};
use shared::dialect::scim::{Problem, Scim};
use shared::directory::{Act, Caller};
use shared::model::{Action, Model, Timestamp};
use shared::web::{Authenticated, BaseUrl, Failure};
use shared::{Directory, Error};

/// A request of a caller.
pub struct Context {
    /// Users and groups.
    pub directory: Arc<Directory>,
    /// Who asks.
    pub caller: Caller,
    /// The address of this API.
    pub root: String,
    /// Path and query.
    pub uri: Uri,
    /// Headers.
    pub headers: HeaderMap,
}

impl FromRequestParts<Arc<Directory>> for Context {
    type Rejection = Failure<Scim>;

    async fn from_request_parts(parts: &mut Parts, directory: &Arc<Directory>) -> Result<Self, Failure<Scim>> {
        let Authenticated { caller, .. } = Authenticated::<Scim>::from_request_parts(parts, directory).await?;
        let State(directory) = match State::<Arc<Directory>>::from_request_parts(parts, directory).await {
            Ok(state) => state,
            Err(never) => match never {},
        };
        let root = match BaseUrl::from_request_parts(parts, &()).await {
            Ok(base) => root(&base),
            Err(never) => match never {},
        };
        Ok(Self { directory, caller, root, uri: parts.uri.clone(), headers: parts.headers.clone() })
    }
}

impl Context {
    /// Fails unless the caller may do that to resources of a kind.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn must(&self, action: Action, model: Model) -> Result<(), Error> {
        if self.caller.may(Act::Request(action, model)) { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.directory.ambient().now()
    }
}

/// The address of this API.
pub fn root(base: &BaseUrl) -> String {
    format!("{}/scim/v2", base.0)
}

/// The address of nothing.
pub fn nothing_here() -> Problem {
    Problem::from(&shared::web::Rejection::NoRoute)
}
