//! What we send to one peer.

use super::cipher::Cipher;
use super::keys::{MasterKey, Protocol};
use super::state::SenderState;
use super::{MAX_RTCP_INDEX, MAX_RTP_INDEX, RTCP_HEADER_LEN, SrtpError, rtcp_overhead, rtp_overhead};
use crate::wire::bytes::be32;
use crate::wire::rtp::FIXED_HEADER_LEN;

/// What a packet carries, gathered from where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Payload<'a> {
    /// Goes first: the original sequence number of a retransmission (RFC 4588 §4). A packet with
    /// a head is copied once.
    pub head: &'a [u8],
    /// The payload proper.
    pub body: &'a [u8],
    /// Bytes of padding to follow, their count included (RFC 3550 §5.1).
    pub padding: u8,
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(body: &'a [u8]) -> Payload<'a> {
        Payload { body, ..Payload::default() }
    }
}

impl Payload<'_> {
    /// Bytes before encryption.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len() + usize::from(self.padding)
    }

    /// Whether there is nothing, not even padding.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Our keys towards one peer.
pub struct SrtpSender {
    master: MasterKey,
    rtp: Cipher,
    rtcp: Cipher,
    /// The index of the next SRTCP packet, shared by all our SSRCs: what must never come twice is
    /// SSRC and index together (RFC 3711 §9.1), gaps are allowed, and 2^31 packets at a hundred a
    /// second last for 248 days.
    next_rtcp_index: u32,
}

impl SrtpSender {
    /// A sender that has sent nothing yet.
    pub fn new(master: &MasterKey) -> SrtpSender {
        SrtpSender {
            rtp: Cipher::new(master, Protocol::Rtp),
            rtcp: Cipher::new(master, Protocol::Rtcp),
            master: master.clone(),
            next_rtcp_index: 0,
        }
    }

    /// Bytes an RTP packet grows by.
    pub fn overhead(&self) -> usize {
        rtp_overhead(self.master.profile())
    }

    /// Bytes an RTCP packet grows by.
    pub fn rtcp_overhead(&self) -> usize {
        rtcp_overhead(self.master.profile())
    }

    /// Seals `payload` behind the header that stands in `out[..header_len]`; returns the packet's
    /// length. With padding, the header's padding bit is set here.
    ///
    /// `index` is the 48-bit packet index, whose low 16 bits are the header's sequence number. It
    /// must never be used twice with one SSRC, except for the very same packet.
    pub fn seal_rtp<'a>(
        &self,
        index: u64,
        header_len: usize,
        payload: impl Into<Payload<'a>>,
        out: &mut [u8],
    ) -> Result<usize, SrtpError> {
        let payload = payload.into();
        if index > MAX_RTP_INDEX {
            return Err(SrtpError::Exhausted);
        }
        if header_len < FIXED_HEADER_LEN {
            return Err(SrtpError::Short);
        }
        let len = header_len + payload.len() + self.overhead();
        let out = out.get_mut(..len).ok_or(SrtpError::NoRoom)?;
        debug_assert_eq!(index as u16, crate::wire::bytes::be16(out, 2), "the header tells another index");
        let ssrc = be32(out, 8);
        if payload.padding == 0 {
            self.rtp.seal_rtp(ssrc, index, header_len, [payload.head, payload.body, &[]], out)?;
            return Ok(len);
        }
        out[0] |= 0x20;
        let mut padding = [0; u8::MAX as usize];
        let padding = &mut padding[..usize::from(payload.padding)];
        padding[padding.len() - 1] = payload.padding;
        self.rtp.seal_rtp(ssrc, index, header_len, [payload.head, payload.body, padding], out)?;
        Ok(len)
    }

    /// Seals the compound `plain` into `out` under the next index; returns the packet's length.
    pub fn seal_rtcp(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, SrtpError> {
        if plain.len() < RTCP_HEADER_LEN {
            return Err(SrtpError::Short);
        }
        if self.next_rtcp_index > MAX_RTCP_INDEX {
            return Err(SrtpError::Exhausted);
        }
        let len = plain.len() + self.rtcp_overhead();
        let out = out.get_mut(..len).ok_or(SrtpError::NoRoom)?;
        let index = self.next_rtcp_index;
        self.next_rtcp_index += 1;
        self.rtcp.seal_rtcp(be32(plain, 4), index, plain, out)?;
        Ok(len)
    }

    /// All that another sender needs to go on where this one stands.
    pub fn export(&self) -> SenderState {
        SenderState { master: self.master.clone(), next_rtcp_index: self.next_rtcp_index }
    }

    /// Goes on where another sender stood.
    pub fn import(state: &SenderState) -> Result<SrtpSender, SrtpError> {
        if state.next_rtcp_index > MAX_RTCP_INDEX + 1 {
            return Err(SrtpError::BadState);
        }
        Ok(SrtpSender { next_rtcp_index: state.next_rtcp_index, ..SrtpSender::new(&state.master) })
    }
}
