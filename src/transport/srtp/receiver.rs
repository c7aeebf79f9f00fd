//! What a peer sends: opened when authentic, and only then counted as seen.

use super::cipher::Cipher;
use super::keys::{MasterKey, Protocol};
use super::replay::ReplayWindow;
use super::state::{ReceiverState, StreamState, WindowState};
use super::{MAX_RTP_INDEX, RTCP_HEADER_LEN, SrtpError, rtcp_overhead, rtp_overhead};
use crate::wire::bytes::{be16, be32};
use crate::wire::rtp::FIXED_HEADER_LEN;

/// Most SSRCs kept track of per peer. Firefox takes up to five with each screen that is shared, of which a
/// day has a hundred at most; a window costs 200 bytes. None is ever given up: a stream whose window were
/// forgotten could be replayed.
pub const MAX_STREAMS: usize = 512;

/// 960 packets, as libwebrtc keeps about a thousand: 1 s of a 10 Mbit/s stream.
type RtpWindow = ReplayWindow<16>;
/// 64 packets, the least RFC 3711 §3.3.2 allows: RTCP is rare.
type RtcpWindow = ReplayWindow<2>;

/// A packet that was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Bytes of header and payload in the output.
    pub len: usize,
    /// The 48-bit packet index: roll-over counter and sequence number.
    pub index: u64,
}

/// One peer's keys, and what was seen of its streams.
pub struct SrtpReceiver {
    master: MasterKey,
    rtp: Cipher,
    rtcp: Cipher,
    /// The SSRCs of `streams`, apart so that looking one up touches little memory.
    ssrcs: Vec<u32>,
    streams: Vec<Stream>,
}

struct Stream {
    rtp: RtpWindow,
    rtcp: RtcpWindow,
}

impl SrtpReceiver {
    /// A receiver that has seen nothing yet.
    pub fn new(master: &MasterKey) -> SrtpReceiver {
        SrtpReceiver {
            rtp: Cipher::new(master, Protocol::Rtp),
            rtcp: Cipher::new(master, Protocol::Rtcp),
            master: master.clone(),
            ssrcs: Vec::new(),
            streams: Vec::new(),
        }
    }

    /// The index a packet would have, if it could be new; says nothing about authenticity and
    /// changes nothing.
    pub fn peek_rtp(&self, packet: &[u8]) -> Result<u64, SrtpError> {
        self.locate(packet).map(|(_, index)| index)
    }

    /// Opens a packet whose header is `header_len` bytes into the first bytes of `out`.
    ///
    /// When it fails nothing has changed but the content of `out`.
    pub fn open_rtp(
        &mut self,
        packet: &[u8],
        header_len: usize,
        out: &mut [u8],
    ) -> Result<Opened, SrtpError> {
        let (stream, index) = self.locate(packet)?;
        let len = packet.len() - rtp_overhead(self.master.profile());
        if header_len < FIXED_HEADER_LEN || header_len > len {
            return Err(SrtpError::Short);
        }
        if out.len() < len {
            return Err(SrtpError::NoRoom);
        }
        let ssrc = be32(packet, 8);
        let len = self.rtp.open_rtp(ssrc, index, packet, header_len, out)?;
        self.stream_mut(stream, ssrc).rtp.commit(index);
        Ok(Opened { len, index })
    }

    /// Opens a compound into the first bytes of `out`, which is at least as long as `packet`.
    ///
    /// Returns its length. When it fails nothing has changed but the content of `out`.
    pub fn open_rtcp(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, SrtpError> {
        if packet.len() < RTCP_HEADER_LEN + rtcp_overhead(self.master.profile()) {
            return Err(SrtpError::Short);
        }
        if packet[0] >> 6 != 2 {
            return Err(SrtpError::UnknownVersion);
        }
        if out.len() < packet.len() {
            return Err(SrtpError::NoRoom);
        }
        let ssrc = be32(packet, 4);
        let index = u64::from(self.rtcp.rtcp_index(packet));
        let stream = self.find(ssrc)?;
        if let Some(stream) = stream {
            self.streams[stream].rtcp.check(index)?;
        }
        let len = self.rtcp.open_rtcp(ssrc, packet, out)?;
        self.stream_mut(stream, ssrc).rtcp.commit(index);
        Ok(len)
    }

    /// All that another receiver needs to go on where this one stands.
    pub fn export(&self) -> ReceiverState {
        let streams = self.ssrcs.iter().zip(&self.streams).map(|(&ssrc, stream)| StreamState {
            ssrc,
            rtp: WindowState::of(stream.rtp.parts()),
            rtcp: WindowState::of(stream.rtcp.parts()),
        });
        ReceiverState { master: self.master.clone(), streams: streams.collect() }
    }

    /// Goes on where another receiver stood.
    pub fn import(state: &ReceiverState) -> Result<SrtpReceiver, SrtpError> {
        let mut receiver = SrtpReceiver::new(&state.master);
        for stream in &state.streams {
            let window = |window: &WindowState, limit| (window.next <= limit).then_some(window.next);
            let rtp = window(&stream.rtp, MAX_RTP_INDEX + 1)
                .and_then(|next| RtpWindow::from_parts(next, &stream.rtp.seen));
            let rtcp = window(&stream.rtcp, 1 << 31)
                .and_then(|next| RtcpWindow::from_parts(next, &stream.rtcp.seen));
            let (Some(rtp), Some(rtcp), Ok(None)) = (rtp, rtcp, receiver.find(stream.ssrc)) else {
                return Err(SrtpError::BadState);
            };
            receiver.ssrcs.push(stream.ssrc);
            receiver.streams.push(Stream { rtp, rtcp });
        }
        Ok(receiver)
    }

    /// The place of a stream; `None` for a new one there is still a place for.
    fn find(&self, ssrc: u32) -> Result<Option<usize>, SrtpError> {
        match self.ssrcs.iter().position(|&known| known == ssrc) {
            None if self.ssrcs.len() == MAX_STREAMS => Err(SrtpError::TooManyStreams),
            place => Ok(place),
        }
    }

    /// The stream an authentic packet belongs to, as [`find`](Self::find) found it or a new one.
    fn stream_mut(&mut self, stream: Option<usize>, ssrc: u32) -> &mut Stream {
        let stream = stream.unwrap_or_else(|| {
            self.ssrcs.push(ssrc);
            self.streams.push(Stream { rtp: RtpWindow::new(), rtcp: RtcpWindow::new() });
            self.streams.len() - 1
        });
        &mut self.streams[stream]
    }

    /// Which stream a packet belongs to and which index it would have.
    fn locate(&self, packet: &[u8]) -> Result<(Option<usize>, u64), SrtpError> {
        if packet.len() < FIXED_HEADER_LEN + rtp_overhead(self.master.profile()) {
            return Err(SrtpError::Short);
        }
        if packet[0] >> 6 != 2 {
            return Err(SrtpError::UnknownVersion);
        }
        let sequence = be16(packet, 2);
        let stream = self.find(be32(packet, 8))?;
        let Some(place) = stream else { return Ok((None, u64::from(sequence))) };
        let window = &self.streams[place].rtp;
        let index = estimate_index(window.highest(), sequence).ok_or(SrtpError::Exhausted)?;
        window.check(index)?;
        Ok((stream, index))
    }
}

/// The index `sequence` most likely stands for (RFC 3711 §3.3.1); `None` beyond the last one.
fn estimate_index(highest: Option<u64>, sequence: u16) -> Option<u64> {
    let Some(highest) = highest else { return Some(u64::from(sequence)) };
    let (roc, last) = (highest >> 16, highest as u16);
    let roc = if last < 0x8000 {
        // There is no counter before the first: then the number can only lie ahead.
        if sequence.saturating_sub(last) > 0x8000 { roc.saturating_sub(1) } else { roc }
    } else if last - 0x8000 > sequence {
        roc + 1
    } else {
        roc
    };
    Some(roc << 16 | u64::from(sequence)).filter(|&index| index <= MAX_RTP_INDEX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_follows_the_sequence_number_over_its_wrap() {
        let estimate = |highest, sequence| estimate_index(Some(highest), sequence);
        assert_eq!(estimate_index(None, 40_000), Some(40_000));
        assert_eq!(estimate(65_535, 0), Some(65_536));
        assert_eq!(estimate(65_536, 65_535), Some(65_535));
        assert_eq!(estimate(65_536 + 5, 4), Some(65_536 + 4));
        assert_eq!(estimate(3 << 16 | 0x8001, 0), Some(4 << 16));
        assert_eq!(estimate(3 << 16 | 0x8000, 0), Some(3 << 16));
    }

    #[test]
    fn there_is_no_index_before_the_first_nor_after_the_last() {
        assert_eq!(estimate_index(Some(3), 65_535), Some(65_535));
        assert_eq!(estimate_index(Some(MAX_RTP_INDEX), 0), None);
    }
}
