//! Source descriptions (RFC 3550 §6.5); of their items only the CNAME means anything to Volley.

use super::RtcpError;
use super::header::{HEADER_LEN, body_writer, write_header};
use crate::base::id::Ssrc;
use crate::wire::bytes::be32;

const CNAME: u8 = 1;

/// A source description: one chunk per source.
#[derive(Clone, Copy, Debug)]
pub struct Sdes<'a> {
    count: u8,
    chunks: &'a [u8],
}

/// What is said of one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SdesChunk<'a> {
    /// The source.
    pub ssrc: Ssrc,
    /// Its canonical name, if it is there.
    pub cname: Option<&'a [u8]>,
}

impl<'a> Sdes<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Sdes<'a>, RtcpError> {
        let mut rest = body;
        for _ in 0..count {
            SdesChunk::take(&mut rest)?;
        }
        Ok(Sdes { count, chunks: body })
    }

    /// One by one.
    pub fn chunks(&self) -> impl Iterator<Item = SdesChunk<'a>> + use<'a> {
        let mut rest = self.chunks;
        (0..self.count).map_while(move |_| SdesChunk::take(&mut rest).ok())
    }
}

impl<'a> SdesChunk<'a> {
    fn take(chunks: &mut &'a [u8]) -> Result<SdesChunk<'a>, RtcpError> {
        let bytes = *chunks;
        if bytes.len() < 4 {
            return Err(RtcpError::Malformed);
        }
        let mut chunk = SdesChunk { ssrc: Ssrc(be32(bytes, 0)), cname: None };
        let mut at = 4;
        loop {
            let &kind = bytes.get(at).ok_or(RtcpError::Malformed)?;
            if kind == 0 {
                break;
            }
            let len = usize::from(*bytes.get(at + 1).ok_or(RtcpError::Malformed)?);
            let text = bytes.get(at + 2..at + 2 + len).ok_or(RtcpError::Malformed)?;
            if kind == CNAME && chunk.cname.is_none() {
                chunk.cname = Some(text);
            }
            at += 2 + len;
        }
        // RFC 3550 §6.5: at least one zero, then more up to a multiple of four.
        let end = (at + 1).next_multiple_of(4);
        *chunks = bytes.get(end..).ok_or(RtcpError::Malformed)?;
        Ok(chunk)
    }
}

/// Writes a description of one source by its canonical name, at most 255 bytes.
pub fn write_sdes(ssrc: Ssrc, cname: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut writer = body_writer(out)?;
    writer.put_u32(ssrc.0)?;
    writer.put(&[CNAME, u8::try_from(cname.len()).ok()?])?;
    writer.put(cname)?;
    writer.put_u8(0)?;
    writer.align()?;
    let len = HEADER_LEN + writer.len();
    write_header(202, 1, len, out)
}
