//! One receive, which may be many datagrams of one peer (UDP_GRO), taken apart.
//!
//! Knows nothing of how it was received.

use std::time::Duration;

use crate::base::{Path, SocketIndex};

use super::address::{LONGEST_ADDRESS, decode};
use super::trains::Trains;

/// Room for control messages: `UDP_GRO` takes 24 bytes, a time stamp 32.
pub(super) const CONTROL_BYTES: usize = 64;

/// Room for the sender's address.
pub(super) const NAME_BYTES: usize = LONGEST_ADDRESS;

/// One datagram from the network.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Where it came from, and through which socket.
    pub path: Path,
    /// Its payload.
    pub bytes: &'a [u8],
    /// When the kernel took it from the wire, on `CLOCK_REALTIME` since 1970; `None` where the
    /// kernel does not say. Of coalesced datagrams, when the first came.
    pub at: Option<Duration>,
}

/// What a receive filled in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming<'a> {
    pub(super) socket: SocketIndex,
    pub(super) name: &'a [u8],
    pub(super) control: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) flags: i32,
}

impl Incoming<'_> {
    /// Shows the datagrams to `visit` and says how many there were.
    pub(super) fn deliver(
        &self,
        trains: &mut Trains,
        visit: &mut impl FnMut(Received<'_>, &mut Trains),
    ) -> usize {
        let Some(remote) = decode(self.name) else {
            trains.counters.receive_errors += 1;
            return 1;
        };
        let path = Path { socket: self.socket, remote };
        let cut = self.flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
        trains.counters.truncated += u64::from(cut);
        let at = time_stamp(self.control);
        let mut seen = 0;
        for bytes in self.datagrams(cut) {
            trains.counters.datagrams_in += 1;
            trains.counters.bytes_in += bytes.len() as u64;
            visit(Received { path, bytes, at }, trains);
            seen += 1;
        }
        seen.max(1)
    }

    /// The whole datagrams of the payload. Of a receive that was cut, the last one is not whole;
    /// without the segment size, none is known to be.
    fn datagrams(&self, cut: bool) -> impl Iterator<Item = &[u8]> {
        let segment = segment_size(self.control);
        let whole = match (cut, segment) {
            (false, _) => self.payload.len(),
            (true, Some(segment)) => self.payload.len() / segment * segment,
            (true, None) => 0,
        };
        let empty = (self.payload.is_empty() && !cut).then_some(&[][..]);
        empty.into_iter().chain(self.payload[..whole].chunks(segment.unwrap_or(self.payload.len()).max(1)))
    }
}

/// What `UDP_GRO` says about the datagrams' size, when several were put together.
fn segment_size(control: &[u8]) -> Option<usize> {
    let data = message(control, libc::SOL_UDP, libc::UDP_GRO)?;
    let size = i32::from_ne_bytes(data.get(..4)?.try_into().ok()?);
    usize::try_from(size).ok().filter(|&size| size > 0)
}

/// What `SO_TIMESTAMPNS` says: a `timespec`, whose fields have the size of a `long`.
fn time_stamp(control: &[u8]) -> Option<Duration> {
    const LONG: usize = size_of::<libc::c_long>();
    let data = message(control, libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS)?;
    let field = |at: usize| Some(libc::c_long::from_ne_bytes(data.get(at..at + LONG)?.try_into().ok()?));
    let (seconds, nanos) = (u64::try_from(field(0)?).ok()?, u32::try_from(field(LONG)?).ok()?);
    (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
}

/// The data of the first control message of a kind.
fn message(mut control: &[u8], level: i32, kind: i32) -> Option<&[u8]> {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    while control.len() >= HEADER {
        let (length, rest) = control.split_at(size_of::<usize>());
        let length = usize::from_ne_bytes(length.try_into().ok()?);
        let found =
            (i32::from_ne_bytes(rest[..4].try_into().ok()?), i32::from_ne_bytes(rest[4..8].try_into().ok()?));
        if length < HEADER || length > control.len() {
            return None;
        }
        if found == (level, kind) {
            return Some(&control[HEADER..length]);
        }
        control = control.get(length.next_multiple_of(size_of::<usize>())..).unwrap_or(&[]);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(length: usize, kind: i32, size: i32) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(libc::SOL_UDP.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(size.to_ne_bytes());
        bytes.resize(bytes.len().next_multiple_of(size_of::<usize>()), 0);
        bytes
    }

    fn incoming<'a>(control: &'a [u8], payload: &'a [u8]) -> Incoming<'a> {
        Incoming { socket: SocketIndex(0), name: &[], control, payload, flags: 0 }
    }

    #[test]
    fn a_coalesced_receive_is_taken_apart_at_the_segment_size() {
        let control = control(20, libc::UDP_GRO, 4);
        let incoming = incoming(&control, b"aaaabbbbcc");
        assert_eq!(incoming.datagrams(false).collect::<Vec<_>>(), [&b"aaaa"[..], b"bbbb", b"cc"]);
    }

    #[test]
    fn of_a_cut_receive_only_whole_datagrams_are_shown() {
        let control = control(20, libc::UDP_GRO, 4);
        assert_eq!(incoming(&control, b"aaaabbbbcc").datagrams(true).collect::<Vec<_>>(), [b"aaaa", b"bbbb"]);
        assert_eq!(incoming(&[], b"aaaabbbbcc").datagrams(true).count(), 0);
    }

    #[test]
    fn an_empty_datagram_is_one_datagram() {
        assert_eq!(incoming(&[], b"").datagrams(false).collect::<Vec<_>>(), [&b""[..]]);
    }

    #[test]
    fn the_kernels_time_is_read_beside_the_segment_size_and_never_trusted() {
        let stamp = |seconds: i64, nanos: i64| {
            let mut bytes = 32_usize.to_ne_bytes().to_vec();
            bytes.extend(libc::SOL_SOCKET.to_ne_bytes());
            bytes.extend(libc::SCM_TIMESTAMPNS.to_ne_bytes());
            bytes.extend(seconds.to_ne_bytes());
            bytes.extend(nanos.to_ne_bytes());
            bytes
        };
        let mut both = stamp(1_700_000_000, 5);
        both.extend(control(20, libc::UDP_GRO, 1200));
        assert_eq!(time_stamp(&both), Some(Duration::new(1_700_000_000, 5)));
        assert_eq!(segment_size(&both), Some(1200));
        assert_eq!(time_stamp(&stamp(-1, 5)), None);
        assert_eq!(time_stamp(&stamp(1, 1_000_000_000)), None);
        assert_eq!(time_stamp(&control(20, libc::UDP_GRO, 1200)), None);
    }

    #[test]
    fn the_segment_size_is_found_behind_other_messages_and_never_trusted() {
        let mut two = control(20, libc::UDP_SEGMENT, 9);
        two.extend(control(20, libc::UDP_GRO, 1200));
        assert_eq!(segment_size(&two), Some(1200));
        assert_eq!(segment_size(&control(20, libc::UDP_GRO, 0)), None);
        assert_eq!(segment_size(&control(20, libc::UDP_GRO, -1)), None);
        assert_eq!(segment_size(&control(200, libc::UDP_GRO, 1200)), None);
        assert_eq!(segment_size(&control(0, libc::UDP_GRO, 1200)), None);
        assert_eq!(segment_size(&control(18, libc::UDP_GRO, 1200)), None);
    }
}
