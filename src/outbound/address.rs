//! Which addresses may be asked: those that the public Internet routes, and those that the operator allowed.
//! It knows addresses only; names are looked up before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::address::Network;

/// IPv4 networks that are not public (IANA's registry of special-purpose addresses), and what is there.
const NOT_PUBLIC: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an address of this machine"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "an address shared within a provider's network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "an address of this machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved address"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a reserved address"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "an address for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "an address for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved address"),
];

/// Decides about addresses.
#[derive(Clone)]
pub(super) struct Guard {
    allowed: Vec<Network>,
}

impl Guard {
    pub(super) fn new(allowed: &[Network]) -> Guard {
        Guard { allowed: allowed.to_vec() }
    }

    /// Why the address may not be asked, to be read after "is at"; `None` if it may.
    pub(super) fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        if self.allowed.iter().any(|network| network.contains(address)) {
            return None;
        }
        match address {
            IpAddr::V4(address) => refusal_v4(address),
            IpAddr::V6(address) => self.refusal_v6(address),
        }
    }

    /// What carries IPv4 inside is judged by that; of the rest, only what is assigned for global use passes.
    fn refusal_v6(&self, address: Ipv6Addr) -> Option<&'static str> {
        if address.is_loopback() || address.is_unspecified() {
            return Some("an address of this machine");
        }
        let embedded = embedded(address);
        if !embedded.is_empty() {
            return embedded.into_iter().find_map(|address| self.refusal(IpAddr::V4(address)));
        }
        match address.segments() {
            [0xfe80..=0xfebf, ..] => Some("a link-local address"),
            [0xfec0..=0xfeff, ..] | [0xfc00..=0xfdff, ..] => Some("a private address"),
            [0xff00..=0xffff, ..] => Some("a multicast address"),
            [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("an address for documentation"),
            [0x2001, 0..=0x1ff, ..] => Some("a reserved address"),
            [0x2000..=0x3fff, ..] => None,
            _ => Some("a reserved address"),
        }
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    let holds = |network: &Ipv4Addr, length: u32| (address.to_bits() ^ network.to_bits()).leading_zeros() >= length;
    NOT_PUBLIC.iter().find(|(network, length, _)| holds(network, *length)).map(|(_, _, what)| *what)
}

/// The IPv4 addresses to which a packet for this address may go in the end, as far as it says so.
fn embedded(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let segments = address.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match segments {
        // Mapped. The compatible and the translated ones are not in use any more.
        [0, 0, 0, 0, 0, 0xffff, high, low] => vec![pair(high, low)],
        // NAT64. Its local prefix, 64:ff9b:1::/48, does not say where the address stands, and is not for global use.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => vec![pair(high, low)],
        // Teredo: the server, and the client with its bits turned.
        [0x2001, 0, one, two, _, _, high, low] => vec![pair(one, two), pair(!high, !low)],
        // 6to4: the router.
        [0x2002, one, two, ..] => vec![pair(one, two)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(allowed: &[&str], address: &str) -> Option<&'static str> {
        let allowed: Vec<_> = allowed.iter().flat_map(|text| Network::parse(text).expect(text)).collect();
        Guard::new(&allowed).refusal(address.parse().expect(address))
    }

    #[test]
    fn networks_end_where_they_end() {
        for (last_before, first, last, first_after) in [
            (None, "0.0.0.0", "0.255.255.255", Some("1.0.0.0")),
            (Some("9.255.255.255"), "10.0.0.0", "10.255.255.255", Some("11.0.0.0")),
            (Some("100.63.255.255"), "100.64.0.0", "100.127.255.255", Some("100.128.0.0")),
            (Some("126.255.255.255"), "127.0.0.0", "127.255.255.255", Some("128.0.0.0")),
            (Some("169.253.255.255"), "169.254.0.0", "169.254.255.255", Some("169.255.0.0")),
            (Some("172.15.255.255"), "172.16.0.0", "172.31.255.255", Some("172.32.0.0")),
            (Some("191.255.255.255"), "192.0.0.0", "192.0.0.255", Some("192.0.1.0")),
            (Some("192.0.1.255"), "192.0.2.0", "192.0.2.255", Some("192.0.3.0")),
            (Some("192.88.98.255"), "192.88.99.0", "192.88.99.255", Some("192.88.100.0")),
            (Some("192.167.255.255"), "192.168.0.0", "192.168.255.255", Some("192.169.0.0")),
            (Some("198.17.255.255"), "198.18.0.0", "198.19.255.255", Some("198.20.0.0")),
            (Some("198.51.99.255"), "198.51.100.0", "198.51.100.255", Some("198.51.101.0")),
            (Some("203.0.112.255"), "203.0.113.0", "203.0.113.255", Some("203.0.114.0")),
            (Some("223.255.255.255"), "224.0.0.0", "255.255.255.255", None),
            (None, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("2000::")),
            (Some("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "2001::", "2001:1ff:ffff::", Some("2001:200::")),
            (Some("2001:db7:ffff::"), "2001:db8::", "2001:db8:ffff:ffff::", Some("2001:db9::")),
            (Some("3ffe:ffff::"), "3fff::", "3fff:fff:ffff::", Some("3fff:1000::")),
            (Some("3fff:ffff:ffff::"), "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
        ] {
            for address in [first, last] {
                assert!(judge(&[], address).is_some(), "{address}");
            }
            for address in [last_before, first_after].into_iter().flatten() {
                assert_eq!(judge(&[], address), None, "{address}");
            }
        }
    }

    #[test]
    fn what_carries_ipv4_is_judged_by_it() {
        for (inner, is_public) in [("8.8.8.8", true), ("10.0.0.1", false), ("169.254.169.254", false)] {
            let [one, two] =
                inner.parse::<Ipv4Addr>().map(|inner| [inner.to_bits() >> 16, inner.to_bits() & 0xffff]).expect(inner);
            for address in [
                format!("::ffff:{inner}"),
                format!("64:ff9b::{inner}"),
                format!("2002:{one:x}:{two:x}::1"),
                format!("2001:0:{one:x}:{two:x}:0:0:{:x}:{:x}", !0x808_u16, !0x808_u16),
                format!("2001:0:808:808:0:0:{:x}:{:x}", one ^ 0xffff, two ^ 0xffff),
            ] {
                assert_eq!(judge(&[], &address).is_none(), is_public, "{address}");
                assert_eq!(judge(&[inner], &address), None, "allowed: {address}");
            }
        }
    }

    #[test]
    fn public_addresses_are_asked() {
        for address in
            ["1.1.1.1", "93.184.215.14", "192.0.1.1", "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860::"]
        {
            assert_eq!(judge(&[], address), None, "{address}");
        }
    }

    #[test]
    fn everything_can_be_allowed() {
        for address in ["127.0.0.1", "::1", "::", "fe80::1", "169.254.169.254", "64:ff9b:1::1", "255.255.255.255"] {
            assert!(judge(&[], address).is_some(), "{address}");
            assert_eq!(judge(&["any"], address), None, "{address}");
            assert_eq!(judge(&[address], address), None, "{address}");
        }
    }
}
