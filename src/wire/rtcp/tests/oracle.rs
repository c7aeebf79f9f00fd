//! What the `rtcp` crate reads, beside what we read.

use super::super::*;
use crate::base::time::NtpTime;
use bytes::Bytes;
use rtcp::packet::Packet as OraclePacket;
use rtcp::payload_feedbacks::full_intra_request as fir;
use rtcp::payload_feedbacks::picture_loss_indication as pli;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate as remb;
use rtcp::transport_feedbacks::{transport_layer_cc as cc, transport_layer_nack as tln};

pub(super) type Oracle = Box<dyn OraclePacket + Send + Sync>;

/// The oracle panics on some malformed messages.
pub(super) fn oracle(datagram: &[u8]) -> Option<Vec<Oracle>> {
    let mut bytes = Bytes::copy_from_slice(datagram);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rtcp::packet::unmarshal(&mut bytes).ok()))
        .ok()?
}

pub(super) fn padding_bits(mut datagram: &[u8]) -> bool {
    let mut padded = false;
    while let [first, _, high, low, ..] = *datagram {
        padded |= first & 0x20 != 0;
        datagram = &datagram[4 + 4 * usize::from(u16::from_be_bytes([high, low]))..];
    }
    padded
}

pub(super) fn assert_same(ours: &RtcpPacket<'_>, oracle: &Oracle) {
    let oracle = oracle.as_any();
    match ours {
        RtcpPacket::SenderReport(ours) => assert_same_sender_report(ours, as_kind(oracle)),
        RtcpPacket::ReceiverReport(ours) => {
            let oracle: &rtcp::receiver_report::ReceiverReport = as_kind(oracle);
            assert_eq!(ours.sender, Ssrc(oracle.ssrc));
            assert_same_blocks(ours.blocks(), &oracle.reports);
        }
        RtcpPacket::Sdes(ours) => assert_same_sdes(ours, as_kind(oracle)),
        RtcpPacket::Bye(ours) => {
            let oracle: &rtcp::goodbye::Goodbye = as_kind(oracle);
            assert!(ours.ssrcs().eq(oracle.sources.iter().map(|&ssrc| Ssrc(ssrc))));
        }
        RtcpPacket::Nack(ours) => {
            let oracle: &tln::TransportLayerNack = as_kind(oracle);
            assert_eq!((ours.sender, ours.media), (Ssrc(oracle.sender_ssrc), Ssrc(oracle.media_ssrc)));
            assert!(ours.lost().eq(oracle.nacks.iter().flat_map(|&pair| pair.into_iter())));
        }
        RtcpPacket::Pli(ours) => {
            let oracle: &pli::PictureLossIndication = as_kind(oracle);
            assert_eq!(*ours, Pli { sender: Ssrc(oracle.sender_ssrc), media: Ssrc(oracle.media_ssrc) });
        }
        RtcpPacket::Fir(ours) => {
            let oracle: &fir::FullIntraRequest = as_kind(oracle);
            let entry = |e: &fir::FirEntry| FirEntry { media: Ssrc(e.ssrc), sequence: e.sequence_number };
            assert!(ours.entries().eq(oracle.fir.iter().map(entry)));
        }
        RtcpPacket::Remb(ours) => {
            let oracle: &remb::ReceiverEstimatedMaximumBitrate = as_kind(oracle);
            assert_eq!(ours.bitrate_bps as f32, oracle.bitrate);
            assert!(ours.ssrcs().eq(oracle.ssrcs.iter().map(|&ssrc| Ssrc(ssrc))));
        }
        RtcpPacket::TransportFeedback(ours) => assert_same_feedback(ours, as_kind(oracle)),
        RtcpPacket::Other { .. } => {}
    }
}

fn as_kind<T: 'static>(oracle: &(dyn std::any::Any + Send + Sync)) -> &T {
    oracle.downcast_ref().expect("the oracle takes it for the same kind of message")
}

fn assert_same_sender_report(ours: &SenderReport<'_>, oracle: &rtcp::sender_report::SenderReport) {
    let info = SenderInfo {
        ssrc: Ssrc(oracle.ssrc),
        ntp: NtpTime(oracle.ntp_time),
        rtp_timestamp: oracle.rtp_time,
        packets: oracle.packet_count,
        octets: oracle.octet_count,
    };
    assert_eq!(ours.info, info);
    assert_same_blocks(ours.blocks(), &oracle.reports);
}

/// The oracle reads chunks as long as there are bytes, however many are announced.
fn assert_same_sdes(ours: &Sdes<'_>, oracle: &rtcp::source_description::SourceDescription) {
    let cname = rtcp::source_description::SdesType::SdesCname;
    let chunks = oracle.chunks.iter().map(|chunk| {
        let item = chunk.items.iter().find(|item| item.sdes_type == cname);
        SdesChunk { ssrc: Ssrc(chunk.source), cname: item.map(|item| &item.text[..]) }
    });
    assert!(ours.chunks().eq(chunks.take(ours.chunks().count())));
}

fn assert_same_blocks(
    ours: impl Iterator<Item = ReportBlock>,
    oracle: &[rtcp::reception_report::ReceptionReport],
) {
    let oracle = oracle.iter().map(|block| ReportBlock {
        ssrc: Ssrc(block.ssrc),
        fraction_lost: block.fraction_lost,
        total_lost: (block.total_lost as i32) << 8 >> 8,
        highest_sequence: block.last_sequence_number,
        jitter: block.jitter,
        last_sender_report: block.last_sender_report,
        delay_since_last: block.delay,
    });
    assert!(ours.eq(oracle));
}

fn assert_same_feedback(ours: &TransportFeedback<'_>, oracle: &cc::TransportLayerCc) {
    assert_eq!((ours.sender, ours.media), (Ssrc(oracle.sender_ssrc), Ssrc(oracle.media_ssrc)));
    assert_eq!(
        (ours.base_sequence, ours.status_count),
        (oracle.base_sequence_number, oracle.packet_status_count)
    );
    assert_eq!(ours.reference_time as u32 & 0xff_ffff, oracle.reference_time);
    assert_eq!(ours.feedback_count, oracle.fb_pkt_count);
    let symbols = oracle.packet_chunks.iter().flat_map(|chunk| match chunk {
        cc::PacketStatusChunk::RunLengthChunk(run) => {
            vec![run.packet_status_symbol; usize::from(run.run_length)]
        }
        cc::PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
    });
    let mut deltas = oracle.recv_deltas.iter();
    let mut clock = i64::from(ours.reference_time) * TICKS_PER_REFERENCE;
    let arrivals = symbols.take(usize::from(oracle.packet_status_count)).map(|symbol| {
        (symbol != cc::SymbolTypeTcc::PacketNotReceived).then(|| {
            clock += deltas.next().expect("a delta for each arrival").delta / 250;
            clock
        })
    });
    assert!(ours.packets().map(|status| status.arrival_ticks).eq(arrivals));
}
