//! What differs between the APIs in every call. A dialect is a type, not a value.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawPathParams, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use serde_json::{Value, json};

use super::Rejection;
use super::negotiation::{Representation, query_names};
use super::request_context::BaseUrl;
use super::route::{Access, Endpoint, Reads, Route};
use crate::auth::Credential;
use crate::directory::{Caller, Directory, Needs, RequestOrigin};
use crate::error::{Error, Result, Unauthenticated};
use crate::model::UserId;

/// What every call of an API needs from its dialect.
///
/// `web::endpoint` calls the hooks in the order of its checks. Those with a default suit an API for programs.
pub trait Dialect: Sized + Send + Sync + 'static {
    /// Whether its credentials can be signed tokens, so that its functions need keys.
    const HAS_SIGNED_TOKENS: bool = false;

    /// Whether a path without its final slash redirects to the path with it. Otherwise both are the same.
    const REDIRECTS_TO_SLASH: bool = false;

    /// The `Vary` header of responses that set none.
    const VARY: &'static str = "Accept";

    /// What the response depends on beside the parts of an [`Exchange`] that all APIs have.
    type Extra: Default + Send + Sync;

    /// The credential of a request, in the forms that this API supports.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a header of a supported scheme that is malformed.
    fn credential(headers: &HeaderMap) -> Result<Option<Credential>>;

    /// The user to whom a credential belongs, with the rights that this API grants.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], or when the store is unavailable.
    fn caller(
        directory: &Directory,
        credential: &Credential,
        origin: &RequestOrigin,
    ) -> impl Future<Output = Result<Caller>> + Send;

    /// Whether a caller may make a request with this method at all.
    fn permits(exchange: &Exchange<Self>, caller: &Caller, method: &Method) -> bool;

    /// The response for a rejected request in this API.
    fn render(rejection: &Rejection) -> Response;

    /// The response for an unknown path.
    fn not_found(_: &Directory, _: &mut Parts) -> impl Future<Output = Response> + Send {
        std::future::ready(Self::render(&Rejection::NoRoute))
    }

    /// Whether a variable part of a path has the form that its name stands for; `{number}` is checked already.
    /// Otherwise, the path is unknown.
    fn fits(_name: &str, _value: &str) -> bool {
        true
    }

    /// The format of the response.
    ///
    /// # Errors
    /// [`Rejection::NotAcceptable`], [`Rejection::NoRoute`].
    fn representation(uri: &Uri, headers: &HeaderMap) -> Result<Representation, Rejection>;

    /// Sets the caller of the exchange, from the request's credential. Endpoints for anyone need none; but if there is
    /// one, it must be valid.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Rejection::Forged`], or when the store is unavailable.
    fn authenticate(
        exchange: &mut Exchange<Self>,
        request: Request,
    ) -> impl Future<Output = Result<Request, Rejection>> + Send {
        let credential = Self::credential(request.headers());
        async move {
            match credential? {
                Some(credential) => exchange.authenticate(&credential).await?,
                None if exchange.route.endpoint.access == Access::Anyone => {}
                None => return Err(Error::Unauthenticated(Unauthenticated::NoCredentials).into()),
            }
            Ok(request)
        }
    }

    /// Prepares the request of a permitted caller for its handler.
    ///
    /// # Errors
    /// As those of handlers.
    fn prepare(_: &mut Exchange<Self>, request: Request) -> impl Future<Output = Result<Request, Rejection>> + Send {
        std::future::ready(Ok(request))
    }

    /// The response to OPTIONS. `next` has the handlers.
    fn describe(exchange: &Exchange<Self>, _request: Request, _next: Next) -> impl Future<Output = Response> + Send {
        let body = description(exchange.route.endpoint, &["application/json"]);
        std::future::ready(Json(body).into_response())
    }

    /// The response in the format that the client prefers. Handlers and errors make it in compact JSON.
    fn present(_: &Exchange<Self>, response: Response) -> impl Future<Output = Response> + Send {
        std::future::ready(response)
    }
}

/// A request of an endpoint, without its body, and what is known about it so far.
pub struct Exchange<D: Dialect> {
    /// What has been requested.
    pub route: Arc<Route>,
    /// Users, and everything that belongs to them.
    pub directory: Arc<Directory>,
    /// The variable parts of the path.
    pub parameters: RawPathParams,
    /// The effective method; a form may override that of its request.
    pub method: Method,
    /// The path and its query.
    pub uri: Uri,
    /// The server as the client calls it.
    pub base: BaseUrl,
    /// Where the request comes from.
    pub origin: RequestOrigin,
    /// The format of the response.
    pub representation: Representation,
    /// The caller, once authenticated.
    pub caller: Option<Caller>,
    /// The rest, which only this API needs.
    pub extra: D::Extra,
}

impl<D: Dialect> Exchange<D> {
    /// Sets the caller to whom the credential belongs.
    ///
    /// # Errors
    /// As [`Dialect::caller`].
    pub async fn authenticate(&mut self, credential: &Credential) -> Result<()> {
        self.caller = Some(D::caller(&self.directory, credential, &self.origin).await?);
        Ok(())
    }

    /// Whether the caller may make a request with this method at all.
    pub fn permits(&self, method: &Method) -> bool {
        match (&self.caller, self.route.endpoint.access) {
            (_, Access::Anyone) => true,
            (Some(caller), _) => D::permits(self, caller, method),
            (None, _) => false,
        }
    }

    /// The user whom the path names.
    pub fn user_id(&self) -> Option<UserId> {
        self.parameter("id").and_then(UserId::parse)
    }

    /// What the handler of the request reads in any case.
    pub(super) fn needs(&self) -> Needs {
        match self.route.endpoint.reads {
            Reads::Nothing => Needs::Nothing,
            Reads::User => self.user_id().map_or(Needs::Nothing, Needs::User),
            Reads::UserCount(parameters) => {
                let is_whole_list = query_names(&self.uri).all(|name| parameters.contains(&&*name));
                if self.method.is_safe() && is_whole_list { Needs::UserCount } else { Needs::Nothing }
            }
        }
    }

    /// Whether the request reads a list of users, and changes nothing. Then a sign-in attempt is recorded while the handler runs.
    pub(super) fn lists_users(&self) -> bool {
        self.method.is_safe() && matches!(self.route.endpoint.reads, Reads::UserCount(_))
    }

    /// A variable part of the path.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// What OPTIONS says about an endpoint that is available in these formats.
pub fn description(endpoint: &Endpoint, renders: &[&str]) -> Value {
    json!({
        "name": endpoint.name,
        "description": "",
        "renders": renders,
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    })
}
