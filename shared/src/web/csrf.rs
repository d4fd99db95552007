//! Changes that a browser asks for are made only when they come from our own pages (`contracts/openwisp.md` section 16).
//!
//! A random token is kept in a cookie and repeated in every form or in a header, which no other site can read;
//! and a browser that tells where it comes from must name this host.

use http::header::{HOST, ORIGIN, REFERER};
use http::{HeaderMap, HeaderValue};
use maud::{Markup, html};

use super::cookies::{Cookie, cookie};
use super::{Base, Input};
use crate::ambient::random;
use crate::directory::Directory;

const COOKIE_NAME: &str = "csrftoken";
const FIELD: &str = "csrfmiddlewaretoken";
const HEADER: &str = "x-csrftoken";

/// A browser's token, for the forms of a page.
#[derive(Debug)]
pub struct Token {
    text: String,
    is_new: bool,
}

/// Why a request does not come from our own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// The browser names another site.
    OtherSite,
    /// It repeats no token.
    NoToken,
    /// It has no cookie.
    NoCookie,
    /// The token is not that of the cookie.
    WrongToken,
}

impl Token {
    /// A new one.
    pub fn new(directory: &Directory) -> Self {
        let bytes: [u8; 16] = random(directory.ambient());
        Self { text: uuid::Builder::from_random_bytes(bytes).into_uuid().simple().to_string(), is_new: true }
    }

    /// The one that the browser has, so that its other pages stay good, or a new one.
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

    /// Puts the cookie into an answer's headers, unless the browser has it.
    pub fn set(&self, headers: &mut HeaderMap, base: &Base) {
        if self.is_new {
            let cookie = Cookie { name: COOKIE_NAME, value: &self.text, path: "/", life: None, readable: true };
            cookie.set(headers, base);
        }
    }
}

/// Checks that a request comes from our own pages; `input` is its body, if that was read.
///
/// # Errors
/// The first thing that speaks against it.
pub fn check(headers: &HeaderMap, base: &Base, input: Option<&Input>) -> Result<(), Forgery> {
    if !names_this_host(headers, base) {
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

/// Whether the browser comes from this host, as it is called outside or inside, as far as it tells.
fn names_this_host(headers: &HeaderMap, base: &Base) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = |url: &str| url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).map(str::to_owned);
    let told = headers.contains_key(ORIGIN) || headers.contains_key(REFERER);
    let from = text(ORIGIN).or_else(|| text(REFERER)).and_then(host);
    !told || (from.is_some() && (from.as_deref() == text(HOST) || from == host(&base.0)))
}
