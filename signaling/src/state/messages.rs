//! What a page says, and what is done about it.

use crate::protocol::{ClientMessage, ServerMessage};
use crate::state::admission::Caller;
use crate::state::join::{JoinRequest, Refusal};
use crate::state::offers::OfferRequest;
use crate::state::plan::Wishes;
use crate::state::quality::QualityRequest;
use crate::state::subscriptions::SubscriptionRequest;
use crate::state::{SocketId, State};
use volley::base::{ParticipantId, Time, TrackId};
use volley::control::Command;

/// Longest chat text, in characters: a paragraph, not a file.
const MAX_CHAT_CHARS: usize = 2000;

impl State {
    /// A page sent a message.
    pub fn message(&mut self, socket: SocketId, message: ClientMessage, now: Time) {
        if let Err((code, text)) = self.dispatch(socket, message, now) {
            self.out.tell(socket, ServerMessage::error(code, text));
        }
    }

    /// A page sent something that is no message, too large, or too fast.
    pub fn refuse(&mut self, socket: SocketId, code: &'static str, text: &str) {
        self.out.tell(socket, ServerMessage::error(code, text));
    }

    fn dispatch(&mut self, socket: SocketId, message: ClientMessage, now: Time) -> Result<(), Refusal> {
        if let ClientMessage::Join {
            room_id,
            participant_name,
            participant_id,
            resume_token,
            token,
            mode,
            e2ee,
            key_epoch,
            check,
        } = message
        {
            let caller = Caller { token, from: self.sockets.origin(socket), is_trusted: false };
            let key_epoch = e2ee.then_some(key_epoch);
            let request = JoinRequest {
                room_id,
                name: participant_name,
                participant_id,
                resume_token,
                mode,
                key_epoch,
                is_check: check,
                caller,
            };
            return self.join(socket, request, now);
        }
        let id = self
            .sockets
            .participant(socket)
            .ok_or_else(|| ("not-joined", "send join first, and wait for joined".to_owned()))?;
        match message {
            ClientMessage::Join { .. } | ClientMessage::IceCandidate {} => Ok(()),
            ClientMessage::Offer { room_id, sdp, sources, muted } => {
                self.check_room(id, room_id.as_deref())?;
                let wishes = Wishes { sources, muted, is_screen: false };
                self.offer(id, OfferRequest { sdp, wishes }, now)
            }
            ClientMessage::StartScreenShare { room_id, sdp, sources, muted } => {
                self.check_room(id, room_id.as_deref())?;
                let wishes = Wishes { sources, muted, is_screen: true };
                self.offer(id, OfferRequest { sdp, wishes }, now)
            }
            ClientMessage::StopScreenShare {} => self.stop_screen(id),
            ClientMessage::Mute { track_id } => self.mute(id, &track_id, true),
            ClientMessage::Unmute { track_id } => self.mute(id, &track_id, false),
            ClientMessage::Pin { participant_id } => self.pin(id, participant_id.as_deref()),
            ClientMessage::Subscribe { participant_ids, track_ids } => {
                self.subscribe(id, &SubscriptionRequest { participant_ids, track_ids, wanted: true })
            }
            ClientMessage::Unsubscribe { participant_ids, track_ids } => {
                self.subscribe(id, &SubscriptionRequest { participant_ids, track_ids, wanted: false })
            }
            ClientMessage::Chat { text } => self.chat(id, text),
            ClientMessage::RaiseHand { raised } => {
                self.raise_hand(id, raised);
                Ok(())
            }
            ClientMessage::Signal { participant_id, kind, data } => {
                self.signal(id, &participant_id, kind, data)
            }
            ClientMessage::UpdateQuality { quality, track_id, slot, max_height } => {
                self.update_quality(id, QualityRequest { quality, track_id, slot, max_height })
            }
            ClientMessage::Leave {} => {
                self.remove_participant(id, now);
                Ok(())
            }
        }
    }

    fn check_room(&self, id: ParticipantId, room: Option<&str>) -> Result<(), Refusal> {
        let own = self.participant(id).map(|participant| participant.room.as_str());
        match room {
            Some(room) if own != Some(room) => {
                Err(("wrong-room", "you are in another room; leave it first, or leave roomId out".into()))
            }
            _ => Ok(()),
        }
    }

    fn mute(&mut self, id: ParticipantId, track_id: &str, muted: bool) -> Result<(), Refusal> {
        let unknown = || ("unknown-track", "trackId names none of your own tracks".to_owned());
        let track = track_id.parse().map(TrackId).map_err(|_| unknown())?;
        let is_own = self.participant(id).is_some_and(|p| p.tracks().any(|(_, one)| one.id.0 == track));
        if !is_own {
            return Err(unknown());
        }
        self.set_muted(id, track, muted);
        Ok(())
    }

    fn pin(&mut self, id: ParticipantId, target: Option<&str>) -> Result<(), Refusal> {
        let room = self.participant(id).and_then(|p| self.rooms.get(&p.room));
        let member = |text: &str| {
            let target = text.parse().map(ParticipantId).ok()?;
            room.filter(|room| target != id && room.members.contains(&target)).map(|_| target)
        };
        let target = match target {
            None => None,
            Some(text) => Some(member(text).ok_or_else(|| {
                ("unknown-participant", "participantId names nobody else in this room".to_owned())
            })?),
        };
        if let Some(worker) = self.worker_of(id) {
            self.out.command(worker, Command::Pin { viewer: id, target });
        }
        Ok(())
    }

    fn chat(&mut self, id: ParticipantId, text: String) -> Result<(), Refusal> {
        if text.trim().is_empty() || text.chars().count() > MAX_CHAT_CHARS {
            return Err(("bad-chat", format!("a chat text has 1 to {MAX_CHAT_CHARS} characters")));
        }
        let Some(participant) = self.participant(id) else { return Ok(()) };
        let (participant_id, participant_name) = (id.0.to_string(), participant.name.clone());
        self.tell_others(id, &ServerMessage::Chat { participant_id, participant_name, text });
        Ok(())
    }

    /// Said twice, it is told once.
    fn raise_hand(&mut self, id: ParticipantId, raised: bool) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        if participant.hand_raised == raised {
            return;
        }
        participant.hand_raised = raised;
        self.dirty.participants.insert(id);
        self.tell_others(id, &ServerMessage::HandRaised { participant_id: id.0.to_string(), raised });
    }
}
