//! What a publisher does that none should: numbers given away, leaps, a second SSRC, old packets with other
//! content.

use super::super::format::descriptor_len;
use super::super::rtp::Header;
use super::{Outgoing, Publisher};
use crate::base::Time;
use crate::base::id::Ssrc;
use crate::sim::payload::{self, TAG_LEN};
use std::time::Duration;

/// No server keeps packets as long as this.
const LONG_AGO: Duration = Duration::from_millis(1_500);

impl Publisher {
    /// The header of a packet that will never be: a sequence number is given away.
    pub fn skip(&mut self, now: Time) -> Header {
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        self.index += 1;
        let (payload_type, ssrc) = (self.options.payload_type, self.options.ssrc);
        Header { sequence, payload_type, ssrc, timestamp: self.timestamp(now), ..Header::default() }
    }

    /// The header of a retransmission that will never be, when they were agreed on.
    pub fn skip_rtx(&mut self, now: Time) -> Option<Header> {
        let (ssrc, payload_type) = (self.options.rtx_ssrc?, self.options.rtx_payload_type?);
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        let (sequence, timestamp) = (self.rtx_sequence, self.timestamp(now));
        Some(Header { sequence, payload_type, ssrc, timestamp, ..Header::default() })
    }

    /// Leaves out `by` sequence numbers.
    pub fn leap(&mut self, by: u16) {
        self.sequence = self.sequence.wrapping_add(by);
    }

    /// Goes over to another SSRC, and goes on under the present one as well.
    pub fn take_second_ssrc(&mut self) {
        self.before = Some((self.options.ssrc, self.sequence));
        self.options.ssrc = Ssrc(self.random.next_u32());
        self.options.rtx_ssrc = self.options.rtx_ssrc.map(|_| Ssrc(self.random.next_u32()));
        // Far from the first wrap, as browsers begin: the first packets may be lost.
        self.sequence = self.random.below(1 << 15) as u16;
        self.kept.clear();
    }

    /// A retransmission of a packet sent long ago that has another body than it had, when
    /// retransmissions were agreed on.
    pub fn old_with_other_content(&mut self, now: Time) -> Option<Outgoing> {
        self.options.rtx_ssrc?;
        let codec = self.options.codec;
        let (mut packet, header, tag) = self.kept.iter().rev().find_map(|kept| {
            let header = descriptor_len(codec, &kept.payload)?;
            let tag = payload::read(&kept.payload, header).ok()?;
            (now.since(tag.captured) > LONG_AGO).then(|| (kept.clone(), header, tag))
        })?;
        let body = packet.payload.len() - header - TAG_LEN;
        packet.payload.truncate(header);
        payload::write(&mut packet.payload, &tag, body.checked_sub(8).unwrap_or(body + 8));
        Some(self.wrap(packet))
    }
}
