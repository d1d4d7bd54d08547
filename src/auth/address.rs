//! Which client a request comes from, when it came through a proxy.
//!
//! Anyone can write `X-Forwarded-For`. It is believed only as far as it was written by trusted proxies: read from the
//! right, the first address that is not one of them is the client's.

use std::net::{IpAddr, SocketAddr};

use crate::model::address::Network;

/// The client's address: the peer's own, or what trusted proxies say in `X-Forwarded-For` or, without that, in
/// `Forwarded` (RFC 7239). Each header is given as its lines in the order they were received.
///
/// The older header wins because most proxies write it alone: were it the other way round, a client could have the last
/// word with a `Forwarded` that its proxy passes on unread.
pub fn client_address(peer: IpAddr, trusted: &[Network], forwarded_for: &[&str], forwarded: &[&str]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        return peer;
    }
    let hops: Vec<Option<IpAddr>> = match forwarded_for.is_empty() {
        true => forwarded.iter().flat_map(|line| line.split(',')).map(parse_element).collect(),
        false => forwarded_for.iter().flat_map(|line| line.split(',')).map(parse_node).collect(),
    };
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        match hop {
            // What lies to the left of something unreadable was not written by a proxy we can follow.
            None => return peer,
            Some(address) if !is_trusted(address) => return address,
            Some(address) => client = address,
        }
    }
    client
}

/// Reads one element of `Forwarded`: `for=192.0.2.60;proto=http;by=203.0.113.43`.
fn parse_element(element: &str) -> Option<IpAddr> {
    element
        .split(';')
        .find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value)
        })
        .and_then(parse_node)
}

/// Reads an address, with or without a port, in quotes or not; IPv6 in brackets or bare.
fn parse_node(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    let node = node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node);
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
    let address = bare.parse::<IpAddr>().or_else(|_| node.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded_for: &[&str], forwarded: &[&str], expected: &str) {
        let trusted: Vec<Network> =
            ["10.0.0.0/8", "fd00::/8"].iter().filter_map(|text| Network::parse(text)).flatten().collect();
        let peer = peer.parse().expect("an address");
        let client = client_address(peer, &trusted, forwarded_for, forwarded);
        assert_eq!(client.to_string(), expected, "{peer} {forwarded_for:?} {forwarded:?}");
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        check("192.0.2.1", &["203.0.113.5"], &[], "192.0.2.1");
        check("192.0.2.1", &[], &["for=203.0.113.5"], "192.0.2.1");
        check("10.0.0.1", &["203.0.113.5"], &[], "203.0.113.5");
        check("::ffff:10.0.0.1", &["203.0.113.5"], &[], "203.0.113.5");
        check("fd00::1", &["203.0.113.5"], &[], "203.0.113.5");
        check("10.0.0.1", &[], &[], "10.0.0.1");
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_is_the_client() {
        check("10.0.0.1", &["198.51.100.1, 203.0.113.5, 10.0.0.2"], &[], "203.0.113.5");
        check("10.0.0.1", &["198.51.100.1", "203.0.113.5", "10.0.0.2"], &[], "203.0.113.5");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &[], "10.0.0.3");
        check("10.0.0.1", &["203.0.113.5"], &["for=198.51.100.1"], "203.0.113.5");
    }

    #[test]
    fn addresses_are_read_in_all_their_spellings() {
        check("10.0.0.1", &["203.0.113.5:4711"], &[], "203.0.113.5");
        check("10.0.0.1", &["2001:db8::5"], &[], "2001:db8::5");
        check("10.0.0.1", &["[2001:db8::5]"], &[], "2001:db8::5");
        check("10.0.0.1", &["[2001:db8::5]:4711"], &[], "2001:db8::5");
        check("10.0.0.1", &["::ffff:203.0.113.5"], &[], "203.0.113.5");
        check("10.0.0.1", &[], &["proto=https; For=\"[2001:db8::5]:4711\";by=10.0.0.1"], "2001:db8::5");
        check("10.0.0.1", &[], &["for=203.0.113.5;proto=https, for=10.0.0.2"], "203.0.113.5");
    }

    #[test]
    fn what_cannot_be_read_is_not_followed() {
        check("10.0.0.1", &["garbage"], &[], "10.0.0.1");
        check("10.0.0.1", &[""], &[], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.5, unknown"], &[], "10.0.0.1");
        check("10.0.0.1", &["203.0.113.5, unknown, 10.0.0.2"], &[], "10.0.0.1");
        check("10.0.0.1", &[], &["for=_hidden"], "10.0.0.1");
        check("10.0.0.1", &[], &["by=203.0.113.5"], "10.0.0.1");
    }
}
