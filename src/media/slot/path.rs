//! What a seat does for its receiver's link: it lets padding probe it, and takes back what the link
//! could not carry.

use super::super::pictures::{Counted, Head};
use super::{Outgoing, Slot};
use crate::base::Time;
use crate::base::id::PayloadType;
use crate::control::types::Kind;
use crate::wire::rtp::RtpHeader;

/// A place in a seat's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The index of the packet that came next.
    pub index: u64,
    /// The last time stamp and when it was sent.
    last: Option<(u32, Time)>,
    counted: Counted,
}

impl Slot {
    /// Where the sequence stands: what [`take_back`](Self::take_back) brings back.
    pub fn mark(&self) -> Mark {
        Mark { index: self.next_index, last: self.last, counted: self.pictures.counted() }
    }

    /// Breaks the run, and has the sequence go on from `mark`: what was numbered since then was thrown
    /// away before it was sealed, `packets` of it.
    pub fn take_back(&mut self, mark: Mark, packets: u32) {
        debug_assert!(mark.index <= self.next_index, "only what was given out is taken back");
        (self.next_index, self.last) = (self.next_index.min(mark.index), mark.last);
        let run = self.showing.as_ref().and_then(|showing| showing.run);
        let resumes = run.map(|run| (run.layer, run.timestamp_offset)).or(self.resumes);
        self.sent.packets = self.sent.packets.wrapping_sub(packets);
        self.interrupt();
        self.pictures.import(mark.counted);
        self.resumes = resumes;
    }

    /// Whether its packets have transport-wide sequence numbers.
    pub fn is_numbered(&self) -> bool {
        self.open.extensions.transport_cc.is_some()
    }

    /// Whether packets that carry nothing may go under its retransmission SSRC.
    pub fn can_probe(&self) -> bool {
        self.is_numbered() && self.open.rtx_ssrc.is_some() && self.probe_payload_type().is_some()
    }

    /// Whether it shows a picture that can be sent again, numbered.
    pub fn can_probe_with_pictures(&self) -> bool {
        self.kind == Kind::Video && self.can_probe() && self.layer().is_some()
    }

    /// The packet `back` before the newest of what it shows, if it may be sent again now.
    pub fn to_probe_with(&mut self, now: Time, back: u64) -> Option<u64> {
        let index = self.numbering.highest().checked_sub(back)?;
        self.resends.allow(now, index).then_some(index)
    }

    /// How a packet that carries nothing goes out, as a retransmission of nothing.
    pub fn probe(&mut self) -> Option<Outgoing> {
        let outgoing = Outgoing {
            index: self.next_rtx_index,
            ssrc: self.open.rtx_ssrc?,
            payload_type: self.probe_payload_type()?,
            red: None,
            timestamp: self.last.map_or(0, |(timestamp, _)| timestamp),
            marker: false,
            begins: false,
            head: Head::default(),
            is_empty: true,
            frame_number: None,
        };
        self.next_rtx_index += 1;
        Some(outgoing)
    }

    fn probe_payload_type(&self) -> Option<PayloadType> {
        let run = self.showing.as_ref().and_then(|showing| showing.run);
        let shown = run.and_then(|run| run.codec.1.rtx);
        shown.or_else(|| self.open.codecs.iter().find_map(|codec| codec.rtx))
    }

    /// Writes the header of a packet that carries nothing; returns its length.
    pub fn write_bare_header(&self, outgoing: &Outgoing, out: &mut [u8]) -> Option<usize> {
        let header = RtpHeader {
            marker: false,
            payload_type: outgoing.payload_type,
            sequence: outgoing.index as u16,
            timestamp: outgoing.timestamp,
            ssrc: outgoing.ssrc,
        };
        header.write(&self.own_elements(), out)
    }
}
