//! One receive, which may be many datagrams of one peer (UDP_GRO), taken apart.
//!
//! Knows nothing of how it was received.

use crate::base::{Path, SocketIndex};

use super::address::{LONGEST_ADDRESS, decode};
use super::trains::Trains;

/// Room for control messages: `UDP_GRO` takes 24 bytes, a time stamp would take 32.
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
        let mut seen = 0;
        for bytes in self.datagrams(cut) {
            trains.counters.datagrams_in += 1;
            trains.counters.bytes_in += bytes.len() as u64;
            visit(Received { path, bytes }, trains);
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
fn segment_size(mut control: &[u8]) -> Option<usize> {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    while control.len() >= HEADER {
        let (length, rest) = control.split_at(size_of::<usize>());
        let length = usize::from_ne_bytes(length.try_into().ok()?);
        let level = i32::from_ne_bytes(rest[..4].try_into().ok()?);
        let kind = i32::from_ne_bytes(rest[4..8].try_into().ok()?);
        if length < HEADER || length > control.len() {
            return None;
        }
        if (level, kind) == (libc::SOL_UDP, libc::UDP_GRO) {
            let size = i32::from_ne_bytes(control[HEADER..length].get(..4)?.try_into().ok()?);
            return usize::try_from(size).ok().filter(|&size| size > 0);
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
