//! A shard as plain data, for a process that takes over from another.
//!
//! Carried over: rooms and who sits where, ICE, keys, roll-over counters and replay windows, and
//! every index a seat has used, which must never be used again. Not carried over: histories,
//! statistics, and tracks of other workers, which tell of them anew. Who spoke goes on speaking, and ends
//! here when they do not. Seats that show a picture begin anew with a key frame, which is asked for at once.

use super::former::Former;
use super::link::{Ingress, Link, Srtp};
use super::rate::Rate;
use super::{Participant, Shard};
use crate::base::id::Ssrc;
use crate::base::{Outbox, ParticipantId, RoomId, Time};
use crate::control::message::{OpenSlot, OpenTransport, Publish};
use crate::control::types::Kind;
use crate::media::slot::{Slot, SlotState};
use crate::media::track::Track;
use crate::media::voice::Voice;
use crate::room::Room;
use crate::transport::srtp::SrtpState;
use crate::transport::{Snapshot, Transport};

/// All of a shard that must outlive its process.
#[derive(Clone, Debug)]
pub struct ShardState {
    /// [`ShardState::VERSION`] when this build wrote it.
    pub version: u16,
    rooms: Vec<Room>,
    participants: Vec<(ParticipantId, RoomId)>,
    links: Vec<LinkState>,
}

#[derive(Clone, Debug)]
struct LinkState {
    opened: OpenTransport,
    transport: Snapshot,
    srtp: Option<SrtpState>,
    tracks: Vec<TrackState>,
    former: Former,
    /// The next transport-wide sequence number: a receiver takes a leap back for packets it has told of.
    wide_sequence: Option<u16>,
    slots: Vec<(OpenSlot, SlotState)>,
}

#[derive(Clone, Debug)]
struct TrackState {
    published: Publish,
    /// SSRC and retransmission SSRC of each layer, as they were learnt.
    layers: Vec<(Option<Ssrc>, Option<Ssrc>)>,
}

/// Why a state cannot be taken over.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportError {
    /// Another version of Volley wrote it.
    #[error("the state was written by another version of Volley")]
    Version,
    /// It contradicts itself.
    #[error("the state contradicts itself")]
    Inconsistent,
}

impl ShardState {
    /// Rises when the meaning of a field changes.
    pub const VERSION: u16 = 6;
}

impl Shard {
    /// The shard as plain data; what waits for its train leaves first.
    pub fn export(&mut self, now: Time, out: &mut impl Outbox) -> ShardState {
        self.depart_all(now, out);
        let people =
            self.participants.iter().map(|(&id, participant)| (id, self.rooms[participant.room].id()));
        let mut participants: Vec<_> = people.collect();
        participants.sort_unstable();
        ShardState {
            version: ShardState::VERSION,
            rooms: self.rooms.iter().map(|(_, room)| room.clone()).collect(),
            participants,
            links: self.links.iter().map(|(_, link)| self.export_link(now, link)).collect(),
        }
    }

    fn export_link(&self, now: Time, link: &Link) -> LinkState {
        let track = |&track: &u32| {
            let track = &self.tracks[track];
            let layers = track.layers.iter().map(|layer| (layer.ssrc, layer.rtx_ssrc)).collect();
            TrackState { published: track.published.clone(), layers }
        };
        let slot = |&slot: &u32| (self.slots[slot].open().clone(), self.slots[slot].export());
        LinkState {
            opened: link.opened.clone(),
            transport: link.transport.export(now),
            srtp: link.srtp.as_ref().map(|srtp| SrtpState::export(&srtp.receiver, &srtp.sender)),
            tracks: link.tracks.iter().map(track).collect(),
            former: link.former.clone(),
            wide_sequence: link.rate.as_ref().map(|rate| rate.estimator.next_sequence()),
            slots: link.slots.iter().map(slot).collect(),
        }
    }

    /// Takes over everything in `state`; the shard must be new, and have joined the mesh if the one
    /// before had. Asks for key frames at once, and other workers for what they publish.
    ///
    /// # Errors
    /// When the state is of another version or contradicts itself; the shard is then of no use.
    pub fn import(&mut self, now: Time, state: ShardState, out: &mut impl Outbox) -> Result<(), ImportError> {
        if state.version != ShardState::VERSION {
            return Err(ImportError::Version);
        }
        for room in state.rooms {
            let id = room.id();
            let key = self.rooms.insert(room);
            self.room_keys.insert(id, key);
        }
        for (participant, room) in state.participants {
            let room = *self.room_keys.get(&room).ok_or(ImportError::Inconsistent)?;
            self.participants.insert(participant, Participant { room, links: Vec::new() });
        }
        for link in state.links {
            self.import_link(now, link)?;
        }
        let mut shown = Vec::new();
        self.rooms.iter().for_each(|(_, room)| room.shown(|change| shown.push(change)));
        for change in shown {
            self.point(change.slot, change.track, out);
        }
        self.span_anew();
        // Signaling knows what the seats show: nothing changed for it.
        self.events.clear();
        Ok(())
    }

    fn import_link(&mut self, now: Time, state: LinkState) -> Result<(), ImportError> {
        let inconsistent = ImportError::Inconsistent;
        let id = state.opened.transport;
        let transport =
            Transport::import(&self.dtls, now, state.transport, id.0).ok_or(ImportError::Version)?;
        let paths: Vec<_> = transport.paths().collect();
        let participant = self.participants.get_mut(&state.opened.participant).ok_or(inconsistent)?;
        let srtp = state.srtp.map(|srtp| srtp.import()).transpose().map_err(|_| inconsistent)?;
        let ufrag = state.opened.local.ufrag;
        let mut link = Link::new(transport, state.opened, participant.room, now);
        link.srtp = srtp.map(|(receiver, sender)| Srtp { receiver, sender });
        link.former = state.former;
        link.rate = state.wide_sequence.map(|next| Rate::new(now, next));
        let key = self.links.insert(link);
        participant.links.push(key);
        self.link_keys.insert(id, key);
        self.by_ufrag.insert(ufrag, key);
        for path in paths {
            self.by_path.insert(path, key);
            self.own_path(path, None);
        }
        for track in state.tracks {
            self.import_track(now, key, track);
        }
        for (open, sequences) in state.slots {
            self.import_slot(key, open, sequences);
        }
        self.schedule(key);
        Ok(())
    }

    fn import_track(&mut self, now: Time, link: u32, state: TrackState) {
        let id = state.published.track;
        let mut track = Track::new(state.published, self.links[link].participant, link);
        if track.kind == Kind::Audio {
            // The room knows it, and its end must be noticed here.
            let room = &self.rooms[self.links[link].room];
            let (speaks, _) = room.voice_of(track.participant, track.stream);
            track.voice = Voice::resumed(now, speaks);
        }
        for (layer, &(ssrc, rtx_ssrc)) in track.layers.iter_mut().zip(&state.layers) {
            (layer.ssrc, layer.rtx_ssrc) = (ssrc, rtx_ssrc);
        }
        let key = self.tracks.insert(track);
        self.track_keys.insert(id, key);
        self.links[link].tracks.push(key);
        for (layer, (ssrc, rtx_ssrc)) in (0u8..).zip(state.layers) {
            for (ssrc, rtx) in [(ssrc, false), (rtx_ssrc, true)] {
                let ingress = ssrc.map(|ssrc| Ingress { ssrc, track: key, layer, rtx, retired: false });
                ingress.into_iter().for_each(|ingress| self.links[link].ingress.learn(ingress));
            }
        }
    }

    fn import_slot(&mut self, link: u32, open: OpenSlot, sequences: SlotState) {
        let id = open.slot;
        let mut slot = Slot::new(open, link, &mut self.random);
        slot.import(sequences);
        self.playout.iter().for_each(|&delay| slot.set_playout(delay));
        let key = self.slots.insert(slot);
        self.slot_keys.insert(id, key);
        self.links[link].slots.push(key);
    }
}
