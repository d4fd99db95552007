//! Requests of browsers (`contracts/openwisp.md` section 16): sessions, the check against forged requests, and forms
//! that stand in for other requests.

use axum::extract::Request;
use http::Method;

use super::OpenWisp;
use super::page::forms::{begin, open, take_content, take_method};
use crate::auth::Credential;
use crate::directory::RequestOrigin;
use crate::error::{Error, Unauthenticated};
use crate::web::csrf::{self, Token};
use crate::web::dialect::{Dialect as _, Exchange};
use crate::web::endpoint::Access;
use crate::web::negotiation::Representation;
use crate::web::{Input, Rejection};

/// What a request has that comes from a browser.
#[derive(Debug, Default)]
pub struct Browser {
    /// The browser's token, if the caller has a session.
    pub(super) token: Option<Token>,
    /// The submitted form.
    pub(super) form: Option<Input>,
    begun: Begun,
}

/// A form of which only the beginning has been read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// No form.
    #[default]
    None,
    /// A form with a method other than POST.
    Plain,
    /// A form that may replace the method or the data of its request.
    StandIn,
}

/// Sets the caller. A browser's request gets the method that its form names.
///
/// # Errors
/// [`Error::Unauthenticated`], [`Rejection::Forged`], or when the store is unavailable.
pub(super) async fn authenticate(exchange: &mut Exchange<OpenWisp>, request: Request) -> Result<Request, Rejection> {
    if exchange.route.endpoint.access == Access::Anyone {
        return match exchange.representation {
            Representation::Json(_) | Representation::Lines => Ok(request),
            Representation::Html => Box::pin(open_to_anyone(exchange, request)).await,
        };
    }
    let credential = OpenWisp::credential(request.headers())?;
    let credential = credential.ok_or(Error::Unauthenticated(Unauthenticated::NoCredentials))?;
    exchange.authenticate(&credential).await?;
    if !matches!(credential, Credential::Session(_)) {
        return Ok(request);
    }
    exchange.extra.token = Some(Token::of(request.headers(), &exchange.directory));
    if request.method().is_safe() { Ok(request) } else { from_our_pages(exchange, request).await }
}

/// The request with the method that its form names, if it comes from one of our own pages. It reads only as much of the
/// form as it needs.
async fn from_our_pages(exchange: &mut Exchange<OpenWisp>, request: Request) -> Result<Request, Rejection> {
    let (mut request, form) = begin(request).await?;
    csrf::check(request.headers(), &exchange.base, form.as_ref()).map_err(Rejection::Forged)?;
    exchange.extra.begun = match &form {
        None => Begun::None,
        Some(form) if *request.method() == Method::POST => {
            take_method(&mut request, form);
            Begun::StandIn
        }
        Some(_) => Begun::Plain,
    };
    exchange.method = request.method().clone();
    Ok(request)
}

/// Where credentials are ignored, a page still shows who has signed in, and accepts that user's forms.
async fn open_to_anyone(exchange: &mut Exchange<OpenWisp>, request: Request) -> Result<Request, Rejection> {
    if let Ok(Some(credential @ Credential::Session(_))) = OpenWisp::credential(request.headers()) {
        match OpenWisp::caller(&exchange.directory, &credential, &RequestOrigin::default()).await {
            Ok(caller) => {
                exchange.caller = Some(caller);
                exchange.extra.token = Some(Token::of(request.headers(), &exchange.directory));
            }
            // A session that has ended is a stranger's.
            Err(Error::Unauthenticated(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (mut request, form) = open(request).await?;
    let is_ours = csrf::check(request.headers(), &exchange.base, form.as_ref()).is_ok();
    let stands_in = is_ours && exchange.extra.token.is_some() && *request.method() == Method::POST;
    if let Some(form) = form.as_ref().filter(|_| stands_in) {
        take_method(&mut request, form);
        take_content(&mut request, form);
    }
    exchange.extra.form = form;
    exchange.method = request.method().clone();
    Ok(request)
}

/// Reads the rest of the form of a permitted caller, and gives the request the data that the form stands for.
///
/// # Errors
/// [`Rejection::Body`] when it is too large or cannot be read from the network.
pub(super) async fn read_form(exchange: &mut Exchange<OpenWisp>, request: Request) -> Result<Request, Rejection> {
    if exchange.extra.begun == Begun::None {
        return Ok(request);
    }
    let (mut request, form) = open(request).await?;
    if let (Some(sent), Begun::StandIn) = (&form, exchange.extra.begun) {
        take_content(&mut request, sent);
    }
    exchange.extra.form = form;
    Ok(request)
}
