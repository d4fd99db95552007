//! Conditional requests (RFC 9110 section 13): every response about one record has its version as an `ETag`, and a
//! change with `If-Match` applies only to that version.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::directory::Expected;

/// The versions in the request's `If-Match`.
#[derive(Debug, Clone)]
pub struct IfMatch(pub Expected);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(expected(&parts.headers)))
    }
}

/// A response about a record with this version, as its `ETag`.
#[derive(Debug)]
pub struct Versioned<T>(pub u64, pub T);

impl<T: IntoResponse> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let Self(version, response) = self;
        let mut response = response.into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// The versions in all `If-Match` headers of a request. `*`, or no header, means any version. Weak and invalid tags
/// match no version: such a change is refused rather than made blindly.
fn expected(headers: &HeaderMap) -> Expected {
    let mut versions = None::<Vec<u64>>;
    for value in headers.get_all(IF_MATCH) {
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Expected::any();
        }
        let found =
            text.split(',').filter_map(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse::<u64>().ok());
        versions.get_or_insert_default().extend(found);
    }
    versions.map_or_else(Expected::any, Expected::versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_versions_by_strong_tags() {
        let read = |values: &[&'static str]| {
            let pairs = values.iter().map(|value| (IF_MATCH, HeaderValue::from_static(value)));
            expected(&pairs.collect())
        };
        assert_eq!(read(&[]), Expected::any());
        assert_eq!(read(&["*"]), Expected::any());
        assert_eq!(read(&["\"3\""]), Expected::versions([3]));
        assert_eq!(read(&["\"3\", \"5\"", "W/\"8\",\"7\""]), Expected::versions([3, 5, 7]));
        for none in ["", "3", "W/\"3\"", "\"3", "\"three\"", "\"-3\"", "\"3\";\"4\""] {
            assert_eq!(read(&[none]), Expected::versions([]), "{none}");
        }
    }
}
