//! What stands in front of a VP8 payload (RFC 7741 §4): as much as a server looks at.
//!
//! Servers tell key frames by it and may rewrite its picture id, so that a receiver must read it
//! again instead of trusting its length.

/// Bytes of the payload descriptor that [`write()`] writes: two of flags, a picture id of 15 bits.
const DESCRIPTOR_LEN: usize = 4;
/// RFC 6386 §9.1: the frame tag of every frame …
const TAG_LEN: usize = 3;
/// … and start code and size behind it in a key frame.
const KEY_HEADER_LEN: usize = 10;

/// The longest that [`write()`] writes.
pub(super) const LONGEST_HEADER: usize = DESCRIPTOR_LEN + KEY_HEADER_LEN;

const EXTENDED: u8 = 0x80;
const START: u8 = 0x10;
const PICTURE_ID: u8 = 0x80;
const TL0_PICTURE_INDEX: u8 = 0x40;
const LAYER_OR_KEY_INDEX: u8 = 0x30;
const PARTITION: u8 = 0x07;

/// Width and height.
pub(super) type Size = (u16, u16);

/// Writes descriptor and, on the first packet of a frame, the header; says how long they are. Key
/// frames tell the `size`.
pub(super) fn write(first: bool, key_frame: bool, frame: u32, size: Size, out: &mut [u8]) -> usize {
    let picture = 0x8000 | (frame & 0x7fff) as u16;
    out[0] = if first { EXTENDED | START } else { EXTENDED };
    out[1] = PICTURE_ID;
    out[2..DESCRIPTOR_LEN].copy_from_slice(&picture.to_be_bytes());
    if !first {
        return DESCRIPTOR_LEN;
    }
    // RFC 6386 §9.1: bit 0 says "not a key frame", bit 4 "to be shown".
    let header = &mut out[DESCRIPTOR_LEN..];
    header[..TAG_LEN].copy_from_slice(&[0x10 | u8::from(!key_frame), 0x02, 0x00]);
    if !key_frame {
        return DESCRIPTOR_LEN + TAG_LEN;
    }
    header[TAG_LEN..6].copy_from_slice(&[0x9d, 0x01, 0x2a]);
    let (width, height) = size;
    header[6..8].copy_from_slice(&width.to_le_bytes());
    header[8..KEY_HEADER_LEN].copy_from_slice(&height.to_le_bytes());
    DESCRIPTOR_LEN + KEY_HEADER_LEN
}

/// How much of a payload is descriptor and header; `None` when it is too short for what it says.
pub(super) fn header_len(payload: &[u8]) -> Option<usize> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & EXTENDED != 0 {
        let extended = *payload.get(at)?;
        at += 1;
        if extended & PICTURE_ID != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(extended & TL0_PICTURE_INDEX != 0);
        at += usize::from(extended & LAYER_OR_KEY_INDEX != 0);
    }
    if first & START != 0 && first & PARTITION == 0 {
        at += if payload.get(at)? & 1 == 0 { KEY_HEADER_LEN } else { TAG_LEN };
    }
    (at <= payload.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use volley::control::types::Codec;
    use volley::media::key_frame::starts_key_frame;

    const SIZE: Size = (1280, 720);

    #[test]
    fn a_server_sees_where_key_frames_start() {
        for (first, key, expected) in [(true, true, true), (true, false, false), (false, true, false)] {
            let mut payload = [0; 64];
            write(first, key, 40_000, SIZE, &mut payload);
            assert_eq!(starts_key_frame(Codec::Vp8, &payload), expected);
        }
    }

    #[test]
    fn the_header_is_found_again_as_long_as_it_was_written() {
        for (first, key) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut payload = [0; LONGEST_HEADER];
            let len = write(first, key, 3, SIZE, &mut payload);
            assert_eq!(header_len(&payload), Some(len));
        }
    }

    #[test]
    fn a_descriptor_that_a_server_rewrote_is_read_by_what_it_says() {
        assert_eq!(header_len(&[0x00, 1, 2, 3]), Some(1), "no extension, not the start");
        assert_eq!(header_len(&[0x80, 0x80, 0x05, 9]), Some(3), "seven bits of picture id");
        assert_eq!(header_len(&[0x80, 0xf0, 0x80, 0x05, 1, 2, 9]), Some(6), "every optional field");
        assert_eq!(header_len(&[0x10, 0x01, 0, 0, 9]), Some(4), "the start of a frame that is no key frame");
        assert_eq!(header_len(&[0x90, 0x80, 0x80]), None, "cut short");
        assert_eq!(header_len(&[]), None);
    }
}
