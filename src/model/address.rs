//! Networks: the addresses an application may call from, and the proxies the gateway trusts.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// An IPv4 or IPv6 network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Reads CIDR notation (`10.0.0.0/8`, `2001:db8::/32`), a single address, or `any`, which gives both families.
    /// `None` if it is none of these.
    pub fn parse(text: &str) -> Option<Vec<Network>> {
        if text == "any" {
            let v4 = IpNet::new(IpAddr::from([0, 0, 0, 0]), 0).ok()?;
            let v6 = IpNet::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0).ok()?;
            return Some(vec![Network(v4), Network(v6)]);
        }
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
        Some(vec![Network(network.trunc())])
    }

    /// Whether the address lies in the network; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_the_addresses_they_name() {
        for (network, address, held) in [
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
            ("any", "203.0.113.9", true),
            ("any", "2001:db8::9", true),
        ] {
            let networks = Network::parse(network).expect(network);
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(networks.iter().any(|network| network.contains(address)), held, "{network} {address}");
        }
        assert_eq!(Network::parse("10.0.0.0/33"), None);
        assert_eq!(Network::parse("localhost"), None);
    }
}
