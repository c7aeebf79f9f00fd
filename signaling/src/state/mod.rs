//! Rooms, people, and what they agreed on: all decisions of signaling, without a socket or a clock.
//!
//! Input goes in with the time, [`State::finish`] gives what is to be done ([`Output`]). Knows
//! SDP's meaning but not its text, and the media process only by its commands and events.

mod admission;
mod audience;
mod bridge;
mod checking;
mod direct;
mod drain;
mod encryption;
mod events;
pub(crate) mod growth;
mod happenings;
mod ids;
mod join;
mod joins;
mod journeys;
mod limits;
mod messages;
pub(crate) mod model;
mod moderation;
mod offers;
mod output;
mod packed;
mod placement;
mod plan;
mod quality;
mod reach;
mod recorded;
mod recorder_said;
mod recording;
mod records;
mod refusals;
mod relays;
mod resume;
mod rooms;
mod secret;
mod socket;
mod subscriptions;

pub use admission::Caller;
pub use bridge::{Bridge, BridgeError, BridgeRole, Patched};
pub(crate) use joins::{CONNECT_BUCKETS_MS, Joins};
pub use journeys::{Journey, Leg, Outcome};
pub(crate) use limits::ServerMemory;
pub use limits::{LimitName, RestraintView};
pub use moderation::{Missing, Selection};
pub use output::{Output, Save};
pub use recording::{RecordingRefusal, RecordingView};
pub use records::{Loaded, RECORD_VERSION};
pub(crate) use refusals::RefusedRequest;
pub use rooms::{RoomPage, RoomRefusal, RoomView, TrackOwner};
pub use socket::{Origin, SocketId};

use crate::access::Grant;
use crate::metrics::Census;
use crate::protocol::{MediaKind, Receive, ServerMessage, SlotLayer, SlotView};
use crate::sdp::{Offer, OfferError};
use crate::settings::Settings;
use crate::webhooks::{Happening, Letter, Outbox};
use admission::{Arrivals, Revocation};
use events::Resync;
use ids::Ids;
use model::{Participant, Room, SeatLine};
use placement::WorkerLoad;
use refusals::RefusalLog;
use socket::Sockets;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;
use volley::base::{ParticipantId, Time, TransportId};
use volley::control::types::Fingerprint;
use volley_recorder::desk::StoreFigures;

/// A participant without a socket and without live media is taken out after this long: a reload or
/// a change of network takes a page a few seconds, and nobody wants to look at a ghost.
const GONE_AFTER: Duration = Duration::from_secs(30);

/// What the server is and allows.
#[derive(Clone, Debug)]
pub struct Config {
    /// The fingerprint of every answer.
    pub fingerprint: Fingerprint,
    /// Per worker, where it is reached, best first.
    pub candidates: Vec<Vec<SocketAddr>>,
    /// Where media is taken over TCP, best first.
    pub tcp_candidates: Vec<SocketAddr>,
    /// Counts the starts of the media process.
    pub media_start: u64,
    /// When this process began, in milliseconds since 1970: where there are no records, numbers begin here.
    pub started_ms: u64,
    /// What is configured.
    pub settings: Settings,
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// All that signaling knows.
#[derive(Debug)]
pub struct State {
    config: Config,
    ids: Ids,
    /// When Volley was started, in milliseconds since 1970: numbers begin anew with each start.
    born: u64,
    /// By key.
    rooms: HashMap<String, Room>,
    participants: HashMap<ParticipantId, Participant>,
    /// Whose the numbers in events are: transports, tracks and slots.
    owners: HashMap<u64, ParticipantId>,
    sockets: Sockets,
    resyncs: Vec<Resync>,
    revocations: Vec<Revocation>,
    outbox: Outbox,
    joins: Joins,
    refusals: RefusalLog,
    arrivals: Arrivals,
    /// By the worker's number.
    loads: Vec<WorkerLoad>,
    /// As the recorder told last.
    recording_store: StoreFigures,
    /// Recordings that have ended and are being completed.
    closing: BTreeSet<String>,
    /// Packets that went missing in recordings for want of room, while this signaling was told.
    recordings_dropped: u64,
    /// What all of it takes.
    memory: ServerMemory,
    /// When everybody was told goodbye.
    goodbye_at: Option<Time>,
    /// There is nothing left to do.
    is_over: bool,
    out: Output,
    dirty: Dirty,
}

/// What changed since the last [`State::finish`].
#[derive(Debug, Default)]
struct Dirty {
    participants: BTreeSet<ParticipantId>,
    rooms: BTreeSet<String>,
    /// Transports with another offer than before, or none.
    offers: BTreeSet<TransportId>,
    /// Record keys of rooms that are gone.
    removed_rooms: BTreeSet<u64>,
    /// Whose page must be told its seats.
    slots: BTreeSet<ParticipantId>,
    /// Rooms in which somebody may need more seats.
    growth: BTreeSet<String>,
    /// Rooms of which the recorder must be told anew.
    recorded: BTreeSet<String>,
    /// What webhooks tell, in its order.
    happenings: Vec<Happening>,
    /// What they had to tell before this start.
    taken_up: Vec<Letter>,
}

impl State {
    /// Takes all that is to be done after the inputs so far.
    pub fn finish(&mut self) -> Output {
        for key in std::mem::take(&mut self.dirty.growth) {
            self.ask_for_growth(&key);
        }
        for id in std::mem::take(&mut self.dirty.slots) {
            self.tell_slots(id);
            self.apply_wishes(id);
        }
        self.settle_recordings();
        self.save_dirty();
        self.post_letters();
        std::mem::take(&mut self.out)
    }

    /// Does what has become due.
    pub fn tick(&mut self, now: Time) {
        let due: Vec<ParticipantId> =
            self.participants.values_mut().filter_map(|p| p.growth.is_due(now).then_some(p.id.0)).collect();
        due.into_iter().for_each(|id| self.request_offer(id));
        self.outbox.tick(now);
        self.tell_left_out_refusals(now);
        self.renew_credentials(now);
        self.turn_owed_keys(now);
        self.end_long_ways(now);
        let is_over = |since: Option<Time>, after| since.is_some_and(|since| now.since(since) >= after);
        let gone: Vec<ParticipantId> = self
            .participants
            .values()
            .filter(|p| is_over(p.alone_since, GONE_AFTER))
            .map(|p| p.id.0)
            .collect();
        gone.into_iter().for_each(|id| self.remove_participant(id, now));
        let idle = self.config.idle_timeout;
        let empty: Vec<String> = self
            .rooms
            .values()
            .filter(|room| is_over(room.empty_since, idle))
            .map(|room| room.key.clone())
            .collect();
        empty.iter().for_each(|key| self.remove_room(key, now));
        self.end_long_checks(now);
        self.end_when_drained(now);
    }

    /// How many rooms and people there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.rooms.len(), self.participants.len())
    }

    /// How many sounds and pictures are published.
    pub fn published(&self) -> (usize, usize) {
        let lines = self.participants.values().flat_map(|p| p.tracks().map(|(line, _)| line.kind));
        lines.fold((0, 0), |(audio, video), kind| match kind {
            MediaKind::Audio => (audio + 1, video),
            MediaKind::Video => (audio, video + 1),
        })
    }

    /// All that metrics tell of signaling.
    pub(crate) fn census(&self) -> Census {
        let ((rooms, participants), (audio_tracks, video_tracks)) = (self.counts(), self.published());
        Census {
            rooms,
            participants,
            audio_tracks,
            video_tracks,
            sockets: self.sockets.all().count(),
            is_draining: self.is_draining(),
            joins: self.joins.clone(),
            webhooks: self.outbox.tally(),
            spans: Default::default(),
            udp_drops: None,
            memory: self.memory,
            recordings: self.recording_figures(),
            recordings_dropped: self.recordings_dropped,
            recording_store: self.store_figures(),
        }
    }

    /// What the server is and allows.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Other limits, rates and ICE servers hold from now on. What was agreed on stays: codecs and the spread of
    /// rooms are those of the start.
    pub fn reconfigure(&mut self, settings: Settings) {
        let before = self.config.settings.clone();
        let Settings { spread_rooms_over, codecs, page, drain_until, limits, .. } = before;
        let Settings { ice_servers, turn_ttl, recording, .. } = before;
        self.config.settings = Settings { spread_rooms_over, codecs, page, ..settings };
        if self.config.limits != limits {
            self.tell_limits();
        }
        if (&self.config.ice_servers, self.config.turn_ttl) != (&ice_servers, turn_ttl) {
            self.tell_relays();
        }
        if self.config.recording != recording {
            self.tell_recorded_rate();
        }
        self.settle_outbox();
        if self.is_draining() && drain_until.is_none() {
            self.drain_begins();
        }
    }

    /// Reads an offer as far as what is configured lets it be taken.
    fn read_offer(&self, sdp: &str) -> Result<Offer, OfferError> {
        Ok(Offer::parse(sdp)?.restricted(&self.config.codecs))
    }

    fn participant(&self, id: ParticipantId) -> Option<&Participant> {
        self.participants.get(&id)
    }

    /// Tells one page, if its socket is there.
    fn tell(&mut self, id: ParticipantId, message: ServerMessage) {
        if let Some(socket) = self.participants.get(&id).and_then(|p| p.socket) {
            self.out.tell(socket, message);
        }
    }

    /// Tells everybody in a room except one.
    fn tell_others(&mut self, id: ParticipantId, message: &ServerMessage) {
        let Some(room) = self.participants.get(&id).and_then(|p| self.rooms.get(&p.room)) else { return };
        for other in room.members.iter().filter(|&&other| other != id) {
            if let Some(socket) = self.participants.get(other).and_then(|p| p.socket) {
                self.out.tell(socket, message.clone());
            }
        }
    }

    /// Notes since when somebody is alone, that is, without socket and live media.
    fn note_presence(&mut self, id: ParticipantId, now: Time) {
        if let Some(participant) = self.participants.get_mut(&id) {
            let is_there = participant.socket.is_some() || participant.is_live();
            participant.alone_since = if is_there { None } else { participant.alone_since.or(Some(now)) };
        }
    }

    fn ask_for_growth(&mut self, key: &str) {
        let Some(room) = self.rooms.get(key) else { return };
        let members = || room.members.iter().filter_map(|id| self.participants.get(id));
        // Counted once for all: this is asked whenever somebody comes, and hundreds may come at once.
        let streams: usize = members().map(Participant::streams).sum();
        let may_watch = |one: &&Participant| one.socket.is_some() && one.pass.may(Grant::Subscribe);
        let asked = members().filter(may_watch).filter(|one| {
            let pairs = pairs(one);
            // Who has all there are is the common case where hundreds have said whom they want.
            let wanted = || match one.subscriptions.is_everybody() {
                true => streams - one.streams(),
                false => self.wanted_streams(one, members()),
            };
            pairs < growth::MAX_PAIRS && one.growth.should_ask(growth::need(wanted()), pairs)
        });
        let asked: Vec<ParticipantId> = asked.map(|one| one.id.0).collect();
        asked.into_iter().for_each(|id| self.request_offer(id));
    }

    /// What somebody is asked to be able to receive.
    fn receive_of(&self, id: ParticipantId) -> Receive {
        let pairs = self.need_of(id);
        Receive { audio: pairs, video: pairs }
    }

    /// How many pairs of seats somebody should have.
    fn need_of(&self, id: ParticipantId) -> usize {
        if self.participants.get(&id).is_some_and(|p| !p.pass.may(Grant::Subscribe)) {
            return 0;
        }
        let Some(participant) = self.participants.get(&id) else { return growth::need(0) };
        let members = self.rooms.get(&participant.room).into_iter().flat_map(|room| &room.members);
        let members = members.filter_map(|other| self.participants.get(other));
        growth::need(self.wanted_streams(participant, members))
    }

    /// How many streams of others somebody wants to be sent: no more are counted than make a difference.
    fn wanted_streams<'a>(
        &'a self,
        of: &'a Participant,
        members: impl Iterator<Item = &'a Participant>,
    ) -> usize {
        let streams = |other: &Participant| of.subscriptions.streams_of(other);
        let is_other = |other: &&Participant| other.id != of.id && other.room == of.room;
        if let Some(people) = of.subscriptions.only_people() {
            let people = people.filter_map(|id| self.participants.get(&id));
            return people.filter(is_other).map(streams).sum();
        }
        let mut wanted = 0;
        for other in members.filter(is_other) {
            wanted += streams(other);
            if wanted >= growth::MAX_PAIRS {
                break;
            }
        }
        wanted
    }

    fn request_offer(&mut self, id: ParticipantId) {
        let receive = self.receive_of(id);
        let Some(participant) = self.participants.get_mut(&id) else { return };
        participant.growth.asked_for(receive.video);
        let room_id = participant.room.clone();
        self.tell(id, ServerMessage::RequestOffer { room_id, receive });
    }

    fn tell_slots(&mut self, id: ParticipantId) {
        let Some(participant) = self.participants.get(&id) else { return };
        let slots = participant.seats().map(|(line, seat)| self.slot_view(&line.mid, seat)).collect();
        self.tell(id, ServerMessage::Slots { slots });
    }

    fn slot_view(&self, mid: &str, seat: &SeatLine) -> SlotView {
        let owner =
            seat.shows.and_then(|track| self.owners.get(&track.0)).and_then(|id| self.participants.get(id));
        let shown = owner.and_then(|owner| {
            let (_, track) = owner.tracks().find(|(_, track)| Some(track.id.0) == seat.shows)?;
            Some((owner, track))
        });
        SlotView {
            mid: mid.to_owned(),
            participant_id: shown.map(|(owner, _)| owner.id.0.0.to_string()),
            track_id: shown.map(|(_, track)| track.id.0.0.to_string()),
            source: shown.map(|(_, track)| track.source),
            layer: shown.and(seat.layer).map(SlotLayer::from),
        }
    }
}

/// Pairs of seats somebody has: what is missing to a whole pair is missing.
fn pairs(participant: &Participant) -> usize {
    let of = |kind| participant.seats().filter(|(line, _)| line.kind == kind).count();
    of(MediaKind::Audio).min(of(MediaKind::Video))
}
