//! Media whose every packet says whose it is, so that an oracle can tell where it should be.
//!
//! The tag stands at the end of the payload, behind whatever codec header comes first; all bytes
//! between follow from the tag, so that a single changed byte is seen.

use super::svc::Svc;
use crate::base::{RoomId, Time, TrackId};
use crate::control::types::Kind;

/// Length of a tag on the wire.
pub const TAG_LEN: usize = 44;

/// Marks the tag's end: what lacks it was not published by a simulated peer.
const MAGIC: u32 = 0x766f_6c79;

/// What a packet says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// The room it was published in.
    pub room: RoomId,
    /// The track it belongs to.
    pub track: TrackId,
    /// Its place in the track, counted from 0 without wrapping.
    pub index: u64,
    /// The moment of capture.
    pub captured: Time,
    /// Its frame's place in the track.
    pub frame: u32,
    /// Whether its frame is a key frame.
    pub key: bool,
    /// Whether it begins its frame.
    pub first: bool,
    /// Whether it ends its frame.
    pub last: bool,
    /// Sound or picture.
    pub kind: Kind,
    /// Whether a packet of FEC, which has a number of the sequence and no place in the track, follows each frame.
    pub corrected: bool,
    /// Which of the track's encodings; each counts its packets and frames for itself.
    pub layer: u8,
    /// Its place in an encoding of several spatial layers, some of which a seat may leave out.
    pub svc: Option<Place>,
}

/// A frame's place among the layers of one encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The encoding's structure.
    pub svc: Svc,
    /// The spatial layer.
    pub spatial: u8,
}

impl Tag {
    /// What counts for itself: a track's encoding.
    pub fn source(&self) -> (TrackId, u8) {
        (self.track, self.layer)
    }

    fn flags(&self) -> u8 {
        let video = self.kind == Kind::Video;
        let bits = [self.key, self.first, self.last, video, self.corrected];
        bits.iter().rev().fold(0, |flags, &bit| flags << 1 | u8::from(bit))
    }

    fn to_bytes(self) -> [u8; TAG_LEN] {
        let mut bytes = [0; TAG_LEN];
        bytes[..8].copy_from_slice(&self.room.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.track.0.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.index.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.captured.as_nanos().to_be_bytes());
        bytes[32..36].copy_from_slice(&self.frame.to_be_bytes());
        bytes[36] = self.flags();
        bytes[37] = self.layer;
        if let Some(place) = self.svc {
            (bytes[38], bytes[39]) = (place.svc.number(), place.spatial);
        }
        bytes[40..].copy_from_slice(&MAGIC.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; TAG_LEN]) -> Option<Tag> {
        let number = |at: usize| {
            let eight: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes were cut");
            u64::from_be_bytes(eight)
        };
        if number(36) as u32 != MAGIC {
            return None;
        }
        let flag = |bit: u8| bytes[36] >> bit & 1 == 1;
        Some(Tag {
            room: RoomId(number(0)),
            track: TrackId(number(8)),
            index: number(16),
            captured: Time::from_nanos(number(24)),
            frame: (number(32) >> 32) as u32,
            key: flag(0),
            first: flag(1),
            last: flag(2),
            kind: if flag(3) { Kind::Video } else { Kind::Audio },
            corrected: flag(4),
            layer: bytes[37],
            svc: Svc::of_number(bytes[38]).map(|svc| Place { svc, spatial: bytes[39] }),
        })
    }

    /// The eight bytes the body repeats.
    fn pattern(&self) -> [u8; 8] {
        let mixed = (self.index ^ self.track.0.rotate_left(32) ^ u64::from(self.layer) << 24)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()
    }
}

/// Appends `body` pattern bytes and the tag to a payload that so far holds the codec's header.
pub fn write(payload: &mut Vec<u8>, tag: &Tag, body: usize) {
    payload.extend(tag.pattern().iter().cycle().take(body));
    payload.extend(tag.to_bytes());
}

/// Reads the tag of a payload whose codec header is `header` bytes long, and checks the body.
pub fn read(payload: &[u8], header: usize) -> Result<Tag, Foreign> {
    let (front, tag) = payload.split_last_chunk::<TAG_LEN>().ok_or(Foreign::NoTag)?;
    let tag = Tag::from_bytes(tag).ok_or(Foreign::NoTag)?;
    let body = front.get(header..).ok_or(Foreign::NoTag)?;
    let pattern = tag.pattern();
    let whole = body.chunks(8).all(|chunk| chunk == &pattern[..chunk.len()]);
    if whole { Ok(tag) } else { Err(Foreign::Altered) }
}

/// Why a payload is not one that a simulated peer published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// It has no tag.
    NoTag,
    /// Its tag and its body do not fit together.
    Altered,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag() -> Tag {
        Tag {
            room: RoomId(1),
            track: TrackId(u64::MAX),
            index: 77,
            captured: Time::from_millis(12),
            frame: 9,
            key: true,
            first: false,
            last: true,
            kind: Kind::Video,
            corrected: true,
            layer: 2,
            svc: Some(Place { svc: Svc::Full, spatial: 1 }),
        }
    }

    #[test]
    fn a_tag_is_read_back_and_a_changed_byte_is_seen() {
        let mut payload = vec![1, 2, 3];
        write(&mut payload, &tag(), 21);
        assert_eq!(read(&payload, 3), Ok(tag()));
        payload[10] ^= 1;
        assert_eq!(read(&payload, 3), Err(Foreign::Altered));
        assert_eq!(read(&payload[..payload.len() - 1], 3), Err(Foreign::NoTag));
        assert_eq!(read(&[0; 5], 3), Err(Foreign::NoTag));
    }
}
