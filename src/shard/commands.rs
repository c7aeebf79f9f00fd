//! What signaling tells the shard, carried out.

use super::link::{Ingress, Link};
use super::rate::Rate;
use super::voices::is_unheard;
use super::{Participant, Shard};
use crate::base::{Outbox, ParticipantId, RoomId, SlotId, Time, TrackId, TransportId};
use crate::control::message::{OpenSlot, OpenTransport, Publish};
use crate::control::types::{IceCredentials, LinkStats, Reason, TrackStats, TransportState};
use crate::control::{Command, Event};
use crate::media::nack::Nacks;
use crate::media::slot::Slot;
use crate::media::track::Track;
use crate::room::Room;
use crate::transport::Transport;

pub(super) type Outcome = Result<(), (u64, Reason)>;

impl Shard {
    /// Carries out a command; one that cannot be is answered by [`Event::Refused`].
    pub fn on_command(&mut self, now: Time, command: Command, out: &mut impl Outbox) {
        let outcome = match command {
            Command::OpenRoom { room } => self.open_room(room),
            Command::CloseRoom { room } => self.close_room(room, out),
            Command::SpanRoom { room, worker } => self.span_room(room, worker),
            Command::ShowSpeakersOnly { room, only } => self.show_speakers_only(room, only, out),
            Command::Join { room, participant } => self.join(room, participant),
            Command::Leave { participant } => self.leave(participant, out),
            Command::OpenTransport(open) => self.open_transport(now, *open),
            Command::RestartIce { transport, local, remote } => {
                self.restart_ice(now, transport, local, remote)
            }
            Command::CloseTransport { transport } => self.close_transport(transport, Reason::Asked, out),
            Command::Publish(publish) => self.publish(*publish, out),
            Command::Unpublish { track } => self.unpublish(track, out),
            Command::Mute { track, muted } => self.mute(track, muted, out),
            Command::OpenSlot(open) => self.open_slot(now, *open, out),
            Command::CloseSlot { slot } => self.close_slot(slot, out),
            Command::BindSlot { slot, track } => self.bind_slot(slot, track, out),
            Command::Pin { viewer, target } => self.pin(viewer, target, out),
            Command::Want(want) => self.want(&want, out),
            Command::Limit { slot, max_height } => self.limit(slot, max_height),
            Command::Record { track, most_bps } => self.record(track, most_bps),
            Command::LimitRooms { limits } => {
                self.limit_rooms(now, limits);
                Ok(())
            }
            Command::QueryRoom { request, room } => self.query_room(request, room),
            Command::Resync { request } => self.resync(request),
        };
        if let Err((id, reason)) = outcome {
            self.tell(Event::Refused { id, reason });
        }
    }

    fn open_room(&mut self, room: RoomId) -> Outcome {
        if self.room_keys.contains_key(&room) {
            return Err((room.0, Reason::Exists));
        }
        let key = self.rooms.insert(Room::new(room));
        self.room_keys.insert(room, key);
        Ok(())
    }

    fn close_room(&mut self, room: RoomId, out: &mut impl Outbox) -> Outcome {
        let key = *self.room_keys.get(&room).ok_or((room.0, Reason::Unknown))?;
        let people: Vec<_> = self.rooms[key].participants().collect();
        for participant in people {
            self.leave(participant, out)?;
        }
        self.unspan(key, out);
        self.keeper.forget(key);
        self.rooms.remove(key);
        self.room_keys.remove(&room);
        Ok(())
    }

    fn join(&mut self, room: RoomId, participant: ParticipantId) -> Outcome {
        let key = *self.room_keys.get(&room).ok_or((room.0, Reason::Unknown))?;
        if self.participants.contains_key(&participant) {
            return Err((participant.0, Reason::Exists));
        }
        self.rooms[key].join(participant);
        self.participants.insert(participant, Participant { room: key, links: Vec::new() });
        self.tell_joined(key, participant);
        Ok(())
    }

    fn leave(&mut self, participant: ParticipantId, out: &mut impl Outbox) -> Outcome {
        let leaving = self.participants.get(&participant).ok_or((participant.0, Reason::Unknown))?;
        let room = leaving.room;
        for link in leaving.links.clone() {
            self.remove_link(link, Reason::Asked, out);
        }
        self.participants.remove(&participant);
        self.rooms[room].leave(participant);
        self.tell_left(room, participant);
        self.reseat(room, out);
        Ok(())
    }

    fn open_transport(&mut self, now: Time, open: OpenTransport) -> Outcome {
        let id = open.transport;
        let participant = self.participants.get_mut(&open.participant).ok_or((id.0, Reason::Unknown))?;
        if self.link_keys.contains_key(&id) || self.by_ufrag.contains_key(&open.local.ufrag) {
            return Err((id.0, Reason::Exists));
        }
        if self.links.len() >= self.max_transports {
            return Err((id.0, Reason::LimitReached));
        }
        let credentials = (open.local.clone(), open.remote.clone());
        let transport =
            Transport::new(&self.dtls, now, credentials, open.fingerprint.clone(), id.0).with_role(open.role);
        let ufrag = open.local.ufrag;
        let link = self.links.insert(Link::new(transport, open, participant.room, now));
        participant.links.push(link);
        self.link_keys.insert(id, link);
        self.by_ufrag.insert(ufrag, link);
        self.tell(Event::Transport { transport: id, state: TransportState::New });
        self.schedule(link);
        Ok(())
    }

    fn restart_ice(
        &mut self,
        now: Time,
        transport: TransportId,
        local: IceCredentials,
        remote: IceCredentials,
    ) -> Outcome {
        let link = self.link_of(transport)?;
        if self.by_ufrag.get(&local.ufrag).is_some_and(|&other| other != link) {
            return Err((transport.0, Reason::Exists));
        }
        // The previous user fragment goes on being answered until the new path is validated; the
        // one before that is forgotten.
        let Link { opened, ufrags, .. } = &mut self.links[link];
        let previous = opened.local.ufrag;
        opened.local = local.clone();
        opened.remote = remote.clone();
        for forgotten in ufrags.drain(..).filter(|&ufrag| ufrag != previous) {
            self.by_ufrag.remove(&forgotten);
        }
        ufrags.extend([previous, local.ufrag]);
        self.by_ufrag.insert(local.ufrag, link);
        self.links[link].transport.restart_ice(now, local, remote);
        self.schedule(link);
        Ok(())
    }

    fn close_transport(&mut self, transport: TransportId, reason: Reason, out: &mut impl Outbox) -> Outcome {
        let link = self.link_of(transport)?;
        self.end_link(link, reason, out);
        Ok(())
    }

    fn publish(&mut self, mut publish: Publish, out: &mut impl Outbox) -> Outcome {
        let id = publish.track;
        let link = self.link_of(publish.transport).map_err(|_| (id.0, Reason::Unknown))?;
        if self.track_keys.contains_key(&id) {
            return Err((id.0, Reason::Exists));
        }
        if publish.encodings.is_empty() || publish.codecs.is_empty() {
            return Err((id.0, Reason::Invalid));
        }
        let (participant, room) = (self.links[link].participant, self.links[link].room);
        let (stream, kind, source) = (publish.stream, publish.kind, publish.source);
        let transport_cc = publish.extensions.transport_cc;
        let is_unheard = is_unheard(&publish);
        let Link { former, ingress, .. } = &self.links[link];
        former.recall(publish.mid, &mut publish.encodings, |ssrc| ingress.find(ssrc).is_some());
        let track = Track::new(publish, participant, link);
        let signalled: Vec<_> = track.layers.iter().map(|layer| (layer.ssrc, layer.rtx_ssrc)).collect();
        let key = self.tracks.insert(track);
        self.track_keys.insert(id, key);
        self.links[link].tracks.push(key);
        self.links[link].transport_cc = transport_cc.or(self.links[link].transport_cc);
        for (layer, (ssrc, rtx_ssrc)) in (0u8..).zip(signalled) {
            for (ssrc, rtx) in [(ssrc, false), (rtx_ssrc, true)] {
                if let Some(ssrc) = ssrc {
                    self.links[link].ingress.learn(Ingress { ssrc, track: key, layer, rtx, retired: false });
                }
            }
        }
        self.rooms[room].publish((participant, stream), (kind, source), id);
        self.cut_like_others(key, room);
        self.rooms[room].set_unheard(id, is_unheard);
        self.tell_published(room, key);
        self.schedule(link);
        self.reseat(room, out);
        Ok(())
    }

    fn unpublish(&mut self, track: TrackId, out: &mut impl Outbox) -> Outcome {
        let key = self.own_track(track).ok_or((track.0, Reason::Unknown))?;
        let room = self.room_of(key);
        self.remove_track(key, out);
        self.reseat(room, out);
        Ok(())
    }

    fn mute(&mut self, track: TrackId, muted: bool, out: &mut impl Outbox) -> Outcome {
        let key = self.own_track(track).ok_or((track.0, Reason::Unknown))?;
        self.set_muted(key, muted, out);
        self.tell_muted(key, muted);
        self.tap_muted(key, muted);
        Ok(())
    }

    pub(super) fn set_muted(&mut self, key: u32, muted: bool, out: &mut impl Outbox) {
        // What came before is sent as it was then, and nothing after.
        self.depart_viewers(key, out);
        self.tracks[key].muted = muted;
        self.tracks[key].published.muted = muted;
        if self.tracks[key].home.is_none() && muted && self.tracks[key].voice.mute() {
            self.on_voice(key, false, out);
        }
        for layer in 0..self.tracks[key].layers.len() {
            // What came while muted is nobody's: a late joiner is not to begin with it.
            let is_elsewhere = self.tracks[key].home.is_some();
            let entry = &mut self.tracks[key].layers[layer];
            entry.last_key_frame = None;
            entry.hushed = if muted { entry.hushed } else { entry.highest };
            if is_elsewhere {
                // What comes meanwhile does not cross, and is not missed.
                entry.nacks = Nacks::default();
            }
            for &slot in &self.tracks[key].layers[layer].slots {
                self.slots[slot].interrupt();
            }
            if !muted && self.tracks[key].layers[layer].is_shown() {
                self.want_key_frame(key, layer);
            }
        }
        self.unsettle_for_mute(key);
        self.on_voice_muted(key, out);
    }

    fn open_slot(&mut self, now: Time, open: OpenSlot, out: &mut impl Outbox) -> Outcome {
        let id = open.slot;
        let link = self.link_of(open.transport).map_err(|_| (id.0, Reason::Unknown))?;
        let ssrcs: Vec<_> = [Some(open.ssrc), open.rtx_ssrc].into_iter().flatten().collect();
        let clashes = |slot: &Slot| {
            let theirs = [Some(slot.ssrc()), slot.rtx_ssrc()];
            let same_place = slot.stream() == open.stream && slot.kind() == open.kind;
            same_place || theirs.into_iter().flatten().any(|ssrc| ssrcs.contains(&ssrc))
        };
        let entry = &self.links[link];
        if self.slot_keys.contains_key(&id)
            || entry.slots.iter().any(|&slot| clashes(&self.slots[slot]))
            || entry.spent.iter().any(|ssrc| ssrcs.contains(ssrc))
        {
            return Err((id.0, Reason::Exists));
        }
        if open.codecs.is_empty() || open.rtx_ssrc == Some(open.ssrc) {
            return Err((id.0, Reason::Invalid));
        }
        let (participant, room) = (self.links[link].participant, self.links[link].room);
        let (stream, kind) = (open.stream, open.kind);
        let mut slot = Slot::new(open, link, &mut self.random);
        self.playout.iter().for_each(|&delay| slot.set_playout(delay));
        let key = self.slots.insert(slot);
        self.slot_keys.insert(id, key);
        self.links[link].slots.push(key);
        if self.slots[key].is_numbered() {
            self.links[link].rate.get_or_insert_with(|| Rate::new(now, 0));
        }
        if let Some(seats) = self.rooms[room].seats_mut(participant) {
            seats.open(id, stream, kind);
        }
        // Also who is shown nothing yet: it is to be known what they could use.
        self.unsettle(link);
        self.reseat_one(room, participant, out);
        Ok(())
    }

    fn close_slot(&mut self, slot: SlotId, out: &mut impl Outbox) -> Outcome {
        let key = *self.slot_keys.get(&slot).ok_or((slot.0, Reason::Unknown))?;
        let link = &self.links[self.slots[key].transport()];
        let (participant, room) = (link.participant, link.room);
        self.remove_slot(key, out);
        self.reseat_one(room, participant, out);
        Ok(())
    }

    fn bind_slot(&mut self, slot: SlotId, track: Option<TrackId>, out: &mut impl Outbox) -> Outcome {
        let key = *self.slot_keys.get(&slot).ok_or((slot.0, Reason::Unknown))?;
        let link = self.slots[key].transport();
        let (participant, room) = (self.links[link].participant, self.links[link].room);
        let room_of = |track: &TrackId| Some(self.room_of(*self.track_keys.get(track)?));
        if let Some(track) = track
            && room_of(&track) != Some(room)
        {
            return Err((track.0, Reason::Unknown));
        }
        let (stream, kind) = (self.slots[key].stream(), self.slots[key].kind());
        let Some(seats) = self.rooms[room].seats_mut(participant) else {
            return Err((slot.0, Reason::Unknown));
        };
        match track {
            Some(track) => seats.bind(slot, track),
            None => {
                seats.close(slot);
                seats.open(slot, stream, kind);
            }
        }
        self.point(slot, track, out);
        self.reseat_one(room, participant, out);
        Ok(())
    }

    fn query_room(&mut self, request: u64, room: RoomId) -> Outcome {
        let key = *self.room_keys.get(&room).ok_or((room.0, Reason::Unknown))?;
        let tracks = self.tracks.iter().filter(|(track, _)| self.room_of(*track) == key);
        let events: Vec<_> = tracks
            .map(|(_, track)| Event::TrackStats { request, track: track.id, stats: statistics(track) })
            .collect();
        let links = self.links.iter().filter(|(_, link)| link.room == key).map(|(_, link)| {
            Event::LinkStats { request, transport: link.opened.transport, stats: downlink(link) }
        });
        let links: Vec<_> = links.collect();
        events.into_iter().chain(links).for_each(|event| self.tell(event));
        self.tell(Event::RoomLoad { request, load: self.room_load(key) });
        self.tell_load();
        self.tell(Event::Answered { request });
        Ok(())
    }

    fn resync(&mut self, request: u64) -> Outcome {
        let transports = self.links.iter().map(|(_, link)| Event::Transport {
            transport: link.opened.transport,
            state: link.transport.state(),
        });
        let slots = self.slots.iter().map(|(_, slot)| Event::Slot {
            slot: slot.id(),
            track: slot.track().map(|track| self.tracks[track].id),
        });
        let events = transports.chain(slots).chain(self.wanted_layers()).chain(self.restraints());
        let events = events.chain([self.load(), Event::Answered { request }]).collect();
        self.tell_answer(events);
        self.forget_told_layers();
        Ok(())
    }

    fn link_of(&self, transport: TransportId) -> Result<u32, (u64, Reason)> {
        self.link_keys.get(&transport).copied().ok_or((transport.0, Reason::Unknown))
    }
}

/// Of a track that is published on another worker only what is forwarded here: its home tells the rest.
fn statistics(track: &Track) -> TrackStats {
    let counters = &track.counters;
    if track.home.is_some() {
        let (forwarded, forwarded_bytes) = (counters.forwarded, counters.forwarded_bytes);
        return TrackStats { forwarded, forwarded_bytes, ..TrackStats::default() };
    }
    TrackStats {
        packets: counters.packets,
        bytes: counters.bytes,
        lost: track.layers.iter().map(|layer| layer.reception.lost()).sum(),
        jitter_us: track
            .layers
            .iter()
            .map(|layer| layer.reception.jitter().as_micros() as u32)
            .max()
            .unwrap_or(0),
        forwarded: counters.forwarded,
        forwarded_bytes: counters.forwarded_bytes,
        nacks_sent: counters.nacks_sent,
        key_frame_requests: counters.key_frame_requests,
    }
}

fn downlink(link: &Link) -> LinkStats {
    let estimator = link.rate.as_ref().map(|rate| &rate.estimator).filter(|estimator| estimator.is_known());
    LinkStats {
        packets: link.sent.packets,
        bytes: link.sent.bytes,
        estimate_bps: estimator.map(|estimator| estimator.estimate().bps()),
        round_trip_us: estimator.map_or(0, |estimator| estimator.round_trip().as_micros() as u32),
        lost_of_10000: estimator.map_or(0, |estimator| (estimator.loss() * 10_000.0) as u16),
    }
}
