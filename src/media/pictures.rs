//! The numbers of pictures that stand in a payload descriptor, and of frames in a dependency
//! descriptor, continued over whatever a seat shows one after another and whatever is left out of it.

use super::frame::{Descriptor, Frame};
use super::numbering::Numbering;
use super::packet::{Extension, Packet};
use crate::wire::dependency::Described;
use crate::wire::{vp8, vp9};

/// The bytes a payload goes out with in place of its own first ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Head {
    bytes: [u8; Head::MAX],
    len: u8,
    /// How many of the payload's own bytes it stands for.
    pub replaces: u8,
}

impl Head {
    /// The longest.
    pub const MAX: usize = vp8::MAX_LEN;

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn new(bytes: &[u8], replaces: u8, payload: &[u8]) -> Head {
        if payload.starts_with(bytes) && bytes.len() == usize::from(replaces) {
            return Head::default();
        }
        let mut head = Head { replaces, len: bytes.len() as u8, ..Head::default() };
        head.bytes[..bytes.len()].copy_from_slice(bytes);
        head
    }
}

/// The highest numbers sent so far: what comes next goes on from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Pictures, unwrapped.
    pub picture: u64,
    /// Pictures of the lowest temporal layer, modulo 256.
    pub tl0_index: u8,
    /// Key frames, modulo 32.
    pub key_index: u8,
    /// Frames by their dependency descriptors, modulo 2^16, once there were any.
    pub frame: Option<u16>,
}

/// The picture numbers of one seat.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    counted: Counted,
    numbering: Numbering,
    tl0_offset: u8,
    key_offset: u8,
    frame_offset: u16,
    is_numbered: bool,
}

const _: () = assert!(vp9::MAX_FRONT <= Head::MAX);

impl Pictures {
    /// See [`Numbering::prepare_to_skip`].
    pub fn prepare_to_skip(&mut self) {
        self.numbering.prepare_to_skip();
    }

    /// The highest numbers so far.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// Bytes they occupy beyond their own.
    pub fn memory(&self) -> usize {
        self.numbering.memory()
    }

    /// Goes on from these.
    pub fn import(&mut self, counted: Counted) {
        self.counted = counted;
    }

    /// A run begins with `packet`.
    pub fn begin(&mut self, packet: &Packet<'_>) {
        let frame = &packet.frame;
        let Counted { picture, tl0_index, key_index, frame: last } = self.counted;
        if let Some(published) = published_frame(packet) {
            self.frame_offset = last.map_or(0, |last| last.wrapping_add(1).wrapping_sub(published));
        }
        self.is_numbered = frame.picture().is_some();
        if let Some((published, _)) = frame.picture() {
            // A seat's first picture keeps its number, so that nothing has to be written anew.
            let start = if picture == 0 { FIRST + u64::from(published) } else { picture + 1 };
            self.numbering.begin(FIRST + u64::from(published), start);
            if picture == 0 {
                (self.tl0_offset, self.key_offset) = (0, 0);
            } else {
                let after = |last: u8, published: Option<u8>| {
                    last.wrapping_add(1).wrapping_sub(published.unwrap_or_default())
                };
                self.tl0_offset = after(tl0_index, frame.tl0_index());
                self.key_offset = after(key_index, frame.key_index());
            }
        }
    }

    /// A key frame starts in its turn: where its numbers do not go on from those before, its publisher has
    /// begun to count anew under the same SSRC, and the seat's go on all the same. A receiver would take
    /// the new ones for past or far ahead, and show nothing more.
    pub fn follow_restart(&mut self, key_frame: &Packet<'_>) {
        let goes_on = |ahead: i64| (0..=MAX_AHEAD).contains(&ahead);
        let highest = self.numbering.highest() as i64;
        let picture = self.unwrap(&key_frame.frame).is_none_or(|picture| goes_on(picture as i64 - highest));
        let numbered = published_frame(key_frame).zip(self.counted.frame);
        let frame = numbered.is_none_or(|(published, last)| {
            let number = published.wrapping_add(self.frame_offset);
            goes_on(i64::from(number.wrapping_sub(last) as i16))
        });
        if !(picture && frame) {
            self.begin(key_frame);
        }
    }

    /// Leaves the picture of `frame` out, so that nobody misses it. Only pictures of VP8: receivers
    /// of VP9 work out from a number to which layer it belongs.
    pub fn skip(&mut self, frame: &Frame) {
        if let (Descriptor::Vp8(_), Some(picture)) = (frame.descriptor, self.unwrap(frame)) {
            self.numbering.skip(picture);
        }
    }

    /// The number that the frame of `packet` goes out with in its dependency descriptor. None is left
    /// out: who needs a frame tells how far back it is.
    pub fn frame_number(&mut self, packet: &Packet<'_>) -> Option<u16> {
        let number = published_frame(packet)?.wrapping_add(self.frame_offset);
        let is_news = self.counted.frame.is_none_or(|last| (number.wrapping_sub(last) as i16) > 0);
        if is_news {
            self.counted.frame = Some(number);
        }
        Some(number)
    }

    /// What a payload of `frame` begins with when it is sent; `None` when its picture was left out.
    pub fn head(&mut self, frame: &Frame, payload: &[u8]) -> Option<Head> {
        let Some(picture) = self.unwrap(frame) else { return Some(Head::default()) };
        let number = self.numbering.number(picture)?;
        self.count(frame, number);
        Some(self.write(frame, number, payload))
    }

    /// What a payload that was sent before began with.
    pub fn head_again(&self, frame: &Frame, payload: &[u8]) -> Option<Head> {
        let Some(picture) = self.unwrap(frame) else { return Some(Head::default()) };
        Some(self.write(frame, self.numbering.known(picture)?, payload))
    }

    fn write(&self, frame: &Frame, number: u64, payload: &[u8]) -> Head {
        let (tl0_index, key_index) = self.indices(frame);
        let picture = number as u16 & 0x7fff;
        match frame.descriptor {
            Descriptor::None => Head::default(),
            Descriptor::Vp8(read) => Head::new(&read.write(picture, tl0_index, key_index), read.len, payload),
            Descriptor::Vp9(read) => Head::new(&read.write(picture, tl0_index), read.front, payload),
        }
    }

    fn indices(&self, frame: &Frame) -> (u8, u8) {
        let tl0_index = frame.tl0_index().unwrap_or_default().wrapping_add(self.tl0_offset);
        let key_index = frame.key_index().unwrap_or_default().wrapping_add(self.key_offset) & 0x1f;
        (tl0_index, key_index)
    }

    fn count(&mut self, frame: &Frame, number: u64) {
        if number < self.counted.picture {
            return;
        }
        let (tl0_index, key_index) = self.indices(frame);
        self.counted.picture = number;
        if frame.tl0_index().is_some() {
            self.counted.tl0_index = tl0_index;
        }
        if frame.key_index().is_some() {
            self.counted.key_index = key_index;
        }
    }

    /// The published picture's number without its wraps; `None` in a run whose pictures have none.
    fn unwrap(&self, frame: &Frame) -> Option<u64> {
        let (picture, bits) = frame.picture().filter(|_| self.is_numbered)?;
        let highest = self.numbering.highest();
        let unused = 16 - u32::from(bits);
        let ahead = ((picture.wrapping_sub(highest as u16) << unused) as i16) >> unused;
        Some(highest.saturating_add_signed(i64::from(ahead)))
    }
}

fn published_frame(packet: &Packet<'_>) -> Option<u16> {
    let mut carried = packet.carried.iter();
    let (_, descriptor) = carried.find(|(extension, _)| *extension == Extension::DependencyDescriptor)?;
    Described::number_of(descriptor)
}

/// Pictures and frames that are lost in one go at most: half a minute of 30 a second. What is further
/// ahead, or behind, was counted anew. A number of seven bits says as much only where it goes back.
const MAX_AHEAD: i64 = 1_000;

/// Unwrapped pictures begin above this, so that those before the first have a number as well. A
/// multiple of what 15 bits can say.
const FIRST: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::types::Codec;

    fn vp8(picture: u16, tl0: u8, temporal: u8, key: bool) -> Vec<u8> {
        let number = (picture | 0x8000).to_be_bytes();
        vec![0x90, 0xf0, number[0], number[1], tl0, temporal << 6 | 1, u8::from(!key)]
    }

    fn read(payload: &[u8]) -> Frame {
        Frame::read(Codec::Vp8, payload, true)
    }

    fn begin(pictures: &mut Pictures, payload: &[u8]) {
        let descriptor = [0x80, 0, payload[0]];
        let mut carried = crate::media::packet::Carried::new();
        carried.push((Extension::DependencyDescriptor, &descriptor));
        pictures.begin(&packet(payload, carried));
    }

    fn packet<'a>(payload: &'a [u8], carried: crate::media::packet::Carried<'a>) -> Packet<'a> {
        Packet {
            layer: 0,
            index: 0,
            timestamp: 0,
            marker: true,
            codec: 0,
            starts_key_frame: true,
            frame: read(payload),
            structure: None,
            carried,
            payload,
            payload_start: 12,
        }
    }

    fn sent(pictures: &mut Pictures, payload: &[u8]) -> (u16, u8) {
        let frame = read(payload);
        let head = pictures.head(&frame, payload).expect("it was not left out");
        assert_eq!(pictures.head_again(&frame, payload), Some(head));
        let mut out = head.bytes().to_vec();
        out.extend(&payload[usize::from(head.replaces)..]);
        let out = read(&out);
        (out.picture().expect("it has a number").0, out.tl0_index().expect("it has an index"))
    }

    #[test]
    fn the_first_run_goes_out_as_it_is_and_the_next_goes_on_from_it() {
        let mut pictures = Pictures::default();
        let key = vp8(32_766, 250, 0, true);
        begin(&mut pictures, &key);
        assert_eq!(pictures.head(&read(&key), &key), Some(Head::default()));
        assert_eq!(sent(&mut pictures, &vp8(32_767, 251, 0, false)), (32_767, 251));
        assert_eq!(sent(&mut pictures, &vp8(0, 252, 0, false)), (0, 252));
        let other = vp8(500, 7, 0, true);
        begin(&mut pictures, &other);
        assert_eq!(sent(&mut pictures, &other), (1, 253));
        assert_eq!(sent(&mut pictures, &vp8(502, 8, 0, false)), (3, 254), "501 may come yet");
        assert_eq!(sent(&mut pictures, &vp8(501, 7, 1, false)), (2, 253));
    }

    #[test]
    fn pictures_of_a_layer_that_is_left_out_leave_no_hole() {
        let mut pictures = Pictures::default();
        let key = vp8(10, 0, 0, true);
        begin(&mut pictures, &key);
        assert_eq!(sent(&mut pictures, &key), (10, 0));
        pictures.skip(&read(&vp8(11, 0, 1, false)));
        pictures.skip(&read(&vp8(11, 0, 1, false)));
        assert_eq!(sent(&mut pictures, &vp8(12, 1, 0, false)), (11, 1));
        assert_eq!(pictures.head(&read(&vp8(11, 0, 1, false)), &vp8(11, 0, 1, false)), None);
    }

    #[test]
    fn numbers_of_seven_bits_wrap_and_go_out_with_fifteen() {
        let mut pictures = Pictures::default();
        let short = |picture: u8| vec![0x90, 0x80, picture, 0];
        begin(&mut pictures, &short(126));
        let mut numbers = Vec::new();
        for picture in [126, 127, 0, 1] {
            let payload = short(picture);
            let head = pictures.head(&read(&payload), &payload).expect("it was not left out");
            numbers.push(read(head.bytes()).picture());
        }
        assert_eq!(numbers, [126, 127, 128, 129].map(|number| Some((number, 15))));
    }

    #[test]
    fn who_counts_anew_under_the_same_ssrc_is_followed_at_a_key_frame() {
        for (restarted, tl0) in [(3, 0), (9_000, 200)] {
            let mut pictures = Pictures::default();
            let key = vp8(5_000, 50, 0, true);
            begin(&mut pictures, &key);
            assert_eq!(sent(&mut pictures, &key), (5_000, 50));
            let follow = |pictures: &mut Pictures, payload: &[u8]| {
                pictures.follow_restart(&packet(payload, crate::media::packet::Carried::new()));
            };
            let next_key = vp8(5_001, 51, 0, true);
            follow(&mut pictures, &next_key);
            assert_eq!(sent(&mut pictures, &next_key), (5_001, 51), "it goes on");
            let anew = vp8(restarted, tl0, 0, true);
            follow(&mut pictures, &anew);
            assert_eq!(sent(&mut pictures, &anew), (5_002, 52));
            assert_eq!(sent(&mut pictures, &vp8(restarted + 1, tl0 + 1, 0, false)), (5_003, 53));
        }
    }

    #[test]
    fn frames_that_are_counted_anew_go_on_as_well() {
        let mut pictures = Pictures::default();
        let bare = [0x10, 0];
        let numbered = |number: u16| [0x80, number.to_be_bytes()[0], number.to_be_bytes()[1]];
        let mut out = Vec::new();
        for (place, number) in [700, 701, 4, 5].into_iter().enumerate() {
            let descriptor = numbered(number);
            let carried = [(Extension::DependencyDescriptor, &descriptor[..])].into_iter().collect();
            let packet = packet(&bare, carried);
            if place == 0 {
                pictures.begin(&packet)
            } else {
                pictures.follow_restart(&packet)
            }
            out.push(pictures.frame_number(&packet));
        }
        assert_eq!(out, [700, 701, 702, 703].map(Some));
    }

    #[test]
    fn a_run_without_numbers_is_left_alone_and_the_next_goes_on_from_the_one_before() {
        let mut pictures = Pictures::default();
        let key = vp8(10, 3, 0, true);
        begin(&mut pictures, &key);
        sent(&mut pictures, &key);
        let bare = [0x10, 0];
        begin(&mut pictures, &bare);
        assert_eq!(pictures.head(&read(&bare), &bare), Some(Head::default()));
        let next = vp8(900, 77, 0, true);
        begin(&mut pictures, &next);
        assert_eq!(sent(&mut pictures, &next), (11, 4));
    }
}
