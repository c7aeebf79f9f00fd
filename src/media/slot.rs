//! A receive seat's own sequence: what a subscriber sees of whatever track the seat shows.
//!
//! A seat has one SSRC for life. Whatever it shows, its sequence numbers go on without a hole of
//! our making, its time stamps go on in step with real time, its pictures are numbered on, and a
//! picture begins with a key frame: of another track, and of another layer of the same track, which
//! takes over from the one before when its key frame comes. The index of a packet in the seat's
//! sequence is also its SRTP index, so it is never used twice. Nothing here copies a payload.

mod path;

use super::choice::{Choice, Sublayers};
use super::numbering::{Numbering, Skipped};
use super::packet::{Extension, Packet};
use super::pictures::{Counted, Head, Pictures};
use super::resend::Resends;
use super::selection::Selection;
use super::sender_clock::ticks;
use crate::base::id::{PayloadType, Ssrc};
use crate::base::random::Random;
use crate::base::{SlotId, StreamId, Time};
use crate::control::message::OpenSlot;
use crate::control::types::{CodecParameters, Kind};
use crate::wire::dependency::Described;
use crate::wire::extension::{Element, PlayoutDelay};
use crate::wire::rtp::RtpHeader;
use arrayvec::ArrayVec;
use std::time::Duration;

/// A new sequence starts below this, so that the first wrap is far from the first loss: a receiver
/// that misses the packets around an early wrap guesses the roll-over counter wrong (RFC 3711
/// §3.3.1, appendix A).
const FIRST_SEQUENCE_BELOW: u64 = 1 << 15;

/// Layers of one picture arrive this far apart: the large ones take a frame's time longer to encode and
/// to send.
const OUT_OF_STEP: Duration = Duration::from_millis(100);

/// Longest dependency descriptor: what a two-byte extension header can carry.
const MAX_DESCRIPTOR: usize = 255;

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
    /// The end of a picture, as far as the subscriber is shown it.
    pub marker: bool,
    /// Whether a run begins here: the receiver wants a sender report soon.
    pub begins: bool,
    /// What the payload begins with in place of its own first bytes.
    pub head: Head,
    /// Nothing of the payload is sent: the number was reserved for a packet that is not wanted.
    pub is_empty: bool,
    /// The frame's number in its dependency descriptor, where it has one.
    pub frame_number: Option<u16>,
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
    /// The seat shows another layer, or nothing for now.
    OtherLayer,
    /// It belongs to a temporal or spatial layer that the seat does not show.
    Sublayer,
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
    layer: u8,
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
    /// What it is to show of the track; nothing for now.
    aim: Option<Choice>,
    /// The layer of the last run: what comes of it after a break is newer than what was sent.
    last_layer: Option<u8>,
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
    /// Numbers the packets of the run.
    numbering: Numbering,
    selection: Selection,
    pictures: Pictures,
    next_index: u64,
    next_rtx_index: u64,
    last: Option<(u32, Time)>,
    /// The newest packet it has shown: the shard's key of the track, layer and index.
    newest: Option<(u32, u8, u64)>,
    reported: Option<Reported>,
    announced: bool,
    /// What the receiver is told of holding pictures back, as the header extension has it.
    playout: Option<[u8; 3]>,
    shed: bool,
    /// It needs no more lines than these.
    max_height: Option<u16>,
    /// The layer it would show if all of them came.
    desired: Option<u8>,
    /// When it was given less for want of budget.
    lowered: Time,
    sent: Sent,
    resends: Box<Resends>,
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
            numbering: Numbering::default(),
            selection: Selection::default(),
            pictures: Pictures::default(),
            next_index: random.below(FIRST_SEQUENCE_BELOW),
            next_rtx_index: random.below(FIRST_SEQUENCE_BELOW),
            last: None,
            newest: None,
            reported: None,
            announced: false,
            playout: None,
            shed: false,
            max_height: None,
            desired: None,
            lowered: Time::ZERO,
            sent: Sent::default(),
            resends: Box::default(),
        }
    }

    /// Tells the receiver between which bounds to hold pictures back, whatever publishers say.
    pub fn set_playout(&mut self, delay: PlayoutDelay) {
        self.playout = Some(delay.write());
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

    /// How many lines it needs at most, if that is known.
    pub fn max_height(&self) -> Option<u16> {
        self.max_height
    }

    /// Needs no more lines than `max_height`, whatever it shows; true when that is new.
    pub fn set_max_height(&mut self, max_height: Option<u16>) -> bool {
        std::mem::replace(&mut self.max_height, max_height) != max_height
    }

    /// The layer it would show if all of them came.
    pub fn desired(&self) -> Option<u8> {
        self.desired
    }

    /// Would show this layer if all of them came; true when that is new.
    pub fn set_desired(&mut self, layer: Option<u8>) -> bool {
        std::mem::replace(&mut self.desired, layer) != layer
    }

    /// When it was given less for want of budget.
    pub fn lowered(&self) -> Time {
        self.lowered
    }

    /// Is given less for want of budget.
    pub fn note_lowered(&mut self, now: Time) {
        self.lowered = now;
    }

    /// The layer whose packets it shows now.
    pub fn layer(&self) -> Option<u8> {
        Some(self.showing.as_ref()?.run?.layer)
    }

    /// What it is to show.
    pub fn aimed_at(&self) -> Option<Choice> {
        self.showing.as_ref()?.aim
    }

    /// Whether packets of this layer of its track are for it: it shows them, or waits for them.
    pub fn listens_to(&self, layer: u8) -> bool {
        self.layer() == Some(layer) || self.aimed_at().is_some_and(|aim| aim.layer == layer)
    }

    /// Whether it has shown the packet `index` of a track's layer, or a newer one, or another layer, and
    /// nothing else since: to begin there again would take the viewer back in time.
    pub fn has_shown(&self, track: u32, layer: u8, index: u64) -> bool {
        self.newest.is_some_and(|(same, shown, newest)| same == track && (shown != layer || newest >= index))
    }

    /// Whether a picture is held back until a key frame comes.
    pub fn waits_for_key_frame(&self) -> bool {
        let begins =
            self.showing.as_ref().is_some_and(|showing| showing.run.is_none() && showing.aim.is_some());
        self.kind == Kind::Video && begins && !self.shed
    }

    /// Whether it would show more of what it aims at if a key frame of `layer` came.
    pub fn misses_key_frame_of(&self, layer: u8) -> bool {
        let is_aim = self.aimed_at().is_some_and(|aim| aim.layer == layer);
        let misses = self.layer() != Some(layer) || self.selection.waits_for_key_frame();
        self.kind == Kind::Video && !self.shed && is_aim && misses
    }

    /// Is to show `choice` of its track from the next key frame on, and until then goes on with what
    /// it shows; or nothing from now on. False: it was so before.
    pub fn aim(&mut self, choice: Option<Choice>) -> bool {
        let Some(showing) = self.showing.as_mut().filter(|showing| showing.aim != choice) else {
            return false;
        };
        showing.aim = choice;
        match (choice, showing.run) {
            (None, _) => showing.run = None,
            (Some(choice), Some(run)) if run.layer == choice.layer => self.selection.want(choice.sublayers),
            // What is shown until the other layer's key frame comes stays as it is.
            (Some(_), _) => {}
        }
        if choice.is_some_and(|choice| choice.sublayers != Sublayers::ALL) {
            self.numbering.prepare_to_skip();
            self.pictures.prepare_to_skip();
        }
        true
    }

    /// Shows the track with the shard's key `track`, whose codecs are `published`, or nothing. What
    /// of it is to be [aimed at](Self::aim), and whether it is shed is to be decided anew.
    pub fn show(&mut self, track: Option<(u32, &[CodecParameters])>) {
        self.shed = false;
        (self.desired, self.lowered) = (None, Time::ZERO);
        self.showing = track.map(|(track, published)| {
            let own = |published| self.open.codecs.iter().find(|own| same_format(own, published));
            let codecs = published.iter().map(|published| own(published).map(OutCodec::from)).collect();
            Showing { track, codecs, run: None, aim: None, last_layer: None }
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

    /// A layer of what it shows begins anew with other indices.
    pub fn restart(&mut self, layer: u8) {
        if self.layer() == Some(layer) {
            self.interrupt();
        }
        if let Some(showing) = self.showing.as_mut().filter(|showing| showing.last_layer == Some(layer)) {
            showing.last_layer = None;
        }
    }

    /// Breaks the run: what comes next begins anew, a picture with a key frame.
    pub fn interrupt(&mut self) {
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
        let aim = showing.aim.ok_or(Withheld::OtherLayer)?;
        let codec = showing.codec(packet.codec).ok_or(Withheld::UnknownCodec)?;
        let leaps = packet.index > self.numbering.highest() + MAX_LEAP;
        showing.run.take_if(|run| run.layer == packet.layer && leaps);
        match showing.run {
            Some(run) if run.layer == packet.layer => self.go_on(now, run, codec, packet, false),
            _ if packet.layer != aim.layer => Err(Withheld::OtherLayer),
            _ if self.kind == Kind::Video && !packet.starts_key_frame => Err(Withheld::WaitingForKeyFrame),
            _ if is_past(showing.last_layer, packet, self.numbering.highest(), self.last, now) => {
                Err(Withheld::BeforeTheStart)
            }
            _ => {
                let run = self.begin(now, codec, packet, published_now(), aim);
                self.go_on(now, run, codec, packet, true)
            }
        }
    }

    /// Begins a run with `packet`.
    fn begin(
        &mut self,
        now: Time,
        codec: OutCodec,
        packet: &Packet<'_>,
        published_now: Option<u32>,
        aim: Choice,
    ) -> Run {
        let behind = published_now.map(|then| then.wrapping_sub(packet.timestamp));
        let timestamp = in_step(self.reported, self.last, now, behind, codec.clock_rate)
            .or_else(|| next_timestamp(self.last, now, codec.clock_rate));
        let run = Run {
            layer: packet.layer,
            timestamp_offset: timestamp.unwrap_or(packet.timestamp).wrapping_sub(packet.timestamp),
            codec: (packet.codec, codec),
        };
        self.numbering.begin(packet.index, self.next_index);
        self.selection.want(aim.sublayers);
        self.selection.begin(packet.index);
        self.pictures.begin(packet);
        if let Some(showing) = &mut self.showing {
            (showing.run, showing.last_layer) = (Some(run), Some(run.layer));
        }
        run
    }

    /// The next packet of the run, or one that comes late.
    fn go_on(
        &mut self,
        now: Time,
        run: Run,
        codec: OutCodec,
        packet: &Packet<'_>,
        begins: bool,
    ) -> Result<Outgoing, Withheld> {
        if packet.index < self.numbering.first() {
            return Err(Withheld::BeforeTheStart);
        }
        if packet.index > self.numbering.highest() {
            self.selection.advance(packet.index, packet);
        }
        let shown = self.selection.shows(packet.index, packet);
        let head = if shown { self.pictures.head(&packet.frame, packet.payload) } else { None };
        if head.is_some() {
            self.selection.note_shown(packet);
        }
        let index = match head {
            Some(_) => self.numbering.number(packet.index).ok_or(Withheld::BeforeTheStart)?,
            None => self.leave_out(packet)?,
        };
        let timestamp = packet.timestamp.wrapping_add(run.timestamp_offset);
        if index >= self.next_index {
            self.next_index = index + 1;
            self.last = Some((timestamp, now));
            let track = self.showing.as_ref().map(|showing| showing.track);
            self.newest = track.map(|track| (track, packet.layer, packet.index));
        }
        self.sent.packets = self.sent.packets.wrapping_add(1);
        self.sent.octets = self.sent.octets.wrapping_add(packet.payload.len() as u32);
        Ok(Outgoing {
            index,
            ssrc: self.ssrc,
            payload_type: codec.payload_type,
            red: codec.red,
            timestamp,
            marker: head.is_some() && self.is_marked(packet),
            begins,
            head: head.unwrap_or_default(),
            is_empty: head.is_none(),
            frame_number: self.pictures.frame_number(packet),
        })
    }

    /// Leaves a packet out that is not wanted, so that nobody misses it; where others went before it
    /// that is too late, and its number must be sent empty.
    fn leave_out(&mut self, packet: &Packet<'_>) -> Result<u64, Withheld> {
        self.pictures.skip(&packet.frame);
        match self.numbering.skip(packet.index) {
            Skipped::LeftOut => Err(Withheld::Sublayer),
            Skipped::Reserved(number) => Ok(number),
            Skipped::TooOld => Err(Withheld::BeforeTheStart),
        }
    }

    fn is_marked(&self, packet: &Packet<'_>) -> bool {
        packet.marker || self.selection.ends_picture(packet.index, packet)
    }

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
        let shown = self.selection.shows(packet.index, packet);
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

    /// What the seat puts into every header. The transport-wide sequence number comes first: its
    /// value is written when the packet leaves.
    fn own_elements(&self, starts_key_frame: bool) -> Elements<'_> {
        let OpenSlot { extensions, mid, .. } = &*self.open;
        let mut elements = Elements::new();
        elements.extend(extensions.transport_cc.map(|id| Element { id, data: &[0, 0] }));
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
    /// The picture numbers to go on from.
    pub counted: Counted,
    /// The lines it needs.
    pub max_height: Option<u16>,
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
            counted: self.pictures.counted(),
            max_height: self.max_height,
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
        self.pictures.import(state.counted);
        self.max_height = state.max_height;
        self.interrupt();
    }
}

impl From<&CodecParameters> for OutCodec {
    fn from(own: &CodecParameters) -> OutCodec {
        OutCodec { payload_type: own.payload_type, rtx: own.rtx, red: own.red, clock_rate: own.clock_rate }
    }
}

/// Whether a key frame that comes at `now` shows what is past: it comes late in the layer that the
/// seat showed last, or from the history of a layer on another worker.
fn is_past(
    last_layer: Option<u8>,
    packet: &Packet<'_>,
    highest: u64,
    last: Option<(u32, Time)>,
    now: Time,
) -> bool {
    let is_late = last_layer == Some(packet.layer) && packet.index <= highest;
    let is_old = last_layer.is_some() && last.is_some_and(|(_, last)| now + OUT_OF_STEP < last);
    is_late || is_old
}

/// A dependency descriptor with another frame number, in `room`.
fn renumber<'a>(data: &[u8], number: u16, room: &'a mut [u8]) -> Option<&'a [u8]> {
    let room = room.get_mut(..data.len())?;
    room.copy_from_slice(data);
    Described::renumber(room, number);
    Some(room)
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
mod tests;
