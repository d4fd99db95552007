//! Cookies (RFC 6265, with the prefixes of its successor).
//!
//! Over https a cookie's name has a prefix that tells browsers that only this host may set it, and only over https.
//! Over plain http prefixes do not work, so the names have none.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::BaseUrl;

/// For cookies of a whole host, with the path `/`: no other host of the domain can have set them.
const HOST: &str = "__Host-";
/// For cookies below a gateway's stage.
const SECURE: &str = "__Secure-";

/// A cookie to set. Browsers return it only to this site, and only over https if the site uses https.
#[derive(Debug, Clone, Copy)]
pub struct Cookie<'a> {
    /// Its name, without the prefix used over https.
    pub name: &'static str,
    /// Its value: letters, digits, `-`, `_` and `.`.
    pub value: &'a str,
    /// Its lifetime in seconds; without it, until the browser is closed.
    pub life: Option<i64>,
    /// Whether scripts of our own pages can read it.
    pub readable: bool,
}

impl Cookie<'_> {
    /// Adds it to a response's headers.
    pub fn set(&self, headers: &mut HeaderMap, base: &BaseUrl) {
        self.add(headers, base, true);
    }

    /// The same without a prefix, for clients that read it. [`trusted`] does not trust it over https.
    pub fn set_to_be_read(&self, headers: &mut HeaderMap, base: &BaseUrl) {
        self.add(headers, base, false);
    }

    fn add(&self, headers: &mut HeaderMap, base: &BaseUrl, with_prefix: bool) {
        let Self { name, value, life, readable } = self;
        let path = Some(base.prefix()).filter(|stage| !stage.is_empty()).unwrap_or("/");
        let life = life.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let hidden = if *readable { "" } else { "; HttpOnly" };
        let secure = if base.is_https() { "; Secure" } else { "" };
        let prefix = Some(prefix(base)).filter(|_| with_prefix).unwrap_or_default();
        let cookie = format!("{prefix}{name}={value}; Path={path}{life}{hidden}; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

/// The prefix of cookie names for that base URL.
fn prefix(base: &BaseUrl) -> &'static str {
    match (base.is_https(), base.prefix()) {
        (false, _) => "",
        (true, "") => HOST,
        (true, _) => SECURE,
    }
}

/// Over https, keeps only the cookies that nobody but this site can have set, without their prefixes.
pub fn trusted(headers: &mut HeaderMap, base: &BaseUrl) {
    let prefix = prefix(base);
    if prefix.is_empty() {
        return;
    }
    let pairs = |value: &HeaderValue| -> Vec<String> {
        let pairs = value.as_bytes().split(|b| *b == b';').filter_map(|pair| std::str::from_utf8(pair).ok());
        pairs.filter_map(|pair| pair.trim().strip_prefix(prefix).map(str::to_owned)).collect()
    };
    let kept: Vec<String> = headers.get_all(COOKIE).iter().flat_map(pairs).collect();
    headers.remove(COOKIE);
    if let Ok(value) = HeaderValue::from_str(&kept.join("; "))
        && !kept.is_empty()
    {
        headers.insert(COOKIE, value);
    }
}

/// The value of a cookie in a request.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b';'))
        // Other applications on this host may set any cookies.
        .filter_map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.is_ascii()))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_bound_to_stage_and_scheme() {
        let session = Cookie { name: "a", value: "b", life: Some(9), readable: false };
        let page = Cookie { name: "a", value: "b", life: None, readable: true };
        for (cookie, base, expected) in [
            (session, "http://h", "a=b; Path=/; Max-Age=9; HttpOnly; SameSite=Lax"),
            (session, "https://h", "__Host-a=b; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure"),
            (session, "https://h/prod", "__Secure-a=b; Path=/prod; Max-Age=9; HttpOnly; SameSite=Lax; Secure"),
            (page, "http://h", "a=b; Path=/; SameSite=Lax"),
            (page, "https://h/prod", "__Secure-a=b; Path=/prod; SameSite=Lax; Secure"),
        ] {
            let mut headers = HeaderMap::new();
            cookie.set(&mut headers, &BaseUrl(base.to_owned()));
            assert_eq!(headers[SET_COOKIE], expected);
        }
    }

    #[test]
    fn what_others_of_the_domain_can_set_is_not_believed() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; __Host-a=2;__Secure-b=3"));
        headers.append(COOKIE, HeaderValue::from_static("c=4; __Host-d=5=6"));
        headers.append(COOKIE, HeaderValue::from_bytes("__Host-e=\u{e9}; __Host-f=7".as_bytes()).expect("a header"));
        for (base, expected) in [
            ("http://h", [Some("1"), None, Some("4"), None, None]),
            ("https://h", [Some("2"), None, None, Some("5=6"), Some("7")]),
            ("https://h/prod", [None, Some("3"), None, None, None]),
        ] {
            let mut headers = headers.clone();
            trusted(&mut headers, &BaseUrl(base.to_owned()));
            assert_eq!(["a", "b", "c", "d", "f"].map(|name| cookie(&headers, name)), expected, "{base}");
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
