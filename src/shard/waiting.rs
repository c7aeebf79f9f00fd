//! What one receiver is owed: packets in the order they came, with their headers written.
//!
//! Knows neither when it leaves nor how it is sealed.

use super::redundancy::Older;
use crate::base::Time;
use crate::media::pictures;
use crate::media::train_plan::MAX_PLANNED;
use crate::wire::extension::Stamp;

/// Bytes of headers one receiver's packets may have in all; most have 20 to 40 each.
const HEADER_BYTES: usize = 8 * 1024;

/// What a list begins with; it grows with the longest it has been. A thousand receivers of one picture and
/// one sound are owed two or three packets each at once, and what is made for [`MAX_PLANNED`] takes 18 KB.
const FIRST_OWED: usize = 8;
const FIRST_HEADER_BYTES: usize = 512;

/// RFC 3550 §5.1: the marker in a header's second byte.
const MARKER: u8 = 0x80;

/// Room for an RTP header we write: 12 bytes, MID and what is carried.
pub(super) const MAX_HEADER: usize = 320;

/// One packet somebody is owed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    /// The shard's key of the seat.
    pub(super) slot: u32,
    /// The shard's key of the track.
    pub(super) track: u32,
    /// Its layer.
    pub(super) layer: u8,
    /// A run begins with it.
    pub(super) begins: bool,
    /// It comes from the history, for somebody late.
    pub(super) replayed: bool,
    /// It is sound, which waits for no pacer.
    pub(super) is_sound: bool,
    /// What is written into its header when it leaves.
    pub(super) stamp: Stamp,
    /// Index in the layer's history.
    pub(super) published: u64,
    /// Index in the seat's sequence.
    pub(super) index: u64,
    header_start: u16,
    header_len: u16,
    /// What goes before it in place of the payload's first bytes.
    pub(super) head: pictures::Head,
    /// Where the rest of the payload lies in the stored packet.
    pub(super) payload: (u16, u16),
    /// What rides in front of the payload.
    pub(super) older: Option<Older>,
}

/// What one receiver is owed, in the order it came.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) owed: Vec<Owed>,
    /// Bytes of all of them, headers included.
    pub(super) bytes: u64,
    /// When it leaves.
    pub(super) due: Time,
    /// Since when some of it is held back for its link's sake.
    pub(super) held_since: Option<Time>,
    /// All of its room, of which `headers_len` bytes are taken.
    headers: Vec<u8>,
    headers_len: usize,
}

impl Waiting {
    pub(super) fn new() -> Box<Waiting> {
        Box::new(Waiting {
            owed: Vec::with_capacity(FIRST_OWED),
            bytes: 0,
            due: Time::ZERO,
            held_since: None,
            headers: vec![0; FIRST_HEADER_BYTES],
            headers_len: 0,
        })
    }

    pub(super) fn clear(&mut self) {
        self.owed.clear();
        (self.bytes, self.held_since) = (0, None);
        self.headers_len = 0;
    }

    pub(super) fn is_full(&self) -> bool {
        self.owed.len() == MAX_PLANNED || self.headers_len + MAX_HEADER > HEADER_BYTES
    }

    /// Keeps `owed` with the header that `write` writes; false when that is too long. Allocates when the
    /// list is longer than it ever was.
    pub(super) fn push(&mut self, mut owed: Owed, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        let end = self.headers_len + MAX_HEADER;
        if end > self.headers.len() {
            self.headers.resize(HEADER_BYTES.min(2 * self.headers.len()).max(end), 0);
        }
        let Some(len) = write(&mut self.headers[self.headers_len..end]) else { return false };
        (owed.header_start, owed.header_len) = (self.headers_len as u16, len as u16);
        self.headers_len += len;
        self.bytes += owed.size();
        self.owed.push(owed);
        true
    }

    /// Leaves of a seat's packets nothing but their numbers: something else is to leave in their place. How
    /// many there were.
    pub(super) fn empty(&mut self, slot: u32) -> u64 {
        let mut emptied = 0;
        for owed in
            self.owed.iter_mut().filter(|owed| owed.slot == slot && !owed.is_sound && !owed.is_empty())
        {
            (owed.head, owed.payload.1, owed.older) = (pictures::Head::default(), 0, None);
            // It ends no picture any more.
            self.headers[usize::from(owed.header_start) + 1] &= !MARKER;
            emptied += 1;
        }
        self.bytes = self.owed.iter().map(Owed::size).sum();
        emptied
    }

    /// Leaves here what may go with a grant of `grant` bytes: all sound, and pictures in their order;
    /// the rest goes to `staying`.
    pub(super) fn split(&mut self, grant: u64, staying: &mut Waiting) {
        let sound: u64 = self.owed.iter().filter(|owed| owed.is_sound).map(Owed::size).sum();
        let mut left = grant.saturating_sub(sound);
        let headers = &self.headers;
        self.owed.retain(|owed| {
            let leaves = owed.is_sound || left > 0;
            if !leaves {
                let header = owed.header_in(headers);
                staying.push(*owed, |room| {
                    room[..header.len()].copy_from_slice(header);
                    Some(header.len())
                });
            } else if !owed.is_sound {
                left = left.saturating_sub(owed.size());
            }
            leaves
        });
        self.bytes = self.owed.iter().map(Owed::size).sum();
    }

    pub(super) fn header(&self, owed: &Owed) -> &[u8] {
        owed.header_in(&self.headers)
    }
}

impl Owed {
    fn header_in<'a>(&self, headers: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.header_start);
        &headers[start..start + usize::from(self.header_len)]
    }

    /// Whether there is nothing in it but its number.
    pub(super) fn is_empty(&self) -> bool {
        self.head.bytes().is_empty() && self.payload.1 == 0
    }

    /// Bytes of header and payload.
    pub(super) fn size(&self) -> u64 {
        let front = self.head.bytes().len() as u16 + self.older.map_or(0, Older::len);
        u64::from(self.header_len + front + self.payload.1)
    }

    /// A packet of `track` for `slot`; the rest is filled in when it is kept.
    pub(super) fn new(slot: u32, track: u32, layer: usize, published: u64) -> Owed {
        Owed {
            slot,
            track,
            layer: layer as u8,
            begins: false,
            replayed: false,
            is_sound: false,
            stamp: Stamp::None,
            published,
            index: 0,
            header_start: 0,
            header_len: 0,
            head: pictures::Head::default(),
            payload: (0, 0),
            older: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 12] = [0x80, 0xe0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];

    fn push(waiting: &mut Waiting, slot: u32, bytes: u16, is_sound: bool) {
        let owed = Owed { payload: (12, bytes), is_sound, ..Owed::new(slot, 0, 0, 0) };
        let wrote = waiting.push(owed, |room| {
            room[..HEADER.len()].copy_from_slice(&HEADER);
            Some(HEADER.len())
        });
        assert!(wrote);
    }

    #[test]
    fn of_what_is_emptied_the_number_stays_and_nothing_else() {
        let mut waiting = Waiting::new();
        for (slot, bytes) in [(1, 1_000), (2, 500), (1, 700)] {
            push(&mut waiting, slot, bytes, false);
        }
        assert_eq!((waiting.empty(1), waiting.empty(1)), (2, 0), "once is enough");
        let sizes: Vec<u64> = waiting.owed.iter().map(Owed::size).collect();
        assert_eq!((sizes, waiting.bytes), (vec![12, 512, 12], 536));
        let header = |place: usize| waiting.header(&waiting.owed[place]);
        assert_eq!((header(0)[1], header(1)[1]), (0x60, 0xe0), "an empty packet ends no picture");
        assert_eq!(header(0)[2..], HEADER[2..]);
    }

    #[test]
    fn what_may_go_is_all_sound_and_the_first_pictures() {
        let (mut waiting, mut staying) = (Waiting::new(), Waiting::new());
        for (slot, bytes, is_sound) in [(1, 900, false), (1, 900, false), (2, 100, true)] {
            push(&mut waiting, slot, bytes, is_sound);
        }
        waiting.split(500, &mut staying);
        assert_eq!(waiting.owed.iter().map(|owed| owed.slot).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((staying.owed.len(), staying.bytes), (1, 912));
        assert_eq!(staying.header(&staying.owed[0]), HEADER);
    }
}
