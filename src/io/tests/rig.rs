//! A back end over loopback sockets, and plain peers to talk to.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use crate::base::{Outbox, Path, Push, SocketIndex, TrainId};
use crate::io::{Io, IoChoice, IoConfig, Woken, bind_media_socket};

/// Long enough for any machine; only a failing test waits for it.
pub(in crate::io) const PATIENCE: Duration = Duration::from_secs(10);

pub(in crate::io) struct Rig {
    pub(in crate::io) io: Io,
    pub(in crate::io) wake: OwnedFd,
    pub(in crate::io) address: SocketAddr,
}

/// What a peer's datagram was and where it came from.
pub(in crate::io) type Seen = (Path, Vec<u8>);

impl Rig {
    pub(in crate::io) fn new(choice: IoChoice) -> Rig {
        Rig::with(choice, &IoConfig::default())
    }

    pub(in crate::io) fn with(choice: IoChoice, config: &IoConfig) -> Rig {
        let socket = bind_media_socket(local()).expect("loopback has UDP");
        Rig::over(choice, config, vec![socket])
    }

    pub(in crate::io) fn over(choice: IoChoice, config: &IoConfig, sockets: Vec<UdpSocket>) -> Rig {
        let address = sockets[0].local_addr().expect("it is bound");
        let wake = eventfd(0, EventfdFlags::NONBLOCK).expect("there is an eventfd");
        let io = Io::new(choice, sockets, &[&wake], config).expect("the back end works here");
        Rig { io, wake, address }
    }

    pub(in crate::io) fn push(&mut self, train: u32, to: SocketAddr, bytes: &[u8]) -> Push {
        self.push_within(train, to, bytes.len(), bytes)
    }

    pub(in crate::io) fn push_within(
        &mut self,
        train: u32,
        to: SocketAddr,
        capacity: usize,
        bytes: &[u8],
    ) -> Push {
        let path = Path { socket: SocketIndex(0), remote: to };
        self.io.trains().push(TrainId(train), &path, capacity, |room| {
            assert_eq!(room.len(), capacity);
            room[..bytes.len()].copy_from_slice(bytes);
            Some(bytes.len())
        })
    }

    pub(in crate::io) fn flush(&mut self) {
        self.wait(Duration::ZERO);
    }

    pub(in crate::io) fn wait(&mut self, timeout: Duration) -> Woken {
        self.io.flush_and_wait(Some(timeout)).expect("the back end goes on")
    }

    /// Turns until `count` datagrams were seen.
    pub(in crate::io) fn receive(&mut self, count: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        let start = Instant::now();
        while seen.len() < count && start.elapsed() < PATIENCE {
            self.wait(Duration::from_millis(50));
            self.io.receive(|received, _| seen.push((received.path, received.bytes.to_vec())));
        }
        seen
    }
}

pub(in crate::io) fn local() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// A plain socket: without UDP_GRO the kernel takes trains apart for it.
pub(in crate::io) fn peer() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(local()).expect("loopback has UDP");
    // Room for a hundred datagrams at once, which the default is just too small for.
    socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20).expect("a socket option");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

pub(in crate::io) fn datagram(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 16];
    let (len, _) = socket.recv_from(&mut buffer).expect("a datagram comes in time");
    buffer.truncate(len);
    buffer
}

pub(in crate::io) fn datagrams(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| datagram(socket)).collect()
}

/// Nothing further has arrived: loopback delivers before the send returns.
pub(in crate::io) fn assert_silent(socket: &UdpSocket) {
    socket.set_nonblocking(true).expect("a socket option");
    let error = socket.recv_from(&mut [0; 64]).expect_err("nothing more was sent");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    socket.set_nonblocking(false).expect("a socket option");
}

/// `len` bytes that tell which datagram they are and whether they are whole.
pub(in crate::io) fn payload(number: u32, len: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend((4..len).map(|at| (number as usize + at) as u8));
    bytes.truncate(len);
    bytes
}
