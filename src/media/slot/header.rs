//! The header that a packet goes out with.

use super::super::packet::{Extension, Packet};
use super::{Outgoing, Slot};
use crate::control::message::OpenSlot;
use crate::wire::dependency::Described;
use crate::wire::extension::{Element, Stamp};
use crate::wire::rtp::RtpHeader;
use arrayvec::ArrayVec;

/// Longest dependency descriptor: what a two-byte extension header can carry.
const MAX_DESCRIPTOR: usize = 255;

/// The elements of one header: the seat's own two, and what is carried.
pub(super) type Elements<'a> = ArrayVec<Element<'a>, { Extension::ALL.len() + 2 }>;

impl Slot {
    /// What is written into its headers when packets leave: who numbers them needs no times beside.
    pub fn stamp(&self) -> Stamp {
        let extensions = &self.open.extensions;
        match (extensions.transport_cc, extensions.abs_send_time) {
            (Some(_), _) => Stamp::Sequence,
            (None, Some(_)) => Stamp::SendTime,
            (None, None) => Stamp::None,
        }
    }

    /// Writes the header `packet` goes out with; returns its length, or `None` when there is no room.
    pub fn write_header(&self, outgoing: &Outgoing, packet: &Packet<'_>, out: &mut [u8]) -> Option<usize> {
        let header = RtpHeader {
            marker: outgoing.marker,
            payload_type: outgoing.payload_type,
            sequence: outgoing.index as u16,
            timestamp: outgoing.timestamp,
            ssrc: outgoing.ssrc,
        };
        let mut room = [0; MAX_DESCRIPTOR];
        let OpenSlot { extensions, .. } = &*self.open;
        let mut elements = self.own_elements(packet.starts_key_frame);
        let mut room = Some(&mut room[..]);
        for &(extension, data) in &packet.carried {
            let ours = extension == Extension::PlayoutDelay && self.playout.is_some();
            let Some(id) = extension.id(extensions).filter(|_| !ours) else { continue };
            let number = outgoing.frame_number.filter(|_| extension == Extension::DependencyDescriptor);
            let data = match number.and_then(|number| renumber(data, number, room.take()?)) {
                Some(renumbered) => renumbered,
                None => data,
            };
            elements.push(Element { id, data });
        }
        header.write(&elements, out)
    }

    /// What the seat puts into every header. The transport-wide sequence number, or the time of sending,
    /// comes first: its value is written when the packet leaves.
    pub(super) fn own_elements(&self, starts_key_frame: bool) -> Elements<'_> {
        let OpenSlot { extensions, mid, .. } = &*self.open;
        let mut elements = Elements::new();
        elements.extend(match self.stamp() {
            Stamp::None => None,
            Stamp::Sequence => extensions.transport_cc.map(|id| Element { id, data: &[0; 2] }),
            Stamp::SendTime => extensions.abs_send_time.map(|id| Element { id, data: &[0; 3] }),
        });
        // Chromium drops packets of an SSRC it does not know without MID, once there are several
        // video m-lines; so MID is sent until a receiver report names the SSRC.
        if let Some(id) = extensions.mid.filter(|_| !self.announced) {
            elements.push(Element { id, data: mid.as_bytes() });
        }
        // A receiver keeps what it was told last; again with each key frame, since one may be lost.
        if let (Some(id), Some(data)) = (extensions.playout_delay, &self.playout)
            && (starts_key_frame || !self.announced)
        {
            elements.push(Element { id, data });
        }
        elements
    }
}

/// A dependency descriptor with another frame number, in `room`.
fn renumber<'a>(data: &[u8], number: u16, room: &'a mut [u8]) -> Option<&'a [u8]> {
    let room = room.get_mut(..data.len())?;
    room.copy_from_slice(data);
    Described::renumber(room, number);
    Some(room)
}
