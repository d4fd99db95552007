//! What a request's surroundings say of it: put there by whoever took it from the network.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

/// Scheme, host and stage prefix that the client used, without a final slash: `https://users.example.org/prod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(pub String);

/// The client's network address as the gateway (or the local server) saw it; never taken from a header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientAddress(pub Option<String>);

/// The name under which a request stands in the logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl Base {
    /// The base of a request to that host. A host that is none is left out of links.
    pub fn new(scheme: &str, host: Option<&str>, stage: &str) -> Self {
        let is_host =
            |host: &&str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b));
        let host = host.filter(is_host).unwrap_or("localhost");
        Self(format!("{scheme}://{host}{stage}"))
    }

    /// What stands before every path of the API, such as a stage: `/prod`, or nothing.
    pub fn prefix(&self) -> &str {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        rest.find('/').map_or("", |start| &rest[start..])
    }
}

impl<S: Sync> FromRequestParts<S> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| {
            let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
            Self::new("http", host, "")
        }))
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
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
            assert_eq!(Base(base.to_owned()).prefix(), prefix);
        }
    }

    #[test]
    fn a_host_that_is_none_does_not_reach_links() {
        assert_eq!(Base::new("https", Some("a.example:8443"), "/prod").0, "https://a.example:8443/prod");
        for host in [None, Some(""), Some("a.example/x"), Some("a b"), Some("a\"b")] {
            assert_eq!(Base::new("http", host, "").0, "http://localhost");
        }
    }
}
