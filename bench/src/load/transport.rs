//! One association of a participant with the server: ICE, then DTLS, then media both ways.
//!
//! Sans-IO: datagrams and time go in, datagrams come out through an [`Outbox`].

use super::Joining;
use super::ice::{IceAgent, IceEvent, MAX_MESSAGE};
use super::incoming::{Incoming, Live};
use super::media::{MediaModel, Seeds};
use super::meter::Meter;
use super::outgoing::Outgoing;
use super::reports::{RequestWriter, write_arrivals, write_reports};
use super::secure::{Handshake, Keys, MAX_DATAGRAM, Step, read_fingerprint};
use super::stream::micros;
use super::turn::{Door, MAX_PACKET, Turn, exit};
use crate::signal::{Association, LAYERS, Person, Sending};
use std::time::Duration;
use volley::base::id::Ssrc;
use volley::base::random::Random;
use volley::base::{Outbox, Path, SocketIndex, Time, TrainId};
use volley::control::types::{Fingerprint, SrtpProfile};
use volley::transport::srtp::SrtpError;
use volley::wire::demux::{self, classify};
use volley::wire::rtcp::{Compound, RtcpPacket};
use volley::wire::rtp::RtpView;

/// Reports go out each second, varied by a fifth so that no two participants stay in step.
const REPORT: Duration = Duration::from_secs(1);
/// Transport-wide feedback goes out as often as libwebrtc's.
const ARRIVALS: Duration = Duration::from_millis(100);
/// DTLS is kept for so long after its keys came, should the server miss the last flight. After that
/// it would only hold memory.
const KEEP_HANDSHAKE: Duration = Duration::from_secs(10);
/// What DTLS is left alone for at least.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// How far a transport has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Connecting,
    Connected(SrtpProfile),
    Failed,
    /// The server has hung up, as it may when it was told that the participant leaves.
    Closed,
}

/// A transport.
pub(super) struct Transport {
    person: Person,
    since: Time,
    path: Path,
    train: TrainId,
    state: State,
    ice: IceAgent,
    fingerprint: Fingerprint,
    handshake: Option<Box<Handshake>>,
    handshake_due: Time,
    handshake_ends: Time,
    keys: Option<Box<Keys>>,
    model: MediaModel,
    sends: Vec<Sending>,
    outgoing: Vec<Outgoing>,
    /// The layers that the server wants.
    wanted: [bool; LAYERS],
    incoming: Option<Incoming>,
    random: Random,
    /// Reports come from it when nothing is sent.
    own: Ssrc,
    next_report: Time,
    next_arrivals: Time,
    transport_sequence: u16,
    feedback_count: u8,
}

impl Transport {
    /// A transport on the socket of its own that has number `place`; it begins with its first
    /// deadline, now. An error says what is wrong with the association.
    pub(super) fn new(
        joining: Joining,
        common: &MediaModel,
        place: u32,
        seed: u64,
        now: Time,
    ) -> Result<Transport, String> {
        let Joining { association, media, since } = joining;
        let fingerprint = read_fingerprint(&association.remote_fingerprint).ok_or_else(|| {
            format!("{:?} is no SHA-256 fingerprint of a certificate", association.remote_fingerprint)
        })?;
        let mut random = Random::new(seed);
        let Association { person, local, remote, remote_address, controlling, sends, receives, .. } =
            association;
        let wants_feedback = receives.is_some_and(|receiving| receiving.transport_cc.is_some());
        Ok(Transport {
            person,
            since,
            path: Path { socket: SocketIndex(place as u16), remote: remote_address },
            train: TrainId(place),
            state: State::Connecting,
            ice: IceAgent::new(local, remote, controlling, random.next_u64(), now),
            fingerprint,
            handshake: None,
            handshake_due: Time::NEVER,
            handshake_ends: Time::NEVER,
            keys: None,
            model: media.unwrap_or(*common),
            sends,
            outgoing: Vec::new(),
            wanted: [true; LAYERS],
            incoming: receives.map(|receiving| Incoming::new(person, receiving, since)),
            own: Ssrc(random.next_u32() | 1),
            random,
            next_report: Time::NEVER,
            next_arrivals: if wants_feedback { now } else { Time::NEVER },
            transport_sequence: 0,
            feedback_count: 0,
        })
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// What of the others' streams is coming in.
    pub(super) fn live(&self, now: Time) -> Live {
        self.incoming.as_ref().map_or_else(Live::default, |incoming| incoming.live(now))
    }

    /// The server says which layers are to be sent.
    pub(super) fn want_layers(&mut self, wanted: [bool; LAYERS], now: Time, meter: &mut Meter) {
        self.wanted = wanted;
        self.outgoing.iter_mut().for_each(|stream| stream.obey(wanted, now, meter));
    }

    /// When [`on_timeout`](Self::on_timeout) is due.
    pub(super) fn next_deadline(&self) -> Time {
        if self.is_over() {
            return Time::NEVER;
        }
        let mut next = self.ice.next_deadline().min(self.handshake_due).min(self.handshake_ends);
        if self.keys.is_some() {
            let feedback = self.incoming.as_ref().map_or(Time::NEVER, Incoming::feedback_due);
            next = next.min(self.next_report).min(feedback).min(self.next_arrivals);
            next = self.outgoing.iter().map(Outgoing::next_deadline).fold(next, Time::min);
        }
        next
    }

    /// Does what is due.
    pub(super) fn on_timeout<O: Outbox>(&mut self, turn: &mut Turn<'_, O>) {
        let mut message = [0; MAX_MESSAGE];
        let event = self.ice.on_timeout(turn.now, &mut message);
        self.take_ice_event(event, self.path, &message, turn);
        if turn.now >= self.handshake_due {
            if let Some(handshake) = &mut self.handshake {
                handshake.on_timeout(&turn.shared.dtls, turn.now);
            }
            self.poll_handshake(turn);
        }
        if turn.now >= self.handshake_ends {
            (self.handshake, self.handshake_ends, self.handshake_due) = (None, Time::NEVER, Time::NEVER);
        }
        self.send_media(turn);
        self.send_feedback(turn);
        if turn.now >= self.next_report {
            self.next_report = turn.now + REPORT.mul_f64(0.8 + 0.4 * self.random.below(1000) as f64 / 1000.0);
            self.send_reports(turn);
        }
    }

    /// Takes a datagram that came in on its socket.
    pub(super) fn on_datagram<O: Outbox>(&mut self, path: Path, bytes: &[u8], turn: &mut Turn<'_, O>) {
        if self.is_over() {
            return;
        }
        match classify(bytes) {
            demux::Kind::Rtp => self.on_rtp(bytes, turn),
            demux::Kind::Rtcp => self.on_rtcp(bytes, turn),
            demux::Kind::Stun => {
                let mut message = [0; MAX_MESSAGE];
                let event = self.ice.on_datagram(turn.now, path.remote, bytes, &mut message);
                self.take_ice_event(event, path, &message, turn);
            }
            demux::Kind::Dtls => {
                if let Some(handshake) = &mut self.handshake {
                    handshake.on_datagram(&turn.shared.dtls, turn.now, bytes);
                    self.poll_handshake(turn);
                }
            }
            demux::Kind::Unknown => turn.meter.now.malformed += 1,
        }
    }

    fn take_ice_event<O: Outbox>(
        &mut self,
        event: IceEvent,
        path: Path,
        message: &[u8],
        turn: &mut Turn<'_, O>,
    ) {
        match event {
            IceEvent::Nothing => {}
            IceEvent::Refused => turn.meter.now.malformed += 1,
            IceEvent::Failed(why) => self.fail(why, turn),
            IceEvent::Answer(len) => {
                // Another candidate of the server's is answered apart from the train of this one.
                let train = if path == self.path { self.train } else { TrainId::STRAY };
                turn.out.push(train, &path, len, |out| {
                    out.copy_from_slice(&message[..len]);
                    Some(len)
                });
            }
            IceEvent::Connected => {
                let expected = self.fingerprint.clone();
                self.handshake = Some(Box::new(Handshake::new(&turn.shared.dtls, expected, turn.now)));
                self.poll_handshake(turn);
            }
        }
    }

    fn poll_handshake<O: Outbox>(&mut self, turn: &mut Turn<'_, O>) {
        let mut buffer = [0; MAX_DATAGRAM];
        while let Some(handshake) = &mut self.handshake {
            match handshake.poll(&turn.shared.dtls, &mut buffer) {
                Step::Send(len) => {
                    turn.out.push(self.train, &self.path, len, |out| {
                        out.copy_from_slice(&buffer[..len]);
                        Some(len)
                    });
                }
                Step::Connected(keys) => self.connect(keys, turn),
                Step::Failed(why) => return self.fail(&why, turn),
                Step::Closed => {
                    turn.meter.now.closes += 1;
                    return self.end(State::Closed);
                }
                Step::Wait(until) => {
                    // Never at once: a deadline that does not pass must not hold up the others.
                    self.handshake_due = until.max(turn.now + SHORTEST_WAIT);
                    return;
                }
            }
        }
    }

    fn connect<O>(&mut self, keys: Box<Keys>, turn: &mut Turn<'_, O>) {
        let now = turn.now;
        self.state = State::Connected(keys.profile);
        self.keys = Some(keys);
        self.handshake_ends = now + KEEP_HANDSHAKE;
        // Soon, so that the server learns early that its SSRCs are known.
        self.next_report = now + Duration::from_millis(self.random.below(200));
        let camera = self.random.next_u64();
        for sending in std::mem::take(&mut self.sends) {
            let seeds = Seeds { own: self.random.next_u64(), camera };
            let mut stream = Outgoing::new(sending, self.person, &self.model, seeds, now);
            stream.obey(self.wanted, now, turn.meter);
            self.outgoing.push(stream);
        }
        turn.meter.now.connects += 1;
        turn.meter.now.connect.saturating_record(micros(self.since, now));
    }

    fn fail<O>(&mut self, why: &str, turn: &mut Turn<'_, O>) {
        self.end(State::Failed);
        turn.meter.now.failures += 1;
        turn.meter.problem(format!("room {} person {}: {why}", self.person.room, self.person.number));
    }

    fn end(&mut self, how: State) {
        self.state = how;
        (self.handshake, self.keys) = (None, None);
        self.outgoing.clear();
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Failed | State::Closed)
    }

    fn on_rtp<O>(&mut self, bytes: &[u8], turn: &mut Turn<'_, O>) {
        // What comes before the keys is of a call that had this socket before.
        let (Some(keys), Some(incoming)) = (&mut self.keys, &mut self.incoming) else { return };
        let Ok(header) = RtpView::parse_header(bytes) else { return turn.meter.now.malformed += 1 };
        let plain = &mut turn.scratch.plain[..];
        let opened = match keys.receiver.open_rtp(bytes, header.header_len(), plain) {
            Ok(opened) => opened,
            Err(error) => return self.count_refusal(error, "RTP", bytes, turn),
        };
        match RtpView::parse(&plain[..opened.len]) {
            Ok(packet) => incoming.on_packet(turn.now, &packet, bytes.len(), turn.meter),
            Err(_) => turn.meter.now.malformed += 1,
        }
    }

    fn on_rtcp<O: Outbox>(&mut self, bytes: &[u8], turn: &mut Turn<'_, O>) {
        let Some(keys) = &mut self.keys else { return };
        let mut plain = [0; MAX_PACKET];
        let len = match keys.receiver.open_rtcp(bytes, &mut plain) {
            Ok(len) => len,
            Err(error) => return self.count_refusal(error, "RTCP", bytes, turn),
        };
        turn.meter.now.rtcp_received += 1;
        let Ok(compound) = Compound::parse(&plain[..len]) else { return turn.meter.now.malformed += 1 };
        for packet in compound {
            self.take_rtcp(&packet, turn);
        }
    }

    fn take_rtcp<O: Outbox>(&mut self, packet: &RtcpPacket<'_>, turn: &mut Turn<'_, O>) {
        match packet {
            RtcpPacket::SenderReport(report) => {
                if let Some(incoming) = &mut self.incoming {
                    incoming.on_sender_report(turn.now, report.info.ssrc, report.info.ntp);
                }
                report.blocks().for_each(|block| self.note_report(block.ssrc));
            }
            RtcpPacket::ReceiverReport(report) => {
                report.blocks().for_each(|block| self.note_report(block.ssrc));
            }
            RtcpPacket::Pli(pli) => self.want_key_frame(pli.media, turn.now, turn.meter),
            RtcpPacket::Fir(fir) => {
                fir.entries().for_each(|entry| self.want_key_frame(entry.media, turn.now, turn.meter));
            }
            RtcpPacket::Nack(nack) => {
                let Transport { keys, outgoing, transport_sequence, path, train, .. } = self;
                let (Some(keys), Some(stream)) =
                    (keys, outgoing.iter_mut().find(|stream| stream.ssrc() == nack.media.0))
                else {
                    return;
                };
                stream
                    .resend(nack.lost(), &mut exit(&keys.sender, transport_sequence, (*path, *train), turn));
            }
            _ => {}
        }
    }

    fn count_refusal<O>(&self, error: SrtpError, what: &str, bytes: &[u8], turn: &mut Turn<'_, O>) {
        match error {
            SrtpError::NotAuthentic => {
                turn.meter.now.not_authentic += 1;
                turn.meter.problem(format!(
                    "room {} person {} got {} bytes of {what} that are not authentic, {} ms after it had joined: {:02x?}",
                    self.person.room,
                    self.person.number,
                    bytes.len(),
                    turn.now.since(self.since).as_millis(),
                    &bytes[..bytes.len().min(12)],
                ));
            }
            SrtpError::Replayed | SrtpError::TooOld => turn.meter.now.replayed += 1,
            _ => turn.meter.now.malformed += 1,
        }
    }

    fn note_report(&mut self, ssrc: Ssrc) {
        self.outgoing.iter_mut().for_each(|stream| stream.note_report(ssrc.0));
    }

    fn want_key_frame(&mut self, ssrc: Ssrc, now: Time, meter: &mut Meter) {
        if let Some(stream) = self.outgoing.iter_mut().find(|stream| stream.ssrc() == ssrc.0) {
            stream.want_key_frame(now, meter);
        }
    }

    fn send_media<O: Outbox>(&mut self, turn: &mut Turn<'_, O>) {
        let Transport { keys: Some(keys), outgoing, transport_sequence, path, train, .. } = self else {
            return;
        };
        let now = turn.now;
        for stream in outgoing.iter_mut().filter(|stream| stream.next_deadline() <= now) {
            stream.send_due(&mut exit(&keys.sender, transport_sequence, (*path, *train), turn));
        }
    }

    fn send_feedback<O: Outbox>(&mut self, turn: &mut Turn<'_, O>) {
        let Transport { keys: Some(keys), incoming: Some(incoming), path, train, own, .. } = self else {
            return;
        };
        let (now, mut door) = (turn.now, Door { path: *path, train: *train, sender: &mut keys.sender });
        if now >= incoming.feedback_due() {
            let mut writer = RequestWriter::new(*own);
            incoming.requests(now, |request| writer.add(&request, |compound| door.send(compound, turn)));
            writer.finish(|compound| door.send(compound, turn));
        }
        if now >= self.next_arrivals {
            self.next_arrivals = now + ARRIVALS;
            if let Some(arrivals) = incoming.take_arrivals() {
                write_arrivals(*own, &mut self.feedback_count, &arrivals, |compound| {
                    door.send(compound, turn)
                });
            }
        }
    }

    fn send_reports<O: Outbox>(&mut self, turn: &mut Turn<'_, O>) {
        let Some(keys) = &mut self.keys else { return };
        let (mut blocks, mut infos) =
            (std::mem::take(&mut turn.scratch.blocks), std::mem::take(&mut turn.scratch.infos));
        if let Some(incoming) = &mut self.incoming {
            incoming.report(turn.now, &mut blocks);
        }
        infos.extend(
            self.outgoing.iter().filter_map(|stream| stream.sender_info(turn.now, &turn.shared.wall)),
        );
        let cname = format!("r{}p{}", self.person.room, self.person.number);
        let mut door = Door { path: self.path, train: self.train, sender: &mut keys.sender };
        write_reports(&infos, self.own, &blocks, cname.as_bytes(), |compound| door.send(compound, turn));
        blocks.clear();
        infos.clear();
        (turn.scratch.blocks, turn.scratch.infos) = (blocks, infos);
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("person", &self.person)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
