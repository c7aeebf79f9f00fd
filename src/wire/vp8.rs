//! The VP8 payload descriptor (RFC 7741 §4.2): read once, and written with other numbers.
//!
//! Knows neither what the numbers of a stream were nor what follows the descriptor.

use arrayvec::ArrayVec;

/// The longest descriptor.
pub const MAX_LEN: usize = 6;

const X: u8 = 0x80;
const I: u8 = 0x80;
const L: u8 = 0x40;
const T: u8 = 0x20;
const K: u8 = 0x10;

/// What stands before the media in a packet of VP8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    first: u8,
    extended: u8,
    last: u8,
    /// How many bytes it has.
    pub len: u8,
    /// The picture's number, of [`picture_bits`](Self::picture_bits).
    pub picture: Option<u16>,
    /// 7 or 15.
    pub picture_bits: u8,
    /// Counts the pictures of the lowest temporal layer.
    pub tl0_index: Option<u8>,
}

impl Descriptor {
    /// The descriptor at the front of `payload`, if it is whole.
    pub fn read(payload: &[u8]) -> Option<Descriptor> {
        let first = *payload.first()?;
        let mut descriptor = Descriptor {
            first,
            extended: 0,
            last: 0,
            len: 1,
            picture: None,
            picture_bits: 7,
            tl0_index: None,
        };
        if first & X == 0 {
            return Some(descriptor);
        }
        let extended = *payload.get(1)?;
        let mut at = 2;
        if extended & I != 0 {
            let high = *payload.get(at)?;
            at += 1;
            descriptor.picture = Some(u16::from(high & 0x7f));
            if high & 0x80 != 0 {
                descriptor.picture = Some(u16::from(high & 0x7f) << 8 | u16::from(*payload.get(at)?));
                descriptor.picture_bits = 15;
                at += 1;
            }
        }
        if extended & L != 0 {
            descriptor.tl0_index = Some(*payload.get(at)?);
            at += 1;
        }
        if extended & (T | K) != 0 {
            descriptor.last = *payload.get(at)?;
            at += 1;
        }
        descriptor.extended = extended;
        descriptor.len = at as u8;
        Some(descriptor)
    }

    /// Whether a picture begins here: the start of its first partition.
    pub fn begins_picture(&self) -> bool {
        self.first & 0x17 == 0x10
    }

    /// The temporal layer; 0 where none is told.
    pub fn temporal(&self) -> u8 {
        if self.extended & T != 0 { self.last >> 6 } else { 0 }
    }

    /// Whether the picture depends on the lowest temporal layer only.
    pub fn is_sync(&self) -> bool {
        self.extended & T != 0 && self.last & 0x20 != 0
    }

    /// Counts the key frames, modulo 32.
    pub fn key_index(&self) -> Option<u8> {
        (self.extended & K != 0).then_some(self.last & 0x1f)
    }

    /// The same with other numbers where it has numbers at all; the picture's always has 15 bits, so
    /// that one stream never changes between widths.
    pub fn write(&self, picture: u16, tl0_index: u8, key_index: u8) -> ArrayVec<u8, MAX_LEN> {
        let mut out = ArrayVec::new();
        out.push(self.first);
        if self.first & X == 0 {
            return out;
        }
        out.push(self.extended);
        if self.extended & I != 0 {
            out.extend((picture | 0x8000).to_be_bytes());
        }
        if self.extended & L != 0 {
            out.push(tl0_index);
        }
        if self.extended & (T | K) != 0 {
            let key_index = if self.extended & K != 0 { key_index & 0x1f } else { self.last & 0x1f };
            out.push(self.last & 0xe0 | key_index);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_fields_are_found_in_the_long_form() {
        let read = Descriptor::read(&[0x90, 0xf0, 0x81, 0x02, 0x07, 0x65, 0xaa]).expect("it is whole");
        assert_eq!((read.picture, read.tl0_index, read.key_index()), (Some(0x102), Some(7), Some(5)));
        assert_eq!((read.temporal(), read.is_sync(), read.len), (1, true, 6));
        assert!(read.begins_picture());
    }

    #[test]
    fn a_picture_of_seven_bits_is_written_with_fifteen() {
        let read = Descriptor::read(&[0x90, 0x80, 0x05]).expect("it is whole");
        assert_eq!((read.picture, read.len), (Some(5), 3));
        assert_eq!(&read.write(300, 0, 0)[..], [0x90, 0x80, 0x81, 0x2c]);
    }

    #[test]
    fn one_without_numbers_stays_as_it_is() {
        let read = Descriptor::read(&[0x10, 0xff]).expect("it is whole");
        assert_eq!((&read.write(1, 2, 3)[..], read.len), (&[0x10][..], 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_come_back_as_written(
            payload in prop::collection::vec(any::<u8>(), 0..10), picture in 0u16..0x8000, tl0: u8, key in 0u8..32,
        ) {
            let Some(read) = Descriptor::read(&payload) else { return Ok(()) };
            prop_assert!(usize::from(read.len) <= payload.len());
            let written = read.write(picture, tl0, key);
            let again = Descriptor::read(&written).expect("it was just written");
            prop_assert_eq!(usize::from(again.len), written.len());
            prop_assert_eq!(again.picture, read.picture.map(|_| picture));
            prop_assert_eq!(again.tl0_index, read.tl0_index.map(|_| tl0));
            prop_assert_eq!(again.key_index(), read.key_index().map(|_| key));
            prop_assert_eq!((again.temporal(), again.is_sync()), (read.temporal(), read.is_sync()));
        }
    }
}
