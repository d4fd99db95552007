//! The context of a request: set by whatever accepted it from the network.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, MatchedPath};
use http::request::Parts;

use crate::directory::{Needs, RequestOrigin};

/// Scheme, host and stage prefix that the client used, without a final slash: `https://users.example.org/prod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(pub String);

/// The base of mailed links: from the settings, or else the domain that the gateway names or the address that the local
/// server listens on. Never from a header, because the sender of a request chooses those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkBaseUrl(pub String);

/// The client IP: as seen by the gateway (or the local server), or as reported by a trusted proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientIp(pub Option<String>);

/// The id of a request in the logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl BaseUrl {
    /// The base URL of a request to that host. An invalid host is left out of links.
    pub fn new(scheme: &str, host: Option<&str>, stage: &str) -> Self {
        let is_host =
            |host: &&str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b));
        let host = host.filter(is_host).unwrap_or("localhost");
        Self(format!("{scheme}://{host}{stage}"))
    }

    /// Whether the client used https.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The prefix of all paths, such as a stage: `/prod`, or nothing.
    pub fn prefix(&self) -> &str {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        rest.find('/').map_or("", |start| &rest[start..])
    }
}

impl<S: Sync> FromRequestParts<S> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| {
            let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
            Self::new("http", host, "")
        }))
    }
}

impl<S: Sync> FromRequestParts<S> for RequestOrigin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(origin(parts))
    }
}

/// The origin of a request.
pub fn origin(parts: &Parts) -> RequestOrigin {
    let agent = parts.headers.get(http::header::USER_AGENT);
    // The route, not the path: paths can contain the keys of mailed links.
    let route = parts.extensions.get::<MatchedPath>().map_or("-", MatchedPath::as_str);
    RequestOrigin {
        address: parts.extensions.get::<ClientIp>().and_then(|address| address.0.clone()),
        user_agent: agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned()),
        via: format!("{} {route}", parts.method),
        request: parts.extensions.get::<RequestId>().map(|id| id.0.clone()),
        needs: Needs::Nothing,
        late_attempt: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_what_follows_the_host() {
        for (base, prefix) in
            [("https://h", ""), ("http://h:9000", ""), ("https://h/prod", "/prod"), ("https://h/a/b", "/a/b")]
        {
            assert_eq!(BaseUrl(base.to_owned()).prefix(), prefix);
        }
    }

    #[test]
    fn a_host_that_is_none_does_not_reach_links() {
        assert_eq!(BaseUrl::new("https", Some("a.example:8443"), "/prod").0, "https://a.example:8443/prod");
        for host in [None, Some(""), Some("a.example/x"), Some("a b"), Some("a\"b")] {
            assert_eq!(BaseUrl::new("http", host, "").0, "http://localhost");
        }
    }
}
