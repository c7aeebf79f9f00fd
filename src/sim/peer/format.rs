//! Payload formats: the descriptor a publisher puts before its media, and how long it is.

use crate::control::types::Codec;
use crate::sim::svc::Frame;

/// What a descriptor tells about a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The frame's number.
    pub frame: u32,
    /// Whether its frame is a key frame.
    pub key: bool,
    /// Whether it begins its frame.
    pub first: bool,
    /// Whether it ends its frame.
    pub last: bool,
}

/// The bytes that come before the media in a packet of this shape.
pub fn descriptor(codec: Codec, shape: &Shape) -> Vec<u8> {
    let number = (shape.frame as u16 | 0x8000).to_be_bytes();
    match codec {
        // RFC 6716 §3.1: a table-of-contents byte, CELT, one frame of 20 ms.
        Codec::Opus => vec![0xf8],
        Codec::Vp8 => vp8(shape, number),
        // RFC 9628 §4.2: I, P unless key, B and E; 15-bit picture id.
        Codec::Vp9 => {
            let flags = 0x80 | flag(!shape.key, 0x40) | flag(shape.first, 0x08) | flag(shape.last, 0x04);
            vec![flags, number[0], number[1]]
        }
        // RFC 6184 §5.8: FU-A of an IDR slice or of another one.
        Codec::H264 => {
            let slice = if shape.key { 5 } else { 1 };
            vec![0x7c, slice | flag(shape.first, 0x80) | flag(shape.last, 0x40)]
        }
        // AV1 RTP §4.4: Z, Y, W = 1, N at the start of a coded video sequence.
        Codec::Av1 => {
            let starts = shape.key && shape.first;
            vec![0x10 | flag(!shape.first, 0x80) | flag(!shape.last, 0x40) | flag(starts, 0x08)]
        }
    }
}

/// The same of one spatial layer's frame. VP9 tells layers and needs (RFC 9628 §4.2: flexible mode), AV1
/// leaves that to the dependency descriptor.
pub fn layered_descriptor(codec: Codec, shape: &Shape, picture: u16, frame: &Frame) -> Vec<u8> {
    if codec != Codec::Vp9 {
        let starts = shape.key && frame.spatial == 0;
        return descriptor(codec, &Shape { key: starts, ..*shape });
    }
    let flags = 0xb0 | flag(!shape.key, 0x40) | flag(shape.first, 0x08) | flag(shape.last, 0x04);
    let [high, low] = (picture | 0x8000).to_be_bytes();
    let needs_below = shape.key && frame.spatial > 0;
    let mut bytes =
        vec![flags, high, low, frame.temporal << 5 | (frame.spatial as u8) << 1 | u8::from(needs_below)];
    // One picture is needed; which one matters to nobody here.
    bytes.extend((!shape.key).then_some(1 << 1));
    bytes
}

/// How many bytes come before the media of a received payload; `None` when it is too short.
pub fn descriptor_len(codec: Codec, payload: &[u8]) -> Option<usize> {
    match codec {
        Codec::Opus | Codec::Av1 => Some(1),
        Codec::H264 => Some(2),
        Codec::Vp9 => {
            let flags = *payload.first()?;
            let [predicted, layers] = [0x40, 0x20].map(|bit| flags & bit != 0);
            Some(3 + usize::from(layers) + usize::from(layers && predicted))
        }
        Codec::Vp8 => {
            let begins = payload.first()? & 0x10 != 0;
            let key = begins && payload.get(VP8_DESCRIPTOR_LEN)? & 0x01 == 0;
            Some(VP8_DESCRIPTOR_LEN + if key { 10 } else { usize::from(begins) })
        }
    }
}

/// The number of a received payload's picture, of 15 bits, for codecs that number them.
pub fn picture_number(codec: Codec, payload: &[u8]) -> Option<u16> {
    let at = match codec {
        Codec::Vp8 => 2,
        Codec::Vp9 => 1,
        Codec::Opus | Codec::H264 | Codec::Av1 => return None,
    };
    Some(u16::from_be_bytes([*payload.get(at)?, *payload.get(at + 1)?]) & 0x7fff)
}

/// RFC 7741 §4.2 with X, I (15 bits), L, T and K.
const VP8_DESCRIPTOR_LEN: usize = 6;

fn vp8(shape: &Shape, number: [u8; 2]) -> Vec<u8> {
    let begin = 0x80 | flag(shape.first, 0x10);
    let mut bytes = vec![begin, 0xf0, number[0], number[1], shape.frame as u8, 0];
    if shape.first && shape.key {
        // RFC 6386 §9.1: frame tag, start code, 640 × 480.
        bytes.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]);
    } else if shape.first {
        bytes.push(0x11);
    }
    bytes
}

fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::key_frame::starts_key_frame;

    #[test]
    fn what_is_written_has_the_length_that_is_read_and_says_key_where_it_is() {
        let codecs = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
        for codec in codecs {
            for bits in 0..8 {
                let [key, first, last] = [0, 1, 2].map(|bit| bits >> bit & 1 == 1);
                let shape = Shape { frame: 40_000, key, first, last };
                let written = descriptor(codec, &shape);
                assert_eq!(descriptor_len(codec, &written), Some(written.len()), "{codec:?} {shape:?}");
                let begins = codec == Codec::Opus || (key && first);
                assert_eq!(starts_key_frame(codec, &written), begins, "{codec:?} {shape:?}");
            }
        }
    }
}
