//! The pages of a mailed confirmation link (`contracts/openwisp.md` section 13.1).

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::{openwisp::page::Viewer, openwisp::page::html_document, openwisp::page::respond};
use shared::directory::RequestOrigin;
use shared::web::body::UnparsedBody;
use shared::web::csrf::{self, Token};
use shared::web::{BaseUrl, Failure, Input};
use shared::{Directory, Error};

const TITLE: &str = "Confirm E-mail Address";

pub type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// The secret in a link's path; empty if it is not text.
pub struct Key(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(key)| key).unwrap_or_default()))
    }
}

/// `GET /accounts/confirm-email/<key>/`: asks for confirmation, without a change.
pub async fn ask(
    State(directory): State<Arc<Directory>>,
    Key(key): Key,
    origin: RequestOrigin,
    base: BaseUrl,
    headers: HeaderMap,
) -> Result<Response> {
    let Some(confirmable) = directory.confirmable(&key, &origin).await? else { return Ok(expired(&base)) };
    let token = Token::of(&headers, &directory);
    let content = html! {
        h1 { (TITLE) }
        p {
            "Please confirm that " strong { (confirmable.email) } " is an e-mail address of user "
            strong { (confirmable.username) } "."
        }
        form method="post" {
            (token.field())
            p.actions { button type="submit" { "Confirm" } }
        }
    };
    let mut response = page(TITLE, &base, &content);
    token.set(response.headers_mut(), &base);
    Ok(response)
}

/// `POST /accounts/confirm-email/<key>/`: confirms.
pub async fn confirm(
    State(directory): State<Arc<Directory>>,
    Key(key): Key,
    origin: RequestOrigin,
    base: BaseUrl,
    headers: HeaderMap,
    UnparsedBody { body, .. }: UnparsedBody<OpenWisp>,
) -> Result<Response> {
    let input = body.read().await?;
    if csrf::check(&headers, &base, Some(&input)).is_err() {
        return Err(Error::Forbidden.into());
    }
    if !directory.confirm_address(&key, &origin).await? {
        return Ok(expired(&base));
    }
    Ok(found(&format!("{}/accounts/email-verification-success/", base.prefix())))
}

/// `GET /accounts/email-verification-success/`: the success message.
pub async fn confirmed(base: BaseUrl) -> Response {
    page(TITLE, &base, &html! { h1 { "E-mail Address Confirmed" } p { "You can close this page." } })
}

fn expired(base: &BaseUrl) -> Response {
    page(TITLE, base, &html! { h1 { (TITLE) } p { "This e-mail confirmation link expired or is invalid." } })
}

/// A simple page, the same for all viewers.
pub fn page(title: &str, base: &BaseUrl, content: &Markup) -> Response {
    respond(&html_document(title, base, Viewer::Anybody, &html! { div.narrow { (content) } }))
}

/// 302 to another page.
pub fn found(target: &str) -> Response {
    let mut response = (StatusCode::FOUND, [(CACHE_CONTROL, "no-store")]).into_response();
    if let Ok(target) = HeaderValue::from_str(target) {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}

/// The value of a form field, or an empty text.
pub fn value(input: &Input, name: &str) -> String {
    let Input::Form(values) = input else { return String::new() };
    let found = values.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.as_str());
    found.unwrap_or_default().to_owned()
}
