//! All that one participant receives on one transport: packets by SSRC, and the streams in them.
//!
//! Gets packets that were opened; does not know keys or sockets.

use super::layers::Switch;
use super::meter::Meter;
use super::outgoing::read_stamp;
use super::source::{Request, Source, Step};
use super::stamp::Stamp;
use super::stream::{Arrival, Seat, Stream, micros};
use crate::signal::{Kind, Person, Receiving};
use std::time::Duration;
use volley::base::id::Ssrc;
use volley::base::{NtpTime, Time};
use volley::wire::extension::read_transport_sequence;
use volley::wire::rtcp::ReportBlock;
use volley::wire::rtp::RtpView;

/// RFC 4588 §4: the original's number goes before its payload.
const ORIGINAL_LEN: usize = 2;
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

/// What of the others' streams is coming in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Live {
    pub(super) sounds: usize,
    pub(super) pictures: usize,
    /// The longest that nothing has come of one that should go on, those that have stopped for good included.
    pub(super) open_gap: Duration,
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

    /// Streams of others that are coming in, all layers of a picture being one.
    pub(super) fn live(&self, now: Time) -> Live {
        let live = self.streams.iter().filter(|stream| stream.is_live(now));
        let mut sources: Vec<(u32, Kind)> = live.map(Stream::source).collect();
        sources.sort_unstable_by_key(|&(publisher, kind)| (publisher, kind as u8));
        sources.dedup();
        let sounds = sources.iter().filter(|(_, kind)| *kind == Kind::Audio).count();
        let open_gap = self.streams.iter().map(|stream| stream.open_gap(now)).max().unwrap_or_default();
        Live { sounds, pictures: sources.len() - sounds, open_gap }
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
        let step = self.sources[place].note(now, packet);
        let Some(stamp) = read_stamp(kind, packet.payload()) else { return meter.now.unstamped += 1 };
        if !self.is_from_room(&stamp, meter) {
            return;
        }
        let shown = self.sources[place].stream.map(|stream| stream as usize);
        let (stream, seat) = match shown.filter(|&stream| self.streams[stream].is_of(&stamp)) {
            Some(stream) => {
                let hole = if let Step::Ahead { hole } = step { hole } else { u64::MAX };
                (stream, Seat::Shows { hole })
            }
            None => self.change(now, place, &stamp, step, meter),
        };
        let arrival = Arrival { now, again: false, seat };
        let whole = self.streams[stream].note(&stamp, arrival, bytes, meter);
        let source = &mut self.sources[place];
        if let Some(layer) = stamp.layer.filter(|_| step != Step::Late) {
            source.show(now, layer, &mut meter.now.layers);
        }
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
        let stream = self.stream_of(&stamp, 0, now);
        let shows = |source: &Source| source.stream == Some(stream as u32);
        let has_shown = |source: &Source| source.has_shown(stream as u32);
        let place = self.sources.iter().position(shows).or_else(|| self.sources.iter().position(has_shown));
        // How much was withheld before it, its number does not tell.
        let mut seat = Seat::Shows { hole: u64::MAX };
        if let Some(source) = place.map(|place| &mut self.sources[place]) {
            source.recover(now, u16::from_be_bytes(*original));
            if !shows(source) {
                seat = Seat::Left;
            }
        }
        let arrival = Arrival { now, again: true, seat };
        if self.streams[stream].note(&stamp, arrival, bytes, meter) {
            self.note_frame(now, meter);
        }
    }

    /// A packet came through a seat that shows something else: from now on it shows this, unless the
    /// packet is late.
    fn change(
        &mut self,
        now: Time,
        place: usize,
        stamp: &Stamp,
        step: Step,
        meter: &mut Meter,
    ) -> (usize, Seat) {
        let hole = if let Step::Ahead { hole } = step { hole } else { 0 };
        let stream = self.stream_of(stamp, hole, now);
        let source = &mut self.sources[place];
        if step == Step::Late {
            let seat = if source.has_shown(stream as u32) { Seat::Left } else { Seat::Changes };
            return (stream, seat);
        }
        // Of whatever the seat showed: the streams' own numbers do not tell what ends or begins here.
        meter.now.received(stamp.kind).missing += hole;
        let before = source.stream.map(|before| &self.streams[before as usize]);
        let before = before.filter(|before| before.is_beside(stamp));
        source.change(stream as u32, before.is_some());
        if let Some(before) = before {
            let gap = before.silent_for(now);
            meter.now.gaps.saturating_record(gap.as_micros() as u64);
            meter.now.layers.note(Switch { gap, hole, key_frame: stamp.key_frame });
        }
        (stream, Seat::Changes)
    }

    /// The place of the stream a stamp belongs to.
    fn stream_of(&mut self, stamp: &Stamp, hole: u64, now: Time) -> usize {
        if let Some(place) = self.streams.iter().position(|stream| stream.is_of(stamp)) {
            return place;
        }
        let stream = Stream::new(stamp, hole, now);
        if let Some(place) = self.streams.iter().position(|former| former.is_followed_by(stamp)) {
            self.streams[place] = stream;
            return place;
        }
        self.streams.push(stream);
        self.streams.len() - 1
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

#[cfg(test)]
mod tests;
