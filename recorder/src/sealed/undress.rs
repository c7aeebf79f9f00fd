//! Frames as files hold them, taken out of what pages dress sealed ones in, codec by codec: the table is in
//! `signaling/client/src/e2ee/README.md`.

use super::sframe::{Closed, Opener};
use crate::depacketise::{append_index, leb128, put_leb128};
use volley::control::types::Codec;

/// What stands before a sealed packet of Opus.
const TOC: u8 = 0xff;

/// What stands before a sealed frame of VP8: a tag, and of a key frame its start code and size.
const VP8_TAG: usize = 3;
const VP8_KEY: usize = 10;

/// The first byte of an SFrame of ours has these bits.
const SFRAME: u8 = 0xf0;

const OBU_TEMPORAL_DELIMITER: u8 = 2;
const OBU_FRAME: u8 = 6;
const OBU_TILE_LIST: u8 = 8;
const OBU_PADDING: u8 = 15;

const NAL_SLICE: u8 = 1;
const NAL_IDR: u8 = 5;
const NAL_DELIMITER: u8 = 9;
/// Of the slice header that no decoder finds a place for.
const NAL_FRONT: usize = 9;
const NAL_STOP: u8 = 0x80;

/// The frame that was sealed, as a file holds it.
pub(super) fn open(opener: &mut Opener, codec: Codec, dressed: &[u8]) -> Result<Vec<u8>, Closed> {
    let first = *dressed.first().ok_or(Closed::Unsealed)?;
    match codec {
        Codec::Opus if first == TOC => opener.open(&dressed[1..], 0),
        Codec::Opus => Err(Closed::Unsealed),
        Codec::Vp8 => {
            let from = if first & 1 == 0 { VP8_KEY } else { VP8_TAG };
            opener.open(dressed.get(from..).ok_or(Closed::Unsealed)?, 1)
        }
        Codec::Vp9 => vp9(opener, dressed),
        Codec::H264 => h264(opener, dressed),
        Codec::Av1 => av1(opener, dressed),
    }
}

/// One sealed frame for each spatial layer, and where there are several, an index behind them.
fn vp9(opener: &mut Opener, dressed: &[u8]) -> Result<Vec<u8>, Closed> {
    let Some(parts) = superframe(dressed) else { return opener.open(dressed, 2) };
    let (mut data, mut begins) = (Vec::new(), Vec::new());
    for part in parts {
        begins.push(data.len());
        data.extend(opener.open(part, 2)?);
    }
    append_index(&mut data, &begins);
    Ok(data)
}

/// VP9 bitstream, annex B, as far as the recorder writes it.
fn superframe(data: &[u8]) -> Option<Vec<&[u8]>> {
    let marker = *data.last()?;
    if marker & 0xe0 != 0xc0 {
        return None;
    }
    let (count, width) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let body = data.len().checked_sub(2 + count * width)?;
    let index = &data[body..data.len() - 1];
    if index[0] != marker {
        return None;
    }
    let mut rest = &data[..body];
    let mut parts = Vec::new();
    for size in index[1..].chunks_exact(width) {
        let size = size.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (part, after) = rest.split_at_checked(size)?;
        if part.first().is_none_or(|first| first & SFRAME != SFRAME) {
            return None;
        }
        parts.push(part);
        rest = after;
    }
    rest.is_empty().then_some(parts)
}

/// Parameter sets in the clear, and one slice that holds the sealed frame.
fn h264(opener: &mut Opener, dressed: &[u8]) -> Result<Vec<u8>, Closed> {
    let mut rest = dressed;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let (unit, after) = after.split_at_checked(length).ok_or(Closed::Unsealed)?;
        rest = after;
        let kind = unit.first().map_or(0, |first| first & 0x1f);
        if matches!(kind, NAL_SLICE | NAL_IDR) {
            let [front @ .., NAL_STOP] = unit else { return Err(Closed::Unsealed) };
            let (front, escaped) = front.split_at_checked(NAL_FRONT).ok_or(Closed::Unsealed)?;
            let stream = opener.open(&unescape(escaped, front), 3)?;
            return Ok(with_lengths(&stream));
        }
    }
    Err(Closed::Unsealed)
}

/// ITU-T H.264 §7.4.1: a 3 behind two zeros only keeps a start code from appearing.
fn unescape(bytes: &[u8], before: &[u8]) -> Vec<u8> {
    let mut zeros = before.iter().rev().take_while(|byte| **byte == 0).count();
    let mut plain = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if zeros < 2 || byte != 3 {
            plain.push(byte);
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
    plain
}

/// Encoders put start codes before units (§B.1), Matroska lengths.
fn with_lengths(stream: &[u8]) -> Vec<u8> {
    let starts: Vec<usize> =
        (0..stream.len().saturating_sub(2)).filter(|at| stream[*at..].starts_with(&[0, 0, 1])).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let mut data = Vec::with_capacity(stream.len() + 8);
    for (start, end) in starts.iter().zip(ends) {
        let mut unit = &stream[start + 3..end];
        while let [shorter @ .., 0] = unit {
            unit = shorter;
        }
        if unit.first().is_some_and(|first| first & 0x1f != NAL_DELIMITER) {
            data.extend((unit.len() as u32).to_be_bytes());
            data.extend_from_slice(unit);
        }
    }
    data
}

/// Of each spatial layer an OBU that holds the sealed frame, which is OBUs again.
fn av1(opener: &mut Opener, dressed: &[u8]) -> Result<Vec<u8>, Closed> {
    let mut data = Vec::new();
    for unit in units(dressed) {
        let unit = unit.ok_or(Closed::Unsealed)?;
        if unit.kind != OBU_FRAME {
            continue;
        }
        let plain = opener.open(unit.body, 4)?;
        for unit in units(&plain) {
            unit.ok_or(Closed::Unsealed)?.write(&mut data);
        }
    }
    if data.is_empty() { Err(Closed::Unsealed) } else { Ok(data) }
}

/// An OBU (AV1 bitstream §5.3).
struct Unit<'a> {
    header: u8,
    kind: u8,
    extension: Option<u8>,
    body: &'a [u8],
}

impl Unit<'_> {
    /// As Matroska holds it: with its size, and without what it leaves out.
    fn write(&self, data: &mut Vec<u8>) {
        if matches!(self.kind, OBU_TEMPORAL_DELIMITER | OBU_TILE_LIST | OBU_PADDING) {
            return;
        }
        data.push(self.header | 0x02);
        data.extend(self.extension);
        put_leb128(data, self.body.len());
        data.extend_from_slice(self.body);
    }
}

/// One behind the other; `None` where one is cut off, and nothing behind it.
fn units(mut rest: &[u8]) -> impl Iterator<Item = Option<Unit<'_>>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let unit = unit(&mut rest);
        if unit.is_none() {
            rest = &[];
        }
        Some(unit)
    })
}

fn unit<'a>(rest: &mut &'a [u8]) -> Option<Unit<'a>> {
    let (&header, after) = rest.split_first()?;
    let (extension, after) = match header & 0x04 {
        0 => (None, after),
        _ => after.split_first().map(|(extension, after)| (Some(*extension), after))?,
    };
    let (body, after) = if header & 0x02 == 0 {
        (after, &[][..])
    } else {
        let (size, length) = leb128(after)?;
        after.get(length..)?.split_at_checked(size)?
    };
    *rest = after;
    Some(Unit { header, kind: header >> 3 & 0x0f, extension, body })
}
