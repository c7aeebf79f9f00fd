//! A published packet's second half: put on the list of everyone it is shown to.

use super::Shard;
use super::counters::Drop;
use super::gather::Yard;
use super::link::Link;
use super::redundancy::{Older, older_of};
use super::train::Train;
use super::waiting::{MAX_HEADER, Owed};
use crate::base::slab::Slab;
use crate::base::{Outbox, Time, WallClock};
use crate::control::types::Kind;
use crate::media::frame::Frame;
use crate::media::history::Stored;
use crate::media::packet::{Carried, Extension, Packet};
use crate::media::pictures::Head;
use crate::media::slot::{Outgoing, Slot, Withheld};
use crate::media::track::Track;
use crate::transport::srtp::Payload;
use crate::wire::dependency::Described;
use crate::wire::rtp::RtpView;
use arrayvec::ArrayVec;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Seats that begin with one packet and are given at once what came after it.
const MAX_BEGUN: usize = 8;

/// A run since the last key frame is replayed to a late joiner while it has at most this many
/// packets; a longer one is dearer than a new key frame.
const MAX_REPLAY: u64 = 64;

/// … and no more than this has passed since: what is seen in fast motion is to be over soon.
const MAX_REPLAY_SPAN: Duration = Duration::from_secs(1);

impl Shard {
    /// Sends the packet `index` of a layer to every seat that shows the layer.
    pub(super) fn forward(&mut self, track: u32, layer: usize, index: u64, out: &mut impl Outbox) {
        if self.tracks[track].layers[layer].is_hushed(index) {
            return self.counters.drop(Drop::Muted);
        }
        self.cross_packet(track, layer, index);
        if self.tracks[track].layers[layer].is_taped {
            self.tap_packet(track, layer, index);
        }
        let fanned = self.fan_out(track, layer, index, out);
        let counters = &mut self.tracks[track].counters;
        counters.forwarded += fanned.sent;
        counters.forwarded_bytes += fanned.bytes;
        if self.tracks[track].kind == Kind::Video {
            self.counters.pictures += fanned.sent;
        }
        for slot in fanned.begun {
            // The start of a key frame may have come late: what was withheld meanwhile follows it.
            let highest = self.tracks[track].layers[layer].highest.unwrap_or(index);
            self.replay(slot, track, layer, index + 1..=highest.min(index + MAX_REPLAY), out);
        }
        if fanned.begun_layer {
            self.let_go_of_layers(track);
        }
        if fanned.waiting {
            self.want_key_frame(track, layer);
        }
    }

    /// Per seat: no hash, no allocation, no lock, and no look at the payload.
    fn fan_out(&mut self, key: u32, layer_number: usize, index: u64, out: &mut impl Outbox) -> Fanned {
        let mut fanned = Fanned::default();
        let track = &self.tracks[key];
        let layer = &track.layers[layer_number];
        let Some((bytes, stored)) = layer.history.get(index) else { return fanned };
        self.counters.owed += layer.slots.len() as u64;
        let withheld = if track.muted { Some(Drop::Muted) } else { None };
        let packet = view_packet(track, layer_number, bytes, stored).ok_or(Drop::BadRtp);
        let packet = match withheld.map_or(packet, Err) {
            Ok(packet) => packet,
            Err(cause) => {
                layer.slots.iter().for_each(|_| self.counters.drop(cause));
                return fanned;
            }
        };
        let mut yard = Yard {
            tracks: &self.tracks,
            links: &mut self.links,
            gathering: &mut self.gathering,
            counters: &mut self.counters,
        };
        let older = older_of(track, layer, (index, packet.timestamp), packet.payload.len());
        for &slot in &layer.slots {
            let mut owed = Owed::new(slot, key, layer_number, index);
            owed.older = older;
            let came = stored.received;
            let outcome = owe(came, &mut self.slots[slot], &packet, owed, &self.wall, &mut yard, out);
            fanned.sent += u64::from(outcome.kept);
            fanned.waiting |= outcome.waits;
            fanned.begun_layer |= outcome.begins;
            if outcome.begins {
                // Those beyond the first few ask for what they miss.
                let _ = fanned.begun.try_push(slot);
            }
        }
        fanned.bytes = fanned.sent * bytes.len() as u64;
        fanned
    }

    /// Lets a seat that shows nothing yet of what it aims at begin at once, from the history, when
    /// the whole run since the last key frame is there, short, and new to it: nobody is shown the past
    /// again. Otherwise asks for a key frame.
    pub(super) fn begin(&mut self, slot: u32, out: &mut impl Outbox) {
        let Some(key) = self.slots[slot].track() else { return };
        let Some(aim) = self.slots[slot].aimed_at() else { return };
        let track = &self.tracks[key];
        if track.kind == Kind::Audio || track.muted || !self.slots[slot].waits_for_key_frame() {
            return;
        }
        let number = usize::from(aim.layer);
        let run = self.replayable(key, number);
        // A link that is known to be thin takes a second and more for it, and is late all that time.
        let is_thin = self.links[self.slots[slot].transport()].budget.is_some();
        let run = run.filter(|run| !is_thin && !self.slots[slot].has_shown(key, aim.layer, *run.start()));
        match run {
            Some(run) => self.replay(slot, key, number, run, out),
            None => self.want_key_frame(key, number),
        }
    }

    /// The run since the last key frame of a layer, when all of it is there and it is short.
    pub(super) fn replayable(&self, track: u32, layer: usize) -> Option<RangeInclusive<u64>> {
        let layer = &self.tracks[track].layers[layer];
        let run = layer.last_key_frame.zip(layer.highest).map(|((first, _), last)| first..=last)?;
        let began = layer.history.get(*run.start()).map(|(_, stored)| stored.received)?;
        let is_short = run.end() - run.start() < MAX_REPLAY
            && layer.last_came.is_some_and(|last| last.since(began) < MAX_REPLAY_SPAN);
        (is_short && run.clone().all(|index| layer.history.get(index).is_some())).then_some(run)
    }

    /// Sends packets that came before to one seat, each as at the time it came, so that the seat's
    /// clock goes on in step.
    fn replay(
        &mut self,
        key: u32,
        track_key: u32,
        layer: usize,
        run: RangeInclusive<u64>,
        out: &mut impl Outbox,
    ) {
        let track = &self.tracks[track_key];
        let mut yard = Yard {
            tracks: &self.tracks,
            links: &mut self.links,
            gathering: &mut self.gathering,
            counters: &mut self.counters,
        };
        for index in run {
            let Some((bytes, stored)) = track.layers[layer].history.get(index) else { continue };
            let Some(packet) = view_packet(track, layer, bytes, stored) else { continue };
            let mut owed = Owed::new(key, track_key, layer, index);
            owed.replayed = true;
            owe(stored.received, &mut self.slots[key], &packet, owed, &self.wall, &mut yard, out);
        }
    }

    /// Sends the packet `index` of what `slot` shows once more (RFC 4588).
    pub(super) fn resend(&mut self, now: Time, slot: u32, sequence: u16, out: &mut impl Outbox) {
        let requested = self.slots[slot].requested(now, sequence).map_err(Drop::from);
        match requested.and_then(|index| self.send_again(now, slot, index, out)) {
            Ok(sent) => {
                self.counters.resent += u64::from(sent);
                let link = self.slots[slot].transport();
                if let Some(rate) = &mut self.links[link].rate {
                    rate.on_train(now);
                }
            }
            Err(cause) => {
                self.counters.drop(cause);
                if let Some(index) = requested.ok().filter(|_| cause == Drop::LayerLeft) {
                    self.make_up_for(slot, index);
                }
            }
        }
    }

    /// The packet `index` is missed of a spatial layer that the seat has left. libwebrtc shows nothing more
    /// before a picture is whole, also in layers it is not sent any more, and those were left because the
    /// link carries no more: a key frame helps for less, unless one is on its way already.
    fn make_up_for(&mut self, slot: u32, index: u64) {
        let slot = &self.slots[slot];
        let Some((track, layer)) = slot.track().zip(slot.layer()) else { return };
        let key_frame = self.tracks[track].layers[usize::from(layer)].last_key_frame;
        if key_frame.is_none_or(|(began, _)| began < index) {
            self.want_key_frame(track, usize::from(layer));
        }
    }

    /// Sends the packet that was published as `index` of what `slot` shows once more; false when there
    /// was no room for it, which is counted.
    pub(super) fn send_again(
        &mut self,
        now: Time,
        slot: u32,
        index: u64,
        out: &mut impl Outbox,
    ) -> Result<bool, Drop> {
        let slot = &mut self.slots[slot];
        let track = slot.track().and_then(|track| self.tracks.get(track)).ok_or(Drop::NotKept)?;
        let layer = usize::from(slot.layer().unwrap_or_default());
        let stored = track.layers[layer].history.get(index);
        let packet = stored.and_then(|(bytes, stored)| view_packet(track, layer, bytes, stored));
        let packet = packet.ok_or(Drop::NotKept)?;
        let (outgoing, original) = slot.resend(&packet).ok_or(Drop::NoRtx)?;
        if slot.has_left(&packet) {
            return Err(Drop::LayerLeft);
        }
        let mut header = [0; MAX_HEADER];
        let header_len = slot.write_header(&outgoing, &packet, &mut header).ok_or(Drop::NotSealed)?;
        let (link, stamp) = (slot.transport(), slot.stamp());
        let mut head = ArrayVec::<u8, { 2 + Head::MAX }>::from_iter(original.to_be_bytes());
        head.extend(outgoing.head.bytes().iter().copied());
        let body = &packet.payload[usize::from(outgoing.head.replaces)..];
        let payload = Payload { head: &head, body, padding: 0 };
        let mut train = Train::to(now, link, &mut self.links[link]).ok_or(Drop::NotConnected)?;
        let sent = train.seal(outgoing.index, &header[..header_len], payload, stamp, &mut self.counters, out);
        Ok(sent)
    }

    /// Somebody who is shown this layer needs a key frame.
    pub(super) fn want_key_frame(&mut self, track: u32, layer: usize) {
        let entry = &mut self.tracks[track];
        if entry.kind == Kind::Video {
            entry.layers[layer].key_requests.want();
            let deadline = entry.layers[layer].key_requests.deadline();
            self.ask_at_most(track, deadline);
        }
    }
}

/// What became of one packet.
#[derive(Clone, Default)]
struct Fanned {
    sent: u64,
    bytes: u64,
    /// Seats that began with it.
    begun: ArrayVec<u32, MAX_BEGUN>,
    /// Whether any did.
    begun_layer: bool,
    /// Whether a seat waits for a key frame.
    waiting: bool,
}

#[derive(Clone, Copy, Default)]
struct Outcome {
    kept: bool,
    begins: bool,
    waits: bool,
}

/// Puts `packet` on the list of the seat's receiver, if it is for it.
fn owe(
    now: Time,
    slot: &mut Slot,
    packet: &Packet<'_>,
    mut owed: Owed,
    wall: &WallClock,
    yard: &mut Yard<'_>,
    out: &mut impl Outbox,
) -> Outcome {
    let link = slot.transport();
    if yard.links[link].srtp.is_none() {
        yard.counters.drop(Drop::NotConnected);
        return Outcome::default();
    }
    let layer = usize::from(owed.layer);
    let published_now = || published_at(now, &yard.tracks[owed.track], layer, yard.links, wall);
    match slot.admit(now, packet, published_now) {
        Ok(mut outgoing) => {
            owed.older = owed.older.filter(|_| !outgoing.begins && yard.links[link].hears_twice(now));
            match (owed.older, outgoing.red) {
                (Some(older), Some(red)) => {
                    owed.older = Some(Older { payload_type: outgoing.payload_type, ..older });
                    outgoing.payload_type = red;
                    slot.note_redundancy(older.len());
                }
                _ => owed.older = None,
            }
            owed.head = outgoing.head;
            owed.payload = body_of(packet, &outgoing);
            owed.begins = outgoing.begins;
            owed.index = outgoing.index;
            owed.stamp = slot.stamp();
            owed.is_sound = slot.kind() == Kind::Audio;
            let kept = yard.owe(now, link, owed, |room| slot.write_header(&outgoing, packet, room), out);
            Outcome { kept, begins: outgoing.begins, waits: slot.misses_key_frame_of(packet.layer) }
        }
        Err(withheld) => {
            yard.counters.drop(withheld.into());
            Outcome { waits: withheld == Withheld::WaitingForKeyFrame, ..Outcome::default() }
        }
    }
}

/// Where the payload lies in the stored packet, as far as it is sent as it is.
fn body_of(packet: &Packet<'_>, outgoing: &Outgoing) -> (u16, u16) {
    let replaced = u16::from(outgoing.head.replaces);
    let len = if outgoing.is_empty { 0 } else { packet.payload.len() as u16 - replaced };
    (packet.payload_start + replaced, len)
}

/// A layer's own time stamp for the moment `at`, as far as its publisher has reported.
pub(super) fn published_at(
    at: Time,
    track: &Track,
    layer: usize,
    links: &Slab<Link>,
    wall: &WallClock,
) -> Option<u32> {
    let offset = track.home.as_ref().map_or_else(|| &links[track.transport].clock, |home| &home.clock);
    track.layers[layer].reference?.timestamp_at(at, wall, offset, track.clock_rate())
}

/// A stored packet as its receivers see it.
fn view_packet<'a>(track: &'a Track, layer: usize, bytes: &'a [u8], stored: Stored) -> Option<Packet<'a>> {
    let view = RtpView::parse(bytes).ok()?;
    let codec = track.codec_of(view.payload_type())?;
    let carried: Carried<'a> = view
        .extensions()
        .filter_map(|element| Some((track.extension(element.id)?, element.data)))
        .take(Extension::ALL.len())
        .collect();
    let structure = track.layers[layer].structure.as_ref().map(|(_, structure)| &**structure);
    let descriptor = carried.iter().find(|(extension, _)| *extension == Extension::DependencyDescriptor);
    let described = descriptor.zip(structure).and_then(|((_, data), known)| Described::read(data, known));
    let frame = Frame::read(track.codecs[codec].codec, view.payload(), view.marker());
    Some(Packet {
        layer: layer as u8,
        index: stored.index,
        timestamp: view.timestamp(),
        marker: view.marker(),
        codec,
        starts_key_frame: stored.starts_key_frame,
        frame: frame.described_as(described),
        structure,
        carried,
        payload: view.payload(),
        payload_start: view.header_len() as u16,
    })
}
