//! Picture loss indication (RFC 4585 §6.3.1).

use super::RtcpError;
use super::header::{HEADER_LEN, body_writer, write_header};
use crate::base::id::Ssrc;
use crate::wire::bytes::be32;

/// Somebody cannot go on without a key frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pli {
    /// Who asks.
    pub sender: Ssrc,
    /// Of which stream.
    pub media: Ssrc,
}

impl Pli {
    pub(super) fn parse(body: &[u8]) -> Result<Pli, RtcpError> {
        if body.len() != 8 {
            return Err(RtcpError::Malformed);
        }
        Ok(Pli { sender: Ssrc(be32(body, 0)), media: Ssrc(be32(body, 4)) })
    }
}

/// Writes a picture loss indication.
pub fn write_pli(sender: Ssrc, media: Ssrc, out: &mut [u8]) -> Option<usize> {
    let mut writer = body_writer(out)?;
    writer.put_u32(sender.0)?;
    writer.put_u32(media.0)?;
    let len = HEADER_LEN + writer.len();
    write_header(206, 1, len, out)
}
