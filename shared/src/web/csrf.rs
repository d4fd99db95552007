//! A browser's changes count only if they come from our own pages (`contracts/openwisp.md` section 16).
//!
//! A random token is stored in a cookie and repeated in every form or in a header, which no other site can read. If the
//! browser sends its origin, it must be this site: its scheme, host and port.

use http::header::{HOST, ORIGIN, REFERER};
use http::{HeaderMap, HeaderValue};
use maud::{Markup, html};

use super::cookies::{Cookie, cookie};
use super::{BaseUrl, Input};
use crate::directory::Directory;
use crate::model::ambient::random;

const COOKIE_NAME: &str = "csrftoken";
const FIELD: &str = "csrfmiddlewaretoken";
const HEADER: &str = "x-csrftoken";

/// A browser's token, for the forms of a page.
#[derive(Debug)]
pub struct Token {
    text: String,
    is_new: bool,
}

/// Why a request may not come from our own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// The browser names another site.
    OtherSite,
    /// The token is missing.
    NoToken,
    /// The cookie is missing.
    NoCookie,
    /// The token does not match the cookie.
    WrongToken,
}

impl Token {
    /// A new token.
    pub fn new(directory: &Directory) -> Self {
        let bytes: [u8; 16] = random(directory.ambient());
        Self { text: uuid::Builder::from_random_bytes(bytes).into_uuid().simple().to_string(), is_new: true }
    }

    /// The browser's token, so that its other pages keep working, or a new one.
    pub fn of(headers: &HeaderMap, directory: &Directory) -> Self {
        let is_ours = |text: &&str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match cookie(headers, COOKIE_NAME).filter(is_ours) {
            Some(text) => Self { text: text.to_owned(), is_new: false },
            None => Self::new(directory),
        }
    }

    /// The form's hidden field.
    pub fn field(&self) -> Markup {
        html! { input type="hidden" name=(FIELD) value=(self.text); }
    }

    /// Adds the cookie to a response's headers, unless the browser has it.
    pub fn set(&self, headers: &mut HeaderMap, base: &BaseUrl) {
        if self.is_new {
            let cookie = Cookie { name: COOKIE_NAME, value: &self.text, life: None, readable: true };
            cookie.set(headers, base);
            if base.is_https() {
                // Clients read the token from the cookie with this name.
                cookie.set_to_be_read(headers, base);
            }
        }
    }
}

/// Checks that a request comes from our own pages; `input` is its body, if that was read.
///
/// # Errors
/// The first reason against it.
pub fn check(headers: &HeaderMap, base: &BaseUrl, input: Option<&Input>) -> Result<(), Forgery> {
    if !names_this_site(headers, base) {
        return Err(Forgery::OtherSite);
    }
    let field = match input {
        Some(Input::Form(values)) => {
            values.iter().find(|(name, _)| name == FIELD).and_then(|(_, value)| value.as_str())
        }
        _ => None,
    };
    let header = || headers.get(HEADER).and_then(|value| value.to_str().ok());
    let sent = field.or_else(header).filter(|sent| !sent.is_empty()).ok_or(Forgery::NoToken)?;
    let known = cookie(headers, COOKIE_NAME).ok_or(Forgery::NoCookie)?;
    if sent == known { Ok(()) } else { Err(Forgery::WrongToken) }
}

/// Whether the request comes from this site, under its public or its internal name, as far as the browser says.
fn names_this_site(headers: &HeaderMap, base: &BaseUrl) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let told = headers.contains_key(ORIGIN) || headers.contains_key(REFERER);
    let from = text(ORIGIN).or_else(|| text(REFERER)).and_then(origin);
    let outside = origin(&base.0);
    let inside = outside.zip(text(HOST)).map(|((scheme, _), host)| (scheme, host));
    !told || (from.is_some() && (from == outside || from == inside))
}

/// Scheme and host, with the port if there is one.
fn origin(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    Some((scheme, rest.split(['/', '?', '#']).next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_names_scheme_host_and_port() {
        let base = BaseUrl("https://users.example".to_owned());
        let from = |header, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("inside.example:9000"));
            headers.insert(header, HeaderValue::from_str(value).expect("a header"));
            names_this_site(&headers, &base)
        };
        for own in ["https://users.example", "https://inside.example:9000"] {
            assert!(from(ORIGIN, own) && from(REFERER, own) && from(REFERER, &format!("{own}/accounts/?a#b")), "{own}");
        }
        for other in [
            "http://users.example",
            "http://inside.example:9000",
            "https://users.example:8443",
            "https://users.example.evil.example",
            "https://users.example@evil.example",
            "https://inside.example",
            "null",
            "",
        ] {
            assert!(!from(ORIGIN, other) && !from(REFERER, other), "{other}");
        }
        assert!(names_this_site(&HeaderMap::new(), &base));
    }
}
