//! Cookies (RFC 6265).

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::Base;

/// A cookie to be set. It is sent back to this site alone, and over https only where the site is there.
#[derive(Debug, Clone, Copy)]
pub struct Cookie<'a> {
    /// Its name.
    pub name: &'static str,
    /// Its value: letters, digits, `-`, `_` and `.`.
    pub value: &'a str,
    /// What the paths begin with that it is sent to, after the gateway's stage: `/` for all.
    pub path: &'static str,
    /// For how many seconds it is kept; without it, until the browser is closed.
    pub life: Option<i64>,
    /// Whether scripts of our own pages may read it.
    pub readable: bool,
}

impl Cookie<'_> {
    /// Adds it to an answer's headers.
    pub fn set(&self, headers: &mut HeaderMap, base: &Base) {
        let Self { name, value, path, life, readable } = self;
        let path = match (base.prefix(), *path) {
            ("", path) => path.to_owned(),
            (prefix, "/") => prefix.to_owned(),
            (prefix, path) => format!("{prefix}{path}"),
        };
        let life = life.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let hidden = if *readable { "" } else { "; HttpOnly" };
        let secure = if base.0.starts_with("https:") { "; Secure" } else { "" };
        let cookie = format!("{name}={value}; Path={path}{life}{hidden}; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

/// The value of a cookie that a request carries.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b';'))
        // Others on this host may set what they like.
        .filter_map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.is_ascii()))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_bound_to_stage_and_scheme() {
        let session = Cookie { name: "a", value: "b", path: "/", life: Some(9), readable: false };
        let page = Cookie { name: "a", value: "b", path: "/accounts/", life: None, readable: true };
        for (cookie, base, expected) in [
            (session, "http://h", "a=b; Path=/; Max-Age=9; HttpOnly; SameSite=Lax"),
            (session, "https://h/prod", "a=b; Path=/prod; Max-Age=9; HttpOnly; SameSite=Lax; Secure"),
            (page, "http://h", "a=b; Path=/accounts/; SameSite=Lax"),
            (page, "https://h/prod", "a=b; Path=/prod/accounts/; SameSite=Lax; Secure"),
        ] {
            let mut headers = HeaderMap::new();
            cookie.set(&mut headers, &Base(base.to_owned()));
            assert_eq!(headers[SET_COOKIE], expected);
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("xa=1; ab=2;a=3"));
        headers.append(COOKIE, HeaderValue::from_static("c=4=5"));
        headers.append(COOKIE, HeaderValue::from_bytes("d=\u{e9}; e=6; f=\u{e9}".as_bytes()).expect("a header"));
        assert_eq!(cookie(&headers, "e"), Some("6"));
        assert_eq!(cookie(&headers, "f"), None);
        assert_eq!(cookie(&headers, "a"), Some("3"));
        assert_eq!(cookie(&headers, "c"), Some("4=5"));
        assert_eq!(cookie(&headers, "b"), None);
    }
}
