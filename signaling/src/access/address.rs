//! Whose a request is, as far as its address tells.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr};

/// The address of the client. A proxy that is trusted says for whom it speaks, each adding the
/// address it saw at the end; so the last one that is none of ours counts. From anybody else the
/// header is worth nothing.
pub fn client_address<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let mut client = peer.to_canonical();
    let named = forwarded.flat_map(|line| line.split(',')).map(str::trim);
    let mut named: Vec<&str> = named.collect();
    while trusted.iter().any(|network| network.contains(&client)) {
        match named.pop().and_then(|name| name.parse::<IpAddr>().ok()) {
            Some(address) => client = address.to_canonical(),
            None => break,
        }
    }
    client
}

/// What counts as one address: an IPv6 user has a whole network of 64 bits (RFC 6177). `None` for
/// this machine itself, which is not limited: all clients of a proxy that is not configured come
/// from there.
pub fn counted_as(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()),
        address => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        client_address(peer.parse().unwrap(), forwarded.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_speak_for_others() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn the_last_address_that_is_no_proxy_counts() {
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1, nonsense"]), "10.0.0.1");
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one_and_this_machine_not_at_all() {
        let counted = |text: &str| counted_as(text.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(counted("2001:db8:0:1:2:3:4:5"), counted("2001:db8:0:1::9"));
        assert_ne!(counted("2001:db8:0:1::9"), counted("2001:db8:0:2::9"));
        assert_eq!(counted("::ffff:192.0.2.1"), Some(String::from("192.0.2.1")));
        assert_eq!((counted("127.0.0.1"), counted("::1")), (None, None));
    }
}
