//! What a seat sends once more (RFC 4588).

use super::super::packet::Packet;
use super::{Outgoing, Slot};
use crate::base::Time;

/// Why a retransmission is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotResent {
    /// Retransmission was not agreed on.
    NoRtx,
    /// It was never sent, or shows what the seat showed before.
    Unknown,
    /// It was sent again a moment ago.
    TooSoon,
}

impl Slot {
    /// Which published packet the subscriber means by `sequence` of this seat, if it may be sent
    /// again now.
    pub fn requested(&mut self, now: Time, sequence: u16) -> Result<u64, NotResent> {
        if self.open.rtx_ssrc.is_none() {
            return Err(NotResent::NoRtx);
        }
        self.layer().ok_or(NotResent::Unknown)?;
        let highest = self.next_index.checked_sub(1).ok_or(NotResent::Unknown)?;
        let back = u64::from((highest as u16).wrapping_sub(sequence));
        let index = highest.checked_sub(back).ok_or(NotResent::Unknown)?;
        let published = self.numbering.member(index).ok_or(NotResent::Unknown)?;
        if !self.resends.allow(now, published) {
            return Err(NotResent::TooSoon);
        }
        Ok(published)
    }

    /// How `packet` goes out as a retransmission (RFC 4588 §4): its own sequence, the original's
    /// sequence number returned beside, to stand in front of the payload.
    pub fn resend(&mut self, packet: &Packet<'_>) -> Option<(Outgoing, u16)> {
        let showing = self.showing.as_ref()?;
        let codec = showing.codec(packet.codec)?;
        let run = showing.run.filter(|run| run.layer == packet.layer)?;
        let original = self.numbering.known(packet.index)?;
        // What was sent empty has nothing to be sent again.
        let shown = !packet.payload.is_empty() && self.selection.shows(packet.index, packet);
        let head = self.pictures.head_again(&packet.frame, packet.payload).filter(|_| shown)?;
        let outgoing = Outgoing {
            index: self.next_rtx_index,
            ssrc: self.open.rtx_ssrc?,
            payload_type: codec.rtx?,
            red: None,
            timestamp: packet.timestamp.wrapping_add(run.timestamp_offset),
            marker: self.is_marked(packet),
            begins: false,
            head,
            is_empty: false,
            frame_number: self.pictures.frame_number(packet),
        };
        self.next_rtx_index += 1;
        Some((outgoing, original as u16))
    }

    /// Whether `packet` belongs to a spatial layer above what the seat shows by now.
    pub fn has_left(&self, packet: &Packet<'_>) -> bool {
        packet.frame.spatial > self.selection.spatial()
    }
}
