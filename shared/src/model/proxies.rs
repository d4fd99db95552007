//! Proxies whose `X-Forwarded-For` is trusted.

use std::net::{IpAddr, SocketAddr};

use super::Networks;

/// Networks of trusted proxies. Without any, the header `X-Forwarded-For` is ignored, since anybody can send it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Networks);

impl TrustedProxies {
    /// Parses networks in CIDR notation, or single addresses, separated by commas.
    pub fn parse(text: &str) -> Option<Self> {
        Networks::parse(text).map(Self)
    }

    /// The client IP of a request from `peer` with these values of `X-Forwarded-For`: if `peer` is trusted, the last address
    /// in them that is not a trusted proxy's.
    pub fn client_of(&self, peer: IpAddr, forwarded_for: &[impl AsRef<str>]) -> IpAddr {
        let mut client = peer.to_canonical();
        for text in forwarded_for.iter().flat_map(|value| value.as_ref().split(',')).rev() {
            if !self.trusts(client) {
                break;
            }
            // A proxy would not have written an invalid address.
            let Some(address) = address(text.trim()) else { break };
            client = address;
        }
        client
    }

    /// Whether the proxy at that address is trusted.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.contains(address)
    }
}

/// An IP address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let found = bare.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    found.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(trusted: &str, peer: &str, headers: &[&str]) -> String {
        let trusted = TrustedProxies::parse(trusted).expect("networks");
        trusted.client_of(peer.parse().expect("an address"), headers).to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxys() {
        for (peer, headers, expected) in [
            ("10.0.0.1", &["192.0.2.7"][..], "192.0.2.7"),
            ("10.0.0.1", &["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["203.0.113.9, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
            ("10.0.0.1", &["203.0.113.9", "192.0.2.7,2001:db8:1::5"], "192.0.2.7"),
            ("2001:db8:1::1", &["192.0.2.7"], "192.0.2.7"),
            ("::ffff:10.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["::ffff:192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["192.0.2.7:4711"], "192.0.2.7"),
            ("10.0.0.1", &["[2001:db8:2::7]:4711"], "2001:db8:2::7"),
            ("10.0.0.1", &["[2001:db8:2::7]"], "2001:db8:2::7"),
            // A peer that is not a proxy is not trusted.
            ("192.0.2.1", &["192.0.2.7"], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1", &["192.0.2.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7, "], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.0/8, 2001:db8:1::/48", peer, headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn without_proxies_nobody_is_believed() {
        let peer = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(TrustedProxies::default().client_of(peer, &["192.0.2.7"]), peer);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(header in "[0-9a-f.:,\\[\\] ]{0,40}") {
            client("0.0.0.0/0,::/0", "10.0.0.1", &[&header]);
        }
    }
}
