//! Under which addresses browsers are told to reach this machine.

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Every candidate stands in every answer and is checked by every browser: hosts with hundreds of
/// container interfaces must not announce them all.
const MOST: usize = 16;

/// The addresses to announce, best first: `announced` when there are any, else what the interfaces
/// have.
pub(crate) fn candidates(announced: &[IpAddr], host: IpAddr) -> Vec<IpAddr> {
    if announced.is_empty() { choose(interface_addresses(), host) } else { announced.to_vec() }
}

/// Loopback stands in only where nothing else is, or where nobody from outside is wanted.
pub(crate) fn choose(found: Vec<IpAddr>, host: IpAddr) -> Vec<IpAddr> {
    let mut chosen: Vec<IpAddr> = found.into_iter().filter(reachable).collect();
    chosen.sort_by_key(IpAddr::is_ipv6);
    chosen.dedup();
    chosen.truncate(MOST);
    if chosen.is_empty() || host.is_loopback() {
        // A page that came over one family finds the server over it.
        if host.is_ipv6() {
            chosen.push(Ipv6Addr::LOCALHOST.into());
        }
        if host != IpAddr::V6(Ipv6Addr::LOCALHOST) {
            chosen.push(Ipv4Addr::LOCALHOST.into());
        }
    }
    chosen
}

/// Each of them is a connection that every page opens and checks.
const MOST_TCP: usize = 8;

/// Where media is taken over TCP: at each of the addresses, best first, the ports of those listeners that
/// take connections there. What was announced stands for an address of this machine, so every one does.
pub(crate) fn tcp_candidates(
    addresses: &[IpAddr],
    is_announced: bool,
    listeners: &[SocketAddr],
) -> Vec<SocketAddr> {
    let takes = |listener: &SocketAddr, address: IpAddr| match listener.ip() {
        IpAddr::V6(own) if own.is_unspecified() => true,
        own if own.is_ipv6() != address.is_ipv6() => false,
        own => own.is_unspecified() || own == address || is_announced && !own.is_loopback(),
    };
    let at = |address: IpAddr| {
        let there = listeners.iter().filter(move |listener| takes(listener, address));
        there.map(move |listener| SocketAddr::new(address, listener.port()))
    };
    let mut candidates: Vec<SocketAddr> = Vec::new();
    for candidate in addresses.iter().copied().flat_map(at) {
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates.truncate(MOST_TCP);
    candidates
}

/// Link-local addresses mean nothing without the interface they belong to.
fn reachable(address: &IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local() || *address == Ipv6Addr::UNSPECIFIED,
    };
    !(link_local || address.is_loopback() || address.is_unspecified())
}

/// Of all interfaces that are up.
pub(crate) fn interface_addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else {
        tracing::warn!("the interfaces' addresses cannot be read; give them with --announce");
        return Vec::new();
    };
    interfaces
        .filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_was_announced_replaces_what_was_found() {
        let announced = ips(&["203.0.113.7"]);
        assert_eq!(candidates(&announced, ips(&["0.0.0.0"])[0]), announced);
    }

    #[test]
    fn only_addresses_that_others_can_reach_are_announced_ipv4_first() {
        let found = ips(&["127.0.0.1", "2001:db8::1", "::1", "fe80::1", "169.254.1.1", "192.0.2.1"]);
        assert_eq!(choose(found, ips(&["0.0.0.0"])[0]), ips(&["192.0.2.1", "2001:db8::1"]));
    }

    #[test]
    fn a_machine_without_a_network_announces_loopback() {
        assert_eq!(choose(ips(&["127.0.0.1", "::1"]), ips(&["0.0.0.0"])[0]), ips(&["127.0.0.1"]));
    }

    #[test]
    fn a_server_for_this_machine_alone_announces_loopback_too() {
        let chosen = choose(ips(&["192.0.2.1"]), ips(&["127.0.0.1"])[0]);
        assert_eq!(chosen, ips(&["192.0.2.1", "127.0.0.1"]));
    }

    #[test]
    fn a_server_for_this_machine_alone_over_ipv6_announces_that_loopback() {
        assert_eq!(choose(vec![], ips(&["::1"])[0]), ips(&["::1"]));
        assert_eq!(choose(vec![], ips(&["::"])[0]), ips(&["::1", "127.0.0.1"]));
    }

    fn over_tcp(addresses: &[&str], is_announced: bool, listeners: &[&str]) -> Vec<String> {
        let listeners: Vec<SocketAddr> = listeners.iter().map(|text| text.parse().unwrap()).collect();
        let found = tcp_candidates(&ips(addresses), is_announced, &listeners);
        found.iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn media_over_tcp_is_taken_where_a_listener_is() {
        let listeners = ["[::]:50000", "0.0.0.0:8443", "127.0.0.1:8080"];
        assert_eq!(
            over_tcp(&["192.0.2.1", "2001:db8::1", "127.0.0.1"], false, &listeners),
            [
                "192.0.2.1:50000",
                "192.0.2.1:8443",
                "[2001:db8::1]:50000",
                "127.0.0.1:50000",
                "127.0.0.1:8443",
                "127.0.0.1:8080"
            ]
        );
    }

    #[test]
    fn an_announced_address_stands_for_the_one_that_is_listened_on() {
        let listeners = ["10.0.0.5:8080", "127.0.0.1:8443", "[::1]:8444"];
        assert_eq!(over_tcp(&["203.0.113.7"], true, &listeners), ["203.0.113.7:8080"]);
        assert_eq!(over_tcp(&["203.0.113.7"], false, &listeners), [""; 0]);
    }

    #[test]
    fn pages_are_not_told_more_than_a_few_addresses_for_tcp() {
        let addresses: Vec<String> = (0..9).map(|last| format!("192.0.2.{last}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        assert_eq!(over_tcp(&addresses, false, &["0.0.0.0:1", "0.0.0.0:2"]).len(), MOST_TCP);
    }

    #[test]
    fn a_host_with_many_interfaces_announces_only_some() {
        let found = (0..200).map(|last| IpAddr::from([10, 0, 0, last])).collect();
        assert_eq!(choose(found, ips(&["0.0.0.0"])[0]).len(), MOST);
    }
}
