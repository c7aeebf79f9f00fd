//! RTP headers as a simulated peer writes and reads them (RFC 3550 §5.1, RFC 8285).
//!
//! Written apart from the server's views on purpose, and slowly: into owned values.

use crate::base::id::{PayloadType, Ssrc};

/// The profile of one-byte header extensions (RFC 8285 §4.2).
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// That of two-byte ones (§4.3), where one is longer than the others can say.
const TWO_BYTE_PROFILE: u16 = 0x1000;
const LONGEST_ONE_BYTE: usize = 16;
const FIXED_LEN: usize = 12;

/// An RTP header with one-byte extensions, unless one is too long.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// The end of a frame, or the start of a talk spurt.
    pub marker: bool,
    /// How the payload is to be read.
    pub payload_type: PayloadType,
    /// Place in the stream.
    pub sequence: u16,
    /// Moment of capture on the stream's clock.
    pub timestamp: u32,
    /// Whose stream.
    pub ssrc: Ssrc,
    /// Extensions by id.
    pub extensions: Vec<(u8, Vec<u8>)>,
}

impl Header {
    /// The value of the extension `id`.
    pub fn extension(&self, id: Option<u8>) -> Option<&[u8]> {
        let id = id?;
        let found = self.extensions.iter().find(|extension| extension.0 == id)?;
        Some(&found.1)
    }

    /// The header's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1500);
        bytes.push(0x80 | u8::from(!self.extensions.is_empty()) << 4);
        bytes.push(self.payload_type.0 | u8::from(self.marker) << 7);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.0.to_be_bytes());
        if !self.extensions.is_empty() {
            self.write_extensions(&mut bytes);
        }
        bytes
    }

    fn write_extensions(&self, bytes: &mut Vec<u8>) {
        let is_long = self.extensions.iter().any(|(_, value)| value.len() > LONGEST_ONE_BYTE);
        let profile = if is_long { TWO_BYTE_PROFILE } else { ONE_BYTE_PROFILE };
        bytes.extend(profile.to_be_bytes());
        let length_at = bytes.len();
        bytes.extend([0, 0]);
        for (id, value) in &self.extensions {
            if is_long {
                bytes.extend([*id, value.len() as u8]);
            } else {
                bytes.push(id << 4 | (value.len() as u8 - 1));
            }
            bytes.extend(value);
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let words = ((bytes.len() - length_at - 2) / 4) as u16;
        bytes[length_at..length_at + 2].copy_from_slice(&words.to_be_bytes());
    }
}

/// A packet as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Its header.
    pub header: Header,
    /// Its payload, without padding.
    pub payload: Vec<u8>,
    /// How many bytes of padding it had.
    pub padding: usize,
}

/// How long the header of a packet is, sealed or not.
pub fn header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = FIXED_LEN + 4 * usize::from(first & 0x0f);
    if first & 0x10 == 0 {
        return Some(fixed);
    }
    let words = u16::from_be_bytes([*packet.get(fixed + 2)?, *packet.get(fixed + 3)?]);
    Some(fixed + 4 + 4 * usize::from(words))
}

/// Whether a datagram is DTLS (RFC 7983).
pub fn is_dtls(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (20..=63).contains(first))
}

/// Whether a sealed packet is RTCP rather than RTP (RFC 5761 §4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (192..224).contains(kind))
}

/// Reads a packet that was opened; `None` when it contradicts itself.
pub fn read(packet: &[u8]) -> Option<Packet> {
    let fixed = packet.get(..FIXED_LEN)?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let mut at = FIXED_LEN + 4 * usize::from(fixed[0] & 0x0f);
    let mut extensions = Vec::new();
    if fixed[0] & 0x10 != 0 {
        let words = usize::from(u16::from_be_bytes([*packet.get(at + 2)?, packet[at + 3]]));
        let profile = u16::from_be_bytes([packet[at], packet[at + 1]]);
        extensions = read_extensions(profile, packet.get(at + 4..at + 4 + 4 * words)?)?;
        at += 4 + 4 * words;
    }
    let padding = if fixed[0] & 0x20 != 0 { usize::from(*packet.last()?) } else { 0 };
    if fixed[0] & 0x20 != 0 && padding == 0 {
        return None;
    }
    let payload = packet.get(at..packet.len().checked_sub(padding)?)?.to_vec();
    let number = |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let header = Header {
        marker: fixed[1] & 0x80 != 0,
        payload_type: PayloadType(fixed[1] & 0x7f),
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        timestamp: number(4),
        ssrc: Ssrc(number(8)),
        extensions,
    };
    Some(Packet { header, payload, padding })
}

fn read_extensions(profile: u16, mut rest: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut found = Vec::new();
    while let Some((&first, behind)) = rest.split_first() {
        if first == 0 {
            rest = behind;
            continue;
        }
        let (id, length, value) = match profile {
            ONE_BYTE_PROFILE if first >> 4 == 15 => return Some(found),
            ONE_BYTE_PROFILE => (first >> 4, usize::from(first & 0x0f) + 1, behind),
            0x1000..=0x100f => (first, usize::from(*behind.first()?), &behind[1..]),
            _ => return None,
        };
        found.push((id, value.get(..length)?.to_vec()));
        rest = &value[length..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            marker: true,
            payload_type: PayloadType(111),
            sequence: 65_535,
            timestamp: 0xdead_beef,
            ssrc: Ssrc(42),
            extensions: vec![(1, b"0".to_vec()), (3, vec![1, 2])],
        }
    }

    #[test]
    fn a_header_is_read_back_with_its_extensions() {
        let mut bytes = header().to_bytes();
        bytes.extend(b"payload");
        let read = read(&bytes).expect("it was just written");
        assert_eq!(read.header, header());
        assert_eq!(read.payload, b"payload");
        assert_eq!(read.header.extension(Some(3)), Some(&[1, 2][..]));
        assert_eq!(read.header.extension(None), None);
    }

    #[test]
    fn padding_is_taken_off_and_lies_about_it_are_refused() {
        let mut bytes = header().to_bytes();
        bytes[0] |= 0x20;
        bytes.extend([9, 9, 0, 0, 3]);
        let padded = read(&bytes).expect("the padding fits");
        assert_eq!((padded.payload.as_slice(), padded.padding), (&[9, 9][..], 3));
        *bytes.last_mut().expect("not empty") = 200;
        assert_eq!(read(&bytes), None);
        *bytes.last_mut().expect("not empty") = 0;
        assert_eq!(read(&bytes), None);
    }
}
