//! All that one participant receives on one transport: packets by SSRC, and the streams in them.
//!
//! Gets packets that were opened; does not know keys or sockets.

use super::meter::Meter;
use super::outgoing::read_stamp;
use super::stamp::Stamp;
use super::stream::{Arrival, Stream, micros};
use crate::signal::{Kind, Person, Receiving};
use arrayvec::ArrayVec;
use std::time::Duration;
use volley::base::id::Ssrc;
use volley::base::seq::Unwrapper;
use volley::base::{NtpTime, Time};
use volley::media::nack::{self, Nacks};
use volley::media::reception::Reception;
use volley::wire::extension::read_transport_sequence;
use volley::wire::rtcp::ReportBlock;
use volley::wire::rtp::RtpView;

/// A key frame that does not come is asked for again as often as browsers do.
const KEY_FRAME_PAUSE: Duration = Duration::from_secs(1);
/// RFC 4588 §4: the original's number goes before its payload.
const ORIGINAL_LEN: usize = 2;
/// Most numbers in one NACK of ours; more wait for the next.
pub(super) const MAX_NACK: usize = 64;
/// A server that sends with more SSRCs than this is making them up.
const MAX_SOURCES: usize = 256;

/// What is received.
pub(super) struct Incoming {
    own: Person,
    since: Time,
    receiving: Receiving,
    /// The SSRCs of `sources`, apart so that looking one up touches little memory.
    ssrcs: Vec<u32>,
    sources: Vec<Source>,
    streams: Vec<Stream>,
    has_frame: bool,
    /// When something is to be asked for.
    feedback_due: Time,
    /// Transport-wide numbers and their times since the last feedback.
    arrivals: Vec<(u16, Option<Time>)>,
}

/// One SSRC of the server.
struct Source {
    kind: Kind,
    unwrapper: Unwrapper,
    reception: Reception,
    /// The stream it showed last.
    stream: Option<u32>,
    /// There since the first hole, away when all are filled: its room for holes is large.
    nacks: Option<Box<Nacks>>,
    has_key_frame: bool,
    next_key_request: Time,
}

/// One thing to ask the server for.
pub(super) enum Request {
    Nack(Ssrc, ArrayVec<u16, MAX_NACK>),
    KeyFrame(Ssrc),
}

impl Incoming {
    pub(super) fn new(own: Person, receiving: Receiving, since: Time) -> Incoming {
        Incoming {
            own,
            since,
            receiving,
            ssrcs: Vec::new(),
            sources: Vec::new(),
            streams: Vec::new(),
            has_frame: false,
            feedback_due: Time::NEVER,
            arrivals: Vec::new(),
        }
    }

    /// How many streams of others have come.
    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// When [`requests`](Self::requests) has something.
    pub(super) fn feedback_due(&self) -> Time {
        self.feedback_due
    }

    /// Takes a packet of which the datagram had `bytes`.
    pub(super) fn on_packet(&mut self, now: Time, packet: &RtpView<'_>, bytes: usize, meter: &mut Meter) {
        if let Some(number) = packet.extension(self.receiving.transport_cc).and_then(read_transport_sequence)
        {
            self.arrivals.push((number, Some(now)));
        }
        let payload_type = packet.payload_type().0;
        let (kind, again) = match payload_type {
            opus if opus == self.receiving.opus => (Kind::Audio, false),
            vp8 if vp8 == self.receiving.vp8 => (Kind::Video, false),
            rtx if Some(rtx) == self.receiving.rtx => (Kind::Video, true),
            _ => return meter.now.malformed += 1,
        };
        if again {
            self.on_retransmission(now, packet, bytes, meter);
        } else {
            self.on_original(now, kind, packet, bytes, meter);
        }
    }

    fn on_original(&mut self, now: Time, kind: Kind, packet: &RtpView<'_>, bytes: usize, meter: &mut Meter) {
        let Some(place) = self.source(packet.ssrc().0, kind) else { return meter.now.malformed += 1 };
        let source = &mut self.sources[place];
        source.note(now, packet);
        let Some(stamp) = read_stamp(kind, packet.payload()) else { return meter.now.unstamped += 1 };
        if !self.is_from_room(&stamp, meter) {
            return;
        }
        let source = &mut self.sources[place];
        let known = source.stream.map(|stream| stream as usize);
        let current = known.filter(|&stream| self.streams[stream].is_of(&stamp));
        let (stream, switched) = match current {
            Some(stream) => (stream, false),
            None => (stream_of(&mut self.streams, &stamp, now), true),
        };
        source.stream = Some(stream as u32);
        let arrival = Arrival { now, again: false, switched };
        let whole = self.streams[stream].note(&stamp, arrival, bytes, meter);
        source.has_key_frame |= stamp.key_frame;
        if let Some(due) = source.feedback_due() {
            self.feedback_due = self.feedback_due.min(due.max(now));
        }
        if whole {
            self.note_frame(now, meter);
        }
    }

    fn on_retransmission(&mut self, now: Time, packet: &RtpView<'_>, bytes: usize, meter: &mut Meter) {
        let Some((original, payload)) = packet.payload().split_first_chunk::<ORIGINAL_LEN>() else {
            return meter.now.unstamped += 1;
        };
        let Some(stamp) = read_stamp(Kind::Video, payload) else { return meter.now.unstamped += 1 };
        if !self.is_from_room(&stamp, meter) {
            return;
        }
        let stream = stream_of(&mut self.streams, &stamp, now);
        let shows = |source: &&mut Source| source.stream == Some(stream as u32);
        if let Some(source) = self.sources.iter_mut().find(shows) {
            source.recover(now, u16::from_be_bytes(*original));
        }
        let arrival = Arrival { now, again: true, switched: false };
        if self.streams[stream].note(&stamp, arrival, bytes, meter) {
            self.note_frame(now, meter);
        }
    }

    /// A server must forward neither what is of another room nor what is one's own.
    fn is_from_room(&self, stamp: &Stamp, meter: &mut Meter) -> bool {
        let foreign = stamp.person.room != self.own.room;
        let echo = stamp.person == self.own;
        meter.now.foreign_room += u64::from(foreign);
        meter.now.echoes += u64::from(echo);
        if foreign {
            meter.problem(format!(
                "room {} person {} got a packet of room {} person {}",
                self.own.room, self.own.number, stamp.person.room, stamp.person.number
            ));
        }
        !foreign && !echo
    }

    fn note_frame(&mut self, now: Time, meter: &mut Meter) {
        if !std::mem::replace(&mut self.has_frame, true) {
            meter.now.first_frame.saturating_record(micros(self.since, now));
        }
    }

    fn source(&mut self, ssrc: u32, kind: Kind) -> Option<usize> {
        let known = self.ssrcs.iter().position(|&known| known == ssrc);
        if known.is_none() && self.ssrcs.len() < MAX_SOURCES {
            self.ssrcs.push(ssrc);
            self.sources.push(Source::new(kind));
            return Some(self.sources.len() - 1);
        }
        known
    }

    /// Takes note of a sender report.
    pub(super) fn on_sender_report(&mut self, now: Time, ssrc: Ssrc, ntp: NtpTime) {
        if let Some(place) = self.ssrcs.iter().position(|&known| known == ssrc.0) {
            self.sources[place].reception.on_sender_report(now, ntp);
        }
    }

    /// Appends what is said of every source since the last time.
    pub(super) fn report(&mut self, now: Time, blocks: &mut Vec<ReportBlock>) {
        for (&ssrc, source) in self.ssrcs.iter().zip(&mut self.sources) {
            blocks.extend(source.reception.report(now, Ssrc(ssrc)));
        }
    }

    /// Shows `ask` what is to be asked for now.
    pub(super) fn requests(&mut self, now: Time, mut ask: impl FnMut(Request)) {
        let mut next = Time::NEVER;
        for (&ssrc, source) in self.ssrcs.iter().zip(&mut self.sources) {
            source.requests(now, Ssrc(ssrc), &mut ask);
            next = next.min(source.feedback_due().unwrap_or(Time::NEVER));
        }
        self.feedback_due = next;
    }

    /// What came with transport-wide numbers since the last time, in their order.
    pub(super) fn take_arrivals(&mut self) -> Option<Vec<(u16, Option<Time>)>> {
        if self.arrivals.is_empty() {
            return None;
        }
        let mut arrivals = std::mem::take(&mut self.arrivals);
        let first = arrivals[0].0;
        arrivals.sort_by_key(|(number, _)| number.wrapping_sub(first) as i16);
        arrivals.dedup_by_key(|(number, _)| *number);
        Some(arrivals)
    }
}

/// The place of the stream a stamp belongs to.
fn stream_of(streams: &mut Vec<Stream>, stamp: &Stamp, now: Time) -> usize {
    streams.iter().position(|stream| stream.is_of(stamp)).unwrap_or_else(|| {
        streams.push(Stream::new(stamp, now));
        streams.len() - 1
    })
}

impl Source {
    fn new(kind: Kind) -> Source {
        let rate = match kind {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        };
        Source {
            kind,
            unwrapper: Unwrapper::default(),
            reception: Reception::new(rate),
            stream: None,
            nacks: None,
            has_key_frame: kind == Kind::Audio,
            next_key_request: Time::ZERO,
        }
    }

    fn note(&mut self, now: Time, packet: &RtpView<'_>) {
        let before = self.unwrapper.highest();
        let index = self.unwrapper.unwrap(packet.sequence());
        self.reception.on_packet(now, index, packet.timestamp());
        if self.nacks.is_some() {
            return self.fill_hole(now, index);
        }
        // Browsers ask for lost pictures only; lost sound is concealed.
        if let Some(before) = before.filter(|&before| index > before + 1 && self.kind == Kind::Video) {
            let mut nacks = Box::<Nacks>::default();
            nacks.on_packet(now, before);
            nacks.on_packet(now, index);
            self.nacks = Some(nacks);
        }
    }

    fn recover(&mut self, now: Time, sequence: u16) {
        self.reception.on_recovered();
        self.fill_hole(now, self.unwrapper.peek(sequence));
    }

    /// A packet came while some are missing.
    fn fill_hole(&mut self, now: Time, index: u64) {
        let Some(nacks) = &mut self.nacks else { return };
        if nacks.on_packet(now, index) == nack::Arrival::TooMuchLost {
            self.lose_key_frame(now);
        } else if nacks.deadline() == Time::NEVER {
            self.nacks = None;
        }
    }

    /// What comes cannot be decoded any more.
    fn lose_key_frame(&mut self, now: Time) {
        self.nacks = None;
        self.next_key_request = self.next_key_request.max(now);
        self.has_key_frame = self.kind == Kind::Audio;
    }

    fn feedback_due(&self) -> Option<Time> {
        let nacks = self.nacks.as_ref().map(|nacks| nacks.deadline());
        let key_frame = (!self.has_key_frame).then_some(self.next_key_request);
        nacks.into_iter().chain(key_frame).min()
    }

    fn requests(&mut self, now: Time, ssrc: Ssrc, ask: &mut impl FnMut(Request)) {
        let mut due = ArrayVec::new();
        if let Some(nacks) = &mut self.nacks {
            nacks.take_due(now, &mut due);
            // What is left over was given up.
            if nacks.deadline() == Time::NEVER {
                self.lose_key_frame(now);
            }
        }
        if !due.is_empty() {
            ask(Request::Nack(ssrc, due));
        }
        if !self.has_key_frame && now >= self.next_key_request {
            self.next_key_request = now + KEY_FRAME_PAUSE;
            ask(Request::KeyFrame(ssrc));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::stamp::STAMP_LEN;
    use crate::load::vp8;
    use volley::base::id::PayloadType;
    use volley::wire::rtp::RtpHeader;

    const OWN: Person = Person { room: 1, number: 0 };
    const OTHER: Person = Person { room: 1, number: 5 };
    const RECEIVING: Receiving = Receiving { opus: 111, vp8: 96, rtx: Some(97), transport_cc: None };

    struct Rig {
        incoming: Incoming,
        meter: Meter,
    }

    impl Rig {
        fn new() -> Rig {
            Rig { incoming: Incoming::new(OWN, RECEIVING, Time::ZERO), meter: Meter::new(Time::ZERO) }
        }

        fn take(&mut self, at_ms: u64, packet: &[u8]) {
            let view = RtpView::parse(packet).expect("it was just written");
            self.incoming.on_packet(Time::from_millis(at_ms), &view, packet.len(), &mut self.meter);
        }

        /// What is asked for at a time.
        fn asked(&mut self, at_ms: u64) -> Vec<(u32, Option<Vec<u16>>)> {
            let mut asked = Vec::new();
            self.incoming.requests(Time::from_millis(at_ms), |request| {
                asked.push(match request {
                    Request::Nack(ssrc, lost) => (ssrc.0, Some(lost.to_vec())),
                    Request::KeyFrame(ssrc) => (ssrc.0, None),
                });
            });
            asked
        }
    }

    fn packet(payload_type: u8, ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let header = RtpHeader {
            marker: true,
            payload_type: PayloadType(payload_type),
            sequence,
            timestamp: 0,
            ssrc: Ssrc(ssrc),
        };
        let mut bytes = vec![0; 12];
        header.write(&[], &mut bytes).expect("there is room");
        bytes.extend(payload);
        bytes
    }

    fn picture(person: Person, sequence: u32, key_frame: bool) -> Vec<u8> {
        let stamp = Stamp {
            person,
            kind: Kind::Video,
            layer: 0,
            key_frame,
            silence_follows: false,
            sequence,
            frame: sequence,
            packets_in_frame: 1,
            sent: Time::from_millis(1),
        };
        let mut payload = vec![0; vp8::LONGEST_HEADER + STAMP_LEN];
        let at = vp8::write(true, key_frame, sequence, &mut payload);
        stamp.write(&mut payload[at..at + STAMP_LEN]);
        payload
    }

    #[test]
    fn a_packet_of_another_room_is_a_failure_and_counts_for_nothing_else() {
        let mut rig = Rig::new();
        rig.take(5, &packet(96, 7, 1, &picture(Person { room: 2, number: 5 }, 0, true)));
        assert_eq!((rig.meter.now.foreign_room, rig.meter.now.packets()), (1, 0));
    }

    #[test]
    fn ones_own_packet_is_an_echo() {
        let mut rig = Rig::new();
        rig.take(5, &packet(96, 7, 1, &picture(OWN, 0, true)));
        assert_eq!((rig.meter.now.echoes, rig.meter.now.foreign_room), (1, 0));
    }

    #[test]
    fn what_bears_no_stamp_or_no_known_payload_type_is_counted_apart() {
        let mut rig = Rig::new();
        rig.take(5, &packet(96, 7, 1, &[0x90, 0x80, 0x80, 1, 0x11, 0, 0, 1, 2, 3]));
        rig.take(5, &packet(50, 8, 1, &picture(OTHER, 0, true)));
        rig.take(5, &packet(97, 9, 1, &[]));
        assert_eq!((rig.meter.now.unstamped, rig.meter.now.malformed), (2, 1));
        assert_eq!(rig.meter.now.packets(), 0);
    }

    #[test]
    fn a_hole_is_asked_for_until_its_retransmission_comes() {
        let mut rig = Rig::new();
        rig.take(5, &packet(96, 7, 100, &picture(OTHER, 0, true)));
        rig.take(6, &packet(96, 7, 103, &picture(OTHER, 3, false)));
        assert!(rig.asked(6).is_empty(), "reordering heals by itself");
        assert_eq!(rig.asked(20), [(7, Some(vec![101, 102]))]);
        rig.take(25, &packet(97, 8, 4, &[&101u16.to_be_bytes()[..], &picture(OTHER, 1, false)].concat()));
        assert_eq!(rig.asked(200), [(7, Some(vec![102]))]);
        rig.take(210, &packet(96, 7, 102, &picture(OTHER, 2, false)));
        assert!(rig.asked(400).is_empty());
        assert_eq!(rig.incoming.feedback_due(), Time::NEVER);
        let video = rig.meter.now.video;
        assert_eq!((video.lost(), video.retransmissions, video.reordered), (0, 1, 1));
    }

    #[test]
    fn a_key_frame_is_asked_for_each_second_until_one_comes() {
        let mut rig = Rig::new();
        rig.take(5, &packet(96, 7, 1, &picture(OTHER, 0, false)));
        assert_eq!(rig.incoming.feedback_due(), Time::from_millis(5));
        assert_eq!(rig.asked(5), [(7, None)]);
        rig.take(100, &packet(96, 7, 2, &picture(OTHER, 1, false)));
        assert!(rig.asked(500).is_empty());
        assert_eq!(rig.asked(1_005), [(7, None)]);
        rig.take(1_100, &packet(96, 7, 3, &picture(OTHER, 2, true)));
        assert!(rig.asked(9_000).is_empty());
        assert_eq!(rig.meter.now.first_frame.max(), rig.meter.now.first_frame.highest_equivalent(1_100_000));
    }

    #[test]
    fn a_hole_that_is_given_up_needs_a_key_frame() {
        let mut rig = Rig::new();
        rig.take(5, &packet(96, 7, 100, &picture(OTHER, 0, true)));
        rig.take(6, &packet(96, 7, 102, &picture(OTHER, 2, false)));
        let mut nacks = 0;
        let key_frame_asked = (10..3_000).step_by(10).find(|&at_ms| {
            let asked = rig.asked(at_ms);
            nacks += asked.iter().filter(|(_, lost)| lost.is_some()).count();
            asked.iter().any(|(_, lost)| lost.is_none())
        });
        assert!((5..=10).contains(&nacks), "{nacks}");
        assert!(key_frame_asked.is_some_and(|at_ms| at_ms <= 1_100), "{key_frame_asked:?}");
    }

    #[test]
    fn a_seat_that_shows_somebody_else_loses_nothing() {
        let mut rig = Rig::new();
        rig.take(5, &packet(96, 7, 1, &picture(OTHER, 0, true)));
        rig.take(6, &packet(96, 7, 2, &picture(Person { room: 1, number: 6 }, 50, true)));
        rig.take(9, &packet(96, 7, 3, &picture(OTHER, 90, true)));
        let video = rig.meter.now.video;
        assert_eq!((video.lost(), video.skipped, video.packets), (0, 89, 3));
        assert_eq!(rig.incoming.streams(), 2);
    }

    #[test]
    fn transport_wide_numbers_are_told_in_order_and_once() {
        let mut rig = Rig::new();
        let at = |ms| Some(Time::from_millis(ms));
        rig.incoming.arrivals = vec![(65_535, at(1)), (1, at(2)), (0, at(3)), (0, at(4))];
        let arrivals = rig.incoming.take_arrivals().expect("there are some");
        assert_eq!(arrivals, [(65_535, at(1)), (0, at(3)), (1, at(2))]);
        assert_eq!(rig.incoming.take_arrivals(), None);
    }
}
