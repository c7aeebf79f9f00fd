//! How long a train this kernel takes.

use std::net::{Ipv4Addr, UdpSocket};

use super::config::MOST_SEGMENTS;
use super::socket::set_option;

/// What every kernel with UDP GSO takes.
const OLD_LIMIT: u16 = 64;

/// The most datagrams a train may have: tried on a socket of its own, since kernels of one version
/// differ. 1 when there is no UDP GSO.
pub(super) fn longest_train() -> u16 {
    let Some(socket) = socket_to_itself() else { return OLD_LIMIT };
    if set_option(&socket, libc::SOL_UDP, libc::UDP_SEGMENT, 1).is_err() {
        return 1;
    }
    let bytes = [0; MOST_SEGMENTS as usize];
    [MOST_SEGMENTS, OLD_LIMIT]
        .into_iter()
        .find(|&segments| socket.send(&bytes[..usize::from(segments)]).is_ok())
        .unwrap_or(1)
}

fn socket_to_itself() -> Option<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.connect(socket.local_addr().ok()?).ok()?;
    Some(socket)
}
