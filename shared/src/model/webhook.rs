//! Webhooks: who is told of which events (`docs/webhooks.md`).

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::{Host, Position, Url};

use super::{EventAction, Networks, Timestamp, UserId, WebhookId, is_public};
use crate::secret::Secret;

/// A subscription: each event with one of its actions is sent to its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Incremented with every change.
    pub version: u64,
    /// Where events are sent.
    pub url: WebhookUrl,
    /// Which events are sent; all of them if this is empty.
    pub actions: BTreeSet<EventAction>,
    /// What signs them.
    pub secret: Secret,
    /// The secret before, which also signs for a while.
    pub old_secret: Option<OldSecret>,
    /// Who created it or resumed it last, and is told when it does not work.
    pub owner: UserId,
    /// Why nothing is sent, if nothing is.
    pub paused: Option<PauseReason>,
    /// Since when it has been active, if it is.
    pub active_since: Timestamp,
    /// When it was created.
    pub created: Timestamp,
    /// When it was changed.
    pub updated: Timestamp,
}

/// A secret that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSecret {
    /// The secret.
    pub secret: Secret,
    /// Until when it signs.
    pub until: Timestamp,
}

/// Why a webhook is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody asked for it.
    Requested,
    /// It failed for a day.
    Failing,
    /// Its receiver said that it is gone.
    Gone,
    /// Its owner is no active superuser any more.
    OwnerLeft,
}

/// The URL of a webhook: `https` or `http`, without user information and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl Webhook {
    /// The most that exist.
    pub const MOST: usize = 20;
    /// How long a replaced secret signs, in seconds.
    pub const OLD_SECRET_LIFE: i64 = 24 * 60 * 60;

    /// Whether events with this action are sent.
    pub fn wants(&self, action: EventAction) -> bool {
        self.actions.is_empty() || self.actions.contains(&action)
    }

    /// The secrets that sign at that time, the newest first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        let old = self.old_secret.as_ref().filter(|old| now < old.until);
        [&self.secret].into_iter().chain(old.map(|old| &old.secret))
    }
}

impl WebhookUrl {
    /// The most characters.
    pub const MAX: usize = 500;

    /// Parses a URL.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_web = ["https", "http"].contains(&url.scheme()) && url.host().is_some();
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        (is_web && is_plain && url.as_str().len() <= 2 * Self::MAX).then_some(Self(url))
    }

    /// Whether it is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host to resolve or to connect to, without brackets.
    pub fn host(&self) -> String {
        match self.0.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// The host and, unless it is the usual one, the port, as the header `Host` has them.
    pub fn authority(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.0[Position::BeforePath..Position::AfterQuery]
    }

    /// Whether a request to it may go to that address: to a public one if it is encrypted, and in any case to one of the
    /// networks that the operator has named.
    pub fn may_reach(&self, address: IpAddr, named: &Networks) -> bool {
        named.contains(address) || (self.is_https() && is_public(address))
    }

    /// Whether it can be seen without resolving its host that [`WebhookUrl::may_reach`] allows no address.
    pub fn is_unreachable(&self, named: &Networks) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(address)) => !self.may_reach(address.into(), named),
            Some(Host::Ipv6(address)) => !self.may_reach(address.into(), named),
            _ => !self.is_https() && named.is_empty(),
        }
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (text, host, port, authority, path) in [
            ("https://Hooks.example/a?b=c", "hooks.example", 443, "hooks.example", "/a?b=c"),
            ("http://hooks.example:8080", "hooks.example", 8080, "hooks.example:8080", "/"),
            ("https://[2606:4700::1]:1/", "2606:4700::1", 1, "[2606:4700::1]:1", "/"),
            ("https://bücher.example/", "xn--bcher-kva.example", 443, "xn--bcher-kva.example", "/"),
        ] {
            let url = WebhookUrl::parse(text).expect("a URL");
            assert_eq!((url.host().as_str(), url.port(), url.authority(), url.path()), (host, port, authority, path));
        }
        for bad in [
            "",
            "hooks.example",
            "ftp://a.example/",
            "https://",
            "https://u@a.example/",
            "https://u:p@a.example/",
            "https://a.example/#x",
            "mailto:a@b.example",
            "file:///etc/passwd",
        ] {
            assert_eq!(WebhookUrl::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_public_addresses_are_reached_unless_others_are_named() {
        let loopback = Networks::parse("127.0.0.0/8").expect("networks");
        let none = Networks::default();
        for (text, unnamed, named) in [
            ("https://hooks.example/", false, false),
            ("http://hooks.example/", true, false),
            ("https://8.8.8.8/", false, false),
            ("http://8.8.8.8/", true, true),
            ("https://127.0.0.1/", true, false),
            ("http://127.0.0.1:1/", true, false),
            // All of these are spellings of 127.0.0.1, or lead there.
            ("https://2130706433/", true, false),
            ("https://0x7f.1/", true, false),
            ("https://0177.0.0.1/", true, false),
            ("https://[::ffff:127.0.0.1]/", true, false),
            ("https://[::1]/", true, true),
            ("https://169.254.169.254/latest/meta-data/", true, true),
            ("https://[fd00:ec2::254]/", true, true),
            ("https://10.0.0.1/", true, true),
        ] {
            let url = WebhookUrl::parse(text).expect("a URL");
            assert_eq!((url.is_unreachable(&none), url.is_unreachable(&loopback)), (unnamed, named), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            for text in [text.clone(), format!("https://{text}"), format!("https://a.example/{text}")] {
                if let Some(url) = WebhookUrl::parse(&text) {
                    prop_assert_eq!(WebhookUrl::parse(&url.to_string()), Some(url.clone()));
                    let _ = (url.host(), url.authority(), url.path());
                }
            }
        }
    }
}
