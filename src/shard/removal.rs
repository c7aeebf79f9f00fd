//! Taking things out of the shard, with all that hangs on them.

use super::Shard;
use super::gather::Departure;
use crate::base::Outbox;
use crate::control::Event;
use crate::control::types::{Encoding, MAX_ENCODINGS, Reason, TransportState};
use crate::media::track::Track;
use arrayvec::ArrayVec;

impl Shard {
    /// Ends a transport by itself, the participant staying.
    pub(super) fn end_link(&mut self, link: u32, reason: Reason, out: &mut impl Outbox) {
        let (participant, room) = (self.links[link].participant, self.links[link].room);
        self.remove_link(link, reason, out);
        if let Some(participant) = self.participants.get_mut(&participant) {
            participant.links.retain(|&other| other != link);
        }
        self.reseat(room, out);
    }

    pub(super) fn remove_link(&mut self, link: u32, reason: Reason, out: &mut impl Outbox) {
        for track in self.links[link].tracks.clone() {
            self.remove_track(track, out);
        }
        for slot in self.links[link].slots.clone() {
            self.remove_slot(slot, out);
        }
        let Some(removed) = self.links.remove(link) else { return };
        self.gathering.forget(link, removed.waiting);
        self.link_keys.remove(&removed.opened.transport);
        self.aside.forget(link, &removed.pending);
        for ufrag in &removed.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        for path in removed.transport.paths() {
            self.leave_path(link, path);
            if !self.by_path.contains_key(&path) {
                out.close(&path);
            }
        }
        self.timers.clear(link);
        let state = TransportState::Ended { reason };
        self.tell(Event::Transport { transport: removed.opened.transport, state });
    }

    pub(super) fn remove_track(&mut self, key: u32, out: &mut impl Outbox) {
        if let Some(track) = self.tracks.get_mut(key) {
            let spoke = track.voice.mute() && track.home.is_none();
            if spoke {
                self.on_voice(key, false, out);
            }
            self.depart_viewers(key, out);
            self.stop_taping(key);
        }
        let Some(track) = self.tracks.remove(key) else { return };
        self.track_keys.remove(&track.id);
        let room = match &track.home {
            Some(home) => {
                self.mesh.remote_tracks -= 1;
                self.mesh.timers.clear(key);
                home.room
            }
            None => {
                let link = &mut self.links[track.transport];
                link.tracks.retain(|&other| other != key);
                link.ingress.forget_track(key);
                link.former.note(track.mid, sent_as(&track));
                let room = link.room;
                self.tell_unpublished(room, track.id);
                room
            }
        };
        for slot in track.layers.iter().flat_map(|layer| &layer.slots) {
            self.slots[*slot].show(None);
            self.tell(Event::Slot { slot: self.slots[*slot].id(), track: None });
        }
        self.rooms[room].unpublish(track.id);
    }

    pub(super) fn remove_slot(&mut self, key: u32, out: &mut impl Outbox) {
        self.unpoint(key);
        let link = self.slots[key].transport();
        self.yard().depart(link, Departure::All, out);
        let Some(slot) = self.slots.remove(key) else { return };
        self.slot_keys.remove(&slot.id());
        let link = &mut self.links[slot.transport()];
        link.slots.retain(|&other| other != key);
        link.spent.extend([Some(slot.ssrc()), slot.rtx_ssrc()].into_iter().flatten());
        if let Some(seats) = self.rooms[link.room].seats_mut(link.participant) {
            seats.close(slot.id());
        }
    }
}

/// A track's encodings, and under what they came.
fn sent_as(track: &Track) -> ArrayVec<Encoding, MAX_ENCODINGS> {
    let encodings = track.published.encodings.iter().zip(&track.layers);
    encodings.map(|(one, layer)| Encoding { ssrc: layer.ssrc, rtx_ssrc: layer.rtx_ssrc, ..*one }).collect()
}
