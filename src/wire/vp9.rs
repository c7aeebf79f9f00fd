//! The VP9 payload descriptor (RFC 9628 §4.2), as far as a forwarder needs it: read once, and its
//! front written with other numbers.

use arrayvec::ArrayVec;

/// The longest front: flags, picture number, layer, index.
pub const MAX_FRONT: usize = 5;

const I: u8 = 0x80;
const P: u8 = 0x40;
const L: u8 = 0x20;
const F: u8 = 0x10;
const B: u8 = 0x08;
const E: u8 = 0x04;

/// What stands before the media in a packet of VP9, up to and with the index of the lowest
/// temporal layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptor {
    first: u8,
    layer: u8,
    /// How many bytes the front has.
    pub front: u8,
    /// The picture's number, of [`picture_bits`](Self::picture_bits).
    pub picture: Option<u16>,
    /// 7 or 15.
    pub picture_bits: u8,
    /// Counts the pictures of the lowest temporal layer.
    pub tl0_index: Option<u8>,
}

impl Descriptor {
    /// The descriptor at the front of `payload`, if its front is whole.
    pub fn read(payload: &[u8]) -> Option<Descriptor> {
        let first = *payload.first()?;
        let mut descriptor =
            Descriptor { first, layer: 0, front: 1, picture: None, picture_bits: 7, tl0_index: None };
        let mut at = 1;
        if first & I != 0 {
            let high = *payload.get(at)?;
            at += 1;
            descriptor.picture = Some(u16::from(high & 0x7f));
            if high & 0x80 != 0 {
                descriptor.picture = Some(u16::from(high & 0x7f) << 8 | u16::from(*payload.get(at)?));
                descriptor.picture_bits = 15;
                at += 1;
            }
        }
        if first & L != 0 {
            descriptor.layer = *payload.get(at)?;
            at += 1;
            // In flexible mode the dependencies stand in place of the index.
            if first & F == 0 {
                descriptor.tl0_index = Some(*payload.get(at)?);
                at += 1;
            }
        }
        descriptor.front = at as u8;
        Some(descriptor)
    }

    /// Whether the frame of one spatial layer begins here.
    pub fn begins_frame(&self) -> bool {
        self.first & B != 0
    }

    /// Whether the frame of one spatial layer ends here.
    pub fn ends_frame(&self) -> bool {
        self.first & E != 0
    }

    /// Whether it needs a picture before.
    pub fn is_predicted(&self) -> bool {
        self.first & P != 0
    }

    /// The temporal layer; 0 where none is told.
    pub fn temporal(&self) -> u8 {
        self.layer >> 5
    }

    /// The spatial layer; 0 where none is told.
    pub fn spatial(&self) -> u8 {
        self.layer >> 1 & 0x07
    }

    /// Whether higher temporal layers from here on need nothing of them from before.
    pub fn is_switching_point(&self) -> bool {
        self.layer & 0x10 != 0
    }

    /// The front with other numbers where it has numbers at all; the picture's always has 15 bits.
    pub fn write(&self, picture: u16, tl0_index: u8) -> ArrayVec<u8, MAX_FRONT> {
        let mut out = ArrayVec::new();
        out.push(self.first);
        if self.first & I != 0 {
            out.extend((picture | 0x8000).to_be_bytes());
        }
        if self.first & L != 0 {
            out.push(self.layer);
            if self.first & F == 0 {
                out.push(tl0_index);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layers_and_numbers_are_found() {
        let read = Descriptor::read(&[0xac, 0x81, 0x02, 0x55, 0x09, 0xff]).expect("it is whole");
        assert_eq!((read.picture, read.tl0_index, read.front), (Some(0x102), Some(9), 5));
        assert_eq!((read.temporal(), read.spatial(), read.is_switching_point()), (2, 2, true));
        assert!(read.begins_frame() && read.ends_frame() && !read.is_predicted());
    }

    #[test]
    fn the_flexible_mode_has_no_index() {
        let read = Descriptor::read(&[0xb0, 0x05, 0x02, 0x11]).expect("it is whole");
        assert_eq!((read.picture, read.tl0_index, read.front, read.spatial()), (Some(5), None, 3, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_come_back_as_written(
            payload in prop::collection::vec(any::<u8>(), 0..10), picture in 0u16..0x8000, tl0: u8,
        ) {
            let Some(read) = Descriptor::read(&payload) else { return Ok(()) };
            prop_assert!(usize::from(read.front) <= payload.len());
            let written = read.write(picture, tl0);
            let again = Descriptor::read(&written).expect("it was just written");
            prop_assert_eq!(usize::from(again.front), written.len());
            prop_assert_eq!(again.picture, read.picture.map(|_| picture));
            prop_assert_eq!(again.tl0_index, read.tl0_index.map(|_| tl0));
            prop_assert_eq!((again.temporal(), again.spatial()), (read.temporal(), read.spatial()));
        }
    }
}
