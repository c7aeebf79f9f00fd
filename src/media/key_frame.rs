//! Where a key frame starts, told from the first bytes of a payload.

use crate::control::types::Codec;

/// Whether a key frame (one that a decoder can begin with) starts in this packet.
///
/// Reads only what each payload format leaves in front; an encrypted body does not matter. Sound
/// can begin anywhere.
pub fn starts_key_frame(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::Vp8 => vp8(payload).unwrap_or(false),
        Codec::Vp9 => vp9(payload).unwrap_or(false),
        Codec::H264 => h264(payload).unwrap_or(false),
        Codec::Av1 => av1(payload),
    }
}

/// RFC 7741 §4.2 and §4.3: start of partition 0, and the inverse key frame bit of the first octet.
fn vp8(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    if first & 0x17 != 0x10 {
        return Some(false);
    }
    let mut at = 1;
    if first & 0x80 != 0 {
        let extended = *payload.get(at)?;
        at += 1;
        if extended & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(extended & 0x40 != 0);
        at += usize::from(extended & 0x30 != 0);
    }
    Some(payload.get(at)? & 0x01 == 0)
}

/// RFC 9628 §4.2: not inter-picture predicted, beginning of a frame, lowest spatial layer.
fn vp9(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    let (picture_id, predicted, layers, begins) =
        (first & 0x80 != 0, first & 0x40 != 0, first & 0x20 != 0, first & 0x08 != 0);
    if predicted || !begins {
        return Some(false);
    }
    if !layers {
        return Some(true);
    }
    let mut at = 1;
    if picture_id {
        at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
    }
    let spatial = (payload.get(at)? >> 1) & 0x07;
    Some(spatial == 0)
}

/// RFC 6184 §5.2: a parameter set or an IDR slice, alone, first in an aggregate, or starting in a
/// fragment.
fn h264(payload: &[u8]) -> Option<bool> {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let key = |nal: u8| matches!(nal & 0x1f, IDR | SPS);
    let first = *payload.first()?;
    match first & 0x1f {
        STAP_A => {
            let mut at = 1;
            while let Some(nal) = payload.get(at + 2) {
                if key(*nal) {
                    return Some(true);
                }
                at += 2 + usize::from(u16::from_be_bytes([payload[at], payload[at + 1]]));
            }
            Some(false)
        }
        FU_A => {
            let header = *payload.get(1)?;
            Some(header & 0x80 != 0 && key(header))
        }
        _ => Some(key(first)),
    }
}

/// AV1 RTP payload format §4.4: the N bit says that a coded video sequence starts here.
fn av1(payload: &[u8]) -> bool {
    payload.first().is_some_and(|aggregation| aggregation & 0x08 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn vp8_key_frames_are_told_from_the_rest() {
        assert!(starts_key_frame(Codec::Vp8, &[0x10, 0x10]));
        assert!(!starts_key_frame(Codec::Vp8, &[0x10, 0x11]));
        assert!(!starts_key_frame(Codec::Vp8, &[0x00, 0x10]), "a continuation is no start");
        assert!(starts_key_frame(Codec::Vp8, &[0x90, 0x80, 0x81, 0x02, 0x10]), "15-bit picture id");
        assert!(!starts_key_frame(Codec::Vp8, &[0x90, 0xe0, 0x01, 0x02, 0x03, 0x11]), "all optional fields");
        assert!(!starts_key_frame(Codec::Vp8, &[0x11, 0x10]), "partition 1");
    }

    #[test]
    fn vp9_key_frames_start_on_the_lowest_spatial_layer() {
        assert!(starts_key_frame(Codec::Vp9, &[0x88, 0x81, 0x02]));
        assert!(!starts_key_frame(Codec::Vp9, &[0xc8, 0x01]));
        assert!(starts_key_frame(Codec::Vp9, &[0xa8, 0x01, 0x00]));
        assert!(!starts_key_frame(Codec::Vp9, &[0xa8, 0x01, 0x02]), "spatial layer 1");
    }

    #[test]
    fn h264_key_frames_are_found_alone_aggregated_and_in_fragments() {
        assert!(starts_key_frame(Codec::H264, &[0x65, 0x00]));
        assert!(starts_key_frame(Codec::H264, &[0x67]));
        assert!(!starts_key_frame(Codec::H264, &[0x41]));
        assert!(starts_key_frame(Codec::H264, &[0x18, 0, 1, 0x67, 0, 1, 0x68]));
        assert!(starts_key_frame(Codec::H264, &[0x7c, 0x85]));
        assert!(!starts_key_frame(Codec::H264, &[0x7c, 0x05]), "a middle fragment");
        assert!(!starts_key_frame(Codec::H264, &[0x18, 0xff]), "a lying length ends the search");
    }

    #[test]
    fn av1_key_frames_carry_the_new_sequence_bit() {
        assert!(starts_key_frame(Codec::Av1, &[0x18]));
        assert!(!starts_key_frame(Codec::Av1, &[0x10]));
    }

    /// The first packets of frames that pages have encrypted end to end, by the table in
    /// `signaling/client/src/e2ee/README.md`; what is sealed begins with 0xf_.
    #[test]
    fn sealed_key_frames_are_told_from_the_rest_like_others() {
        let sealed = [0xfa, 0x91, 0x3c];
        let of = |codec, front: &[u8]| starts_key_frame(codec, &[front, &sealed].concat());
        let tag = |first| [0x90, 0x80, 0x07, first, 0xff, 0xff];
        assert!(of(Codec::Vp8, &[&tag(0xf0)[..], &[0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]].concat()));
        assert!(!of(Codec::Vp8, &tag(0xf1)));
        assert!(of(Codec::Vp9, &[0x88, 0x07]) && !of(Codec::Vp9, &[0xc8, 0x07]));
        assert!(of(Codec::Av1, &[0x18, 0x32]) && !of(Codec::Av1, &[0x10, 0x32]));
        let slice = [0x00, 0x00, 0x1f, 0xff, 0xfe, 0x23, 0xff, 0xff];
        assert!(of(Codec::H264, &[&[0x65][..], &slice].concat()));
        assert!(of(Codec::H264, &[&[0x7c, 0x85][..], &slice].concat()));
        assert!(!of(Codec::H264, &[&[0x41][..], &slice].concat()));
    }

    #[test]
    fn no_payload_makes_it_panic() {
        let mut random = Random::new(1);
        for _ in 0..50_000 {
            let payload: Vec<u8> = (0..random.below(12)).map(|_| random.next_u32() as u8).collect();
            for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
                starts_key_frame(codec, &payload);
            }
        }
    }
}
