//! Forms of our pages are accepted only from our pages (double submit of a random token).

use http::header::{COOKIE, HOST, ORIGIN, REFERER, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use maud::{Markup, html};
use shared::Directory;
use shared::ambient::random;
use shared::web::{Base, Input};

const COOKIE_NAME: &str = "csrftoken";
const FIELD: &str = "csrfmiddlewaretoken";

/// A token for one page: in a cookie, and in the page's form.
pub struct Token(String);

impl Token {
    /// A new one.
    pub fn new(directory: &Directory) -> Self {
        let bytes: [u8; 16] = random(directory.ambient());
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid().simple().to_string())
    }

    /// The form's hidden field.
    pub fn field(&self) -> Markup {
        html! { input type="hidden" name=(FIELD) value=(self.0); }
    }

    /// Puts the cookie into an answer's headers.
    pub fn set(&self, headers: &mut HeaderMap, base: &Base) {
        set_cookie(headers, base, COOKIE_NAME, &self.0);
    }
}

/// Sets a cookie for our pages alone, until the browser is closed.
pub fn set_cookie(headers: &mut HeaderMap, base: &Base, name: &str, value: &str) {
    let secure = if base.0.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path={}/accounts/; HttpOnly; SameSite=Lax{secure}", base.prefix());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Whether a form was sent by the page that we gave the cookie to: the cookie's value is in the form,
/// and a browser that tells where the form stood names this host, as it is called outside or inside.
pub fn is_from_our_page(headers: &HeaderMap, base: &Base, input: &Input) -> bool {
    let Input::Form(values) = input else { return false };
    let sent = values.iter().find(|(name, _)| name == FIELD).and_then(|(_, value)| value.as_str());
    let matches = sent.is_some_and(|sent| !sent.is_empty() && Some(sent) == cookie(headers, COOKIE_NAME));
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
