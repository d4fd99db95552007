//! Which representation a client gets (`contracts/openwisp.md` section 4, Django REST framework's rules).

use std::borrow::Cow;

use http::{HeaderMap, Uri, header::ACCEPT};
use serde::Serialize as _;
use serde_json::Value;

use super::Rejection;

/// The format of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// JSON, indented by this many spaces, or compact.
    Json(Option<usize>),
    /// A page for a browser.
    Html,
    /// JSON objects in lines (`application/x-ndjson`), where an endpoint has them.
    Lines,
}

/// Decides by `?format=`, or else by `Accept`.
///
/// # Errors
/// [`Rejection::NoRoute`] for an unknown format, [`Rejection::NotAcceptable`] if no accepted type is available.
pub fn negotiate(uri: &Uri, headers: &HeaderMap) -> Result<Representation, Rejection> {
    match query_value(uri, "format").as_deref() {
        Some("json") => return Ok(Representation::Json(None)),
        Some("api") => return Ok(Representation::Html),
        Some("") | None => {}
        Some(_) => return Err(Rejection::NoRoute),
    }
    let accepted: Vec<String> =
        headers.get_all(ACCEPT).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    let accepted = if accepted.is_empty() { "*/*".to_owned() } else { accepted.join(",") };
    let mut types: Vec<MediaType<'_>> = accepted.split(',').map(MediaType::parse).collect();
    // Quality values are ignored; the more specific type wins, JSON before HTML.
    types.sort_by_key(|media_type| std::cmp::Reverse(media_type.precedence()));
    for precedence in (0..4).rev() {
        let same = || types.iter().filter(|media_type| media_type.precedence() == precedence);
        if let Some(json) = same().find(|media_type| media_type.matches("application", "json")) {
            return Ok(Representation::Json(json.indent()));
        }
        if same().any(|media_type| media_type.is("application", "x-ndjson")) {
            return Ok(Representation::Lines);
        }
        if same().any(|media_type| media_type.matches("text", "html")) {
            return Ok(Representation::Html);
        }
    }
    Err(Rejection::NotAcceptable)
}

/// The last value of a query parameter.
pub fn query_value(uri: &Uri, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
}

/// The names of the query parameters.
pub(super) fn query_names(uri: &Uri) -> impl Iterator<Item = Cow<'_, str>> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).map(|(name, _)| name)
}

/// One entry of an `Accept` header (RFC 9110 section 12.5.1).
#[derive(Debug)]
struct MediaType<'a> {
    main: &'a str,
    sub: &'a str,
    params: Vec<(&'a str, &'a str)>,
}

impl<'a> MediaType<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let full = parts.next().unwrap_or_default();
        let (main, sub) = full.split_once('/').unwrap_or((full, ""));
        let params = parts.filter_map(|param| param.split_once('=')).map(|(k, v)| (k.trim(), v.trim())).collect();
        Self { main, sub, params }
    }

    fn precedence(&self) -> u8 {
        match (self.main, self.sub) {
            ("*", _) => 0,
            (_, "*") => 1,
            _ if self.params.iter().all(|(name, _)| *name == "q") => 2,
            _ => 3,
        }
    }

    fn is(&self, main: &str, sub: &str) -> bool {
        self.main.eq_ignore_ascii_case(main) && self.sub.eq_ignore_ascii_case(sub)
    }

    fn matches(&self, main: &str, sub: &str) -> bool {
        let part = |mine: &str, other: &str| mine == "*" || mine.eq_ignore_ascii_case(other);
        part(self.main, main) && part(self.sub, sub)
    }

    fn indent(&self) -> Option<usize> {
        let (_, value) = self.params.iter().find(|(name, _)| *name == "indent")?;
        value.parse().ok().map(|spaces: usize| spaces.min(8))
    }
}

/// JSON with this many spaces per level.
pub fn indented(value: &Value, spaces: usize) -> String {
    let indent = " ".repeat(spaces);
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(query: &str, accept: Option<&str>) -> Result<Representation, Rejection> {
        let uri: Uri = format!("http://host/{query}").parse().expect("a URI");
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, accept.parse().expect("a header"));
        }
        negotiate(&uri, &headers)
    }

    #[test]
    fn the_more_specific_type_wins_and_json_comes_first() {
        for (accept, expected) in [
            (None, Representation::Json(None)),
            (Some("*/*"), Representation::Json(None)),
            (Some("application/json"), Representation::Json(None)),
            (Some("application/json; indent=2"), Representation::Json(Some(2))),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Representation::Html),
            (Some("text/*"), Representation::Html),
            (Some("text/html, application/json"), Representation::Json(None)),
            (Some("application/xml, */*;q=0.1"), Representation::Json(None)),
            (Some("application/*"), Representation::Json(None)),
            (Some("application/x-ndjson"), Representation::Lines),
            (Some("application/x-ndjson, */*;q=0.1"), Representation::Lines),
            (Some("application/x-ndjson, application/json"), Representation::Json(None)),
        ] {
            assert_eq!(choose("", accept).expect("a representation"), expected, "{accept:?}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        for accept in ["application/xml", "image/png", "", ";", "/"] {
            assert!(matches!(choose("", Some(accept)), Err(Rejection::NotAcceptable)), "{accept}");
        }
        assert!(matches!(choose("?format=xml", None), Err(Rejection::NoRoute)));
    }

    #[test]
    fn the_format_parameter_wins() {
        let html = Some("text/html");
        assert_eq!(choose("?format=json", html).expect("JSON"), Representation::Json(None));
        assert_eq!(choose("?format=api", Some("application/json")).expect("HTML"), Representation::Html);
        assert_eq!(choose("?format=", html).expect("HTML"), Representation::Html);
    }
}
