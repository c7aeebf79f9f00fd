//! What a seat does for its receiver's link: it lets it be probed.

use super::super::pictures::Head;
use super::{Outgoing, Slot};
use crate::base::Time;
use crate::base::id::PayloadType;
use crate::control::types::Kind;
use crate::wire::rtp::RtpHeader;

impl Slot {
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
        header.write(&self.own_elements(false), out)
    }
}
