//! What a transport needs to act: the time, a way out, buffers, and where to count.

use super::meter::Meter;
use super::outgoing::Exit;
use super::reports::MAX_COMPOUND;
use super::secure::{DtlsContext, MAX_DATAGRAM};
use volley::base::{Outbox, Path, Time, TrainId, WallClock};
use volley::transport::srtp::SrtpSender;
use volley::wire::rtcp::{ReportBlock, SenderInfo};

/// The longest packet that is opened.
pub(super) const MAX_PACKET: usize = 2048;

/// What all transports of a load share.
pub(super) struct Shared {
    pub(super) dtls: DtlsContext,
    pub(super) wall: WallClock,
}

/// Buffers that are used again by every datagram.
pub(super) struct Scratch {
    pub(super) plain: Box<[u8; MAX_PACKET]>,
    pub(super) blocks: Vec<ReportBlock>,
    pub(super) infos: Vec<SenderInfo>,
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch { plain: Box::new([0; MAX_PACKET]), blocks: Vec::new(), infos: Vec::new() }
    }
}

/// What a transport needs to act: the time, a way out, and where to count.
pub(super) struct Turn<'a, O> {
    pub(super) now: Time,
    pub(super) out: &'a mut O,
    pub(super) meter: &'a mut Meter,
    pub(super) shared: &'a Shared,
    pub(super) scratch: &'a mut Scratch,
}

/// The way out for RTCP.
pub(super) struct Door<'a> {
    pub(super) path: Path,
    pub(super) train: TrainId,
    pub(super) sender: &'a mut SrtpSender,
}

impl Door<'_> {
    /// Seals a compound into the train.
    pub(super) fn send<O: Outbox>(&mut self, compound: &[u8], turn: &mut Turn<'_, O>) {
        let len = compound.len() + self.sender.rtcp_overhead();
        let sender = &mut *self.sender;
        turn.out.push(self.train, &self.path, len, |out| sender.seal_rtcp(compound, out).ok());
        turn.meter.now.rtcp_sent += 1;
    }
}

const _: () = assert!(MAX_COMPOUND + 30 <= MAX_DATAGRAM);

/// The way out for RTP.
pub(super) fn exit<'a, O>(
    sender: &'a SrtpSender,
    transport_sequence: &'a mut u16,
    (path, train): (Path, TrainId),
    turn: &'a mut Turn<'_, O>,
) -> Exit<'a, O> {
    Exit { now: turn.now, path, train, sender, transport_sequence, out: turn.out, meter: turn.meter }
}
