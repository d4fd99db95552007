//! Networks: one client's, those that a setting names, and the public ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks that a setting names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Parses networks in CIDR notation, or single addresses, separated by commas.
    pub fn parse(text: &str) -> Option<Self> {
        let network = |text: &str| {
            let text = text.trim();
            let network = text.parse::<IpNet>().ok();
            network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        };
        text.split(',').map(network).collect::<Option<_>>().map(Self)
    }

    /// Whether one of them contains the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether the address belongs to the public Internet: everybody reaches the same host by it. What leads to an IPv4 address
/// inside an IPv6 address, such as NAT64 and 6to4, does not count as public.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // Global unicast is 2000::/3; 2001::/23 is for protocols, 2001:db8::/32 and 3fff::/20 for documents.
            let is_global = first & 0xe000 == 0x2000;
            let is_special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
                || first == 0x2002
                || (first == 0x3fff && second < 0x1000);
            is_global && !is_special
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // This network, carriers' networks, protocols, 6to4 relays, benchmarks, and what is reserved with broadcast.
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18)
        || a >= 240;
    !is_special
}

/// One client: an IPv4 address, or a 64-bit IPv6 network, whose holder has 2^64 addresses.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_are_read_and_other_texts_are_not() {
        for good in ["10.0.0.0/8", "127.0.0.1", "::1", "10.0.0.0/8,192.0.2.0/24 , 2001:db8::/32"] {
            assert!(Networks::parse(good).is_some(), "{good}");
        }
        for bad in ["", "10", "10.0.0.0/33", "10.0.0.0/8,", "proxy.example", "*", "10.0.0.0/8 192.0.2.1"] {
            assert_eq!(Networks::parse(bad), None, "{bad}");
        }
        let networks = Networks::parse("127.0.0.0/8, ::1").expect("networks");
        for (text, is_in) in [("127.9.9.9", true), ("::ffff:127.0.0.1", true), ("::1", true), ("::2", false)] {
            assert_eq!(networks.contains(address(text)), is_in, "{text}");
        }
        assert!(Networks::default().is_empty() && !networks.is_empty());
    }

    #[test]
    fn public_addresses_are_told_from_all_others() {
        for text in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "3fff:1000::1",
        ] {
            assert!(is_public(address(text)), "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a00:1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
            "100::1",
            "4000::1",
        ] {
            assert!(!is_public(address(text)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv4_address_within_ipv6_is_judged_as_itself(bits: u32) {
            let inner = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(is_public(inner.to_ipv6_mapped().into()), is_public(inner.into()));
        }
    }

    #[test]
    fn a_network_is_an_address_or_the_64_bits_before_it() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8:0:0:ffff::7", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            let network = |text: &str| network_of(text.parse().expect("an address"));
            assert_eq!(network(one) == network(other), same, "{one} {other}");
        }
    }
}
