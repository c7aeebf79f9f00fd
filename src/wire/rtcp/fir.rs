//! Full intra request (RFC 5104 §4.3.1).

use super::RtcpError;
use super::header::{HEADER_LEN, body_writer, write_header};
use crate::base::id::Ssrc;
use crate::wire::bytes::be32;

/// Somebody wants key frames.
#[derive(Clone, Copy, Debug)]
pub struct Fir<'a> {
    /// Who asks.
    pub sender: Ssrc,
    entries: &'a [u8],
}

/// One request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirEntry {
    /// Of which stream.
    pub media: Ssrc,
    /// Tells a new request from a repeated one.
    pub sequence: u8,
}

impl<'a> Fir<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Fir<'a>, RtcpError> {
        let entries = body.get(8..).ok_or(RtcpError::Malformed)?;
        if entries.is_empty() || !entries.len().is_multiple_of(8) {
            return Err(RtcpError::Malformed);
        }
        Ok(Fir { sender: Ssrc(be32(body, 0)), entries })
    }

    /// The requests.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = FirEntry> + use<'a> {
        self.entries.chunks_exact(8).map(|entry| FirEntry { media: Ssrc(be32(entry, 0)), sequence: entry[4] })
    }
}

/// Writes a full intra request for one stream.
pub fn write_fir(sender: Ssrc, entry: FirEntry, out: &mut [u8]) -> Option<usize> {
    let mut writer = body_writer(out)?;
    writer.put_u32(sender.0)?;
    // RFC 5104 §4.3.1.2: the media source of the common header is not used.
    writer.put_u32(0)?;
    writer.put_u32(entry.media.0)?;
    writer.put(&[entry.sequence, 0, 0, 0])?;
    let len = HEADER_LEN + writer.len();
    write_header(206, 4, len, out)
}
