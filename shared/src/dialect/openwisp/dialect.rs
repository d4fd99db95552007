//! The conventions as an implementation of [`Dialect`].

use axum::extract::{FromRequestParts as _, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::browser::{self, Browser};
use super::page::{self, Viewer, browse};
use super::session::session;
use super::{OpenWisp, metadata};
use crate::auth::Credential;
use crate::dialect::error_bodies::{respond, status_and_body};
use crate::dialect::{authorization, refused};
use crate::directory::sign_in::Identity;
use crate::directory::{Act, Caller, Directory, Policy, RequestOrigin, Rights};
use crate::error::{Result, Unauthenticated};
use crate::model::{Action, UserId};
use crate::web::csrf::Token;
use crate::web::dialect::{Dialect, Exchange};
use crate::web::endpoint::Access;
use crate::web::negotiation::{Representation, negotiate};
use crate::web::{BaseUrl, Rejection};

impl Dialect for OpenWisp {
    const HAS_SIGNED_TOKENS: bool = true;
    const REDIRECTS_TO_SLASH: bool = true;
    const VARY: &'static str = "Accept, Cookie";

    type Extra = Browser;

    fn credential(headers: &HeaderMap) -> Result<Option<Credential>> {
        match authorization(headers) {
            Some((scheme, words)) if scheme == b"bearer" => match words[..] {
                [token] => match std::str::from_utf8(token) {
                    Ok(token) => Ok(Some(Credential::Bearer(token.to_owned()))),
                    Err(_) => refused(Unauthenticated::TokenCharacters),
                },
                [] => refused(Unauthenticated::EmptyToken),
                _ => refused(Unauthenticated::TokenWithSpaces),
            },
            // Credentials of other schemes are ignored.
            _ => Ok(session(headers)),
        }
    }

    async fn caller(directory: &Directory, credential: &Credential, origin: &RequestOrigin) -> Result<Caller> {
        let found = directory.authenticate(credential, origin).await?;
        directory.caller(found, Policy::Permissions).await
    }

    fn permits(exchange: &Exchange<Self>, caller: &Caller, method: &Method) -> bool {
        match exchange.route.endpoint.access {
            Access::Anyone | Access::User => true,
            // The staff flag grants nothing here.
            Access::Staff | Access::Superuser => caller.rights == Rights::Everything,
            Access::Model(model) => action(method).is_none_or(|action| caller.may(Act::Request(action, model))),
            // OPTIONS only needs credentials.
            Access::Oneself if *method == Method::OPTIONS => true,
            // Whether the current password is right is checked later.
            Access::Oneself => exchange.user_id().is_some_and(|of| caller.may(Act::SetPassword { of, proven: true })),
        }
    }

    fn render(rejection: &Rejection) -> Response {
        let (status, body) = status_and_body(rejection);
        respond(status, body, rejection, "Bearer")
    }

    /// A page, if the client prefers that (section 15); at `/` the home page.
    async fn not_found(directory: &Directory, parts: &mut Parts) -> Response {
        let chosen = negotiate(&parts.uri, &parts.headers);
        if chosen.is_ok_and(|chosen| chosen == Representation::Html)
            && let Ok(base) = BaseUrl::from_request_parts(parts, &()).await
        {
            let is_read = [Method::GET, Method::HEAD].contains(&parts.method);
            if is_read && parts.uri.path() == page::HOME_PATH {
                return home(directory, &base, &parts.headers).await;
            }
            return page::not_found(&base);
        }
        Self::render(&Rejection::NoRoute)
    }

    /// `{id}` and `{organization}` are UUIDs.
    fn fits(name: &str, value: &str) -> bool {
        !["id", "organization"].contains(&name) || UserId::parse(value).is_some()
    }

    fn representation(uri: &Uri, headers: &HeaderMap) -> Result<Representation, Rejection> {
        negotiate(uri, headers)
    }

    async fn authenticate(exchange: &mut Exchange<Self>, request: Request) -> Result<Request, Rejection> {
        browser::authenticate(exchange, request).await
    }

    async fn prepare(exchange: &mut Exchange<Self>, request: Request) -> Result<Request, Rejection> {
        browser::read_form(exchange, request).await
    }

    async fn describe(exchange: &Exchange<Self>, request: Request, next: Next) -> Response {
        metadata::describe(exchange, request, next).await
    }

    async fn present(exchange: &Exchange<Self>, mut response: Response) -> Response {
        if exchange.extra.token.is_some() {
            // Nor may a browser show it from its history after the session.
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        match exchange.representation {
            Representation::Json(_) | Representation::Lines => response,
            Representation::Html => browse::page_of(exchange, response).await,
        }
    }
}

/// How a request with this method acts on objects of a model; `None` if it needs no permission.
fn action(method: &Method) -> Option<Action> {
    match *method {
        Method::GET | Method::HEAD => Some(Action::View),
        Method::POST => Some(Action::Add),
        Method::PUT | Method::PATCH => Some(Action::Change),
        Method::DELETE => Some(Action::Delete),
        _ => None,
    }
}

/// The page at `/`, for any visitor.
async fn home(directory: &Directory, base: &BaseUrl, headers: &HeaderMap) -> Response {
    let signed_in = match session(headers) {
        Some(session) => directory.authenticate(&session, &RequestOrigin::default()).await.ok(),
        None => None,
    };
    let Some(Identity { user, .. }) = signed_in else {
        return page::respond(&page::home(base, Viewer::Stranger(page::HOME_PATH)));
    };
    let token = Token::of(headers, directory);
    let mut response = page::respond(&page::home(base, Viewer::SignedIn(user.username.as_str(), &token)));
    token.set(response.headers_mut(), base);
    response
}
