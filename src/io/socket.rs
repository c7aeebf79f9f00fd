//! Media sockets as they must be set up, and the plain calls on them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use socket2::{Domain, Protocol, Socket, Type};

use super::address::RawAddress;

/// What a socket may buffer each way: 50 ms of 1 Gbit/s with the kernel's overhead. A worker that
/// is late by less loses nothing.
const SOCKET_BUFFER_BYTES: i32 = 8 << 20;

/// A UDP socket at `addr`, set up for media: non-blocking, large buffers, coalesced receives that say
/// when they came, and deaf to what ICMP says about the path's MTU. An IPv6 socket takes IPv6 only.
pub fn bind_media_socket(addr: SocketAddr) -> io::Result<UdpSocket> {
    bind(addr, false)
}

/// Whether others that say the same may have the port, too.
fn bind(addr: SocketAddr, shares: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    enlarge_buffers(&socket);
    // A forged ICMP message could otherwise shrink the route and have whole trains refused. With
    // OMIT a datagram larger than the first link is fragmented instead of refused.
    if addr.is_ipv4() {
        set_option(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)?;
    } else {
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)?;
    }
    // Without it (before Linux 5.0, or some sandboxes) each datagram comes by itself.
    if let Err(error) = set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1) {
        tracing::warn!(%error, "UDP_GRO is not available: receiving will cost more");
    }
    // Where it is refused, a datagram counts as come when it is looked at.
    let _ = set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1);
    if shares {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// The sockets of one worker on all addresses of the host: IPv4, and IPv6 where the host has it,
/// both on the same port. With port 0 the kernel chooses.
pub fn bind_media_port(port: u16) -> io::Result<Vec<UdpSocket>> {
    bind_families(port, false)
}

/// The same for several workers, all on one port. The port must be free of others: whoever else shared
/// it, such as a second server of the same user, would be given some of our datagrams.
pub fn bind_media_group(port: u16, workers: u16) -> io::Result<Vec<Vec<UdpSocket>>> {
    let alone = bind_families(port, false)?;
    let port = alone.first().map_or(Ok(port), |socket| socket.local_addr().map(|addr| addr.port()))?;
    drop(alone);
    (0..workers).map(|_| bind_families(port, true)).collect()
}

fn bind_families(port: u16, shares: bool) -> io::Result<Vec<UdpSocket>> {
    let v4 = bind((Ipv4Addr::UNSPECIFIED, port).into(), shares);
    let port = v4.as_ref().map_or(Ok(port), |socket| socket.local_addr().map(|addr| addr.port()))?;
    let v6 = bind((Ipv6Addr::UNSPECIFIED, port).into(), shares);
    match (v4, v6) {
        (Ok(v4), Ok(v6)) => Ok(vec![v4, v6]),
        (Ok(only), Err(error)) | (Err(error), Ok(only)) if family_is_absent(&error) => Ok(vec![only]),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// A listening TCP socket. At `::` it takes IPv4 as well, whatever the host's default.
pub fn bind_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Connections of a process before, which the kernel still winds up, do not keep the port.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connections that wait to be accepted: a room of a thousand that comes at once.
const BACKLOG: i32 = 1024;

fn family_is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT))
}

fn enlarge_buffers(socket: &Socket) {
    // The forced form passes the sysctl limit but needs CAP_NET_ADMIN; the plain one is cut to it.
    if set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES).is_err() {
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES as usize);
    }
    if set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES).is_err() {
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES as usize);
    }
}

/// Sets an option whose value is an `int`.
pub(super) fn set_option(socket: &impl AsFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open while it is borrowed, and the kernel reads the four bytes of
    // `value` during the call. No safe wrapper knows UDP_GRO, UDP_SEGMENT or the MTU options.
    let result = unsafe {
        libc::setsockopt(fd, level, name, ptr::from_ref(&value).cast(), size_of::<i32>() as libc::socklen_t)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a message at once: bytes sent, or a negative error number.
///
/// # Safety
/// `message` and all it points to can be read during the call.
pub(super) unsafe fn send_message(socket: &UdpSocket, message: *const libc::msghdr) -> i32 {
    // SAFETY: the caller vouches for the message; a train needs `sendmsg` for its control message.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    if sent >= 0 { sent as i32 } else { -last_error() }
}

/// Sends one datagram at once.
pub(super) fn send_single(socket: &UdpSocket, address: &RawAddress, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: address and bytes are borrowed for the whole call, with their true lengths. The
    // address is in the kernel's form already, which no safe wrapper takes.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            address.bytes.as_ptr().cast(),
            address.len,
        )
    };
    if sent >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The number of the error the last system call ended with.
pub(super) fn last_error() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_share_the_port() {
        let sockets = bind_media_port(0).expect("the host has UDP");
        let ports: Vec<u16> = sockets.iter().map(|s| s.local_addr().expect("it is bound").port()).collect();
        assert_ne!(ports[0], 0);
        assert!(ports.iter().all(|&port| port == ports[0]));
        assert!(sockets[0].local_addr().expect("it is bound").is_ipv4());
    }

    #[test]
    fn a_port_in_use_is_an_error() {
        let first = bind_media_port(0).expect("the host has UDP");
        let port = first[0].local_addr().expect("it is bound").port();
        let error = bind_media_port(port).expect_err("the port is taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
