//! Participants over HTTP: publishers by WHIP (RFC 9725) and viewers by WHEP. They are people of the room
//! like others, but for the page: nobody is there to be told anything, and none of them comes back.

use crate::protocol::{IceServerView, MediaKind, MediaPath};
use crate::sdp::{Fragment, LocalIce, Offer, restarted};
use crate::state::admission::Caller;
use crate::state::join::{JoinRequest, Refusal, check_room_id};
use crate::state::model::{PeerMark, Transport};
use crate::state::offers::OfferRequest;
use crate::state::plan::Wishes;
use crate::state::{State, secret};
use serde::{Deserialize, Serialize};
use volley::base::{ParticipantId, Time};

/// What somebody over HTTP is here for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BridgeRole {
    /// WHIP: sends, and receives nothing.
    Publisher,
    /// WHEP: receives, and sends nothing.
    Viewer,
}

/// What somebody over HTTP got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bridge {
    /// What its address ends with: it cannot be guessed (RFC 9725 §5).
    pub key: String,
    /// The answer.
    pub sdp: String,
    /// Names its ICE credentials (RFC 9725 §4.3.1).
    pub tag: String,
    /// STUN and TURN servers it may use.
    pub ice_servers: Vec<IceServerView>,
}

/// What became of a fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Patched {
    /// Nothing to be done.
    Taken,
    /// ICE begins anew.
    Restarted {
        /// What the peer must know.
        fragment: String,
        /// The new name of the credentials.
        tag: String,
    },
}

/// Why somebody over HTTP got nothing.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum BridgeError {
    /// Refused like a page would be: a stable code and what to do.
    #[error("{1}")]
    Refused(&'static str, String),
    /// There is no such session, or no longer.
    #[error("there is no session at this address, or it is over; POST a new offer")]
    Gone,
    /// RFC 9725 §4.3.1: candidates without the session's tag may be meant for another generation.
    #[error("send If-Match with the session's ETag, or with * to restart ICE")]
    NoTag,
    /// The tag is that of an earlier generation.
    #[error("the ETag is not that of the session now; ICE was restarted meanwhile")]
    WrongTag,
    /// Not a fragment.
    #[error("the body is no SDP fragment with usable ICE credentials (RFC 8840 §9)")]
    BadFragment,
}

impl From<Refusal> for BridgeError {
    fn from((code, text): Refusal) -> BridgeError {
        BridgeError::Refused(code, text)
    }
}

impl State {
    /// Lets somebody in over HTTP, with their one offer.
    pub fn open_bridge(
        &mut self,
        room: &str,
        name: &str,
        role: BridgeRole,
        caller: Caller,
        sdp: String,
        now: Time,
    ) -> Result<Bridge, BridgeError> {
        let from = caller.from.address;
        let request = JoinRequest {
            room_id: room.to_owned(),
            name: name.to_owned(),
            participant_id: None,
            resume_token: None,
            mode: MediaPath::Sfu,
            key_epoch: None,
            is_check: false,
            caller,
        };
        let opened = self.try_open_bridge(&request, role, sdp, now);
        self.note_join(&opened.as_ref().map(|_| "joined").map_err(Clone::clone), room, from, now);
        Ok(opened?)
    }

    fn try_open_bridge(
        &mut self,
        request: &JoinRequest,
        role: BridgeRole,
        sdp: String,
        now: Time,
    ) -> Result<Bridge, Refusal> {
        check_room_id(&request.room_id)?;
        self.check_arrival(request.caller.from.address, now)?;
        let mut offer = self.read_offer(&sdp).map_err(|error| (error.code(), error.to_string()))?;
        restrict(&mut offer, role)?;
        self.check_open(&request.room_id)?;
        let id = self.enter(None, request, now)?;
        self.expect_media(id, now);
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.bridge = Some(role);
        }
        self.note_presence(id, now);
        let request = OfferRequest { sdp, wishes: Wishes::default() };
        match self.negotiate(id, &offer, &request, now) {
            Ok(sdp) => {
                let participant = &self.participants[&id];
                let key = format!("{}-{}", id.0, participant.resume_token);
                let tag = participant.transport.as_ref().map(Transport::tag).unwrap_or_default();
                Ok(Bridge { key, sdp, tag, ice_servers: self.ice_servers_for(id) })
            }
            Err(refusal) => {
                self.remove_participant(id, now);
                Err(refusal)
            }
        }
    }

    /// Whether the worker answers checks to it already. One that is over needs no waiting for.
    pub fn is_bridge_placed(&self, room: &str, key: &str, role: BridgeRole) -> bool {
        let transport =
            self.bridged(room, key, role).and_then(|id| self.participants.get(&id)?.transport.as_ref());
        transport.is_none_or(|transport| transport.is_placed)
    }

    /// Candidates, which are of no use here, or new ICE credentials.
    pub fn patch_bridge(
        &mut self,
        room: &str,
        key: &str,
        role: BridgeRole,
        if_match: Option<&str>,
        fragment: &str,
    ) -> Result<Patched, BridgeError> {
        let id = self.bridged(room, key, role).ok_or(BridgeError::Gone)?;
        let transport = self.participants[&id].transport.as_ref().ok_or(BridgeError::Gone)?;
        let tags = if_match.ok_or(BridgeError::NoTag)?;
        // RFC 9110 §13.1.1 has it bare, an example in the draft of WHEP in quotes, and clients either.
        let is_any = matches!(tags.trim(), "*" | "\"*\"");
        if !is_any && !tags.split(',').any(|tag| tag.trim() == transport.tag()) {
            return Err(BridgeError::WrongTag);
        }
        let fragment = Fragment::parse(fragment).ok_or(BridgeError::BadFragment)?;
        let Some(ice) = fragment.ice.filter(|ice| *ice != transport.peer.ice) else {
            return Ok(Patched::Taken);
        };
        let mark = PeerMark { ice, ..transport.peer.clone() };
        self.restart_ice(id, mark)?;
        self.dirty.participants.insert(id);
        self.restarted(id).ok_or(BridgeError::Gone)
    }

    /// Ends a session. False: there is none.
    pub fn close_bridge(&mut self, room: &str, key: &str, role: BridgeRole, now: Time) -> bool {
        let Some(id) = self.bridged(room, key, role) else { return false };
        self.remove_participant(id, now);
        true
    }

    fn bridged(&self, room: &str, key: &str, role: BridgeRole) -> Option<ParticipantId> {
        let (id, token) = key.split_once('-')?;
        let participant = self.participant(id.parse().map(ParticipantId).ok()?)?;
        let is_it = participant.room == room
            && participant.bridge == Some(role)
            && secret::same(&participant.resume_token, token);
        is_it.then_some(participant.id.0)
    }

    fn restarted(&self, id: ParticipantId) -> Option<Patched> {
        let transport = self.participants.get(&id)?.transport.as_ref()?;
        let candidates = self.candidates_for(id);
        let bundle: Vec<&str> = transport.lines.iter().map(|line| line.mid.as_str()).collect();
        let kind = transport.lines.first().map_or(MediaKind::Audio, |line| line.kind);
        let fragment = restarted(&transport.local, &candidates, &bundle, kind.into());
        Some(Patched::Restarted { fragment, tag: transport.tag() })
    }
}

impl Transport {
    /// Our user fragment changes with each restart, and is no secret to the peer.
    fn tag(&self) -> String {
        let LocalIce { ufrag, .. } = &self.local;
        format!("\"{ufrag}\"")
    }
}

/// RFC 9725 §4.2: a publisher is answered `recvonly` also when it offers to receive; a viewer likewise.
fn restrict(offer: &mut Offer, role: BridgeRole) -> Result<(), Refusal> {
    let mut carries = false;
    for section in offer.sections.iter_mut().filter_map(|section| section.rtp.as_mut()) {
        match role {
            BridgeRole::Publisher => section.receives = false,
            BridgeRole::Viewer => section.sends = false,
        }
        carries |= section.sends || section.receives;
    }
    if carries {
        return Ok(());
    }
    let direction = match role {
        BridgeRole::Publisher => "sends",
        BridgeRole::Viewer => "receives",
    };
    let text = format!(
        "no m-line of the offer {direction} audio or video that Volley forwards: \
         Opus, VP8, VP9, H.264 or AV1, over UDP/TLS/RTP/SAVPF, bundled, with a=mid and a=rtcp-mux"
    );
    Err(("no-media", text))
}
