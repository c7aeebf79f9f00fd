//! What a peer with good keys and bad intentions sends: authentic packets that lie.

use super::Peer;
use super::rtcp::Message;
use crate::base::Time;
use crate::base::id::{PayloadType, Ssrc};

/// Sequence numbers of a leap. Two of them are more than a receiver can tell from a step back
/// (RFC 3711 §3.3.1).
const LEAP: u16 = 30_000;
/// Packets that a flood of NACKs asks for.
const FLOODED: u64 = 16;
/// How often one compound of a flood asks for each of them.
const ASKED: usize = 50;

/// One way to lie on purpose, rather than by the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// Each track sends a packet again that was sent long ago, with another content.
    OldWithOtherContent,
    /// Each track goes over to another SSRC under its MID, and goes on under the one before.
    SecondSsrc,
    /// The sequence of each track leaps ahead.
    Leap,
    /// Each seat asks for its newest packets again and again.
    FloodOfNacks,
}

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
        self.lie(now, Lie::OldWithOtherContent);
        self.lie(now, Lie::FloodOfNacks);
        (0..20).for_each(|_| self.lie_in_rtcp());
    }

    /// Tells one lie on all its tracks or seats.
    pub fn lie(&mut self, now: Time, lie: Lie) {
        if self.srtp.is_none() {
            return;
        }
        match lie {
            Lie::OldWithOtherContent => self.send_old_with_other_content(now),
            Lie::SecondSsrc => self.publishers.iter_mut().for_each(super::Publisher::take_second_ssrc),
            Lie::Leap => self.publishers.iter_mut().for_each(|publisher| publisher.leap(LEAP)),
            Lie::FloodOfNacks => self.flood_with_nacks(),
        }
    }

    fn send_old_with_other_content(&mut self, now: Time) {
        for at in 0..self.publishers.len() {
            if let Some(packet) = self.publishers[at].old_with_other_content(now) {
                self.send_packet(now, at, packet);
            }
        }
    }

    fn flood_with_nacks(&mut self) {
        let floods: Vec<Message> = self.seats.iter().filter_map(|seat| seat.nack_newest(FLOODED)).collect();
        floods.into_iter().for_each(|nack| self.send_compound(&vec![nack; ASKED]));
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
