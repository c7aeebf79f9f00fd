//! Rooms as REST makes, shows and ends them.

use crate::access::unix_now_ms;
use crate::protocol::{MediaKind, ParticipantView, RoomMode, ServerMessage, TrackSource};
use crate::state::join::{check_name, check_room_id};
use crate::state::model::Room;
use crate::state::{RestraintView, State, secret};
use serde::Serialize;
use utoipa::ToSchema;
use volley::base::{ParticipantId, RoomId, Time, TrackId, TransportId};

/// A room as REST shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomView {
    /// What stands in links and in `join`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Most people in it.
    pub max_participants: usize,
    /// How media may go.
    pub mode: RoomMode,
    /// Whether what people send is encrypted end to end.
    pub e2ee: bool,
    /// Whether those who listen are sent only what speakers publish.
    pub speakers_only: bool,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// Whether it is recorded whenever somebody publishes in it.
    pub record: bool,
    /// Whether it is recorded now.
    pub recording: bool,
    /// What is held back of it, since it takes more of the server than it may; null: nothing.
    #[schema(required)]
    pub restraint: Option<RestraintView>,
    /// Who is in it.
    pub participants: Vec<ParticipantView>,
}

/// A part of the list of rooms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomPage {
    /// The oldest first.
    pub rooms: Vec<RoomView>,
    /// The `cursor` that asks for those after these; null when there are no more.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// Whose a track is, for statistics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackOwner {
    /// The participant.
    pub participant: ParticipantId,
    /// Sound or picture.
    pub kind: MediaKind,
    /// What it shows.
    pub source: TrackSource,
    /// Its layers that somebody watches, where there are several.
    pub layers_watched: Option<Vec<u8>>,
}

/// Why a room was not made.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoomRefusal {
    /// The server has as many as it takes.
    #[error("this server has as many rooms as it takes")]
    TooMany,
    /// Memory is nearly all taken.
    #[error("this server's memory is nearly all taken (performance.max_memory_total); try again later")]
    NoMemory,
    /// One address has made as many as it may.
    #[error("as many rooms as one address may have were made from yours; delete one, or let it end")]
    TooManyFromAddress,
    /// The server is about to end.
    #[error("this server is stopping and takes no new rooms; try again in a moment")]
    Draining,
    /// Its name is too long, empty or has line breaks.
    #[error("a name has 1 to 64 characters, and no line breaks")]
    BadName,
    /// It wants more people than the server allows.
    #[error("maxParticipants must be at least 1 and no more than the server allows")]
    BadSize,
}

impl State {
    /// Makes a room that stays when it is empty.
    pub fn create_room(&mut self, name: &str, max: Option<u64>, now: Time) -> Result<RoomView, RoomRefusal> {
        let name = check_name(name).map_err(|_| RoomRefusal::BadName)?;
        let most = self.config.max_participants;
        let max = max.map_or(Some(most), |max| usize::try_from(max).ok());
        let max = max.filter(|max| (1..=most).contains(max)).ok_or(RoomRefusal::BadSize)?;
        let key = secret::token::<9>();
        self.make_room(&key, &name, max, true)?;
        self.room_mut(&key).empty_since = Some(now);
        Ok(self.room_view(&self.rooms[&key]))
    }

    /// Rooms, oldest first: those after the one that `cursor` names, `limit` at most.
    pub fn room_page(&self, cursor: u64, limit: usize) -> RoomPage {
        let mut rooms: Vec<&Room> = self.rooms.values().filter(|room| room.number > cursor).collect();
        rooms.sort_by_key(|room| room.number);
        let has_more = rooms.len() > limit;
        rooms.truncate(limit);
        let next = rooms.last().filter(|_| has_more).map(|room| room.number.to_string());
        RoomPage { rooms: rooms.into_iter().map(|room| self.room_view(room)).collect(), next_cursor: next }
    }

    /// One room.
    pub fn view_of_room(&self, key: &str) -> Option<RoomView> {
        self.rooms.get(key).map(|room| self.room_view(room))
    }

    /// Ends a room and sends everybody out. False: there is none.
    pub fn delete_room(&mut self, key: &str, now: Time) -> bool {
        let is_there = self.rooms.contains_key(key);
        if is_there {
            self.remove_room(key, now);
        }
        is_there
    }

    /// The workers a room is on, and what they know it by. `None`: nobody is in it, or there is none.
    pub fn room_media(&self, key: &str) -> Option<(Vec<usize>, RoomId)> {
        let media = self.rooms.get(key)?.media.as_ref()?;
        Some((media.workers().collect(), media.id.0))
    }

    /// Whose a track is.
    pub fn track_owner(&self, track: TrackId) -> Option<TrackOwner> {
        let owner = self.participants.get(self.owners.get(&track.0)?)?;
        let (line, found) = owner.tracks().find(|(_, one)| one.id.0 == track)?;
        let layers_watched =
            found.wanted_layers.map(|wanted| (0..8).filter(|layer| wanted >> layer & 1 == 1).collect());
        Some(TrackOwner { participant: owner.id.0, kind: line.kind, source: found.source, layers_watched })
    }

    /// Whose a transport is, and their name.
    pub fn transport_owner(&self, transport: TransportId) -> Option<(ParticipantId, &str)> {
        let owner = self.participants.get(self.owners.get(&transport.0)?)?;
        Some((owner.id.0, &owner.name))
    }

    /// A number that no other question to the media process has.
    pub fn question(&mut self) -> u64 {
        self.ids.take()
    }

    pub(super) fn make_room(
        &mut self,
        key: &str,
        name: &str,
        max_participants: usize,
        declared: bool,
    ) -> Result<(), RoomRefusal> {
        if self.is_draining() {
            return Err(RoomRefusal::Draining);
        }
        if self.rooms.len() >= self.config.max_rooms {
            return Err(RoomRefusal::TooMany);
        }
        if self.memory.is_tight {
            return Err(RoomRefusal::NoMemory);
        }
        debug_assert!(check_room_id(key).is_ok(), "a room's key can be joined");
        let room = Room {
            number: self.ids.take(),
            key: key.to_owned(),
            name: name.to_owned(),
            max_participants,
            declared,
            created_unix_ms: unix_now_ms(),
            maker: None,
            is_check: false,
            mode: Default::default(),
            path: Default::default(),
            e2ee: false,
            key_epoch: 0,
            key_turns: Default::default(),
            recording: None,
            records_itself: false,
            declines_recording: false,
            speakers_only: self.config.speakers_only,
            media: None,
            members: Default::default(),
            speakers: Vec::new(),
            empty_since: None,
            ends_at: None,
            restraints: Default::default(),
        };
        self.rooms.insert(key.to_owned(), room);
        self.dirty.rooms.insert(key.to_owned());
        Ok(())
    }

    pub(super) fn remove_room(&mut self, key: &str, now: Time) {
        let Some(room) = self.rooms.get_mut(key) else { return };
        room.declared = false;
        let members: Vec<ParticipantId> = room.members.iter().copied().collect();
        for id in members {
            self.tell(id, ServerMessage::error("room-closed", "this room was closed"));
            self.remove_participant(id, now);
        }
        // The last one took the room along, unless it was empty before.
        self.erase_room(key);
    }

    fn room_view(&self, room: &Room) -> RoomView {
        RoomView {
            id: room.key.clone(),
            name: room.name.clone(),
            max_participants: room.max_participants,
            mode: room.mode,
            e2ee: room.e2ee,
            speakers_only: room.speakers_only,
            created_at: room.created_unix_ms,
            record: room.records_itself,
            recording: room.recording.is_some(),
            restraint: room.restraint_view(),
            participants: room
                .members
                .iter()
                .filter_map(|id| Some(self.participants.get(id)?.view()))
                .collect(),
        }
    }
}
