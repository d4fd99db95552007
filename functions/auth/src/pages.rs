//! The pages that a mailed confirmation link leads to (`contracts/openwisp.md` section 13.1).

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::openwisp::page::whole;
use shared::web::body::Unread;
use shared::web::{Base, Failure};
use shared::{Directory, Error};

use crate::csrf::{Token, is_from_our_page};

const TITLE: &str = "Confirm E-mail Address";

pub type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// The secret in a link's path; empty when it is no text.
pub struct Key(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(key)| key).unwrap_or_default()))
    }
}

/// `GET /accounts/confirm-email/<key>/`: asks; nothing is changed yet.
pub async fn ask(State(directory): State<Arc<Directory>>, Key(key): Key, base: Base) -> Result<Response> {
    let Some(confirmable) = directory.confirmable(&key).await? else { return Ok(expired()) };
    let token = Token::new(&directory);
    let content = html! {
        h1 { (TITLE) }
        p {
            "Please confirm that " strong { (confirmable.email) } " is an e-mail address of user "
            strong { (confirmable.username) } "."
        }
        form method="post" {
            (token.field())
            button type="submit" { "Confirm" }
        }
    };
    let mut response = page(TITLE, &content);
    token.set(response.headers_mut(), &base);
    Ok(response)
}

/// `POST /accounts/confirm-email/<key>/`: confirms.
pub async fn confirm(
    State(directory): State<Arc<Directory>>,
    Key(key): Key,
    base: Base,
    headers: HeaderMap,
    Unread { body, .. }: Unread<OpenWisp>,
) -> Result<Response> {
    let input = body.read().await?;
    if !is_from_our_page(&headers, &base, &input) {
        return Err(Error::Forbidden.into());
    }
    if !directory.confirm_address(&key).await? {
        return Ok(expired());
    }
    Ok(found(&format!("{}/accounts/email-verification-success/", base.prefix())))
}

/// `GET /accounts/email-verification-success/`: says that it is done.
pub async fn confirmed() -> Response {
    page(TITLE, &html! { h1 { "E-mail Address Confirmed" } p { "You can close this page." } })
}

fn expired() -> Response {
    page(TITLE, &html! { h1 { (TITLE) } p { "This e-mail confirmation link expired or is invalid." } })
}

/// A page that no cache keeps, since its address is a secret.
pub fn page(title: &str, content: &Markup) -> Response {
    let body = Html(whole(title, content).into_string());
    ([(CACHE_CONTROL, "no-store")], body).into_response()
}

/// 302 to another page.
pub fn found(target: &str) -> Response {
    let mut response = (StatusCode::FOUND, [(CACHE_CONTROL, "no-store")]).into_response();
    if let Ok(target) = HeaderValue::from_str(target) {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}
