//! The pages that a mailed confirmation link leads to (section 13.1).

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, COOKIE, HOST, LOCATION, ORIGIN, REFERER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use shared::ambient::random;
use shared::dialect::openwisp::OpenWisp;
use shared::dialect::openwisp::page::whole;
use shared::web::body::Unread;
use shared::web::{Base, Failure, Input};
use shared::{Directory, Error};

const CSRF_COOKIE: &str = "csrftoken";
const CSRF_FIELD: &str = "csrfmiddlewaretoken";
const TITLE: &str = "Confirm E-mail Address";

type Result<T> = std::result::Result<T, Failure<OpenWisp>>;

/// The key in a link's path; empty when it is no text.
pub struct Key(String);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(key)| key).unwrap_or_default()))
    }
}

/// `GET /accounts/confirm-email/<key>/`: asks; nothing is changed yet.
pub async fn ask(State(directory): State<Arc<Directory>>, Key(key): Key, base: Base) -> Result<Response> {
    let Some(confirmable) = directory.confirmable(&key).await? else {
        return Ok(page(StatusCode::OK, &expired()));
    };
    let seed: [u8; 16] = random(directory.ambient());
    let token = uuid::Builder::from_random_bytes(seed).into_uuid().simple().to_string();
    let content = html! {
        h1 { (TITLE) }
        p {
            "Please confirm that " strong { (confirmable.email) } " is an e-mail address of user "
            strong { (confirmable.username) } "."
        }
        form method="post" {
            input type="hidden" name=(CSRF_FIELD) value=(token);
            button type="submit" { "Confirm" }
        }
    };
    let mut response = page(StatusCode::OK, &content);
    let secure = if base.0.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{CSRF_COOKIE}={token}; Path={}/accounts/; HttpOnly; SameSite=Lax{secure}", base.prefix());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
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
        return Ok(page(StatusCode::OK, &expired()));
    }
    let target = format!("{}/accounts/email-verification-success/", base.prefix());
    let mut response = StatusCode::FOUND.into_response();
    if let Ok(target) = HeaderValue::from_str(&target) {
        response.headers_mut().insert(LOCATION, target);
    }
    Ok(response)
}

/// `GET /accounts/email-verification-success/`: says that it is done.
pub async fn confirmed() -> Response {
    page(StatusCode::OK, &html! { h1 { "E-mail Address Confirmed" } p { "You can close this page." } })
}

fn expired() -> Markup {
    html! { h1 { (TITLE) } p { "This e-mail confirmation link expired or is invalid." } }
}

/// A page that no cache keeps, since its address is a secret.
fn page(status: StatusCode, content: &Markup) -> Response {
    let body = Html(whole(TITLE, content).into_string());
    (status, [(CACHE_CONTROL, "no-store")], body).into_response()
}

/// Whether a form was sent by the page that we gave the cookie to: the cookie's value is in the form,
/// and a browser that tells where the form stood names this host, as it is called outside or inside.
fn is_from_our_page(headers: &HeaderMap, base: &Base, input: &Input) -> bool {
    let Input::Form(values) = input else { return false };
    let sent = values.iter().find(|(name, _)| name == CSRF_FIELD).and_then(|(_, value)| value.as_str());
    let kept = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(CSRF_COOKIE)?.strip_prefix('='));
    let matches = sent.is_some_and(|sent| !sent.is_empty() && Some(sent) == kept);
    matches && names_this_host(headers, base)
}

fn names_this_host(headers: &HeaderMap, base: &Base) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = |url: &str| url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).map(str::to_owned);
    let from = text(ORIGIN).or_else(|| text(REFERER));
    from.is_none_or(|from| {
        let from = host(from);
        from.is_some() && (from.as_deref() == text(HOST) || from == host(&base.0))
    })
}
