//! A receive seat's own sequence: what a subscriber sees of whatever track the seat shows.
//!
//! A seat has one SSRC for life. Whatever it shows, its sequence numbers go on without a hole of
//! our making, its time stamps go on in step with real time, its pictures are numbered on, and a
//! picture begins with a key frame: of another track, and of another layer of the same track, which
//! takes over from the one before when its key frame comes. The index of a packet in the seat's
//! sequence is also its SRTP index, so it is never used twice. Nothing here copies a payload.

mod admission;
mod again;
mod header;
mod path;
mod showing;
mod state;

use super::choice::{Choice, Sublayers};
use super::numbering::Numbering;
use super::pictures::{Head, Pictures};
use super::resend::Resends;
use super::selection::Selection;
use crate::base::id::{PayloadType, Ssrc};
use crate::base::random::Random;
use crate::base::{SlotId, StreamId, Time};
use crate::control::message::OpenSlot;
use crate::control::types::{CodecParameters, Kind, ShownLayer};
use crate::wire::dependency::Structure;
use crate::wire::extension::PlayoutDelay;
pub use admission::Withheld;
pub use again::NotResent;
use showing::Showing;
pub use state::SlotState;

/// A new sequence starts below this, so that the first wrap is far from the first loss: a receiver
/// that misses the packets around an early wrap guesses the roll-over counter wrong (RFC 3711
/// §3.3.1, appendix A).
const FIRST_SEQUENCE_BELOW: u64 = 1 << 15;

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
    /// What signaling was told that it sends.
    told: Option<ShownLayer>,
    sent: Sent,
    resends: Resends,
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
            told: None,
            sent: Sent::default(),
            resends: Resends::default(),
        }
    }

    /// Tells the receiver between which bounds to hold pictures back, whatever publishers say.
    pub fn set_playout(&mut self, delay: PlayoutDelay) {
        self.playout = Some(delay.write());
    }

    /// Bytes it occupies.
    pub fn memory(&self) -> usize {
        let numberings = self.numbering.memory() + self.pictures.memory();
        size_of::<Slot>() + size_of::<OpenSlot>() + self.resends.memory() + numberings
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

    /// What of its track it shows now.
    pub fn shows(&self) -> Option<Choice> {
        self.layer().map(|layer| Choice { layer, sublayers: self.selection.now() })
    }

    /// Signaling is told that it sends this of what it shows; true when that is new.
    pub fn set_told(&mut self, layer: Option<ShownLayer>) -> bool {
        std::mem::replace(&mut self.told, layer) != layer
    }

    /// The highest spatial layer of it that it shows now.
    pub fn spatial(&self) -> u8 {
        self.selection.spatial()
    }

    /// Whether it needs a key frame to show no more than `smaller` of the layer that it shows.
    pub fn lacks(&self, smaller: Sublayers, structure: &Structure) -> bool {
        self.selection.lacks(smaller, structure)
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
    /// of it is to be [aimed at](Self::aim), and whether it is shed is to be decided anew. Signaling is to
    /// be told of the track, and believes from then on that nothing of it is sent.
    pub fn show(&mut self, track: Option<(u32, &[CodecParameters])>) {
        (self.shed, self.told) = (false, None);
        (self.desired, self.lowered) = (None, Time::ZERO);
        self.showing = track.map(|(track, published)| Showing::new(track, published, &self.open.codecs));
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

    /// The seat's time stamp for a moment at which the shown layer's own is `published`.
    pub fn timestamp_of(&self, published: u32) -> Option<u32> {
        let run = self.showing.as_ref()?.run?;
        Some(published.wrapping_add(run.timestamp_offset))
    }

    /// A sender report said that `timestamp` of the seat belongs to `at`.
    pub fn on_reported(&mut self, at: Time, timestamp: u32, clock_rate: u32) {
        self.reported = Some(Reported { at, timestamp, clock_rate });
    }
}

#[cfg(test)]
mod tests;
