//! RTCP (RFC 3550 §6, RFC 4585, RFC 5104): a compound that is checked once, one file per message.
//!
//! Parsing gives views into the datagram; writers fill a slice and return the length they used, or
//! `None` when there is no room. Several messages make a compound by being written one after the
//! other. Reduced-size compounds (RFC 5506) are taken. Intervals and state are not kept here.

mod bye;
mod fir;
mod header;
mod nack;
mod pli;
mod remb;
mod report;
mod sdes;
#[cfg(test)]
mod tests;
mod twcc;
mod twcc_writer;

pub use bye::{Bye, write_bye};
pub use fir::{Fir, FirEntry, write_fir};
pub use nack::{Nack, write_nack};
pub use pli::{Pli, write_pli};
pub use remb::Remb;
pub use report::{
    ReceiverReport, ReportBlock, SenderInfo, SenderReport, write_receiver_report, write_sender_report,
};
pub use sdes::{Sdes, SdesChunk, write_sdes};
pub use twcc::{MOST_STATUSES, PacketStatus, TICK, TICKS_PER_REFERENCE, TransportFeedback};
pub use twcc_writer::{MAX_STATUSES, WrittenFeedback, write_transport_feedback};

use crate::base::id::Ssrc;
use header::Message;

/// Why bytes are no RTCP compound.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum RtcpError {
    /// Shorter than a header or its length field says.
    #[error("shorter than its lengths say")]
    Short,
    /// Not version 2.
    #[error("not RTCP version 2")]
    Version,
    /// Padding in other than the last message, or with a count that cannot be.
    #[error("padding that cannot be")]
    Padding,
    /// A message's content contradicts its length or its counts.
    #[error("a message that contradicts itself")]
    Malformed,
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub enum RtcpPacket<'a> {
    /// Sender report.
    SenderReport(SenderReport<'a>),
    /// Receiver report.
    ReceiverReport(ReceiverReport<'a>),
    /// Source description.
    Sdes(Sdes<'a>),
    /// Goodbye.
    Bye(Bye<'a>),
    /// Generic negative acknowledgement.
    Nack(Nack<'a>),
    /// Picture loss indication.
    Pli(Pli),
    /// Full intra request.
    Fir(Fir<'a>),
    /// Receiver estimated maximum bitrate.
    Remb(Remb<'a>),
    /// Transport-wide congestion control feedback.
    TransportFeedback(TransportFeedback<'a>),
    /// Anything else, extended reports (RFC 3611) among it: passed over.
    Other {
        /// The packet type.
        packet_type: u8,
        /// The report count, or the feedback message type.
        count: u8,
    },
}

impl<'a> RtcpPacket<'a> {
    fn parse(message: &Message<'a>) -> Result<RtcpPacket<'a>, RtcpError> {
        let body = message.body;
        Ok(match (message.packet_type, message.count) {
            (200, count) => RtcpPacket::SenderReport(SenderReport::parse(count, body)?),
            (201, count) => RtcpPacket::ReceiverReport(ReceiverReport::parse(count, body)?),
            (202, count) => RtcpPacket::Sdes(Sdes::parse(count, body)?),
            (203, count) => RtcpPacket::Bye(Bye::parse(count, body)?),
            (205, 1) => RtcpPacket::Nack(Nack::parse(body)?),
            (205, 15) => RtcpPacket::TransportFeedback(TransportFeedback::parse(body)?),
            (206, 1) => RtcpPacket::Pli(Pli::parse(body)?),
            (206, 4) => RtcpPacket::Fir(Fir::parse(body)?),
            (206, 15) if Remb::is(body) => RtcpPacket::Remb(Remb::parse(body)?),
            (packet_type, count) => RtcpPacket::Other { packet_type, count },
        })
    }
}

/// The messages of one datagram; all have been checked.
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Checks every message of a compound in plain text. One bad message refuses them all: what
    /// cannot be framed cannot be trusted in part.
    pub fn parse(datagram: &'a [u8]) -> Result<Compound<'a>, RtcpError> {
        if datagram.is_empty() {
            return Err(RtcpError::Short);
        }
        let mut rest = datagram;
        while !rest.is_empty() {
            RtcpPacket::parse(&Message::take(&mut rest)?)?;
        }
        Ok(Compound { rest: datagram })
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = RtcpPacket<'a>;

    fn next(&mut self) -> Option<RtcpPacket<'a>> {
        RtcpPacket::parse(&Message::take(&mut self.rest).ok()?).ok()
    }
}

/// The SSRC every message starts with, still readable when it is encrypted (RFC 3711 §3.4).
pub fn sender_ssrc(packet: &[u8]) -> Option<Ssrc> {
    packet.get(4..8).map(|ssrc| Ssrc(super::bytes::be32(ssrc, 0)))
}
