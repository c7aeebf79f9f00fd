//! A published packet's second half: sealed straight into the train of everyone it is shown to.

use super::Shard;
use super::counters::{Counters, Drop};
use super::link::{Link, Srtp};
use crate::base::slab::Slab;
use crate::base::{Outbox, Push, Time, TrainId, WallClock};
use crate::control::types::Kind;
use crate::media::history::Stored;
use crate::media::packet::{Carried, Extension, Packet};
use crate::media::slot::{Outgoing, Slot, Withheld};
use crate::media::track::Track;
use crate::transport::srtp::Payload;
use crate::wire::rtp::RtpView;
use arrayvec::ArrayVec;
use std::ops::RangeInclusive;

/// Room for an RTP header we write: 12 bytes, MID and what is carried.
const MAX_HEADER: usize = 320;

/// Seats that begin with one packet and are told at once what it is in step with.
const MAX_BEGUN: usize = 8;

/// A run since the last key frame is replayed to a late joiner while it has at most this many
/// packets; a longer one is dearer than a new key frame.
const MAX_REPLAY: u64 = 64;

impl Shard {
    /// Sends the packet `index` of a layer to every seat that shows the layer.
    pub(super) fn forward(&mut self, now: Time, track: u32, layer: usize, index: u64, out: &mut impl Outbox) {
        let fanned = self.fan_out(now, track, layer, index, out);
        self.counters.forwarded += fanned.sent;
        let counters = &mut self.tracks[track].counters;
        counters.forwarded += fanned.sent;
        counters.forwarded_bytes += fanned.bytes;
        for slot in fanned.begun {
            // The start of a key frame may have come late: what was withheld meanwhile follows it.
            let highest = self.tracks[track].layers[layer].highest.unwrap_or(index);
            self.replay(slot, track, layer, index + 1..=highest.min(index + MAX_REPLAY), out);
            self.send_pair_reports(now, slot, out);
        }
        if fanned.waiting {
            self.want_key_frame(track, layer);
        }
    }

    /// Per seat: no hash, no allocation, no lock; the payload moves once, through the cipher.
    fn fan_out(&mut self, now: Time, track: u32, layer: usize, index: u64, out: &mut impl Outbox) -> Fanned {
        let mut fanned = Fanned::default();
        let track = &self.tracks[track];
        let layer = &track.layers[layer];
        let Some((bytes, stored)) = layer.history.get(index) else { return fanned };
        self.counters.owed += layer.slots.len() as u64;
        let withheld = if track.muted { Some(Drop::Muted) } else { None };
        let packet = view_packet(track, bytes, stored).ok_or(Drop::BadRtp);
        let packet = match withheld.map_or(packet, Err) {
            Ok(packet) => packet,
            Err(cause) => {
                layer.slots.iter().for_each(|_| self.counters.drop(cause));
                return fanned;
            }
        };
        let published_now = || published_at(now, track, &self.links, &self.wall);
        for &key in &layer.slots {
            let slot = &mut self.slots[key];
            let outcome = send(now, slot, &packet, published_now, &self.links, &mut self.counters, out);
            fanned.sent += u64::from(outcome.sent);
            fanned.waiting |= outcome.waits;
            if outcome.begins {
                // Those beyond the first few have theirs with the publisher's next report.
                let _ = fanned.begun.try_push(key);
            }
        }
        fanned.bytes = fanned.sent * bytes.len() as u64;
        fanned
    }

    /// Lets a seat that was just pointed at a layer begin at once, from the history, when the whole
    /// run since the last key frame is there and short; otherwise asks for a key frame.
    pub(super) fn begin(&mut self, now: Time, slot: u32, out: &mut impl Outbox) {
        let Some(key) = self.slots[slot].track() else { return };
        let track = &self.tracks[key];
        if track.kind == Kind::Audio || track.muted || !self.slots[slot].waits_for_key_frame() {
            return;
        }
        let layer = &track.layers[0];
        let run = layer.last_key_frame.zip(layer.highest).map(|((first, _), last)| first..=last);
        let whole = run.filter(|run| {
            run.end() - run.start() < MAX_REPLAY
                && run.clone().all(|index| layer.history.get(index).is_some())
        });
        let Some(run) = whole else {
            return self.want_key_frame(key, 0);
        };
        self.replay(slot, key, 0, run, out);
        self.send_pair_reports(now, slot, out);
    }

    /// Sends packets that came before to one seat, each as at the time it came, so that the seat's
    /// clock goes on in step.
    fn replay(
        &mut self,
        slot: u32,
        track: u32,
        layer: usize,
        run: RangeInclusive<u64>,
        out: &mut impl Outbox,
    ) {
        let track = &self.tracks[track];
        for index in run {
            let Some((bytes, stored)) = track.layers[layer].history.get(index) else { continue };
            let Some(packet) = view_packet(track, bytes, stored) else { continue };
            let (slot, then) = (&mut self.slots[slot], stored.received);
            let published_then = || published_at(then, track, &self.links, &self.wall);
            let outcome = send(then, slot, &packet, published_then, &self.links, &mut self.counters, out);
            self.counters.replayed_from_history += u64::from(outcome.sent);
        }
    }

    /// Sends the packet `index` of what `slot` shows once more (RFC 4588).
    pub(super) fn resend(&mut self, now: Time, slot: u32, sequence: u16, out: &mut impl Outbox) {
        let slot = &mut self.slots[slot];
        let index = match slot.requested(now, sequence) {
            Ok(index) => index,
            Err(not) => return self.counters.drop(not.into()),
        };
        let Some(track) = slot.track().and_then(|track| self.tracks.get(track)) else { return };
        let stored = track.layers[0].history.get(index);
        let Some(packet) = stored.and_then(|(bytes, stored)| view_packet(track, bytes, stored)) else {
            return self.counters.drop(Drop::NotKept);
        };
        let Some((outgoing, original)) = slot.resend(&packet) else {
            return self.counters.drop(Drop::NoRtx);
        };
        let original = original.to_be_bytes();
        if seal(
            &outgoing,
            &original,
            packet.payload,
            &self.links[slot.transport()],
            slot.transport(),
            &mut self.counters,
            out,
        ) {
            self.counters.resent += 1;
        }
    }

    /// Somebody who is shown this layer needs a key frame.
    pub(super) fn want_key_frame(&mut self, track: u32, layer: usize) {
        let track = &mut self.tracks[track];
        if track.kind == Kind::Video {
            track.layers[layer].key_requests.want();
            let deadline = track.layers[layer].key_requests.deadline();
            self.timers.set_at_most(track.transport, deadline);
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
    /// Whether a seat waits for a key frame.
    waiting: bool,
}

#[derive(Clone, Copy, Default)]
struct Outcome {
    sent: bool,
    begins: bool,
    waits: bool,
}

fn send(
    now: Time,
    slot: &mut Slot,
    packet: &Packet<'_>,
    published_now: impl FnOnce() -> Option<u32>,
    links: &Slab<Link>,
    counters: &mut Counters,
    out: &mut impl Outbox,
) -> Outcome {
    let link = &links[slot.transport()];
    if link.srtp.is_none() {
        counters.drop(Drop::NotConnected);
        return Outcome::default();
    }
    match slot.admit(now, packet, published_now) {
        Ok(outgoing) => {
            let sent = seal(&outgoing, &[], packet.payload, link, slot.transport(), counters, out);
            Outcome { sent, begins: outgoing.begins, waits: false }
        }
        Err(withheld) => {
            counters.drop(withheld.into());
            Outcome { waits: withheld == Withheld::WaitingForKeyFrame, ..Outcome::default() }
        }
    }
}

/// Reserves room in the receiver's train and seals header, `front` and payload into it.
fn seal(
    outgoing: &Outgoing<'_>,
    front: &[u8],
    payload: &[u8],
    link: &Link,
    key: u32,
    counters: &mut Counters,
    out: &mut impl Outbox,
) -> bool {
    let Some(path) = link.transport.path() else {
        counters.drop(Drop::NotConnected);
        return false;
    };
    let Some(Srtp { sender, .. }) = &link.srtp else {
        counters.drop(Drop::NotConnected);
        return false;
    };
    let mut header = [0; MAX_HEADER];
    let Some(header_len) = outgoing.write_header(&mut header) else {
        counters.drop(Drop::NotSealed);
        return false;
    };
    let capacity = header_len + front.len() + payload.len() + sender.overhead();
    let pushed = out.push(TrainId(key), &path, capacity, |room| {
        room[..header_len].copy_from_slice(&header[..header_len]);
        sender
            .seal_rtp(outgoing.index, header_len, Payload { head: front, body: payload, padding: 0 }, room)
            .ok()
    });
    match pushed {
        Push::Committed => true,
        Push::RolledBack => {
            counters.drop(Drop::NotSealed);
            false
        }
        Push::Full => {
            counters.drop(Drop::NoBuffer);
            false
        }
    }
}

/// The track's own time stamp for the moment `at`, as far as its publisher has reported.
pub(super) fn published_at(at: Time, track: &Track, links: &Slab<Link>, wall: &WallClock) -> Option<u32> {
    let offset = &links[track.transport].clock;
    track.layers[0].reference?.timestamp_at(at, wall, offset, track.clock_rate())
}

/// A stored packet as its receivers see it.
fn view_packet<'a>(track: &Track, bytes: &'a [u8], stored: Stored) -> Option<Packet<'a>> {
    let view = RtpView::parse(bytes).ok()?;
    let codec = track.codec_of(view.payload_type())?;
    let carried: Carried<'a> = view
        .extensions()
        .filter_map(|element| Some((track.extension(element.id)?, element.data)))
        .take(Extension::ALL.len())
        .collect();
    Some(Packet {
        index: stored.index,
        timestamp: view.timestamp(),
        marker: view.marker(),
        codec,
        starts_key_frame: stored.starts_key_frame,
        carried,
        payload: view.payload(),
    })
}
