//! What a participant says in RTCP (RFC 3550 §6, RFC 4585), cut into datagrams.
//!
//! Writes plain compounds; who seals and sends them is the caller's business, and so is when.

use super::source::{MAX_NACK, Request};
use volley::base::Time;
use volley::base::id::Ssrc;
use volley::wire::rtcp::{
    ReportBlock, SenderInfo, write_nack, write_pli, write_receiver_report, write_sdes, write_sender_report,
    write_transport_feedback,
};

/// Room for a compound in plain text: a datagram less SRTCP's tag and index.
pub(super) const MAX_COMPOUND: usize = 1150;
/// RFC 3550 §6.4.1: five bits of count.
const MAX_BLOCKS: usize = 31;
/// A request takes this at most: a NACK of 64 numbers, each in an entry of its own.
const MAX_REQUEST: usize = 12 + 4 * MAX_NACK;

const _: () = assert!(MAX_REQUEST < MAX_COMPOUND);

/// Writes reports on all that is sent and received, and a name. `own` reports when nothing is sent.
pub(super) fn write_reports(
    infos: &[SenderInfo],
    own: Ssrc,
    blocks: &[ReportBlock],
    cname: &[u8],
    mut emit: impl FnMut(&[u8]),
) {
    let mut chunks = blocks.chunks(MAX_BLOCKS);
    let first = chunks.next().unwrap_or_default();
    let mut buffer = [0; MAX_COMPOUND];
    let mut len = 0;
    match infos {
        [] => len += write_receiver_report(own, first, &mut buffer).unwrap_or_default(),
        [info, others @ ..] => {
            len += write_sender_report(info, first, &mut buffer).unwrap_or_default();
            for info in others {
                len += write_sender_report(info, &[], &mut buffer[len..]).unwrap_or_default();
            }
        }
    }
    let own = infos.first().map_or(own, |info| info.ssrc);
    len += write_sdes(own, cname, &mut buffer[len..]).unwrap_or_default();
    emit(&buffer[..len]);
    for chunk in chunks {
        let len = write_receiver_report(own, chunk, &mut buffer).unwrap_or_default();
        emit(&buffer[..len]);
    }
}

/// Requests gathered into as few reduced-size compounds (RFC 5506) as they fit.
pub(super) struct RequestWriter {
    own: Ssrc,
    buffer: [u8; MAX_COMPOUND],
    len: usize,
}

impl RequestWriter {
    pub(super) fn new(own: Ssrc) -> RequestWriter {
        RequestWriter { own, buffer: [0; MAX_COMPOUND], len: 0 }
    }

    /// Adds a request; `emit` gets the compound before it where it does not fit any more.
    pub(super) fn add(&mut self, request: &Request, emit: impl FnMut(&[u8])) {
        if self.len + MAX_REQUEST > MAX_COMPOUND {
            self.finish(emit);
        }
        let out = &mut self.buffer[self.len..];
        let written = match request {
            Request::Nack(media, lost) => write_nack(self.own, *media, lost, out),
            Request::KeyFrame(media) => write_pli(self.own, *media, out),
        };
        self.len += written.unwrap_or_default();
    }

    /// Shows `emit` what there is.
    pub(super) fn finish(&mut self, mut emit: impl FnMut(&[u8])) {
        if self.len > 0 {
            emit(&self.buffer[..self.len]);
            self.len = 0;
        }
    }
}

/// Writes transport-wide feedback on `arrivals`, in as many messages as it takes.
pub(super) fn write_arrivals(
    own: Ssrc,
    count: &mut u8,
    mut arrivals: &[(u16, Option<Time>)],
    mut emit: impl FnMut(&[u8]),
) {
    let mut buffer = [0; MAX_COMPOUND];
    while let Some(written) = write_transport_feedback(own, Ssrc(0), *count, arrivals, &mut buffer) {
        *count = count.wrapping_add(1);
        emit(&buffer[..written.len]);
        arrivals = &arrivals[written.packets.max(1)..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrayvec::ArrayVec;
    use volley::wire::rtcp::{Compound, RtcpPacket};

    fn blocks(count: u32) -> Vec<ReportBlock> {
        (0..count).map(|ssrc| ReportBlock { ssrc: Ssrc(ssrc), ..ReportBlock::default() }).collect()
    }

    fn reports(infos: &[SenderInfo], blocks: &[ReportBlock]) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        write_reports(infos, Ssrc(77), blocks, b"load", |compound| datagrams.push(compound.to_vec()));
        datagrams
    }

    #[test]
    fn every_source_is_reported_on_once_however_many_there_are() {
        let info = SenderInfo { ssrc: Ssrc(5), ..SenderInfo::default() };
        for infos in [&[][..], &[info][..], &[info, info][..]] {
            let datagrams = reports(infos, &blocks(80));
            let mut told = Vec::new();
            for datagram in &datagrams {
                for packet in Compound::parse(datagram).expect("it is well-formed") {
                    match packet {
                        RtcpPacket::SenderReport(report) => told.extend(report.blocks().map(|b| b.ssrc.0)),
                        RtcpPacket::ReceiverReport(report) => told.extend(report.blocks().map(|b| b.ssrc.0)),
                        _ => {}
                    }
                }
            }
            assert_eq!(told, (0..80).collect::<Vec<_>>());
            assert_eq!(datagrams.len(), 3);
        }
    }

    #[test]
    fn a_report_names_its_sender_even_when_nothing_came() {
        let datagrams = reports(&[], &[]);
        let packets: Vec<_> = Compound::parse(&datagrams[0]).expect("it is well-formed").collect();
        assert!(matches!(&packets[0], RtcpPacket::ReceiverReport(report) if report.sender == Ssrc(77)));
        assert!(matches!(&packets[1], RtcpPacket::Sdes(sdes) if sdes.chunks().count() == 1));
    }

    #[test]
    fn requests_are_gathered_and_none_is_lost() {
        let mut writer = RequestWriter::new(Ssrc(1));
        let mut datagrams = Vec::new();
        for media in 0..40 {
            let lost: ArrayVec<u16, MAX_NACK> = (0..64).map(|number| number * 100).collect();
            let request = match media % 2 {
                0 => Request::Nack(Ssrc(media), lost),
                _ => Request::KeyFrame(Ssrc(media)),
            };
            writer.add(&request, |compound| datagrams.push(compound.to_vec()));
        }
        writer.finish(|compound| datagrams.push(compound.to_vec()));
        let mut asked = Vec::new();
        for datagram in &datagrams {
            for packet in Compound::parse(datagram).expect("it is well-formed") {
                match packet {
                    RtcpPacket::Nack(nack) => {
                        assert_eq!(nack.lost().count(), 64);
                        asked.push(nack.media.0);
                    }
                    RtcpPacket::Pli(pli) => asked.push(pli.media.0),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(asked, (0..40).collect::<Vec<_>>());
        assert!(datagrams.len() < 12, "{}", datagrams.len());
    }

    #[test]
    fn transport_wide_feedback_tells_every_packet() {
        let arrivals: Vec<_> =
            (0..900u16).map(|number| (number, Some(Time::from_millis(u64::from(number))))).collect();
        let (mut told, mut count) = (0, 0);
        write_arrivals(Ssrc(1), &mut count, &arrivals, |compound| {
            assert_eq!(Compound::parse(compound).map(|packets| packets.count()), Ok(1));
            told += 1;
        });
        assert_eq!((told, count), (2, 2));
    }
}
