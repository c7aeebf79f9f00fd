//! The header all messages share (RFC 3550 §6.4.1), taken apart and written.

use super::RtcpError;
use crate::wire::bytes::be16;

/// Bytes of the header all messages share.
pub(super) const HEADER_LEN: usize = 4;

/// One framed message: lengths and padding are right, the content is not looked at.
pub(super) struct Message<'a> {
    pub(super) packet_type: u8,
    /// Report count, source count or feedback message type.
    pub(super) count: u8,
    /// What follows the header, padding removed.
    pub(super) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Takes the first message off a compound.
    pub(super) fn take(compound: &mut &'a [u8]) -> Result<Message<'a>, RtcpError> {
        let bytes = *compound;
        if bytes.len() < HEADER_LEN {
            return Err(RtcpError::Short);
        }
        if bytes[0] >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let len = HEADER_LEN + 4 * usize::from(be16(bytes, 2));
        let message = bytes.get(..len).ok_or(RtcpError::Short)?;
        *compound = &bytes[len..];
        let mut body = &message[HEADER_LEN..];
        if bytes[0] & 0x20 != 0 {
            body = without_padding(body)?;
        }
        Ok(Message { packet_type: bytes[1], count: bytes[0] & 0x1f, body })
    }
}

/// By RFC 3550 §6.4.1 only the last message is padded, by a multiple of four that counts itself.
/// Browsers end their transport-wide feedback with one to three bytes that count themselves, wherever
/// it stands in a compound.
fn without_padding(body: &[u8]) -> Result<&[u8], RtcpError> {
    let count = usize::from(*body.last().ok_or(RtcpError::Padding)?);
    if count == 0 || count > body.len() {
        return Err(RtcpError::Padding);
    }
    Ok(&body[..body.len() - count])
}

/// Frames a message of `len` bytes, a multiple of four, whose body stands in `out` already.
pub(super) fn write_header(packet_type: u8, count: u8, len: usize, out: &mut [u8]) -> Option<usize> {
    debug_assert!(len.is_multiple_of(4) && len >= HEADER_LEN && count < 32);
    let words = u16::try_from(len / 4 - 1).ok()?;
    let header = out.get_mut(..len)?.first_chunk_mut::<HEADER_LEN>()?;
    let [high, low] = words.to_be_bytes();
    *header = [0x80 | count, packet_type, high, low];
    Some(len)
}

/// A writer for the body of a message: all but the header, which needs the length.
pub(super) fn body_writer(out: &mut [u8]) -> Option<crate::wire::bytes::Writer<'_>> {
    out.get_mut(HEADER_LEN..).map(crate::wire::bytes::Writer::new)
}
