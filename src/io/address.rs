//! Socket addresses in the kernel's form, and the two ways to write an IPv4 peer.
//!
//! A dual-stack socket shows IPv4 peers as `::ffff:a.b.c.d`. Above this module they are plain
//! IPv4, so that a peer has one address whatever socket it came through.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// `sockaddr_in6`, the longer of the two.
pub(super) const LONGEST_ADDRESS: usize = size_of::<libc::sockaddr_in6>();

/// The address family of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    V4,
    V6,
}

/// A `sockaddr_in` or `sockaddr_in6`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4))]
pub(super) struct RawAddress {
    pub(super) bytes: [u8; LONGEST_ADDRESS],
    pub(super) len: u32,
}

impl RawAddress {
    pub(super) const EMPTY: RawAddress = RawAddress { bytes: [0; LONGEST_ADDRESS], len: 0 };

    /// `remote` as a socket of `family` must be told it; `None` when it cannot reach it.
    pub(super) fn encode(remote: SocketAddr, family: Family) -> Option<RawAddress> {
        let mut raw = RawAddress::EMPTY;
        let bytes = &mut raw.bytes;
        bytes[2..4].copy_from_slice(&remote.port().to_be_bytes());
        let (kernel_family, len) = match (family, remote) {
            (Family::V4, SocketAddr::V4(remote)) => {
                bytes[4..8].copy_from_slice(&remote.ip().octets());
                (libc::AF_INET, size_of::<libc::sockaddr_in>())
            }
            (Family::V4, SocketAddr::V6(_)) => return None,
            (Family::V6, remote) => {
                let (ip, scope) = match remote {
                    SocketAddr::V4(remote) => (remote.ip().to_ipv6_mapped(), 0),
                    SocketAddr::V6(remote) => (*remote.ip(), remote.scope_id()),
                };
                bytes[8..24].copy_from_slice(&ip.octets());
                bytes[24..28].copy_from_slice(&scope.to_ne_bytes());
                (libc::AF_INET6, LONGEST_ADDRESS)
            }
        };
        bytes[..2].copy_from_slice(&(kernel_family as u16).to_ne_bytes());
        raw.len = len as u32;
        Some(raw)
    }
}

/// The address in what the kernel wrote, IPv4 in its plain form.
pub(super) fn decode(bytes: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(take(bytes, 0)?));
    let port = u16::from_be_bytes(take(bytes, 2)?);
    match family {
        libc::AF_INET => Some(SocketAddr::new(IpAddr::from(take::<4>(bytes, 4)?), port)),
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(take::<16>(bytes, 8)?);
            let scope = u32::from_ne_bytes(take(bytes, 24)?);
            Some(match ip.to_ipv4_mapped() {
                Some(ip) => SocketAddr::new(IpAddr::V4(ip), port),
                None => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)),
            })
        }
        _ => None,
    }
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(remote: &str, family: Family) -> Option<SocketAddr> {
        let raw = RawAddress::encode(remote.parse().expect("a socket address"), family)?;
        decode(&raw.bytes[..raw.len as usize])
    }

    #[test]
    fn every_peer_keeps_one_address_on_either_kind_of_socket() {
        for (remote, family) in [
            ("192.0.2.1:5000", Family::V4),
            ("192.0.2.1:5000", Family::V6),
            ("[2001:db8::1]:5000", Family::V6),
            ("[fe80::1%7]:5000", Family::V6),
        ] {
            assert_eq!(round_trip(remote, family), Some(remote.parse().expect("a socket address")));
        }
    }

    #[test]
    fn an_ipv4_socket_cannot_reach_an_ipv6_peer() {
        assert_eq!(round_trip("[2001:db8::1]:5000", Family::V4), None);
    }

    #[test]
    fn an_address_cut_short_is_none() {
        let raw = RawAddress::encode("[::1]:9".parse().expect("an address"), Family::V6).expect("reachable");
        for len in 0..LONGEST_ADDRESS {
            assert_eq!(decode(&raw.bytes[..len]), None);
        }
        assert_eq!(decode(&[0; LONGEST_ADDRESS]), None);
    }

    #[test]
    fn the_layout_is_the_kernels() {
        use std::mem::offset_of;
        assert_eq!(offset_of!(libc::sockaddr_in, sin_port), 2);
        assert_eq!(offset_of!(libc::sockaddr_in, sin_addr), 4);
        assert_eq!(offset_of!(libc::sockaddr_in6, sin6_port), 2);
        assert_eq!(offset_of!(libc::sockaddr_in6, sin6_addr), 8);
        assert_eq!(offset_of!(libc::sockaddr_in6, sin6_scope_id), 24);
    }
}
