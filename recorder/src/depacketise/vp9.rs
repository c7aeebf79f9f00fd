//! VP9 (RFC 9628): the frames of all spatial layers of a picture, one behind the other. Of several, an
//! index at the end says where each begins (VP9 bitstream, annex B), without which players show the first.

use super::bits::Bits;
use super::{Broken, Build, Built, Picture};

/// An index has three bits for the count.
const MAX_LAYERS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Builder {
    data: Vec<u8>,
    /// Where the frame of each spatial layer begins.
    begins: Vec<usize>,
    is_key: bool,
    /// Of the highest spatial layer, as the scalability structure says.
    size: Option<(u16, u16)>,
}

impl Build for Builder {
    fn add(&mut self, payload: &[u8], is_first: bool) -> Result<(), Broken> {
        let descriptor = Descriptor::read(payload).ok_or(Broken)?;
        if is_first {
            self.is_key = !descriptor.is_predicted && descriptor.spatial == 0;
        }
        if is_first && !descriptor.begins || self.begins.len() >= MAX_LAYERS {
            return Err(Broken);
        }
        if descriptor.begins {
            self.begins.push(self.data.len());
        }
        self.size = descriptor.size.or(self.size);
        self.data.extend_from_slice(&payload[descriptor.length..]);
        Ok(())
    }

    fn len(&self) -> usize {
        self.data.len()
    }

    fn take(&mut self) -> Option<Built> {
        let Builder { mut data, begins, is_key, size } = std::mem::take(self);
        if data.is_empty() {
            return None;
        }
        let size = if is_key { size.or_else(|| size_of_key_frame(&data)) } else { None };
        if begins.len() > 1 {
            append_index(&mut data, &begins);
        }
        Some(Built { data, is_key, picture: Picture { size, parameters: Vec::new() } })
    }
}

pub(crate) fn append_index(data: &mut Vec<u8>, begins: &[usize]) {
    let ends = begins.iter().skip(1).copied().chain([data.len()]);
    let sizes: Vec<u32> = begins.iter().zip(ends).map(|(begin, end)| (end - begin) as u32).collect();
    let marker = 0b1100_0000 | (4 - 1) << 3 | (sizes.len() - 1) as u8;
    data.push(marker);
    sizes.iter().for_each(|size| data.extend(size.to_le_bytes()));
    data.push(marker);
}

struct Descriptor {
    length: usize,
    is_predicted: bool,
    begins: bool,
    spatial: u8,
    size: Option<(u16, u16)>,
}

impl Descriptor {
    /// RFC 9628 §4.2, all of it.
    fn read(payload: &[u8]) -> Option<Descriptor> {
        let first = *payload.first()?;
        let has = |bit: u8| first & bit != 0;
        let mut at = 1;
        if has(0x80) {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        let mut spatial = 0;
        if has(0x20) {
            spatial = payload.get(at)? >> 1 & 7;
            at += if has(0x10) { 1 } else { 2 };
        }
        if has(0x10) && has(0x40) {
            // Up to three references; the last bit of each says whether another follows.
            for _ in 0..3 {
                at += 1;
                if payload.get(at - 1)? & 1 == 0 {
                    break;
                }
            }
        }
        let mut size = None;
        if has(0x02) {
            let (length, told) = structure(payload.get(at..)?)?;
            at += length;
            size = told;
        }
        payload.get(at)?;
        Some(Descriptor { length: at, is_predicted: has(0x40), begins: has(0x08), spatial, size })
    }
}

/// RFC 9628 §4.2.1: its length, and the size of the highest spatial layer.
fn structure(bytes: &[u8]) -> Option<(usize, Option<(u16, u16)>)> {
    let first = *bytes.first()?;
    let layers = usize::from(first >> 5) + 1;
    let mut at = 1;
    let mut size = None;
    if first & 0x10 != 0 {
        let last = bytes.get(at + 4 * (layers - 1)..at + 4 * layers)?;
        size = Some((u16::from_be_bytes([last[0], last[1]]), u16::from_be_bytes([last[2], last[3]])));
        at += 4 * layers;
    }
    if first & 0x08 != 0 {
        let pictures = *bytes.get(at)?;
        at += 1;
        for _ in 0..pictures {
            let references = bytes.get(at)? >> 2 & 3;
            at += 1 + usize::from(references);
        }
    }
    Some((at, size))
}

/// VP9 bitstream §6.2: the uncompressed header of a key frame.
fn size_of_key_frame(data: &[u8]) -> Option<(u16, u16)> {
    let mut bits = Bits::new(data);
    if bits.take(2)? != 2 {
        return None;
    }
    let profile = bits.take(1)? | bits.take(1)? << 1;
    if profile == 3 {
        bits.take(1)?;
    }
    // Shows an existing frame, or is no key frame.
    if bits.flag()? || bits.flag()? {
        return None;
    }
    bits.take(2)?;
    if bits.take(24)? != 0x49_83_42 {
        return None;
    }
    if profile >= 2 {
        bits.take(1)?;
    }
    const SRGB: u32 = 7;
    let is_rgb = bits.take(3)? == SRGB;
    if !is_rgb {
        bits.take(1)?;
    }
    if profile == 1 || profile == 3 {
        bits.take(if is_rgb { 1 } else { 3 })?;
    }
    Some(((bits.take(16)? + 1).min(0xffff) as u16, (bits.take(16)? + 1).min(0xffff) as u16))
}
