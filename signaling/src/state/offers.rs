//! From an offer to an answer, and to what the media process is told.

use crate::access::{Grant, TokenError};
use crate::protocol::ServerMessage;
use crate::sdp::{Answer, AnswerSection, LocalIce, Offer, OfferError, Peer, Seat, Section};
use crate::state::ids::Raw;
use crate::state::join::Refusal;
use crate::state::journeys::Waypoint;
use crate::state::model::{Dialogue, Line, Participant, PeerMark, Phase, Transport};
use crate::state::packed::Packed;
use crate::state::plan::{Changes, Planner, Wishes};
use crate::state::{State, secret};
use crate::webhooks::What;
use volley::base::{ParticipantId, Time, TransportId, WorkerId};
use volley::control::Command;
use volley::control::message::OpenTransport;
use volley::control::types::{DtlsRole, IceCredentials};

/// A limit is told in answers below this, the sum of the layers that our page sends: Chromium takes a
/// limit also as leave to send as much, and its own is 2.5 Mbit/s.
const BEYOND_BROWSERS: u32 = 3_150_000;

/// An offer, and what the page says beside it.
#[derive(Clone, Debug)]
pub(super) struct OfferRequest {
    pub sdp: String,
    pub wishes: Wishes,
}

impl State {
    pub(super) fn offer(
        &mut self,
        id: ParticipantId,
        request: OfferRequest,
        now: Time,
    ) -> Result<(), Refusal> {
        let offer = self.read_offer(&request.sdp).map_err(|error| (error.code(), error.to_string()))?;
        let sdp = self.negotiate(id, &offer, &request, now)?;
        let tracks = self.participants.get(&id).map_or(vec![], Participant::track_views);
        self.tell(id, ServerMessage::Answer { sdp, tracks });
        self.tell_what_was_withheld(id, &offer);
        Ok(())
    }

    /// Brings everything to what an offer asks for; the answer.
    pub(super) fn negotiate(
        &mut self,
        id: ParticipantId,
        offer: &Offer,
        request: &OfferRequest,
        now: Time,
    ) -> Result<String, Refusal> {
        if let Some(peer) = &offer.peer {
            self.prepare_transport(id, offer, peer, now)?;
            self.passes(id, Waypoint::Offered, now);
        }
        self.plan(id, offer, request);
        let Some(participant) = self.participants.get_mut(&id) else { return Ok(String::new()) };
        if offer.has_no_media() {
            participant.growth.offered_nothing(now);
        } else {
            participant.growth.offered_something();
        }
        let dialogue = next_dialogue(participant.dialogue.take(), offer);
        participant.dialogue = Some(dialogue);
        self.dirty.participants.insert(id);
        let room = self.participants[&id].room.clone();
        self.dirty.growth.insert(room);
        Ok(self.answer(id, offer).unwrap_or_default())
    }

    /// Makes sure that the transport the offer speaks of is there.
    fn prepare_transport(
        &mut self,
        id: ParticipantId,
        offer: &Offer,
        peer: &Peer,
        now: Time,
    ) -> Result<(), Refusal> {
        let mark = PeerMark {
            session: offer.session_id.clone(),
            ice: peer.ice.clone(),
            fingerprint: peer.fingerprint.value.to_vec(),
        };
        let Some(participant) = self.participants.get(&id) else { return Ok(()) };
        if participant.transport.is_none()
            && participant.ended.as_ref().is_some_and(|ended| ended.is_same_peer(&mark))
        {
            return Err((super::events::MEDIA_ENDED.0, super::events::MEDIA_ENDED.1.to_owned()));
        }
        match &participant.transport {
            Some(transport) if !transport.peer.is_same_peer(&mark) => {
                self.drop_transport(id, true, now);
                self.open_transport(id, mark, peer)
            }
            Some(transport) if transport.peer.ice != mark.ice => self.restart_ice(id, mark),
            Some(_) => Ok(()),
            None => self.open_transport(id, mark, peer),
        }
    }

    fn open_transport(&mut self, id: ParticipantId, mark: PeerMark, peer: &Peer) -> Result<(), Refusal> {
        let Some(worker) = self.worker_of(id) else { return Ok(()) };
        let transport = TransportId(self.ids.take());
        let local = local_ice(worker, transport);
        let cname = secret::token::<12>();
        let (local_credentials, remote) = both(&local, &mark)?;
        let command = Command::OpenTransport(Box::new(OpenTransport {
            participant: id,
            transport,
            local: local_credentials,
            remote,
            fingerprint: peer.fingerprint.clone(),
            role: peer.role,
            cname: cname.as_str().try_into().expect("16 characters fit"),
        }));
        self.out.command(worker, command);
        self.owners.insert(transport.0, id);
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.ended = None;
            participant.transport = Some(Transport {
                id: Raw(transport),
                local,
                peer: mark,
                is_dtls_client: peer.role == DtlsRole::Client,
                is_placed: false,
                cname,
                offer: Packed::default(),
                lines: vec![],
                phase: Phase::New,
            });
        }
        Ok(())
    }

    /// RFC 8839 §4.4.1.1.1: changed credentials restart ICE; ours change too.
    pub(super) fn restart_ice(&mut self, id: ParticipantId, mark: PeerMark) -> Result<(), Refusal> {
        let Some(worker) = self.worker_of(id) else { return Ok(()) };
        let Some(transport) = self.participants.get_mut(&id).and_then(|p| p.transport.as_mut()) else {
            return Ok(());
        };
        let mut local = local_ice(worker, transport.id.0);
        while local.ufrag == transport.local.ufrag {
            local = local_ice(worker, transport.id.0);
        }
        let (local_credentials, remote) = both(&local, &mark)?;
        transport.local = local;
        transport.peer = mark;
        let transport = transport.id.0;
        self.out.command(worker, Command::RestartIce { transport, local: local_credentials, remote });
        Ok(())
    }

    /// Brings tracks and seats to what the offer asks for.
    fn plan(&mut self, id: ParticipantId, offer: &Offer, request: &OfferRequest) {
        let worker = self.worker_of(id);
        let offered_before = self.participants.get(&id).and_then(|p| p.transport.as_ref());
        let before = offered_before.and_then(|transport| self.read_offer(&transport.offer.text()).ok());
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let (call_stream, screen_stream) = (participant.call_stream, participant.screen_stream);
        let [may_publish, may_subscribe] =
            [Grant::Publish, Grant::Subscribe].map(|grant| participant.pass.may(grant));
        let Some(transport) = participant.transport.as_mut() else { return };
        let planner = Planner {
            transport: transport.id.0,
            call_stream,
            screen_stream,
            before: before.as_ref(),
            wishes: &request.wishes,
            may_publish,
            may_subscribe,
            ids: &mut self.ids,
        };
        let changes = planner.apply(offer, &mut transport.lines);
        let offer = Packed::new(&request.sdp);
        if transport.offer != offer {
            transport.offer = offer;
            self.dirty.offers.insert(transport.id.0);
        }
        if let Some(worker) = worker {
            changes.commands.iter().for_each(|command| self.out.command(worker, command.clone()));
        }
        self.spread(id, changes);
    }

    /// Tells others what began and ended.
    pub(super) fn spread(&mut self, id: ParticipantId, changes: Changes) {
        if !changes.opened.is_empty() || !changes.closed.is_empty() {
            self.dirty.slots.insert(id);
        }
        for slot in &changes.closed {
            self.owners.remove(&slot.0);
        }
        self.owners.extend(changes.opened.iter().map(|slot| (slot.0, id)));
        let participant_id = id.0.to_string();
        let ends_something = !changes.unpublished.is_empty();
        for track in changes.unpublished {
            self.owners.remove(&track.0);
            let (participant_id, track_id) = (participant_id.clone(), track.0.to_string());
            self.tell_others(id, &ServerMessage::TrackUnpublished { participant_id, track_id });
        }
        for track in changes.published {
            let number = track.track_id.parse().expect("it was written from a number");
            self.owners.insert(number, id);
            let participant_id = participant_id.clone();
            self.person_happened(What::TrackPublished, id, Some(track.clone()));
            self.tell_others(id, &ServerMessage::TrackPublished { participant_id, track });
        }
        let Some(room) = self.participants.get(&id).map(|participant| participant.room.clone()) else {
            return;
        };
        if ends_something {
            self.forget_subscriptions(&room);
        }
        self.dirty.growth.insert(room);
    }

    fn answer(&self, id: ParticipantId, offer: &Offer) -> Option<String> {
        let participant = self.participants.get(&id)?;
        let dialogue = participant.dialogue.as_ref()?;
        let nothing = LocalIce { ufrag: String::new(), password: String::new() };
        let transport = participant.transport.as_ref();
        let candidates = self.candidates_for(id);
        let sections =
            offer.sections.iter().map(|section| answer_section(section, participant.lines())).collect();
        let answer = Answer {
            session_id: dialogue.session,
            version: dialogue.version,
            extmap_allow_mixed: offer.extmap_allow_mixed,
            is_bundle: offer.is_bundle,
            ice: transport.map_or(&nothing, |transport| &transport.local),
            role: match transport {
                Some(transport) if transport.is_dtls_client => DtlsRole::Client,
                _ => DtlsRole::Server,
            },
            fingerprint: &self.config.fingerprint,
            candidates: &candidates,
            cname: transport.map_or("", |transport| &transport.cname),
            max_bitrate: Some(self.config.page.max_bitrate).filter(|most| *most < BEYOND_BROWSERS),
            sections,
        };
        Some(answer.write())
    }

    /// The answer takes nothing of somebody who may not publish, without a word why.
    fn tell_what_was_withheld(&mut self, id: ParticipantId, offer: &Offer) {
        let may_publish = self.participants.get(&id).is_none_or(|p| p.pass.may(Grant::Publish));
        let mut sections = offer.sections.iter().filter_map(|section| section.rtp.as_ref());
        if !may_publish && sections.any(|section| section.sends) {
            let error = TokenError::Grant(Grant::Publish);
            self.tell(id, ServerMessage::error(error.code(), error.to_string()));
        }
    }

    /// Ends the tracks of the screen. Its m-lines stay until the page's next offer, in which they
    /// are no longer sent on.
    pub(super) fn stop_screen(&mut self, id: ParticipantId) -> Result<(), Refusal> {
        let worker = self.worker_of(id);
        let Some(transport) = self.participants.get_mut(&id).and_then(|p| p.transport.as_mut()) else {
            return Ok(());
        };
        let mut changes = Changes::default();
        for line in &mut transport.lines {
            if let Some(track) = line.track.take_if(|track| track.source.is_screen()) {
                line.withheld = true;
                changes.unpublished.push(track.id.0);
                changes.commands.push(Command::Unpublish { track: track.id.0 });
            }
        }
        if let Some(worker) = worker {
            changes.commands.drain(..).for_each(|command| self.out.command(worker, command));
        }
        self.dirty.participants.insert(id);
        self.spread(id, changes);
        Ok(())
    }

    /// Forgets a transport and all on it. `tell_worker`: the worker does not know yet.
    pub(super) fn drop_transport(&mut self, id: ParticipantId, tell_worker: bool, now: Time) {
        let worker = self.worker_of(id).filter(|_| tell_worker);
        let Some(participant) = self.participants.get(&id).cloned() else { return };
        self.forget_owner(&participant);
        let Some(transport) = self.participants.get_mut(&id).and_then(|p| p.transport.take()) else { return };
        if let Some(worker) = worker {
            self.out.command(worker, Command::CloseTransport { transport: transport.id.0 });
        }
        let unpublished = participant.tracks().map(|(_, track)| track.id.0).collect();
        self.spread(id, Changes { unpublished, ..Changes::default() });
        self.dirty.slots.insert(id);
        self.dirty.participants.insert(id);
        self.note_presence(id, now);
    }
}

fn answer_section<'a>(section: &'a Section, lines: &'a [Line]) -> AnswerSection<'a> {
    let Some(offered) = &section.rtp else { return AnswerSection::Rejected(section) };
    let line = lines.iter().find(|line| line.mid == offered.mid.as_str());
    let seat = line.and_then(|line| line.seat.as_ref()).map(|seat| Seat {
        stream: format!("s{}", seat.stream.0.0),
        track: format!("t{}", seat.id.0.0),
        ssrc: seat.ssrc,
        rtx_ssrc: seat.rtx_ssrc,
    });
    AnswerSection::Accepted { offered, receives: line.is_some_and(|line| line.track.is_some()), seat }
}

/// RFC 8829 §5.3.2: one session id per peer connection, and a version that counts the answers.
fn next_dialogue(before: Option<Dialogue>, offer: &Offer) -> Dialogue {
    match before.filter(|before| before.peer_session == offer.session_id) {
        Some(before) => Dialogue { version: before.version + 1, ..before },
        // RFC 8829 §5.2.1: 63 bits, so that it is a positive number everywhere.
        None => {
            Dialogue { peer_session: offer.session_id.clone(), session: secret::number() >> 1, version: 1 }
        }
    }
}

/// The alphabet of user fragments (RFC 8839 §5.4).
pub(super) const UFRAG_DIGITS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// So many characters of one say which transport it is of, behind the worker's name.
pub(super) const UFRAG_PLACES: u32 = 5;

/// Three letters name the worker, so that a check finds it on a port that all share; five characters say
/// which transport it is, so that no two are alike; three change with each restart. The password has
/// 144 random bits (RFC 8445 §5.3 wants 128).
fn local_ice(worker: usize, transport: TransportId) -> LocalIce {
    let digit = |place: u32| char::from(UFRAG_DIGITS[(transport.0 >> (6 * place)) as usize % 64]);
    let name = WorkerId(worker as u16).name();
    let which = name.into_iter().map(char::from).chain((0..UFRAG_PLACES).rev().map(digit));
    let salt = secret::ice_text::<3>();
    LocalIce { ufrag: which.chain(salt.chars().take(3)).collect(), password: secret::ice_text::<18>() }
}

fn both(local: &LocalIce, mark: &PeerMark) -> Result<(IceCredentials, IceCredentials), Refusal> {
    let pair = local.credentials().zip(mark.ice.credentials());
    pair.ok_or_else(|| (OfferError::NoIce.code(), OfferError::NoIce.to_string()))
}

impl Participant {
    /// What its transport is recognised by, for the day after its end.
    pub(super) fn peer_mark(&self) -> Option<PeerMark> {
        self.transport.as_ref().map(|transport| transport.peer.clone())
    }
}
