//! AV1 (the RTP payload format of AOMedia): OBUs put together from elements, each with its size, as
//! Matroska holds a temporal unit.

use super::bits::Bits;
use super::{Broken, Build, Built, Picture};

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

#[derive(Debug, Default)]
pub(super) struct Builder {
    data: Vec<u8>,
    /// The beginning of an OBU that goes on in the next packet.
    open: Vec<u8>,
    begins_sequence: bool,
    sequence_header: Vec<u8>,
}

impl Builder {
    /// A whole OBU, without a size field or with one.
    fn add_unit(&mut self, unit: &[u8]) -> Result<(), Broken> {
        let &[header, ..] = unit else { return Err(Broken) };
        let has_extension = header & 0x04 != 0;
        let mut body = unit.get(1 + usize::from(has_extension)..).ok_or(Broken)?;
        if header & 0x02 != 0 {
            let (size, length) = leb128(body).ok_or(Broken)?;
            body = body.get(length..).and_then(|rest| rest.get(..size)).ok_or(Broken)?;
        }
        let kind = header >> 3 & 0x0f;
        if matches!(kind, TEMPORAL_DELIMITER | TILE_LIST | PADDING) {
            return Ok(());
        }
        let begin = self.data.len();
        self.data.push(header | 0x02);
        if has_extension {
            self.data.push(unit[1]);
        }
        put_leb128(&mut self.data, body.len());
        self.data.extend_from_slice(body);
        if kind == SEQUENCE_HEADER {
            self.sequence_header = self.data[begin..].to_vec();
        }
        Ok(())
    }
}

impl Build for Builder {
    /// §4.4: Z, Y, W and N, then the elements, each but perhaps the last behind its length.
    fn add(&mut self, payload: &[u8], is_first: bool) -> Result<(), Broken> {
        let (&aggregation, mut rest) = payload.split_first().ok_or(Broken)?;
        let (continues, goes_on) = (aggregation & 0x80 != 0, aggregation & 0x40 != 0);
        let count = usize::from(aggregation >> 4 & 3);
        if is_first {
            self.begins_sequence = aggregation & 0x08 != 0;
        }
        if continues == self.open.is_empty() {
            return Err(Broken);
        }
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let element;
            if count != 0 && number == count {
                (element, rest) = (rest, &[][..]);
            } else {
                let (size, length) = leb128(rest).ok_or(Broken)?;
                (element, rest) =
                    rest.get(length..).and_then(|rest| rest.split_at_checked(size)).ok_or(Broken)?;
            }
            let mut unit = std::mem::take(&mut self.open);
            unit.extend_from_slice(element);
            if goes_on && rest.is_empty() {
                self.open = unit;
            } else if !unit.is_empty() {
                self.add_unit(&unit)?;
            }
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.data.len() + self.open.len()
    }

    fn take(&mut self) -> Option<Built> {
        let data = std::mem::take(&mut self.data);
        let is_whole = std::mem::take(&mut self.open).is_empty();
        let begins = std::mem::take(&mut self.begins_sequence);
        if data.is_empty() || !is_whole {
            return None;
        }
        let is_key = begins && !self.sequence_header.is_empty();
        let picture = if is_key {
            Picture { size: size(&self.sequence_header), parameters: configuration(&self.sequence_header) }
        } else {
            Picture::default()
        };
        Some(Built { data, is_key, picture })
    }
}

pub(crate) fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (place, &byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, place + 1));
        }
    }
    None
}

pub(crate) fn put_leb128(to: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn body(header: &[u8]) -> Option<&[u8]> {
    let start = 1 + usize::from(header.first()? & 0x04 != 0);
    let (_, length) = leb128(header.get(start..)?)?;
    header.get(start + length..)
}

/// `AV1CodecConfigurationRecord` of the AV1 binding to ISO files, §2.3, for 8 bits 4:2:0: browsers send
/// nothing else in a call.
fn configuration(header: &[u8]) -> Vec<u8> {
    let profile = body(header).and_then(|body| body.first()).map_or(0, |first| first >> 5);
    let level = body(header).and_then(level).unwrap_or(8);
    let mut record = vec![0x81, profile << 5 | level & 0x1f, 0b0000_1100, 0];
    record.extend_from_slice(header);
    record
}

fn level(body: &[u8]) -> Option<u8> {
    sequence(body).map(|(level, _)| level)
}

fn size(header: &[u8]) -> Option<(u16, u16)> {
    sequence(body(header)?).map(|(_, size)| size)
}

/// AV1 bitstream §5.5.1, as far as the size: the level of the first operating point, and the size.
fn sequence(body: &[u8]) -> Option<(u8, (u16, u16))> {
    let mut bits = Bits::new(body);
    bits.take(4)?;
    let level;
    if bits.flag()? {
        level = bits.take(5)?;
    } else {
        if bits.flag()? {
            // Timing information: no encoder of a browser sends it.
            return None;
        }
        let has_delay = bits.flag()?;
        let points = bits.take(5)? + 1;
        let mut first = None;
        for _ in 0..points {
            bits.take(12)?;
            let level = bits.take(5)?;
            first = first.or(Some(level));
            if level > 7 {
                bits.take(1)?;
            }
            if has_delay && bits.flag()? {
                bits.take(4)?;
            }
        }
        level = first?;
    }
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    let (width, height) = (bits.take(width_bits)? + 1, bits.take(height_bits)? + 1);
    Some((level as u8, (u16::try_from(width).ok()?, u16::try_from(height).ok()?)))
}
