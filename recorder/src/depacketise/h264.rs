//! H.264 (RFC 6184): NAL units, each behind its length, as Matroska holds them.

use super::bits::Bits;
use super::{Broken, Build, Built, Picture};

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

#[derive(Debug, Default)]
pub(super) struct Builder {
    data: Vec<u8>,
    is_key: bool,
    /// A fragmented unit is open: where its length stands.
    fragment: Option<usize>,
    /// The last parameter sets that came; they hold until others do.
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl Builder {
    fn add_unit(&mut self, unit: &[u8]) -> Result<(), Broken> {
        let kind = unit.first().ok_or(Broken)? & 0x1f;
        match kind {
            SPS => self.sps = unit.to_vec(),
            PPS => self.pps = unit.to_vec(),
            IDR => self.is_key = true,
            _ => {}
        }
        self.data.extend((unit.len() as u32).to_be_bytes());
        self.data.extend_from_slice(unit);
        Ok(())
    }

    fn add_fragment(&mut self, payload: &[u8]) -> Result<(), Broken> {
        let [indicator, header, rest @ ..] = payload else { return Err(Broken) };
        let (starts, ends, kind) = (header & 0x80 != 0, header & 0x40 != 0, header & 0x1f);
        if starts {
            self.fragment = Some(self.data.len());
            self.data.extend([0; 4]);
            self.data.push(indicator & 0xe0 | kind);
            self.is_key |= kind == IDR;
        }
        let begin = self.fragment.ok_or(Broken)?;
        self.data.extend_from_slice(rest);
        if ends {
            let length = (self.data.len() - begin - 4) as u32;
            self.data[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
            self.fragment = None;
        }
        Ok(())
    }
}

impl Build for Builder {
    fn add(&mut self, payload: &[u8], _is_first: bool) -> Result<(), Broken> {
        let kind = payload.first().ok_or(Broken)? & 0x1f;
        if kind == FU_A {
            return self.add_fragment(payload);
        }
        if self.fragment.is_some() {
            return Err(Broken);
        }
        match kind {
            1..=23 => self.add_unit(payload),
            STAP_A => {
                let mut rest = &payload[1..];
                while let Some((length, after)) = rest.split_first_chunk::<2>() {
                    let length = usize::from(u16::from_be_bytes(*length));
                    let (unit, after) = after.split_at_checked(length).ok_or(Broken)?;
                    self.add_unit(unit)?;
                    rest = after;
                }
                Ok(())
            }
            _ => Err(Broken),
        }
    }

    fn len(&self) -> usize {
        self.data.len()
    }

    fn take(&mut self) -> Option<Built> {
        let (data, is_key) = (std::mem::take(&mut self.data), std::mem::take(&mut self.is_key));
        let is_whole = self.fragment.take().is_none();
        if data.is_empty() || !is_whole {
            return None;
        }
        let has_parameters = is_key && !self.sps.is_empty() && !self.pps.is_empty();
        let picture = if has_parameters {
            Picture { size: size(&self.sps), parameters: configuration(&self.sps, &self.pps) }
        } else {
            Picture::default()
        };
        // Without parameter sets nobody can begin with it.
        Some(Built { data, is_key: has_parameters, picture })
    }
}

/// `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 §5.3.3.1) with lengths of four bytes.
fn configuration(sps: &[u8], pps: &[u8]) -> Vec<u8> {
    let [_, profile, constraints, level, ..] = *sps else { return Vec::new() };
    let mut record = vec![1, profile, constraints, level, 0xff, 0xe1];
    record.extend((sps.len() as u16).to_be_bytes());
    record.extend_from_slice(sps);
    record.push(1);
    record.extend((pps.len() as u16).to_be_bytes());
    record.extend_from_slice(pps);
    record
}

/// ITU-T H.264 §7.3.2.1.1, as far as the size.
fn size(sps: &[u8]) -> Option<(u16, u16)> {
    let plain = without_emulation_prevention(sps.get(1..)?);
    let mut bits = Bits::new(&plain);
    let profile = bits.take(8)?;
    bits.take(16)?;
    bits.golomb()?;
    let mut chroma = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128) {
        chroma = bits.golomb()?;
        if chroma == 3 {
            bits.take(1)?;
        }
        bits.golomb()?;
        bits.golomb()?;
        bits.take(1)?;
        if bits.flag()? {
            // Scaling matrices: no encoder of a browser sends them.
            return None;
        }
    }
    bits.golomb()?;
    match bits.golomb()? {
        0 => drop(bits.golomb()?),
        1 => {
            bits.take(1)?;
            bits.golomb()?;
            bits.golomb()?;
            for _ in 0..bits.golomb()?.min(255) {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    bits.golomb()?;
    bits.take(1)?;
    let (columns, lines) = (bits.golomb()?.checked_add(1)?, bits.golomb()?.checked_add(1)?);
    let fields = if bits.flag()? { 1 } else { 2 };
    if fields == 2 {
        bits.take(1)?;
    }
    bits.take(1)?;
    let mut crop = [0; 4];
    if bits.flag()? {
        for side in &mut crop {
            *side = bits.golomb()?;
        }
    }
    let (unit_x, unit_y) = if chroma == 1 { (2, 2 * fields) } else { (1, fields) };
    let whole = |blocks: u32, unit: u32, cut: u32| {
        let pixels = blocks.checked_mul(16)?.checked_sub(cut.checked_mul(unit)?)?;
        u16::try_from(pixels).ok()
    };
    let width = whole(columns, unit_x, crop[0].checked_add(crop[1])?)?;
    let height = whole(lines.checked_mul(fields)?, unit_y, crop[2].checked_add(crop[3])?)?;
    Some((width, height))
}

/// ITU-T H.264 §7.3.1: a 3 behind two zeros only keeps a start code from appearing.
fn without_emulation_prevention(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}
