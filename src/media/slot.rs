//! A receive seat's own sequence: what a subscriber sees of whatever track the seat shows.
//!
//! A seat has one SSRC for life. Whatever it shows, its sequence numbers go on without a hole of
//! our making, its time stamps go on in step with real time, and a picture begins with a key
//! frame. The index of a packet in the seat's sequence is also its SRTP index, so it is never used
//! twice. Nothing here copies a payload.

use super::packet::{Extension, Packet};
use super::resend::Resends;
use super::sender_clock::ticks;
use crate::base::id::{PayloadType, Ssrc};
use crate::base::random::Random;
use crate::base::{SlotId, StreamId, Time};
use crate::control::message::OpenSlot;
use crate::control::types::{CodecParameters, Kind};
use crate::wire::extension::Element;
use crate::wire::rtp::RtpHeader;
use arrayvec::ArrayVec;
use std::time::Duration;

/// A new sequence starts below this, so that the first wrap is far from the first loss: a receiver
/// that misses the packets around an early wrap guesses the roll-over counter wrong (RFC 3711
/// §3.3.1, appendix A).
const FIRST_SEQUENCE_BELOW: u64 = 1 << 15;

/// A leap ahead in the published sequence that ends a run. A receiver guesses the roll-over counter
/// wrong after one of 2^15 (RFC 3711 §3.3.1), and several lost ones add up; NACK gives up as early.
const MAX_LEAP: u64 = 1_000;

/// The elements of one header: the seat's own two, and what is carried.
type Elements<'a> = ArrayVec<Element<'a>, { Extension::ALL.len() + 2 }>;

/// What a seat puts into a packet's header, besides what is carried through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Index in the SSRC's sequence: sequence number and roll-over counter.
    pub index: u64,
    /// The stream it goes under.
    pub ssrc: Ssrc,
    /// As the subscriber knows the codec.
    pub payload_type: PayloadType,
    /// The same for a packet with an older one in front (RFC 2198), if the subscriber takes such.
    pub red: Option<PayloadType>,
    /// In step with the seat.
    pub timestamp: u32,
    /// Whether a run begins here: the receiver wants a sender report soon.
    pub begins: bool,
}

/// Why a packet is not sent to a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withheld {
    /// The picture waits for a key frame.
    WaitingForKeyFrame,
    /// It lies before the packet the seat began with.
    BeforeTheStart,
    /// The subscriber does not take this codec.
    UnknownCodec,
    /// The core cannot carry all pictures.
    Shed,
}

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

/// The unbroken run of one track through the seat.
#[derive(Clone, Copy, Debug)]
struct Run {
    first_in: u64,
    index_offset: u64,
    timestamp_offset: u32,
    /// The codec it began with, which is nearly always that of every packet, and its place.
    codec: (usize, OutCodec),
}

#[derive(Clone, Copy, Debug, Default)]
struct OutCodec {
    payload_type: PayloadType,
    rtx: Option<PayloadType>,
    red: Option<PayloadType>,
    clock_rate: u32,
}

/// What the seat shows.
#[derive(Clone, Debug)]
struct Showing {
    /// The track, by the shard's key.
    track: u32,
    run: Option<Run>,
    /// By the place of the published codec.
    codecs: Box<[Option<OutCodec>]>,
}

impl Showing {
    fn codec(&self, place: usize) -> Option<OutCodec> {
        match &self.run {
            Some(Run { codec: (same, codec), .. }) if *same == place => Some(*codec),
            _ => self.codecs.get(place).copied().flatten(),
        }
    }
}

/// Counters for sender reports (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets sent under the seat's SSRC.
    pub packets: u32,
    /// Their payload bytes.
    pub octets: u32,
}

/// One receive seat. What each packet needs stands together; the rest is a pointer away, since a
/// worker has many thousand seats and a packet goes through all that show it.
#[derive(Clone, Debug)]
pub struct Slot {
    kind: Kind,
    ssrc: Ssrc,
    open: Box<OpenSlot>,
    transport: u32,
    showing: Option<Showing>,
    next_index: u64,
    next_rtx_index: u64,
    last: Option<(u32, Time)>,
    /// The time stamp offset that a run of the same track goes on with.
    resumes: Option<u32>,
    /// The newest packet it has shown, by the shard's key of the track.
    newest: Option<(u32, u64)>,
    reported: Option<Reported>,
    announced: bool,
    shed: bool,
    sent: Sent,
    resends: Box<Resends>,
}

/// A place in a seat's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The index of the packet that came next.
    pub index: u64,
    /// The last time stamp and when it was sent.
    last: Option<(u32, Time)>,
}

/// What the seat's last sender report said: this time stamp belongs to that moment.
///
/// Receivers fit a line through many reports, so what the seat shows next goes on along it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The moment.
    pub at: Time,
    /// The seat's time stamp.
    pub timestamp: u32,
    /// Ticks a second.
    pub clock_rate: u32,
}

impl Slot {
    /// An empty seat on the transport with the shard's key `transport`.
    pub fn new(open: OpenSlot, transport: u32, random: &mut Random) -> Slot {
        Slot {
            kind: open.kind,
            ssrc: open.ssrc,
            open: Box::new(open),
            transport,
            showing: None,
            next_index: random.below(FIRST_SEQUENCE_BELOW),
            next_rtx_index: random.below(FIRST_SEQUENCE_BELOW),
            last: None,
            resumes: None,
            newest: None,
            reported: None,
            announced: false,
            shed: false,
            sent: Sent::default(),
            resends: Box::default(),
        }
    }

    /// The seat's id.
    pub fn id(&self) -> SlotId {
        self.open.slot
    }

    /// The message it was made with.
    pub fn open(&self) -> &OpenSlot {
        &self.open
    }

    /// The shard's key of the transport it sends on.
    pub fn transport(&self) -> u32 {
        self.transport
    }

    /// The SSRC it sends under.
    pub fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The SSRC its retransmissions go under.
    pub fn rtx_ssrc(&self) -> Option<Ssrc> {
        self.open.rtx_ssrc
    }

    /// The pair it belongs to.
    pub fn stream(&self) -> StreamId {
        self.open.stream
    }

    /// Sound or picture.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The shard's key of the track it shows.
    pub fn track(&self) -> Option<u32> {
        self.showing.as_ref().map(|showing| showing.track)
    }

    /// So many payload bytes more than the packets admitted had were sent with them.
    pub fn note_redundancy(&mut self, bytes: u16) {
        self.sent.octets = self.sent.octets.wrapping_add(u32::from(bytes));
    }

    /// Counters for its sender report.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether it has shown the packet `index` of a track, or a newer one, and nothing else since: to
    /// begin there again would take the viewer back in time.
    pub fn has_shown(&self, track: u32, index: u64) -> bool {
        self.newest.is_some_and(|(same, newest)| same == track && newest >= index)
    }

    /// Whether a picture is held back until a key frame comes.
    pub fn waits_for_key_frame(&self) -> bool {
        let begins = self.showing.as_ref().is_some_and(|showing| showing.run.is_none());
        self.kind == Kind::Video && begins && !self.shed
    }

    /// Shows the track with the shard's key `track`, whose codecs are `published`, or nothing.
    /// Whether it is shed is to be decided anew.
    pub fn show(&mut self, track: Option<(u32, &[CodecParameters])>) {
        self.shed = false;
        self.resumes = None;
        self.showing = track.map(|(track, published)| {
            let own = |published| self.open.codecs.iter().find(|own| same_format(own, published));
            let codecs = published.iter().map(|published| own(published).map(OutCodec::from)).collect();
            Showing { track, codecs, run: None }
        });
    }

    /// Lets its pictures go, or takes them up again; true when they have just been taken up and
    /// wait for a key frame.
    pub fn set_shed(&mut self, shed: bool) -> bool {
        let before = std::mem::replace(&mut self.shed, shed);
        if shed && !before {
            self.interrupt();
        }
        before && !shed
    }

    /// Where the sequence stands: what [`take_back`](Self::take_back) brings back.
    pub fn mark(&self) -> Mark {
        Mark { index: self.next_index, last: self.last }
    }

    /// Breaks the run, and has the sequence go on from `mark`: what was numbered since then was thrown
    /// away before it was sealed, `packets` of it.
    pub fn take_back(&mut self, mark: Mark, packets: u32) {
        debug_assert!(mark.index <= self.next_index, "only what was given out is taken back");
        (self.next_index, self.last) = (self.next_index.min(mark.index), mark.last);
        let run = self.showing.as_ref().and_then(|showing| showing.run);
        let resumes = run.map(|run| run.timestamp_offset).or(self.resumes);
        self.sent.packets = self.sent.packets.wrapping_sub(packets);
        self.interrupt();
        self.resumes = resumes;
    }

    /// Breaks the run: what comes next begins anew, a picture with a key frame.
    pub fn interrupt(&mut self) {
        self.resumes = None;
        if let Some(showing) = &mut self.showing {
            showing.run = None;
        }
    }

    /// The receiver has reported on the SSRC, so it knows it, and MID need not be sent any more.
    pub fn on_receiver_report(&mut self) {
        self.announced = true;
    }

    /// How `packet` goes out on this seat. `published_now` is the layer's own time stamp for `now`,
    /// as far as its publisher has reported; it is asked for when a run begins. Allocates nothing.
    pub fn admit(
        &mut self,
        now: Time,
        packet: &Packet<'_>,
        published_now: impl FnOnce() -> Option<u32>,
    ) -> Result<Outgoing, Withheld> {
        if self.shed {
            return Err(Withheld::Shed);
        }
        let showing = self.showing.as_mut().ok_or(Withheld::UnknownCodec)?;
        let codec = showing.codec(packet.codec).ok_or(Withheld::UnknownCodec)?;
        let next = self.next_index;
        let run = showing.run.filter(|run| packet.index < next.wrapping_sub(run.index_offset) + MAX_LEAP);
        showing.run = run;
        let begins = run.is_none();
        let run = match run {
            Some(run) => run,
            None if self.kind == Kind::Video && !packet.starts_key_frame => {
                return Err(Withheld::WaitingForKeyFrame);
            }
            None => {
                let behind = published_now().map(|then| then.wrapping_sub(packet.timestamp));
                let resumed = self.resumes.take().map(|offset| packet.timestamp.wrapping_add(offset));
                let timestamp = resumed
                    .or_else(|| in_step(self.reported, self.last, now, behind, codec.clock_rate))
                    .or_else(|| next_timestamp(self.last, now, codec.clock_rate));
                *showing.run.insert(Run {
                    first_in: packet.index,
                    index_offset: self.next_index.wrapping_sub(packet.index),
                    timestamp_offset: timestamp.unwrap_or(packet.timestamp).wrapping_sub(packet.timestamp),
                    codec: (packet.codec, codec),
                })
            }
        };
        if packet.index < run.first_in {
            return Err(Withheld::BeforeTheStart);
        }
        let index = packet.index.wrapping_add(run.index_offset);
        let timestamp = packet.timestamp.wrapping_add(run.timestamp_offset);
        if index >= self.next_index {
            self.next_index = index + 1;
            self.last = Some((timestamp, now));
            self.newest = Some((showing.track, packet.index));
        }
        self.sent.packets = self.sent.packets.wrapping_add(1);
        self.sent.octets = self.sent.octets.wrapping_add(packet.payload.len() as u32);
        let (payload_type, red) = (codec.payload_type, codec.red);
        Ok(Outgoing { index, ssrc: self.ssrc, payload_type, red, timestamp, begins })
    }

    /// Which published packet the subscriber means by `sequence` of this seat, if it may be sent
    /// again now.
    pub fn requested(&mut self, now: Time, sequence: u16) -> Result<u64, NotResent> {
        if self.open.rtx_ssrc.is_none() {
            return Err(NotResent::NoRtx);
        }
        let run = self.showing.as_ref().and_then(|showing| showing.run).ok_or(NotResent::Unknown)?;
        let highest = self.next_index.checked_sub(1).ok_or(NotResent::Unknown)?;
        let back = u64::from((highest as u16).wrapping_sub(sequence));
        let index = highest.checked_sub(back).ok_or(NotResent::Unknown)?;
        let published = index.wrapping_sub(run.index_offset);
        if index < run.first_in.wrapping_add(run.index_offset) {
            return Err(NotResent::Unknown);
        }
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
        let run = showing.run?;
        let outgoing = Outgoing {
            index: self.next_rtx_index,
            ssrc: self.open.rtx_ssrc?,
            payload_type: codec.rtx?,
            red: None,
            timestamp: packet.timestamp.wrapping_add(run.timestamp_offset),
            begins: false,
        };
        self.next_rtx_index += 1;
        Some((outgoing, packet.index.wrapping_add(run.index_offset) as u16))
    }

    /// The seat's time stamp for a moment at which the shown layer's own is `published`.
    pub fn timestamp_of(&self, published: u32) -> Option<u32> {
        let run = self.showing.as_ref()?.run?;
        Some(published.wrapping_add(run.timestamp_offset))
    }

    /// A sender report said that `timestamp` of the seat belongs to `at`.
    pub fn on_reported(&mut self, at: Time, timestamp: u32, clock_rate: u32) {
        self.reported = Some(Reported { at, timestamp, clock_rate });
    }

    /// Writes the header `packet` goes out with; returns its length, or `None` when there is no room.
    pub fn write_header(&self, outgoing: &Outgoing, packet: &Packet<'_>, out: &mut [u8]) -> Option<usize> {
        let header = RtpHeader {
            marker: packet.marker,
            payload_type: outgoing.payload_type,
            sequence: outgoing.index as u16,
            timestamp: outgoing.timestamp,
            ssrc: outgoing.ssrc,
        };
        let OpenSlot { extensions, .. } = &*self.open;
        let mut elements = self.own_elements();
        let carried = packet.carried.iter();
        elements.extend(
            carried.filter_map(|&(extension, data)| Some(Element { id: extension.id(extensions)?, data })),
        );
        header.write(&elements, out)
    }

    /// What the seat puts into every header. The transport-wide sequence number comes first: its
    /// value is written when the packet leaves.
    fn own_elements(&self) -> Elements<'_> {
        let OpenSlot { extensions, mid, .. } = &*self.open;
        let mut elements = Elements::new();
        elements.extend(extensions.transport_cc.map(|id| Element { id, data: &[0, 0] }));
        // Chromium drops packets of an SSRC it does not know without MID, once there are several
        // video m-lines; so MID is sent until a receiver report names the SSRC.
        if let Some(id) = extensions.mid.filter(|_| !self.announced) {
            elements.push(Element { id, data: mid.as_bytes() });
        }
        elements
    }

    /// Whether its packets have transport-wide sequence numbers.
    pub fn is_numbered(&self) -> bool {
        self.open.extensions.transport_cc.is_some()
    }

    /// Whether packets that carry nothing may go under its retransmission SSRC.
    pub fn can_probe(&self) -> bool {
        self.is_numbered() && self.open.rtx_ssrc.is_some() && self.probe_payload_type().is_some()
    }

    /// How a packet that carries nothing goes out, as a retransmission of nothing.
    pub fn probe(&mut self) -> Option<Outgoing> {
        let outgoing = Outgoing {
            index: self.next_rtx_index,
            ssrc: self.open.rtx_ssrc?,
            payload_type: self.probe_payload_type()?,
            red: None,
            timestamp: self.last.map_or(0, |(timestamp, _)| timestamp),
            begins: false,
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
        header.write(&self.own_elements(), out)
    }
}

/// The state of a seat's sequences that must outlive a process: the indices used, never to be used
/// again, and the time stamp to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// Next index of the seat's SSRC.
    pub next_index: u64,
    /// Next index of its retransmissions.
    pub next_rtx_index: u64,
    /// The last time stamp and when it was sent.
    pub last: Option<(u32, Time)>,
    /// What the last sender report said.
    pub reported: Option<Reported>,
    /// Whether MID is still sent.
    pub announced: bool,
    /// Counters for sender reports.
    pub sent: Sent,
}

impl Slot {
    /// The seat's sequences as plain data.
    pub fn export(&self) -> SlotState {
        SlotState {
            next_index: self.next_index,
            next_rtx_index: self.next_rtx_index,
            last: self.last,
            reported: self.reported,
            announced: self.announced,
            sent: self.sent,
        }
    }

    /// Goes on where `state` left off; what the seat shows begins a new run.
    pub fn import(&mut self, state: SlotState) {
        self.next_index = state.next_index;
        self.next_rtx_index = state.next_rtx_index;
        self.last = state.last;
        self.reported = state.reported;
        self.announced = state.announced;
        self.sent = state.sent;
        self.interrupt();
    }
}

impl From<&CodecParameters> for OutCodec {
    fn from(own: &CodecParameters) -> OutCodec {
        OutCodec { payload_type: own.payload_type, rtx: own.rtx, red: own.red, clock_rate: own.clock_rate }
    }
}

fn same_format(own: &CodecParameters, published: &CodecParameters) -> bool {
    own.codec == published.codec && own.format == published.format && own.clock_rate == published.clock_rate
}

/// The time stamp a new run begins with, so that the moment its first packet was taken at, `behind`
/// ticks ago by its publisher's reports, lies on the line of the seat's own reports. None where
/// either is unknown, or that would go back in time.
fn in_step(
    reported: Option<Reported>,
    last: Option<(u32, Time)>,
    now: Time,
    behind: Option<u32>,
    clock_rate: u32,
) -> Option<u32> {
    let reported = reported.filter(|reported| reported.clock_rate == clock_rate)?;
    let (last, _) = last?;
    // What is replayed from the history came before the report.
    let (since, until) = (now.since(reported.at), reported.at.since(now));
    let seat_now =
        reported.timestamp.wrapping_add(ticks(since, clock_rate)).wrapping_sub(ticks(until, clock_rate));
    let timestamp = seat_now.wrapping_sub(behind?);
    let ahead = timestamp.wrapping_sub(last) as i32;
    (ahead > 0 && (ahead as u32) < clock_rate.saturating_mul(MAX_SILENCE_S)).then_some(timestamp)
}

/// A seat silent for longer than this begins anew by arrival: a publisher's report may be nonsense,
/// and a receiver takes a leap of 2^25 ticks for one.
const MAX_SILENCE_S: u32 = 300;

/// The time stamp a new run begins with otherwise: as far behind the last one as time has passed, and never
/// the same, which would make two frames one.
fn next_timestamp(last: Option<(u32, Time)>, now: Time, clock_rate: u32) -> Option<u32> {
    let (timestamp, at) = last?;
    let passed = now.since(at).max(Duration::from_millis(1));
    Some(timestamp.wrapping_add(ticks(passed, clock_rate)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TransportId;
    use crate::control::types::{Codec, ExtensionIds, Mid};
    use crate::wire::rtp::RtpView;

    fn vp8(payload_type: u8) -> CodecParameters {
        CodecParameters {
            codec: Codec::Vp8,
            format: 0,
            payload_type: PayloadType(payload_type),
            rtx: Some(PayloadType(payload_type + 1)),
            red: None,
            clock_rate: 90_000,
            nack: true,
            pli: true,
            fir: false,
            transport_cc: true,
        }
    }

    fn slot() -> Slot {
        let open = OpenSlot {
            transport: TransportId(1),
            slot: SlotId(1),
            stream: StreamId(1),
            kind: Kind::Video,
            mid: Mid::from("3").expect("short"),
            ssrc: Ssrc(1111),
            rtx_ssrc: Some(Ssrc(2222)),
            codecs: [vp8(96)].into_iter().collect(),
            extensions: ExtensionIds { mid: Some(4), ..ExtensionIds::default() },
        };
        Slot::new(open, 0, &mut Random::new(5))
    }

    fn packet(index: u64, timestamp: u32, starts_key_frame: bool) -> Packet<'static> {
        Packet {
            index,
            timestamp,
            marker: false,
            codec: 0,
            starts_key_frame,
            carried: ArrayVec::new(),
            payload: b"payload",
            payload_start: 12,
        }
    }

    #[test]
    fn a_picture_begins_with_a_key_frame_and_goes_on_without_holes() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let at = Time::from_millis(1);
        assert_eq!(
            slot.admit(at, &packet(99_999, 0, false), || None).err(),
            Some(Withheld::WaitingForKeyFrame)
        );
        let first = slot.admit(at, &packet(100_000, 90, true), || None).expect("a key frame").index;
        assert_eq!(slot.admit(at, &packet(100_002, 90, false), || None).expect("running").index, first + 2);
        assert_eq!(slot.admit(at, &packet(100_001, 90, false), || None).expect("late").index, first + 1);
        assert_eq!(slot.admit(at, &packet(99_998, 80, false), || None).err(), Some(Withheld::BeforeTheStart));
    }

    #[test]
    fn another_track_continues_the_sequence_and_the_clock() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let before = slot.admit(Time::from_millis(0), &packet(70_000, 5_000, true), || None).expect("key");
        let (index, timestamp) = (before.index, before.timestamp);
        slot.show(Some((8, &[vp8(102)])));
        let after =
            slot.admit(Time::from_millis(100), &packet(90_123, 4_000_000, true), || None).expect("key");
        assert_eq!(after.index, index + 1);
        assert_eq!(after.timestamp, timestamp.wrapping_add(9_000));
        assert_eq!(after.payload_type, PayloadType(96));
    }

    #[test]
    fn what_is_taken_back_leaves_no_hole() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let admit = |slot: &mut Slot, index, key| slot.admit(Time::ZERO, &packet(index, 0, key), || None);
        let first = admit(&mut slot, 70_000, true).expect("key").index;
        let mark = slot.mark();
        admit(&mut slot, 70_001, false).expect("running");
        slot.take_back(mark, 1);
        assert_eq!(admit(&mut slot, 70_002, false).err(), Some(Withheld::WaitingForKeyFrame));
        assert_eq!(admit(&mut slot, 70_003, true).expect("key").index, first + 1);
        assert_eq!(slot.sent().packets, 2);
    }

    #[test]
    fn a_leap_of_the_publisher_is_none_of_the_receivers() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let first = slot.admit(Time::ZERO, &packet(70_000, 0, true), || None).expect("key").index;
        let leap = slot.admit(Time::ZERO, &packet(100_000, 90, false), || None);
        assert_eq!(leap.err(), Some(Withheld::WaitingForKeyFrame));
        assert_eq!(
            slot.admit(Time::ZERO, &packet(130_000, 180, true), || None).expect("key").index,
            first + 1
        );
    }

    #[test]
    fn mid_is_sent_until_the_receiver_has_reported() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let mid_of = |slot: &mut Slot, index| {
            let packet = packet(index, 0, index == 1);
            let outgoing = slot.admit(Time::ZERO, &packet, || None).expect("it runs");
            let mut header = [0; 40];
            let len = slot.write_header(&outgoing, &packet, &mut header).expect("there is room");
            let view = RtpView::parse_header(&header[..len]).expect("a header");
            view.extension(Some(4)).map(<[u8]>::to_vec)
        };
        assert_eq!(mid_of(&mut slot, 1).as_deref(), Some(&b"3"[..]));
        slot.on_receiver_report();
        assert_eq!(mid_of(&mut slot, 2), None);
    }

    #[test]
    fn what_a_seat_shows_next_lies_on_the_line_its_reports_drew() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let first =
            slot.admit(Time::from_millis(1_000), &packet(1, 0, true), || None).expect("key").timestamp;
        slot.on_reported(Time::from_millis(2_000), first.wrapping_add(90_000), 90_000);
        slot.show(Some((8, &[vp8(100)])));
        // It came at 3,000 ms and was taken 150 ms before.
        let now = Time::from_millis(3_000);
        let next = slot.admit(now, &packet(500, 777, true), || Some(777 + 13_500)).expect("key").timestamp;
        assert_eq!(next, first.wrapping_add(180_000 - 13_500));
    }

    #[test]
    fn a_report_that_would_turn_back_time_is_not_followed() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let first =
            slot.admit(Time::from_millis(1_000), &packet(1, 0, true), || None).expect("key").timestamp;
        slot.on_reported(Time::from_millis(1_010), first, 90_000);
        slot.show(Some((8, &[vp8(100)])));
        let now = Time::from_millis(1_020);
        let next = slot.admit(now, &packet(500, 0, true), || Some(90_000)).expect("key").timestamp;
        assert_eq!(next, first.wrapping_add(1_800), "20 ms later by arrival");
    }

    #[test]
    fn a_retransmission_names_the_original_and_has_its_own_sequence() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let index = slot.admit(Time::ZERO, &packet(70_000, 5, true), || None).expect("key").index;
        assert_eq!(slot.requested(Time::ZERO, index as u16), Ok(70_000));
        assert_eq!(slot.requested(Time::ZERO, index as u16), Err(NotResent::TooSoon));
        assert_eq!(slot.requested(Time::ZERO, index as u16 + 1), Err(NotResent::Unknown));
        let (again, original) = slot.resend(&packet(70_000, 5, true)).expect("agreed on");
        assert_eq!((again.ssrc, again.payload_type, original), (Ssrc(2222), PayloadType(97), index as u16));
    }

    #[test]
    fn what_another_track_sent_is_not_resent() {
        let mut slot = slot();
        slot.show(Some((7, &[vp8(100)])));
        let before = slot.admit(Time::ZERO, &packet(70_000, 5, true), || None).expect("key").index;
        slot.show(Some((8, &[vp8(100)])));
        slot.admit(Time::ZERO, &packet(10, 5, true), || None).expect("key");
        assert_eq!(slot.requested(Time::ZERO, before as u16), Err(NotResent::Unknown));
    }

    #[test]
    fn a_codec_the_receiver_does_not_take_is_withheld() {
        let mut slot = slot();
        slot.show(Some((7, &[CodecParameters { codec: Codec::Av1, ..vp8(100) }])));
        assert_eq!(slot.admit(Time::ZERO, &packet(1, 0, true), || None).err(), Some(Withheld::UnknownCodec));
    }
}
