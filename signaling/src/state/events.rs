//! What the media process tells, and how both come to believe the same again after one was away.

use crate::protocol::ServerMessage;
use crate::state::State;
use crate::state::journeys::Waypoint;
use crate::state::model::{Participant, Phase};
use crate::state::plan::all_commands;
use std::collections::BTreeSet;
use volley::base::{ParticipantId, SlotId, Time, TrackId, TransportId};
use volley::control::types::{Reason, ShownLayer, TransportState};
use volley::control::{Command, Event};

/// What a page is told when its media path is over.
pub(super) const MEDIA_ENDED: (&str, &str) = (
    "media-ended",
    "the media path of this participant is over and cannot be used again; make a new RTCPeerConnection and send its offer",
);

pub(super) fn media_ended() -> ServerMessage {
    ServerMessage::error(MEDIA_ENDED.0, MEDIA_ENDED.1)
}

/// A worker is asked for all it has: what it does not name is gone.
#[derive(Debug)]
pub(super) struct Resync {
    worker: usize,
    request: u64,
    expected: BTreeSet<TransportId>,
    seen: BTreeSet<TransportId>,
    /// After a restart of ours: what the process before may have left unsaid is said again. Not
    /// after lost events, since the refusals of what is known already are events too.
    tells_again: bool,
}

impl State {
    /// A worker told something.
    pub fn event(&mut self, worker: usize, event: &Event, now: Time) {
        match *event {
            Event::Transport { transport, ref state } => {
                self.transport_changed(worker, transport, state, now)
            }
            Event::Slot { slot, track } => self.slot_changed(worker, slot, track),
            Event::SlotLayer { slot, layer } => self.layer_shown(slot, layer),
            Event::Refused { id, reason } => self.refused(id, reason, now),
            Event::Answered { request } => self.resync_answered(request, now),
            Event::Lost { events } => {
                tracing::warn!(worker, events, "events were lost; asking for everything again");
                self.resync(worker, false);
            }
            Event::Speaks { participant, speaks } => self.note_speaker(participant, speaks),
            Event::Load { pictures, busy } => self.note_load(worker, pictures, busy),
            Event::Layers { track, wanted } => self.layers_changed(track, wanted),
            Event::Media { transport } => {
                if let Some(id) = self.owners.get(&transport.0).copied() {
                    self.passes(id, Waypoint::Heard, now);
                }
            }
            Event::Restrained { room, restraint } => self.note_restraint(worker, room, restraint),
            Event::Ready { .. }
            | Event::TrackStats { .. }
            | Event::LinkStats { .. }
            | Event::RoomLoad { .. } => {}
        }
    }

    /// Somebody begins or ends to speak: the whole room is told who speaks now. Nothing of it is in
    /// the records: after a restart the next change tells it anew.
    fn note_speaker(&mut self, id: ParticipantId, speaks: bool) {
        let Some(key) = self.participants.get(&id).map(|participant| participant.room.clone()) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&key) else { return };
        room.speakers.retain(|&other| other != id);
        if speaks {
            room.speakers.insert(0, id);
        }
        self.tell_speakers(&key);
    }

    /// Tells a room who speaks.
    pub(super) fn tell_speakers(&mut self, key: &str) {
        let Some(room) = self.rooms.get(key) else { return };
        let participant_ids = room.speakers.iter().map(|id| id.0.to_string()).collect();
        let message = ServerMessage::ActiveSpeakers { participant_ids };
        for socket in room.members.iter().filter_map(|id| self.participants.get(id)?.socket) {
            self.out.tell(socket, message.clone());
        }
    }

    /// Asks a worker for all it has.
    pub(super) fn resync(&mut self, worker: usize, tells_again: bool) {
        let request = self.ids.take();
        let here = self.participants.keys().filter(|id| self.worker_of(**id) == Some(worker));
        let transports = here.filter_map(|id| Some(self.participants.get(id)?.transport.as_ref()?.id.0));
        let expected = transports.collect();
        let unfinished = self.resyncs.iter().find(|resync| resync.worker == worker);
        let tells_again = tells_again || unfinished.is_some_and(|resync| resync.tells_again);
        self.resyncs.retain(|resync| resync.worker != worker);
        self.resyncs.push(Resync { worker, request, expected, seen: BTreeSet::new(), tells_again });
        self.forget_restraints(worker);
        self.out.command(worker, Command::Resync { request });
    }

    fn resync_answered(&mut self, request: u64, now: Time) {
        let Some(index) = self.resyncs.iter().position(|resync| resync.request == request) else { return };
        let resync = self.resyncs.swap_remove(index);
        for transport in resync.expected.difference(&resync.seen) {
            self.transport_ended(*transport, Reason::Unknown, now);
        }
        for transport in resync.expected.intersection(&resync.seen).filter(|_| resync.tells_again) {
            self.tell_again(resync.worker, *transport);
        }
    }

    /// What a process before may have remembered but not said any more. What the worker has
    /// already it refuses.
    fn tell_again(&mut self, worker: usize, id: TransportId) {
        let Some(owner) = self.owners.get(&id.0).and_then(|owner| self.participants.get(owner)) else {
            return;
        };
        let Some(transport) = &owner.transport else { return };
        let Ok(offer) = self.read_offer(&transport.offer.text()) else { return };
        for command in all_commands(id, &offer, &transport.lines) {
            self.out.command(worker, command);
        }
        for (_, seat) in owner.seats().filter(|(_, seat)| seat.max_height.is_some()) {
            let (slot, max_height) = (seat.id.0, seat.max_height);
            self.out.command(worker, Command::Limit { slot, max_height });
        }
        // Not `muted: false`: that asks each camera for a key frame, and hardly ever is it needed.
        for (_, track) in owner.tracks().filter(|(_, track)| track.muted) {
            self.out.command(worker, Command::Mute { track: track.id.0, muted: true });
        }
    }

    fn transport_changed(
        &mut self,
        worker: usize,
        transport: TransportId,
        state: &TransportState,
        now: Time,
    ) {
        for resync in self.resyncs.iter_mut().filter(|resync| resync.worker == worker) {
            resync.seen.insert(transport);
        }
        let phase = match *state {
            TransportState::New => Phase::New,
            TransportState::Connecting | TransportState::Connected { .. } => Phase::Live,
            TransportState::Hidden => Phase::Hidden,
            TransportState::Ended { reason } => return self.transport_ended(transport, reason, now),
        };
        let Some(id) = self.owners.get(&transport.0).copied() else {
            self.out.command(worker, Command::CloseTransport { transport });
            return;
        };
        match state {
            TransportState::New => self.passes(id, Waypoint::Placed, now),
            TransportState::Connecting => self.passes(id, Waypoint::Reached, now),
            TransportState::Connected { .. } => {
                self.media_connected(id, now);
                self.passes(id, Waypoint::Secured, now);
            }
            TransportState::Hidden | TransportState::Ended { .. } => {}
        }
        let Some(transport) = self.participants.get_mut(&id).and_then(|p| p.transport.as_mut()) else {
            return;
        };
        transport.is_placed = true;
        let before = std::mem::replace(&mut transport.phase, phase);
        if before == phase {
            return;
        }
        self.dirty.participants.insert(id);
        self.note_presence(id, now);
        if (before == Phase::Hidden) != (phase == Phase::Hidden) {
            self.tell_hidden(id, phase == Phase::Hidden);
        }
    }

    fn tell_hidden(&mut self, id: ParticipantId, hidden: bool) {
        let room = self.participants.get(&id).map(|participant| participant.room.as_str());
        tracing::info!(room, participant = id.0, hidden, "somebody is hidden, or back");
        self.tell_others(id, &ServerMessage::ParticipantHidden { participant_id: id.0.to_string(), hidden });
    }

    fn transport_ended(&mut self, transport: TransportId, reason: Reason, now: Time) {
        let Some(id) = self.owners.get(&transport.0).copied() else { return };
        let Some(participant) = self.participants.get_mut(&id) else { return };
        tracing::info!(room = participant.room, participant = id.0, ?reason, "media ended");
        // Nothing authentic came for 30 s, and no page is there to come back.
        let is_gone = reason == Reason::Silent && participant.socket.is_none();
        if participant.bridge.is_some() || is_gone {
            return self.remove_participant(id, now);
        }
        participant.ended = participant.peer_mark();
        let was_hidden = participant.is_hidden();
        self.drop_transport(id, false, now);
        self.tell(id, media_ended());
        if was_hidden {
            self.tell_hidden(id, false);
        }
    }

    fn slot_changed(&mut self, worker: usize, slot: SlotId, track: Option<TrackId>) {
        let Some(id) = self.owners.get(&slot.0).copied() else {
            self.out.command(worker, Command::CloseSlot { slot });
            return;
        };
        // Ended by a process that was killed before it could say so; whichever worker has it.
        if let Some(track) = track.filter(|track| !self.owners.contains_key(&track.0)) {
            for worker in self.workers_around(id) {
                self.out.command(worker, Command::Unpublish { track });
            }
        }
        if let Some(seat) = self.participants.get_mut(&id).and_then(|owner| owner.seat_mut(slot)) {
            (seat.shows, seat.layer) = (track, None);
            self.dirty.slots.insert(id);
        }
    }

    /// A seat is sent another part of what it shows.
    fn layer_shown(&mut self, slot: SlotId, layer: Option<ShownLayer>) {
        let Some(id) = self.owners.get(&slot.0).copied() else { return };
        if let Some(seat) = self.participants.get_mut(&id).and_then(|owner| owner.seat_mut(slot)) {
            seat.layer = layer;
            self.dirty.slots.insert(id);
        }
    }

    fn refused(&mut self, id: u64, reason: Reason, now: Time) {
        // Said twice after a restart, or said of something that ended meanwhile.
        if matches!(reason, Reason::Exists | Reason::Unknown) {
            tracing::debug!(id, ?reason, "a command came too late or twice");
            return;
        }
        let owner = self.owners.get(&id).and_then(|owner| self.participants.get(owner));
        tracing::error!(
            id,
            ?reason,
            room = owner.map(|p| p.room.as_str()),
            participant = owner.map(|p| p.id.0.0),
            "the media process refused a command"
        );
        let transport = owner.and_then(|p: &Participant| p.transport.as_ref()).map(|t| t.id.0);
        if transport.is_some_and(|transport| transport.0 == id) {
            self.transport_ended(TransportId(id), reason, now);
        }
    }
}
