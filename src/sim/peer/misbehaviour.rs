//! What a peer with good keys and bad intentions sends: authentic packets that lie.

use super::Peer;
use crate::base::Time;
use crate::base::id::{PayloadType, Ssrc};

/// Bit of an RTP header that says that padding follows (RFC 3550 §5.1).
const PADDING: u8 = 0x20;

impl Peer {
    /// Sends one of everything that must go no further.
    pub fn misbehave(&mut self, now: Time) {
        if self.srtp.is_none() {
            return;
        }
        for at in 0..self.publishers.len() {
            self.lie_about_padding(now, at);
            self.retransmit_nothing(now, at);
            self.use_unknown_codec(now, at);
        }
        self.use_unknown_ssrc();
        (0..20).for_each(|_| self.lie_in_rtcp());
    }

    fn lie_about_padding(&mut self, now: Time, publisher: usize) {
        for payload in [&[1, 2, 3, 200][..], &[0], &[]] {
            let header = self.publishers[publisher].skip(now);
            let sealed = self.srtp.as_mut().map(|srtp| srtp.seal_with(&header, PADDING, payload));
            self.outgoing.extend(sealed);
        }
    }

    fn retransmit_nothing(&mut self, now: Time, publisher: usize) {
        for payload in [&[][..], &[7]] {
            let Some(header) = self.publishers[publisher].skip_rtx(now) else { return };
            let sealed = self.srtp.as_mut().map(|srtp| srtp.seal_rtp(&header, payload));
            self.outgoing.extend(sealed);
        }
    }

    fn use_unknown_codec(&mut self, now: Time, publisher: usize) {
        let mut header = self.publishers[publisher].skip(now);
        header.payload_type = PayloadType(0);
        let sealed = self.srtp.as_mut().map(|srtp| srtp.seal_rtp(&header, b"a codec nobody agreed on"));
        self.outgoing.extend(sealed);
    }

    fn use_unknown_ssrc(&mut self) {
        let ssrc = Ssrc(self.random.next_u32());
        let header = super::rtp::Header { ssrc, payload_type: PayloadType(1), ..Default::default() };
        let sealed = self.srtp.as_mut().map(|srtp| srtp.seal_rtp(&header, b"a stream nobody published"));
        self.outgoing.extend(sealed);
    }

    /// Every packet type with counts and lengths of chance, sometimes two in a row.
    fn lie_in_rtcp(&mut self) {
        let mut compound = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let (count, words) = (self.random.below(32) as u8, self.random.below(8) as u16);
            compound.extend([0x80 | count, 200 + self.random.below(8) as u8]);
            compound.extend(words.to_be_bytes());
            let there = 1 + self.random.below(8);
            let seat = self.seats.first().map_or(Ssrc(1), |seat| seat.options().ssrc);
            for _ in 0..there {
                let word = if self.random.chance(0.4) { seat.0 } else { self.random.next_u32() };
                compound.extend(word.to_be_bytes());
            }
        }
        let sealed = self.srtp.as_mut().map(|srtp| srtp.seal_rtcp(&compound));
        self.outgoing.extend(sealed);
    }
}
