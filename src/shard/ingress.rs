//! A published packet's first half: opened straight into the history of its layer.

use super::counters::Drop;
use super::demux::Datagram;
use super::link::Ingress;
use super::{Shard, correction};
use crate::base::id::{PayloadType, Ssrc};
use crate::base::{Outbox, Time};
use crate::control::Event;
use crate::control::types::{Encoding, Kind};
use crate::media::frame::Frame;
use crate::media::history::{About, MAX_PACKET};
use crate::media::key_frame::starts_key_frame;
use crate::media::nack::Arrival;
use crate::media::track::{Track, describe};
use crate::transport::srtp::SrtpError;
use crate::wire::extension::{AudioLevel, read_transport_sequence};
use crate::wire::rtp::RtpView;

/// Bytes of the original sequence number in front of a retransmission's payload (RFC 4588 §4).
const OSN_LEN: usize = 2;

/// How a packet came to be here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// It came by itself, then.
    Itself(Time),
    /// It was sent once more.
    Again,
    /// It was put together from others, byte for byte.
    Restored,
    /// It never came, and is of no use to anybody.
    Needless,
}

/// A published packet that stands opened in the shard's `scratch`, beside its place in the history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aside {
    /// When it came.
    pub(super) arrived: Time,
    /// Which layer it is of.
    pub(super) from: Ingress,
    /// Its index in the layer's sequence.
    pub(super) index: u64,
    /// How many bytes it has.
    pub(super) len: usize,
}

impl Shard {
    /// An RTP packet came on the transport with the key `link`. Allocates nothing once the layer's
    /// history has grown to a second's size.
    pub(super) fn on_rtp(&mut self, now: Time, link: u32, datagram: Datagram<'_>, out: &mut impl Outbox) {
        let Ok(view) = RtpView::parse_header(datagram.bytes) else {
            return self.counters.drop(Drop::BadRtp);
        };
        match self.links[link].ingress.find(view.ssrc()) {
            Some(ingress) if ingress.retired => self.counters.drop(Drop::RetiredSsrc),
            Some(ingress) if self.is_red(ingress, &view) => {
                self.on_aside(now, (link, datagram), Some(ingress), &view, out)
            }
            Some(ingress) if !ingress.rtx => self.on_media(now, (link, datagram), ingress, &view, out),
            Some(ingress) => self.on_aside(now, (link, datagram), Some(ingress), &view, out),
            None => self.on_aside(now, (link, datagram), None, &view, out),
        }
    }

    fn is_red(&self, ingress: Ingress, view: &RtpView<'_>) -> bool {
        !ingress.rtx && self.tracks[ingress.track].is_red(view.payload_type())
    }

    /// A packet of a known layer: opened in its place in the history.
    fn on_media(
        &mut self,
        now: Time,
        (link, datagram): (u32, Datagram<'_>),
        from: Ingress,
        view: &RtpView<'_>,
        out: &mut impl Outbox,
    ) {
        let track = &mut self.tracks[from.track];
        let layer = &mut track.layers[usize::from(from.layer)];
        let Some(srtp) = self.links[link].srtp.as_mut() else {
            return self.counters.drop(Drop::NoKeys);
        };
        let room = layer.history.reserve(now);
        let opened = match srtp.receiver.open_rtp(view.packet(), view.header_len(), room) {
            Ok(opened) => opened,
            Err(error) => return self.counters.drop(cause(error)),
        };
        self.counters.packets_in += 1;
        self.links[link].transport.on_authentic(now, &datagram.path);
        self.note_arrival((now, datagram.arrived), link, view, out);
        self.store(now, Way::Itself(datagram.arrived), from, (opened.index, opened.len), out);
    }

    /// A retransmission, something with redundancy, or an SSRC seen for the first time: opened beside, then
    /// put in its place.
    fn on_aside(
        &mut self,
        now: Time,
        (link, datagram): (u32, Datagram<'_>),
        known: Option<Ingress>,
        view: &RtpView<'_>,
        out: &mut impl Outbox,
    ) {
        let Some(srtp) = self.links[link].srtp.as_mut() else {
            return self.counters.drop(Drop::NoKeys);
        };
        let opened = match srtp.receiver.open_rtp(view.packet(), view.header_len(), &mut self.scratch[..]) {
            Ok(opened) => opened,
            Err(error) => return self.counters.drop(cause(error)),
        };
        self.counters.packets_in += 1;
        self.links[link].transport.on_authentic(now, &datagram.path);
        self.note_arrival((now, datagram.arrived), link, view, out);
        let Some(ingress) = known.or_else(|| self.recognise(link, view, out)) else {
            return self.counters.drop(Drop::UnknownTrack);
        };
        if ingress.rtx {
            return self.on_retransmission(now, ingress, opened.len, out);
        }
        if self.is_red(ingress, view) {
            let (index, len) = (opened.index, opened.len);
            let aside = Aside { arrived: datagram.arrived, from: ingress, index, len };
            return match self.tracks[ingress.track].kind {
                Kind::Audio => self.on_redundant(now, aside, out),
                Kind::Video => self.on_corrected(now, aside, out),
            };
        }
        let room = self.tracks[ingress.track].layers[usize::from(ingress.layer)].history.reserve(now);
        room[..opened.len].copy_from_slice(&self.scratch[..opened.len]);
        self.store(now, Way::Itself(datagram.arrived), ingress, (opened.index, opened.len), out);
    }

    /// Puts the original packet together again from a retransmission in `scratch`.
    fn on_retransmission(&mut self, now: Time, from: Ingress, len: usize, out: &mut impl Outbox) {
        let track = &mut self.tracks[from.track];
        let Ok(view) = RtpView::parse(&self.scratch[..len]) else {
            return self.counters.drop(Drop::BadRtp);
        };
        let Some((original, payload)) = view.payload().split_first_chunk::<OSN_LEN>() else {
            return self.counters.drop(Drop::EmptyRtx);
        };
        let codec = track.codec_of_rtx(view.payload_type());
        let plain = codec.map(|codec| (track.codecs[codec].payload_type, payload));
        let unwrapped = plain.or_else(|| correction::unwrap_again(track, &view, payload));
        let layer = &mut track.layers[usize::from(from.layer)];
        let (Some((payload_type, payload)), Some(ssrc), Some(highest)) =
            (unwrapped, layer.ssrc, layer.highest)
        else {
            return self.counters.drop(Drop::EmptyRtx);
        };
        let sequence = u16::from_be_bytes(*original);
        let ahead = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        let Some(index) = highest.checked_add_signed(ahead).filter(|&index| index <= highest) else {
            return self.counters.drop(Drop::EmptyRtx);
        };
        let header_len = view.header_len();
        let room = layer.history.reserve(now);
        room[..header_len].copy_from_slice(&view.packet()[..header_len]);
        restore_header(room, payload_type, sequence, ssrc, view.marker());
        room[header_len..header_len + payload.len()].copy_from_slice(payload);
        let len = header_len + payload.len();
        self.store(now, Way::Again, from, (index, len), out);
    }

    /// Commits the packet that stands in the layer's reservation, and forwards it.
    pub(super) fn store(
        &mut self,
        now: Time,
        way: Way,
        from: Ingress,
        (index, len): (u64, usize),
        out: &mut impl Outbox,
    ) {
        let arrived = if let Way::Itself(at) = way { Some(at) } else { None };
        let track = &mut self.tracks[from.track];
        let alone = track.layers.len() == 1;
        let codecs = &track.codecs;
        let layer = &mut track.layers[usize::from(from.layer)];
        let reserved = &layer.history.reserve(now)[..len];
        let Ok(view) = RtpView::parse(reserved) else {
            return self.counters.drop(Drop::BadRtp);
        };
        let Some(codec) = codecs.iter().find(|codec| codec.payload_type == view.payload_type()) else {
            return self.counters.drop(Drop::UnknownCodec);
        };
        let key = starts_key_frame(codec.codec, view.payload());
        let descriptor = view.extension(track.published.extensions.dependency_descriptor);
        let described = descriptor.and_then(|data| describe(&mut layer.structure, index, data));
        let frame = Frame::read(codec.codec, view.payload(), view.marker()).described_as(described);
        let timestamp = view.timestamp();
        let level = view.extension(track.published.extensions.audio_level).and_then(AudioLevel::read);
        let is_empty = view.payload().is_empty();
        let about =
            About { received: arrived.unwrap_or(now), starts_key_frame: key, is_as_sent: way != Way::Again };
        if !layer.seen.accept(index) || !layer.history.commit(index, len, about) {
            return self.counters.drop(Drop::Duplicate);
        }
        layer.highest = layer.highest.max(Some(index));
        match way {
            Way::Itself(at) => layer.reception.on_packet(at, index, timestamp),
            Way::Again | Way::Restored => layer.reception.on_recovered(),
            Way::Needless => {}
        }
        layer.came(now, &mut track.presence);
        // Of several layers those cross that are watched: what there is, its home tells.
        if (track.home.is_none() || alone) && !is_empty {
            let same = layer.last_key_frame.is_some_and(|(_, of)| of == timestamp);
            layer.meter.on_packet(now, len, &frame, track.kind == Kind::Video && (key || same));
            track.next_look = if layer.flows { track.next_look } else { Time::ZERO };
        }
        let arrival = layer.nacks.on_packet(now, index);
        if track.kind == Kind::Video {
            if key {
                layer.note_key_frame(index, timestamp);
                layer.key_requests.served();
            }
            if arrival == Arrival::TooMuchLost {
                layer.key_requests.want();
            }
        }
        let level = level.filter(|_| {
            // On another worker its home listens.
            track.home.is_none() && track.kind == Kind::Audio && !track.muted && arrived.is_some()
        });
        track.counters.packets += u64::from(way != Way::Needless);
        track.counters.bytes += if way == Way::Needless { 0 } else { len as u64 };
        let deadline = layer.nacks.deadline().min(layer.key_requests.deadline());
        self.ask_at_most(from.track, deadline);
        self.forward(from.track, usize::from(from.layer), index, out);
        self.look_at(now, from.track);
        if let Some(level) = level {
            self.on_level(now, from.track, level, out);
        }
    }

    /// Tells congestion control's bookkeeping of the packet.
    fn note_arrival(
        &mut self,
        (now, arrived): (Time, Time),
        link: u32,
        view: &RtpView<'_>,
        out: &mut impl Outbox,
    ) {
        if !std::mem::replace(&mut self.links[link].has_heard, true) {
            self.tell(Event::Media { transport: self.links[link].opened.transport });
        }
        let id = self.links[link].transport_cc;
        let Some(sequence) = view.extension(id).and_then(read_transport_sequence) else { return };
        if !self.links[link].arrivals.on_packet(now, arrived, sequence) {
            self.send_arrivals(link, out);
            self.links[link].arrivals.on_packet(now, arrived, sequence);
        }
        let deadline = self.links[link].arrivals.deadline();
        self.timers.set_at_most(link, deadline);
    }

    /// Which layer an SSRC belongs to that was not signalled: by MID and payload type (RFC 8843
    /// §9.2), or by the payload type alone when only one track has it; of several encodings by RID or
    /// repaired RID (RFC 8852 §3). Only for authentic packets.
    fn recognise(&mut self, link: u32, view: &RtpView<'_>, out: &mut impl Outbox) -> Option<Ingress> {
        let payload_type = view.payload_type();
        let tracks = &self.tracks;
        let candidates =
            || self.links[link].tracks.iter().copied().filter(|&key| takes(&tracks[key], payload_type));
        let by_mid = candidates().find(|&key| {
            let track = &tracks[key];
            view.extension(track.published.extensions.mid).is_some_and(|mid| mid == track.mid.as_bytes())
        });
        let carries_mid =
            || candidates().any(|key| view.extension(tracks[key].published.extensions.mid).is_some());
        // What is still under way of a track that has ended is not the only other one's.
        let is_over = || self.links[link].former.knows(view.ssrc());
        let key = by_mid.or_else(|| {
            let mut all = candidates();
            all.next().filter(|_| all.next().is_none() && !carries_mid() && !is_over())
        })?;
        let track = &self.tracks[key];
        let rtx = track.is_rtx(payload_type);
        let layer = layer_of(track, view, rtx)?;
        Some(self.adopt(link, (key, layer), (view.ssrc(), rtx), out))
    }

    /// Gives an SSRC to a layer of a track.
    fn adopt(
        &mut self,
        link: u32,
        (key, number): (u32, u8),
        (ssrc, rtx): (Ssrc, bool),
        out: &mut impl Outbox,
    ) -> Ingress {
        if !rtx {
            // What waits is read from the history, which begins anew with a new SSRC.
            self.depart_viewers(key, out);
        }
        let clock_rate = self.tracks[key].clock_rate();
        let layer = &mut self.tracks[key].layers[usize::from(number)];
        if rtx {
            layer.rtx_ssrc = Some(ssrc);
            self.links[link].ingress.retire(key, number, true);
        } else if layer.ssrc.replace(ssrc).is_some_and(|before| before != ssrc) {
            layer.restart(ssrc, clock_rate);
            self.restart_seats(key, number);
            self.links[link].ingress.retire(key, number, false);
            self.tell_restarted(key, usize::from(number), ssrc);
            self.tap_restarted(key, usize::from(number));
            self.want_key_frame(key, usize::from(number));
        }
        let ingress = Ingress { ssrc, track: key, layer: number, rtx, retired: false };
        self.links[link].ingress.learn(ingress);
        ingress
    }
}

/// The encoding that a packet belongs to: by its RID, unless there is only one.
fn layer_of(track: &Track, view: &RtpView<'_>, rtx: bool) -> Option<u8> {
    let encodings = &track.published.encodings;
    if encodings.len() == 1 {
        return Some(0);
    }
    let ids = &track.published.extensions;
    let repaired = view.extension(ids.repaired_rid).filter(|_| rtx);
    let rid = repaired.or_else(|| view.extension(ids.rid))?;
    let is_it = |encoding: &Encoding| encoding.rid.is_some_and(|own| own.as_bytes() == rid);
    encodings.iter().position(is_it).map(|place| place as u8)
}

fn takes(track: &Track, payload_type: PayloadType) -> bool {
    track.codec_of(payload_type).is_some() || track.is_rtx(payload_type) || track.is_red(payload_type)
}

/// Makes a retransmission's header the original's again.
fn restore_header(header: &mut [u8], payload_type: PayloadType, sequence: u16, ssrc: Ssrc, marker: bool) {
    // The retransmission's own padding was left out with its payload.
    header[0] &= !0x20;
    header[1] = u8::from(marker) << 7 | payload_type.0;
    header[2..4].copy_from_slice(&sequence.to_be_bytes());
    header[8..12].copy_from_slice(&ssrc.0.to_be_bytes());
}

fn cause(error: SrtpError) -> Drop {
    match error {
        SrtpError::Replayed => Drop::Replayed,
        SrtpError::NotAuthentic => Drop::NotAuthentic,
        _ => Drop::RefusedSrtp,
    }
}

const _: () = assert!(MAX_PACKET <= 1500, "the scratch packet is one Ethernet frame");
