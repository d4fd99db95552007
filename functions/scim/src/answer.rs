//! Responses and failures of handlers.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use shared::Error;
use shared::dialect::scim::{MEDIA_TYPE, Problem, Scim};
use shared::directory::Expected;
use shared::web::Rejection;
use shared::web::failure::render;

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body, if there is one.
    pub body: Option<Value>,
    /// The version of the resource, if it is about one.
    pub version: Option<String>,
    /// The address of the resource, if it is about one.
    pub location: Option<String>,
}

/// Why a handler refused or failed.
#[derive(Debug)]
pub enum Failed {
    /// For a reason that all APIs have.
    Rejection(Rejection),
    /// For a reason of this API.
    Problem(Problem),
}

/// Results of handlers.
pub type Result<T, E = Failed> = std::result::Result<T, E>;

impl Answer {
    /// 200 with a body.
    pub fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), version: None, location: None }
    }

    /// 204.
    pub fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, version: None, location: None }
    }

    /// A resource, whose `meta` tells version and address.
    pub fn resource(status: StatusCode, resource: Map<String, Value>) -> Self {
        let text = |name: &str| resource.get("meta").and_then(|meta| meta[name].as_str()).map(ToOwned::to_owned);
        let (version, location) = (text("version"), text("location"));
        Self { status, version, location, body: Some(Value::Object(resource)) }
    }

    /// 304 if the client has this version already (RFC 9110 section 13.1.2).
    #[must_use]
    pub fn unless_known(self, headers: &HeaderMap) -> Self {
        let Some(version) = &self.version else { return self };
        let is_known = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == version.trim_start_matches("W/");
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        if known.flat_map(|value| value.split(',')).map(str::trim).any(is_known) {
            Self { status: StatusCode::NOT_MODIFIED, body: None, ..self }
        } else {
            self
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Self { status, body, version, location } = self;
        let mut response = match body {
            Some(body) => (status, Json(body)).into_response(),
            None => status.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        let mut set = |name: HeaderName, text: Option<String>| {
            if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
                headers.insert(name, value);
            }
        };
        set(ETAG, version);
        set(LOCATION, location);
        response
    }
}

impl Failed {
    /// The error that a client sees.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Rejection(rejection) => rejection.into(),
            Self::Problem(problem) => problem.clone(),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Rejection(error.into())
    }
}

impl From<Rejection> for Failed {
    fn from(rejection: Rejection) -> Self {
        Self::Rejection(rejection)
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Self::Rejection(rejection) => render::<Scim>(&rejection),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

/// A version as a tag.
pub fn tag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// The versions in `If-Match`. Tags are weak here, so weak ones count.
pub fn if_match(headers: &HeaderMap) -> Expected {
    let sent: Vec<&str> = headers.get_all(IF_MATCH).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    if sent.is_empty() { Expected::any() } else { versions(&sent.join(",")) }
}

/// The versions in a list of tags; `*` is any.
pub fn versions(tags: &str) -> Expected {
    if tags.split(',').any(|tag| tag.trim() == "*") {
        return Expected::any();
    }
    let version = |tag: &str| tag.trim().trim_start_matches("W/").strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    Expected::versions(tags.split(',').filter_map(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_weak_and_strong_tags() {
        assert_eq!(versions("W/\"3\", \"5\""), Expected::versions([3, 5]));
        assert_eq!(versions("W/\"3\",*"), Expected::any());
        for none in ["", "3", "W/3", "\"x\"", "W/\"-3\""] {
            assert_eq!(versions(none), Expected::versions([]), "{none}");
        }
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let status = |sent: &'static str| {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(sent))]);
            let answer = Answer { version: Some(tag(7)), ..Answer::ok(Value::Null) };
            answer.unless_known(&headers).status
        };
        for known in ["W/\"7\"", "\"7\"", "\"1\", W/\"7\"", "*"] {
            assert_eq!(status(known), StatusCode::NOT_MODIFIED, "{known}");
        }
        for other in ["W/\"8\"", "7", ""] {
            assert_eq!(status(other), StatusCode::OK, "{other}");
        }
    }
}
