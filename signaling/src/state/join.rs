//! Coming and going.

use crate::access::counted_as;
use crate::protocol::{MediaPath, ServerMessage};
use crate::state::admission::{Caller, room_refusal};
use crate::state::ids::Raw;
use crate::state::journeys::Outcome;
use crate::state::model::{Participant, Room};
use crate::state::rooms::RoomRefusal;
use crate::state::{Origin, SocketId, State, growth::Growth, secret};
use crate::webhooks::What;
use volley::base::{ParticipantId, StreamId, Time};
use volley::control::Command;

/// Longest name of a person or a room, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 64;
/// Longest room id, in bytes: it stands in links.
const MAX_ROOM_ID_BYTES: usize = 64;

/// What a page asks for with `join`.
#[derive(Clone, Debug)]
pub(super) struct JoinRequest {
    pub room_id: String,
    pub name: String,
    pub participant_id: Option<String>,
    pub resume_token: Option<String>,
    pub mode: MediaPath,
    /// The epoch that their keys have reached; `None`: what they send is not encrypted end to end.
    pub key_epoch: Option<u32>,
    /// They only try whether calls work from where they are.
    pub is_check: bool,
    pub caller: Caller,
}

/// A refusal: a stable code and a sentence that says what to do.
pub(super) type Refusal = (&'static str, String);

impl State {
    /// A page opened a socket.
    pub fn socket_opened(&mut self, socket: SocketId, from: Origin) {
        self.sockets.open(socket, from);
    }

    /// A socket is gone. Its participant stays for as long as media shows that they are there.
    pub fn socket_closed(&mut self, socket: SocketId, now: Time) {
        let Some(id) = self.sockets.close(socket) else { return };
        if let Some(participant) = self.participants.get_mut(&id).filter(|p| p.socket == Some(socket)) {
            participant.socket = None;
            self.note_presence(id, now);
        }
    }

    /// Nothing came over a socket for as long as nothing may come: unless media shows otherwise, nobody is
    /// there, and nobody waits for them any longer.
    pub fn socket_silent(&mut self, socket: SocketId, now: Time) {
        let id = self.sockets.participant(socket);
        self.socket_closed(socket, now);
        let is_gone = |id: &ParticipantId| {
            self.participants.get(id).is_some_and(|p| p.socket.is_none() && !p.is_live())
        };
        if let Some(id) = id.filter(is_gone) {
            self.remove_participant(id, now);
        }
    }

    pub(super) fn join(&mut self, socket: SocketId, request: JoinRequest, now: Time) -> Result<(), Refusal> {
        let (room, from) = (request.room_id.clone(), request.caller.from.address);
        let outcome = self.try_join(socket, request, now);
        self.note_join(&outcome, &room, from, now);
        outcome.map(drop)
    }

    /// What became of it.
    fn try_join(
        &mut self,
        socket: SocketId,
        request: JoinRequest,
        now: Time,
    ) -> Result<&'static str, Refusal> {
        if self.sockets.participant(socket).is_some() {
            let text = "this socket has joined already; send leave first, or open another socket";
            return Err(("already-joined", text.into()));
        }
        check_room_id(&request.room_id)?;
        self.check_arrival(request.caller.from.address, now)?;
        match (&request.participant_id, &request.resume_token) {
            (None, None) => {
                let id = self.enter(Some(socket), &request, now)?;
                self.expect_media(id, now);
                Ok("joined")
            }
            (Some(id), Some(token)) => {
                self.resume(socket, &request, (id, token), now)?;
                Ok("resumed")
            }
            _ => Err(("bad-resume-token", "to come back, send both participantId and resumeToken".into())),
        }
    }

    /// Lets somebody new in, whose page has a socket or who is here over HTTP.
    pub(super) fn enter(
        &mut self,
        socket: Option<SocketId>,
        request: &JoinRequest,
        now: Time,
    ) -> Result<ParticipantId, Refusal> {
        if self.has_said_goodbye() {
            return Err(room_refusal(RoomRefusal::Draining));
        }
        let name = check_name(&request.name)?;
        let pass = self.pass_for_joining(&request.caller, &request.room_id)?;
        let address = request.caller.from.address;
        self.check_people(address)?;
        let (worker, room) = self.find_place(request, now)?;
        let id = ParticipantId(self.ids.take());
        let participant = Participant {
            id: Raw(id),
            room: room.clone(),
            worker: Some(worker),
            name,
            pass,
            address: address.and_then(counted_as),
            reached: request.caller.from.reached,
            mode: request.mode,
            resume_token: secret::token::<24>(),
            call_stream: Raw(StreamId(self.ids.take())),
            screen_stream: Raw(StreamId(self.ids.take())),
            dialogue: None,
            transport: None,
            quality: Default::default(),
            subscriptions: Default::default(),
            hand_raised: false,
            bridge: None,
            ended: None,
            socket,
            alone_since: None,
            joined_at: None,
            underway: None,
            relays_told: None,
            growth: Growth::default(),
        };
        self.participants.insert(id, participant);
        self.dirty.participants.insert(id);
        self.open_for(&room, id, worker);
        if let Some(socket) = socket {
            self.sockets.assign(socket, Some(id));
            self.welcome(id, false);
            self.request_offer(id);
        }
        Ok(id)
    }

    /// The worker that takes somebody new, and the key of the room that they come into, which is there then.
    fn find_place(&mut self, request: &JoinRequest, now: Time) -> Result<(usize, String), Refusal> {
        let room = match request.is_check {
            true => None,
            false => {
                self.check_encryption(request)?;
                self.check_limits(&request.room_id)?;
                self.rooms.get(&request.room_id)
            }
        };
        // Before a room is made for it, which nobody would ever leave.
        let Some(worker) = self.place(room) else {
            let text = "this server has more to forward than it can carry; try again in a few seconds";
            return Err(("server-busy", text.to_owned()));
        };
        if request.is_check {
            return Ok((worker, self.make_check_room(request.caller.from.address, now)?));
        }
        self.find_or_make_room(&request.room_id, request.caller.from.address)?;
        self.settle_encryption(request, now);
        Ok((worker, request.room_id.clone()))
    }

    /// Puts somebody into a room, which begins in the media process with its first participant.
    fn open_for(&mut self, key: &str, id: ParticipantId, worker: usize) {
        let begins = self.rooms[key].media.is_none();
        self.open_on(key, id, worker);
        let room = self.room_mut(key);
        room.members.insert(id);
        room.empty_since = None;
        if begins {
            self.room_happened(What::RoomStarted, key);
        }
        tracing::info!(room = key, participant = id.0, "somebody joined");
        self.person_happened(What::ParticipantJoined, id, None);
        self.settle_path(key, Some(id));
        self.dirty.growth.insert(key.to_owned());
        let name = self.participants[&id].name.clone();
        let joined =
            ServerMessage::ParticipantJoined { participant_id: id.0.to_string(), participant_name: name };
        self.tell_others(id, &joined);
    }

    /// Tells somebody that they are in, and who else is.
    pub(super) fn welcome(&mut self, id: ParticipantId, resumed: bool) {
        let participant = &self.participants[&id];
        let others = self.rooms[&participant.room].members.iter().filter(|&&other| other != id);
        let message = ServerMessage::Joined {
            room_id: participant.room.clone(),
            participant_id: id.0.to_string(),
            participant_name: participant.name.clone(),
            resume_token: participant.resume_token.clone(),
            resumed,
            mode: self.rooms[&participant.room].path,
            e2ee: self.rooms[&participant.room].e2ee,
            key_epoch: self.rooms[&participant.room].key_epoch,
            ice_servers: self.ice_servers_for(id),
            grants: participant.pass.grants.clone(),
            recording: self.rooms[&participant.room].recording.as_ref().map(|recording| recording.id.clone()),
            recordable: self.recordable(participant),
            tracks: participant.track_views(),
            silenced: participant.silenced(),
            receive: self.receive_of(id),
            participants: others
                .filter_map(|other| self.participants.get(other))
                .map(Participant::view)
                .collect(),
        };
        self.tell(id, message);
        self.tell_of_failing(id, resumed);
        if let Some(socket) = self.participants[&id].socket {
            self.warn_of_end(socket);
        }
        let room = self.participants[&id].room.clone();
        if self.rooms.get(&room).is_some_and(|room| !room.speakers.is_empty()) {
            self.tell_speakers(&room);
        }
    }

    /// Takes somebody out, with all that is theirs.
    pub(super) fn remove_participant(&mut self, id: ParticipantId, now: Time) {
        let worker = self.worker_of(id);
        self.way_ends(id, Outcome::Left, now);
        self.tell_others(id, &ServerMessage::ParticipantLeft { participant_id: id.0.to_string() });
        self.person_happened(What::ParticipantLeft, id, None);
        let Some(participant) = self.participants.remove(&id) else { return };
        tracing::info!(room = participant.room, participant = id.0, "somebody left");
        if let Some(socket) = participant.socket {
            self.sockets.assign(socket, None);
        }
        self.forget_owner(&participant);
        self.unrecord(&participant);
        self.dirty.participants.insert(id);
        if let Some(worker) = worker {
            self.person_went(worker);
            self.out.command(worker, Command::Leave { participant: id });
        }
        let room = self.room_mut(&participant.room);
        room.members.remove(&id);
        room.speakers.retain(|&speaker| speaker != id);
        if room.members.is_empty() {
            self.room_emptied(&participant.room, now);
        }
        self.forget_subscriptions(&participant.room);
        self.settle_path(&participant.room, None);
        self.renew_keys(&participant.room, now);
    }

    fn room_emptied(&mut self, key: &str, now: Time) {
        self.end_recording(key);
        self.room_happened(What::RoomEnded, key);
        let room = self.room_mut(key);
        room.declines_recording = false;
        room.restraints.clear();
        room.empty_since = Some(now);
        let is_declared = room.declared;
        if let Some(media) = room.media.take() {
            for worker in media.workers() {
                self.out.command(worker, Command::CloseRoom { room: media.id.0 });
            }
        }
        self.dirty.rooms.insert(key.to_owned());
        if !is_declared {
            self.erase_room(key);
        }
    }

    pub(super) fn erase_room(&mut self, key: &str) {
        self.end_recording(key);
        if let Some(room) = self.rooms.remove(key) {
            self.dirty.removed_rooms.insert(room.number);
        }
    }

    /// The numbers of somebody's transport, tracks and seats mean nothing any more.
    pub(super) fn forget_owner(&mut self, participant: &Participant) {
        let Some(transport) = &participant.transport else { return };
        self.owners.remove(&transport.id.0.0);
        self.dirty.offers.insert(transport.id.0);
        for (_, track) in participant.tracks() {
            self.owners.remove(&track.id.0.0);
        }
        for (_, seat) in participant.seats() {
            self.owners.remove(&seat.id.0.0);
        }
    }

    pub(super) fn room_mut(&mut self, key: &str) -> &mut Room {
        self.rooms.get_mut(key).expect("a room lives as long as somebody in it")
    }
}

pub(super) fn check_room_id(id: &str) -> Result<(), Refusal> {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b));
    // RFC 3986 §5.2.4: a link with such a segment leads elsewhere.
    let is_dots = matches!(id, "." | "..");
    if plain && !is_dots && (1..=MAX_ROOM_ID_BYTES).contains(&id.len()) {
        return Ok(());
    }
    let text =
        "a roomId has 1 to 64 letters, digits, dots, underscores, tildes or hyphens, and not dots alone";
    Err(("bad-room-id", text.into()))
}

pub(super) fn check_name(name: &str) -> Result<String, Refusal> {
    let is_short = name.chars().count() <= MAX_NAME_CHARS;
    let name = name.trim();
    if is_short && !name.is_empty() && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(("bad-name", "a name has 1 to 64 characters, and no line breaks".into()))
}
