//! Client networks.

use std::net::{IpAddr, Ipv6Addr};

/// One client: an IPv4 address, or a 64-bit IPv6 network, whose holder has 2^64 addresses.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
