//! Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 §2.2).

use super::RtcpError;
use crate::base::id::Ssrc;
use crate::wire::bytes::{be24, be32};

/// What a receiver believes its link can carry.
#[derive(Clone, Copy, Debug)]
pub struct Remb<'a> {
    /// Who says so.
    pub sender: Ssrc,
    /// Bits a second.
    pub bitrate_bps: u64,
    ssrcs: &'a [u8],
}

impl<'a> Remb<'a> {
    /// Whether this application layer feedback is a REMB.
    pub(super) fn is(body: &[u8]) -> bool {
        body.get(8..12) == Some(b"REMB")
    }

    pub(super) fn parse(body: &'a [u8]) -> Result<Remb<'a>, RtcpError> {
        if body.len() < 16 {
            return Err(RtcpError::Malformed);
        }
        let ssrcs = body.get(16..16 + 4 * usize::from(body[12])).ok_or(RtcpError::Malformed)?;
        let (exponent, mantissa) = (body[13] >> 2, u64::from(be24(body, 13) & 0x3_ffff));
        let bitrate_bps =
            if mantissa.leading_zeros() < u32::from(exponent) { u64::MAX } else { mantissa << exponent };
        Ok(Remb { sender: Ssrc(be32(body, 0)), bitrate_bps, ssrcs })
    }

    /// The streams it speaks of.
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        self.ssrcs.chunks_exact(4).map(|ssrc| Ssrc(be32(ssrc, 0)))
    }
}
