//! RTP header extension elements (RFC 8285): walking them, and what the known ones carry.
//!
//! Knows no negotiated ids: the caller looks an element up under the id its m-line gave it.

use super::bytes::{be16, be24};
use std::time::Duration;

/// The value of "defined by profile" that announces one-byte element headers (RFC 8285 §4.2).
pub const ONE_BYTE_PROFILE: u16 = 0xbede;
/// The same for two-byte element headers; the low four bits are free for applications (§4.3).
pub const TWO_BYTE_PROFILE: u16 = 0x1000;

/// How elements are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Ids 1–14, 1–16 bytes each.
    OneByte,
    /// Ids 1–255, 0–255 bytes each.
    TwoByte,
}

impl Form {
    /// The form a block with this "defined by profile" value has, if RFC 8285 defines it.
    pub const fn of_profile(profile: u16) -> Option<Form> {
        match profile {
            ONE_BYTE_PROFILE => Some(Form::OneByte),
            _ if profile & 0xfff0 == TWO_BYTE_PROFILE => Some(Form::TwoByte),
            _ => None,
        }
    }

    /// The smallest form that can carry all of `elements`.
    pub fn fitting(elements: &[Element<'_>]) -> Form {
        let one_byte =
            |element: &Element<'_>| matches!(element.id, 1..=14) && matches!(element.data.len(), 1..=16);
        if elements.iter().all(one_byte) { Form::OneByte } else { Form::TwoByte }
    }

    /// The "defined by profile" value to write.
    pub const fn profile(self) -> u16 {
        match self {
            Form::OneByte => ONE_BYTE_PROFILE,
            Form::TwoByte => TWO_BYTE_PROFILE,
        }
    }
}

/// One header extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element<'a> {
    /// The id its m-line negotiated.
    pub id: u8,
    /// Its value.
    pub data: &'a [u8],
}

/// The elements of one extension block.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    form: Form,
    rest: &'a [u8],
}

/// An element claims more bytes than the block has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LyingLength;

impl<'a> Elements<'a> {
    /// The elements of a block whose lengths [`check`](Self::check) found honest; of another block
    /// those before the first lie.
    pub fn new(form: Form, block: &'a [u8]) -> Elements<'a> {
        Elements { form, rest: block }
    }

    /// No elements.
    pub const fn empty() -> Elements<'static> {
        Elements { form: Form::OneByte, rest: &[] }
    }

    /// Walks the whole block once.
    pub fn check(form: Form, block: &[u8]) -> Result<(), LyingLength> {
        let mut elements = Elements::new(form, block);
        while elements.step()?.is_some() {}
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Element<'a>>, LyingLength> {
        // An id of 0 is one byte of padding, between elements too (RFC 8285 §4.2, §4.3).
        while let [0, rest @ ..] = self.rest {
            self.rest = rest;
        }
        let Some(&first) = self.rest.first() else { return Ok(None) };
        let (id, len, header) = match self.form {
            Form::OneByte => (first >> 4, usize::from(first & 0x0f) + 1, 1),
            Form::TwoByte => (first, usize::from(*self.rest.get(1).ok_or(LyingLength)?), 2),
        };
        // RFC 8285 §4.2: ids 15, and 0 with a length, end the whole block without being an error.
        if self.form == Form::OneByte && matches!(id, 0 | 15) {
            self.rest = &[];
            return Ok(None);
        }
        let data = self.rest.get(header..header + len).ok_or(LyingLength)?;
        self.rest = &self.rest[header + len..];
        Ok(Some(Element { id, data }))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        self.step().ok().flatten()
    }
}

/// The text of a MID, RID or repaired RID (RFC 8852, RFC 8843 §15.1): UTF-8.
pub fn read_text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| !text.is_empty())
}

/// The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2).
pub fn read_transport_sequence(data: &[u8]) -> Option<u16> {
    // Version 2 of the extension has two more bytes that ask for feedback.
    matches!(data.len(), 2 | 4).then(|| be16(data, 0))
}

/// The value of a transport-wide sequence number.
pub fn write_transport_sequence(sequence: u16) -> [u8; 2] {
    sequence.to_be_bytes()
}

/// What is written into the first extension of a header when its packet leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stamp {
    /// Nothing.
    #[default]
    None,
    /// A transport-wide sequence number.
    Sequence,
    /// When it leaves, for who estimates its link by itself and tells (REMB).
    SendTime,
}

/// Writes `sequence` into a header that was written with a transport-wide sequence number as its
/// first element and without CSRCs.
pub fn stamp_transport_sequence(header: &mut [u8], sequence: u16) {
    stamp(header, &write_transport_sequence(sequence));
}

/// Writes when a packet leaves into a header that was written with that as its first element and without
/// CSRCs.
pub fn stamp_send_time(header: &mut [u8], time: AbsSendTime) {
    stamp(header, &time.write());
}

fn stamp(header: &mut [u8], value: &[u8]) {
    // Fixed header, "defined by profile" and length, then one or two bytes of element header.
    let at = if be16(header, 12) == ONE_BYTE_PROFILE { 17 } else { 18 };
    header[at..at + value.len()].copy_from_slice(value);
}

/// When a packet left its sender: seconds modulo 64 as 6.18 fixed point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    /// From nanoseconds on the sender's clock; only differences matter.
    pub const fn from_nanos(nanos: u64) -> AbsSendTime {
        // 64 s at a time, so that the shift cannot overflow.
        let nanos = nanos % 64_000_000_000;
        AbsSendTime(((nanos << 18) / 1_000_000_000) as u32 & 0x00ff_ffff)
    }

    /// From its three bytes.
    pub fn read(data: &[u8]) -> Option<AbsSendTime> {
        (data.len() == 3).then(|| AbsSendTime(be24(data, 0)))
    }

    /// Its three bytes.
    pub const fn write(self) -> [u8; 3] {
        let [_, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }

    /// The 24-bit value, in units of 2^-18 s.
    pub const fn units(self) -> u32 {
        self.0
    }
}

/// How loud a packet's sound is (RFC 6464 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioLevel {
    /// The sender heard speech in it.
    pub voice: bool,
    /// Below full scale, in dB: 0 is loudest, 127 silence.
    pub minus_dbov: u8,
}

impl AudioLevel {
    /// From the element's value: one byte, or two in the two-byte form (RFC 6464 §3).
    pub fn read(data: &[u8]) -> Option<AudioLevel> {
        let &first = data.first()?;
        Some(AudioLevel { voice: first & 0x80 != 0, minus_dbov: first & 0x7f })
    }

    /// The element's value.
    pub const fn write(self) -> [u8; 1] {
        [(self.voice as u8) << 7 | self.minus_dbov & 0x7f]
    }
}

/// How a picture is to be turned before it is shown (3GPP TS 26.114 §7.4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VideoOrientation {
    /// Taken by the camera on the back.
    pub back_camera: bool,
    /// Mirrored left to right.
    pub flipped: bool,
    /// Quarter turns clockwise, 0–3.
    pub quarter_turns: u8,
}

impl VideoOrientation {
    /// From the element's one byte.
    pub fn read(data: &[u8]) -> Option<VideoOrientation> {
        let &[byte] = data else { return None };
        Some(VideoOrientation { back_camera: byte & 8 != 0, flipped: byte & 4 != 0, quarter_turns: byte & 3 })
    }

    /// The element's value.
    pub const fn write(self) -> [u8; 1] {
        [(self.back_camera as u8) << 3 | (self.flipped as u8) << 2 | self.quarter_turns & 3]
    }
}

/// The least and greatest delay a receiver should play with, in units of 10 ms, 12 bits each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlayoutDelay {
    /// At least this.
    pub min_10ms: u16,
    /// At most this.
    pub max_10ms: u16,
}

impl PlayoutDelay {
    /// Rounded down to what the element can say; 40.95 s at most.
    pub fn between(least: Duration, most: Duration) -> PlayoutDelay {
        let units = |time: Duration| (time.as_millis() / 10).min(0xfff) as u16;
        PlayoutDelay { min_10ms: units(least.min(most)), max_10ms: units(most) }
    }

    /// From the element's three bytes.
    pub fn read(data: &[u8]) -> Option<PlayoutDelay> {
        let units = (data.len() == 3).then(|| be24(data, 0))?;
        Some(PlayoutDelay { min_10ms: (units >> 12) as u16, max_10ms: (units & 0xfff) as u16 })
    }

    /// The element's value.
    pub const fn write(self) -> [u8; 3] {
        let units = (self.min_10ms as u32 & 0xfff) << 12 | self.max_10ms as u32 & 0xfff;
        let [_, bytes @ ..] = units.to_be_bytes();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(form: Form, block: &[u8]) -> Vec<(u8, Vec<u8>)> {
        Elements::new(form, block).map(|element| (element.id, element.data.to_vec())).collect()
    }

    #[test]
    fn one_byte_elements_are_found_around_padding() {
        let block = [0x10, 0xaa, 0, 0, 0x31, 1, 2, 0];
        assert_eq!(Elements::check(Form::OneByte, &block), Ok(()));
        assert_eq!(all(Form::OneByte, &block), [(1, vec![0xaa]), (3, vec![1, 2])]);
    }

    #[test]
    fn two_byte_elements_may_be_empty() {
        let block = [1, 0, 0, 200, 2, 7, 8, 0];
        assert_eq!(Elements::check(Form::TwoByte, &block), Ok(()));
        assert_eq!(all(Form::TwoByte, &block), [(1, vec![]), (200, vec![7, 8])]);
    }

    #[test]
    fn a_stamp_goes_into_the_first_element_of_either_form() {
        use crate::wire::rtp::{RtpHeader, RtpView};
        for other in [&[1u8, 2][..], &[7; 20]] {
            let elements = [Element { id: 3, data: &[0, 0] }, Element { id: 5, data: other }];
            let mut header = [0; 80];
            let len = RtpHeader::default().write(&elements, &mut header).expect("there is room");
            stamp_transport_sequence(&mut header[..len], 0xabcd);
            let view = RtpView::parse_header(&header[..len]).expect("a header");
            assert_eq!(view.extension(Some(3)).and_then(read_transport_sequence), Some(0xabcd));
            assert_eq!(view.extension(Some(5)), Some(other));
        }
    }

    #[test]
    fn id_fifteen_ends_a_one_byte_block() {
        let block = [0x10, 0xaa, 0xf0, 1, 0x20, 2, 0, 0];
        assert_eq!(Elements::check(Form::OneByte, &block), Ok(()));
        assert_eq!(all(Form::OneByte, &block), [(1, vec![0xaa])]);
    }

    #[test]
    fn lying_lengths_are_refused() {
        assert_eq!(Elements::check(Form::OneByte, &[0x1f, 1, 2, 3]), Err(LyingLength));
        assert_eq!(Elements::check(Form::TwoByte, &[1, 3, 0, 0]), Err(LyingLength));
        assert_eq!(Elements::check(Form::TwoByte, &[0, 0, 0, 1]), Err(LyingLength));
    }

    #[test]
    fn abs_send_time_wraps_after_64_seconds() {
        assert_eq!(AbsSendTime::from_nanos(1_000_000_000).units(), 1 << 18);
        assert_eq!(AbsSendTime::from_nanos(64_500_000_000).units(), 1 << 17);
        assert_eq!(AbsSendTime::read(&[1, 2, 3]).map(AbsSendTime::write), Some([1, 2, 3]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_walk_panic(two in any::<bool>(), block in prop::collection::vec(any::<u8>(), 0..80)) {
            let form = if two { Form::TwoByte } else { Form::OneByte };
            let honest = Elements::check(form, &block).is_ok();
            let used: usize = Elements::new(form, &block).map(|element| element.data.len() + 1).sum();
            prop_assert!(used <= block.len());
            prop_assert!(honest || !block.is_empty());
        }

        #[test]
        fn typed_values_come_back_as_written(bytes in prop::collection::vec(any::<u8>(), 0..5)) {
            if let Some(value) = AudioLevel::read(&bytes) { prop_assert_eq!(value.write()[0], bytes[0]); }
            if let Some(value) = PlayoutDelay::read(&bytes) { prop_assert_eq!(&value.write()[..], &bytes[..]); }
            if let Some(value) = AbsSendTime::read(&bytes) { prop_assert_eq!(&value.write()[..], &bytes[..]); }
            if let Some(value) = VideoOrientation::read(&bytes) { prop_assert_eq!(value.write()[0], bytes[0] & 15); }
            if let Some(value) = read_transport_sequence(&bytes) {
                prop_assert_eq!(&write_transport_sequence(value)[..], &bytes[..2]);
            }
        }
    }
}
