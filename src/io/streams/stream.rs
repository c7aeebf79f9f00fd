//! One TCP connection with datagrams on it: what waits to be sent, and what has come of the next one.

use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::base::Push;

use super::super::framing::LENGTH_BYTES;

/// Most that waits for one peer here: a key frame, or half a second at 2 Mbit/s. What does not fit would
/// be stale before it left, is dropped, and asked for again if it is still wanted.
const MOST_WAITING: usize = 128 << 10;

/// Of which the last quarter is for short datagrams only, sound and reports, so that a large picture does
/// not silence the one who shows it.
const LEFT_TO_SHORT: usize = MOST_WAITING / 4;

/// Opus at 64 kbit/s has 160 bytes in 20 ms, an ICE check or a report a little more.
const SHORT: usize = 300;

/// How a write ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// Nothing waits any more.
    All,
    /// The kernel takes no more now.
    Some,
    /// There is nobody any more.
    Broken,
}

#[derive(Debug)]
pub(in super::super) struct Stream {
    pub(in super::super) tcp: TcpStream,
    pub(in super::super) remote: SocketAddr,
    /// The beginning of the next datagram; at first, what was read before the connection came here.
    pub(in super::super) partial: Vec<u8>,
    /// Frames; those before `sent` are gone.
    waiting: Vec<u8>,
    sent: usize,
    /// Seconds since something was sent, or since it came.
    pub(super) quiet: u8,
    /// Something was sent: somebody above knows this peer.
    pub(super) answered: bool,
    /// Whether the kernel tells when it takes more.
    pub(super) watched: bool,
    /// It stands in the list of those to be looked at with the next flush.
    pub(super) due: bool,
    /// Nothing is taken for it or from it any more.
    pub(in super::super) closing: bool,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, remote: SocketAddr, first: &[u8]) -> Stream {
        Stream {
            tcp,
            remote,
            partial: first.to_vec(),
            waiting: Vec::new(),
            sent: 0,
            quiet: 0,
            answered: false,
            watched: false,
            due: false,
            closing: false,
        }
    }

    /// Takes a datagram on, whole or not at all.
    pub(super) fn push(&mut self, capacity: usize, fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> Push {
        let most = if capacity <= SHORT { MOST_WAITING } else { MOST_WAITING - LEFT_TO_SHORT };
        if self.waiting() + LENGTH_BYTES + capacity > most {
            return Push::Full;
        }
        let start = self.waiting.len();
        self.waiting.resize(start + LENGTH_BYTES + capacity, 0);
        let Some(len) = fill(&mut self.waiting[start + LENGTH_BYTES..]).filter(|&len| len > 0) else {
            self.waiting.truncate(start);
            return Push::RolledBack;
        };
        assert!(len <= capacity, "a filler never uses more than it was given");
        let length = u16::try_from(len).expect("no datagram is longer than UDP allows");
        self.waiting[start..start + LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        self.waiting.truncate(start + LENGTH_BYTES + len);
        (self.quiet, self.answered) = (0, true);
        Push::Committed
    }

    /// Bytes that wait to be sent, lengths included.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() - self.sent
    }

    /// Gives the kernel what it takes.
    pub(super) fn write(&mut self) -> Written {
        let outcome = loop {
            if self.sent == self.waiting.len() {
                break Written::All;
            }
            match (&self.tcp).write(&self.waiting[self.sent..]) {
                Ok(0) => break Written::Broken,
                Ok(taken) => self.sent += taken,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Written::Some,
                Err(_) => break Written::Broken,
            }
        };
        // What is left moves to the front, so that the memory is bounded by what waits.
        self.waiting.drain(..self.sent);
        self.sent = 0;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::TcpListener;

    fn pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has TCP");
        let near = TcpStream::connect(listener.local_addr().expect("it listens")).expect("it is taken");
        let (far, _) = listener.accept().expect("it came");
        near.set_nonblocking(true).expect("a socket option");
        let remote = near.peer_addr().expect("it is connected");
        (Stream::new(near, remote, &[]), far)
    }

    fn push(stream: &mut Stream, len: usize) -> Push {
        stream.push(len, |room| {
            room.fill(7);
            Some(room.len())
        })
    }

    fn push_number(stream: &mut Stream, number: u32) -> Push {
        stream.push(4, |room| {
            room.copy_from_slice(&number.to_be_bytes());
            Some(4)
        })
    }

    #[test]
    fn a_datagram_leaves_behind_its_length_and_one_that_is_taken_back_does_not() {
        let (mut stream, mut far) = pair();
        assert_eq!(stream.push(100, |_| None), Push::RolledBack);
        let pushed = stream.push(100, |room| {
            room[..3].copy_from_slice(b"abc");
            Some(3)
        });
        assert_eq!((pushed, stream.write()), (Push::Committed, Written::All));
        let mut frame = [0; 5];
        far.read_exact(&mut frame).expect("it was sent");
        assert_eq!(&frame, b"\0\x03abc");
    }

    #[test]
    fn what_does_not_fit_is_refused_whole_and_short_ones_last() {
        let (mut stream, _far) = pair();
        let taken = (0..).take_while(|_| push(&mut stream, 1200) == Push::Committed).count();
        assert_eq!(taken, (MOST_WAITING - LEFT_TO_SHORT) / (1200 + LENGTH_BYTES));
        let short = (0..).take_while(|_| push(&mut stream, SHORT) == Push::Committed).count();
        assert!(short >= LEFT_TO_SHORT / (SHORT + LENGTH_BYTES), "{short}");
        assert!(stream.waiting.len() <= MOST_WAITING);
    }

    #[test]
    fn a_peer_that_reads_slowly_gets_every_datagram_that_was_taken_in_order() {
        let (mut stream, mut far) = pair();
        socket2::SockRef::from(&stream.tcp).set_send_buffer_size(4096).expect("a socket option");
        let (mut next, mut partial, mut seen) = (0u32, Vec::new(), Vec::new());
        let mut chunk = [0; 3000];
        while seen.len() < 2000 {
            let until = next + 500;
            while next < until && push_number(&mut stream, next) == Push::Committed {
                next += 1;
            }
            assert_ne!(stream.write(), Written::Broken);
            let len = far.read(&mut chunk).expect("the connection stands");
            super::super::super::framing::deframe(&mut partial, &chunk[..len], |datagram| {
                seen.push(u32::from_be_bytes(datagram.try_into().expect("four bytes")));
            })
            .expect("frames");
        }
        assert!(seen.iter().copied().eq(0..seen.len() as u32));
    }

    #[test]
    fn a_peer_that_is_gone_is_noticed() {
        let (mut stream, far) = pair();
        drop(far);
        let broken = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            push(&mut stream, 100);
            stream.write() == Written::Broken
        });
        assert!(broken);
    }
}
