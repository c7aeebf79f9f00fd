//! Generic negative acknowledgement (RFC 4585 §6.2.1).

use super::RtcpError;
use super::header::{HEADER_LEN, body_writer, write_header};
use crate::base::id::Ssrc;
use crate::wire::bytes::{be16, be32};

/// Sequence numbers somebody misses.
#[derive(Clone, Copy, Debug)]
pub struct Nack<'a> {
    /// Who misses them.
    pub sender: Ssrc,
    /// The stream they belong to.
    pub media: Ssrc,
    entries: &'a [u8],
}

impl<'a> Nack<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Nack<'a>, RtcpError> {
        let entries = body.get(8..).ok_or(RtcpError::Malformed)?;
        if entries.is_empty() || !entries.len().is_multiple_of(4) {
            return Err(RtcpError::Malformed);
        }
        Ok(Nack { sender: Ssrc(be32(body, 0)), media: Ssrc(be32(body, 4)), entries })
    }

    /// The sequence numbers, in the order they are written.
    pub fn lost(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.entries.chunks_exact(4).flat_map(|entry| {
            let (first, mask) = (be16(entry, 0), be16(entry, 2));
            let followers = (0..16).filter(move |bit| mask >> bit & 1 != 0);
            std::iter::once(first).chain(followers.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}

/// Writes a request for `lost`, which rises (modulo 2^16); `None` also when it is empty.
pub fn write_nack(sender: Ssrc, media: Ssrc, lost: &[u16], out: &mut [u8]) -> Option<usize> {
    let mut writer = body_writer(out)?;
    writer.put_u32(sender.0)?;
    writer.put_u32(media.0)?;
    let (&first, rest) = lost.split_first()?;
    let (mut first, mut mask) = (first, 0u16);
    for &sequence in rest {
        match sequence.wrapping_sub(first) {
            0 => {}
            ahead @ 1..=16 => mask |= 1 << (ahead - 1),
            _ => {
                writer.put_u16(first)?;
                writer.put_u16(mask)?;
                (first, mask) = (sequence, 0);
            }
        }
    }
    writer.put_u16(first)?;
    writer.put_u16(mask)?;
    let len = HEADER_LEN + writer.len();
    write_header(205, 1, len, out)
}
