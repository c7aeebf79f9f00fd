//! The mark that every payload of the load carries, and that every receiver checks.
//!
//! Knows its own layout; does not know where in a payload it stands.

use crate::signal::{Kind, Layer, Person};
use volley::base::Time;

/// Bytes of a stamp.
pub(super) const STAMP_LEN: usize = 36;

/// Tells a stamp from what a server made up itself: probes, padding, silence.
const MAGIC: [u8; 4] = *b"VbS1";

const KEY_FRAME: u8 = 1;
const SILENCE_FOLLOWS: u8 = 2;

/// Who sent a packet, which one of its stream it is, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    /// Who published it.
    pub(super) person: Person,
    /// Sound or picture.
    pub(super) kind: Kind,
    /// Which of the publisher's joins it is of, by chance: who comes again begins all numbers anew.
    pub(super) life: u16,
    /// Which layer of it; `None` where there is one encoding.
    pub(super) layer: Option<Layer>,
    /// Whether its frame is a key frame.
    pub(super) key_frame: bool,
    /// Whether the publisher falls silent behind it, so that a pause is no gap.
    pub(super) silence_follows: bool,
    /// Counts the packets of the stream, from 0.
    pub(super) sequence: u32,
    /// Counts its frames, from 0.
    pub(super) frame: u32,
    /// Packets of that frame.
    pub(super) packets_in_frame: u16,
    /// CLOCK_MONOTONIC at sending; load and receiver are one process.
    pub(super) sent: Time,
}

impl Stamp {
    /// Writes it to the start of `out`, which has room for it.
    pub(super) fn write(&self, out: &mut [u8]) {
        let key_frame = if self.key_frame { KEY_FRAME } else { 0 };
        let silence_follows = if self.silence_follows { SILENCE_FOLLOWS } else { 0 };
        out[..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&self.person.room.to_be_bytes());
        out[8..12].copy_from_slice(&self.person.number.to_be_bytes());
        let layer = self.layer.map_or(0, |layer| 1 + layer.place() as u8);
        out[12..16].copy_from_slice(&[self.kind as u8, layer, key_frame | silence_follows, 0]);
        out[16..20].copy_from_slice(&self.sequence.to_be_bytes());
        out[20..24].copy_from_slice(&self.frame.to_be_bytes());
        out[24..26].copy_from_slice(&self.packets_in_frame.to_be_bytes());
        out[26..28].copy_from_slice(&self.life.to_be_bytes());
        out[28..STAMP_LEN].copy_from_slice(&self.sent.as_nanos().to_be_bytes());
    }

    /// The stamp at the start of `bytes`, if there is one.
    pub(super) fn read(bytes: &[u8]) -> Option<Stamp> {
        let bytes: &[u8; STAMP_LEN] = bytes.first_chunk()?;
        if bytes[..4] != MAGIC {
            return None;
        }
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let kind = match bytes[12] {
            kind if kind == Kind::Audio as u8 => Kind::Audio,
            kind if kind == Kind::Video as u8 => Kind::Video,
            _ => return None,
        };
        Some(Stamp {
            person: Person { room: word(4), number: word(8) },
            kind,
            layer: match usize::from(bytes[13]).checked_sub(1) {
                Some(place) => Some(Layer::at(place)?),
                None => None,
            },
            key_frame: bytes[14] & KEY_FRAME != 0,
            silence_follows: bytes[14] & SILENCE_FOLLOWS != 0,
            sequence: word(16),
            frame: word(20),
            packets_in_frame: u16::from_be_bytes([bytes[24], bytes[25]]),
            life: u16::from_be_bytes([bytes[26], bytes[27]]),
            sent: Time::from_nanos(u64::from(word(28)) << 32 | u64::from(word(32))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            person: Person { room: 0xdead_beef, number: 7 },
            kind: Kind::Video,
            life: 0xbeef,
            layer: Layer::at(2),
            key_frame: true,
            silence_follows: false,
            sequence: 0x0102_0304,
            frame: 99,
            packets_in_frame: 35,
            sent: Time::from_nanos(0x1122_3344_5566_7788),
        }
    }

    #[test]
    fn a_stamp_is_read_back_whole() {
        let mut bytes = [0xff; STAMP_LEN + 3];
        for stamp in [
            stamp(),
            Stamp { kind: Kind::Audio, layer: None, key_frame: false, silence_follows: true, ..stamp() },
        ] {
            stamp.write(&mut bytes);
            assert_eq!(Stamp::read(&bytes), Some(stamp));
        }
    }

    #[test]
    fn what_bears_no_stamp_is_none() {
        let mut bytes = [0; STAMP_LEN];
        stamp().write(&mut bytes);
        assert_eq!(Stamp::read(&bytes[..STAMP_LEN - 1]), None);
        for (at, value) in [(0, b'v'), (3, b'2'), (12, 9), (13, 4)] {
            let mut other = bytes;
            other[at] = value;
            assert_eq!(Stamp::read(&other), None, "byte {at}");
        }
    }
}
