//! Goodbye (RFC 3550 §6.6).

use super::RtcpError;
use super::header::{HEADER_LEN, body_writer, write_header};
use crate::base::id::Ssrc;
use crate::wire::bytes::be32;

/// Sources that end. The reason is not kept: nobody reads it.
#[derive(Clone, Copy, Debug)]
pub struct Bye<'a> {
    ssrcs: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Bye<'a>, RtcpError> {
        let (ssrcs, reason) = body.split_at_checked(4 * usize::from(count)).ok_or(RtcpError::Malformed)?;
        match reason {
            [] => {}
            [len, text @ ..] if text.len() >= usize::from(*len) => {}
            _ => return Err(RtcpError::Malformed),
        }
        Ok(Bye { ssrcs })
    }

    /// Which sources.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        self.ssrcs.chunks_exact(4).map(|ssrc| Ssrc(be32(ssrc, 0)))
    }
}

/// Writes a goodbye of at most 31 sources.
pub fn write_bye(ssrcs: &[Ssrc], out: &mut [u8]) -> Option<usize> {
    let count = u8::try_from(ssrcs.len()).ok().filter(|&count| count < 32)?;
    let mut writer = body_writer(out)?;
    ssrcs.iter().try_for_each(|ssrc| writer.put_u32(ssrc.0))?;
    let len = HEADER_LEN + writer.len();
    write_header(203, count, len, out)
}
