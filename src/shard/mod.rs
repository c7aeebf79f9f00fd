//! All that one core owns, sans-IO: bytes and time go in, bytes and the next deadline come out.
//!
//! A shard has no socket, no clock, no thread and no lock. The worker is one shell around it, the
//! simulator another. A packet's way through it: [`demux`] finds the transport by address, the one
//! hash; [`ingress`] opens the packet straight into the history of its layer; [`fanout`] puts it on
//! the list of every seat that shows the layer; [`gather`] lets a receiver's list wait and [`train`]
//! seals it. To the shards of other cores packets go through the [`mesh`]. Everything else is off that
//! way: [`aside`] for what DTLS has to do, [`commands`] from signaling, [`feedback`] from peers,
//! [`reports`] to peers, [`ticks`] of the clock, [`allocate`] of what each receiver is shown, what
//! rooms may take at most ([`room_limits`]), what signaling is told of layers ([`shown`]), what the recorder is
//! handed by the [`tap`], and [`export`] of the whole for a process that takes over.

mod allocate;
mod aside;
mod commands;
mod correction;
pub mod counters;
mod demux;
pub mod export;
mod fanout;
mod feedback;
mod former;
mod gather;
mod ingress;
mod link;
mod mesh;
mod rate;
mod redundancy;
mod removal;
mod reports;
mod room_limits;
mod seating;
mod shedding;
mod shown;
mod tap;
mod ticks;
mod train;
mod voices;
mod waiting;
mod wishes;

use crate::base::random::Random;
use crate::base::slab::Slab;
use crate::base::timer::Timers;
use crate::base::{ParticipantId, Path, RoomId, SlotId, Time, TrackId, TransportId, WallClock};
use crate::control::Event;
use crate::control::message::ALL_PICTURES;
use crate::control::types::{MAX_UFRAG, PlayoutBounds};
use crate::media::history::MAX_PACKET;
use crate::media::slot::Slot;
use crate::media::track::Track;
use crate::room::Room;
use crate::transport::dtls::{DtlsContext, Identity};
use crate::wire::extension::PlayoutDelay;
use allocate::Workbench;
use arrayvec::ArrayString;
use aside::Aside;
use counters::Counters;
pub use demux::{Came, Datagram};
use gather::Gathering;
use hashbrown::HashMap;
use link::Link;
pub use mesh::{MeshBatch, Steer};
use std::collections::VecDeque;
use std::time::Duration;

/// Keys that come from the network are hashed with a seed of the process's own.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Events kept for signaling beside an answer to a resync, some 200 bytes each. The channel holds another 8,000.
const MAX_EVENTS: usize = 16_384;

/// What a shard is made with.
#[derive(Debug)]
pub struct ShardConfig {
    /// The certificate shown in every DTLS handshake.
    pub identity: Identity,
    /// The wall clock all sender reports are on.
    pub wall: WallClock,
    /// Where initial sequence numbers and the like come from; never a key.
    pub seed: u64,
    /// Makes DTLS draw its random numbers from `seed`: for simulations only.
    pub deterministic_dtls: bool,
    /// Most transports at a time.
    pub max_transports: usize,
}

#[derive(Debug)]
struct Participant {
    /// The shard's key of the room.
    room: u32,
    /// The shard's keys of the transports.
    links: Vec<u32>,
}

/// One core's rooms, people, transports, tracks and seats.
///
/// Everything stands in tables under small keys; the ids that signaling gave are looked up only
/// when a command names them.
#[derive(Debug)]
pub struct Shard {
    dtls: DtlsContext,
    wall: WallClock,
    max_transports: usize,
    random: Random,
    rooms: Slab<Room>,
    links: Slab<Link>,
    tracks: Slab<Track>,
    slots: Slab<Slot>,
    participants: Map<ParticipantId, Participant>,
    room_keys: Map<RoomId, u32>,
    link_keys: Map<TransportId, u32>,
    track_keys: Map<TrackId, u32>,
    slot_keys: Map<SlotId, u32>,
    by_path: Map<Path, u32>,
    /// Who has proved a path that another still uses: theirs once DTLS is done.
    claims: Map<Path, u32>,
    by_ufrag: Map<ArrayString<MAX_UFRAG>, u32>,
    timers: Timers,
    gathering: Gathering,
    workbench: Workbench,
    mesh: mesh::Mesh,
    handing: mesh::Handing,
    aside: Aside,
    tap: tap::Tap,
    /// Sixteenths of the pictures that are forwarded.
    picture_share: u8,
    /// How long the datagram that came last had lain in its socket.
    waits: Duration,
    /// What receivers are told of holding pictures back.
    playout: Option<PlayoutDelay>,
    /// Percent of its core that the worker uses.
    busy: u8,
    keeper: room_limits::RoomKeeper,
    shown: shown::Looks,
    events: VecDeque<Event>,
    /// So many of an answer to a resync may still be among them, and take no room from others.
    events_answering: usize,
    events_lost: u64,
    counters: Counters,
    scratch: Box<[u8; MAX_PACKET]>,
}

impl Shard {
    /// A shard with nothing in it.
    pub fn new(config: ShardConfig) -> Shard {
        let dtls_seed = config.deterministic_dtls.then_some(config.seed);
        Shard {
            dtls: DtlsContext::new(config.identity, dtls_seed),
            wall: config.wall,
            max_transports: config.max_transports,
            random: Random::new(config.seed),
            rooms: Slab::default(),
            links: Slab::default(),
            tracks: Slab::default(),
            slots: Slab::default(),
            participants: Map::default(),
            room_keys: Map::default(),
            link_keys: Map::default(),
            track_keys: Map::default(),
            slot_keys: Map::default(),
            by_path: Map::default(),
            claims: Map::default(),
            by_ufrag: Map::default(),
            timers: Timers::default(),
            gathering: Gathering::default(),
            workbench: Workbench::default(),
            mesh: mesh::Mesh::default(),
            handing: mesh::Handing::default(),
            aside: Aside::default(),
            tap: tap::Tap::default(),
            picture_share: ALL_PICTURES,
            waits: Duration::ZERO,
            playout: None,
            busy: 0,
            keeper: room_limits::RoomKeeper::default(),
            shown: shown::Looks::default(),
            events: VecDeque::new(),
            events_answering: 0,
            events_lost: 0,
            counters: Counters::default(),
            scratch: Box::new([0; MAX_PACKET]),
        }
    }

    /// Tells receivers from now on between which bounds to hold pictures back.
    pub fn set_playout(&mut self, bounds: PlayoutBounds) {
        self.playout = Some(PlayoutDelay::between(bounds.least, bounds.most));
    }

    /// When [`on_timeout`](Self::on_timeout) wants to be called; `None` when nothing is pending.
    pub fn next_deadline(&self) -> Option<Time> {
        let (departs, aside) = (self.gathering.next_deadline(), self.aside.next_deadline());
        let (asks, looks) = (self.mesh.timers.next(), self.keeper.next_deadline());
        let looks = looks.into_iter().chain(self.next_look_at_shown());
        self.timers.next().into_iter().chain(departs).chain(asks).chain(aside).chain(looks).min()
    }

    /// The oldest event signaling has not been told yet.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        self.events_answering = 0;
        let events = std::mem::take(&mut self.events_lost);
        (events > 0).then_some(Event::Lost { events })
    }

    /// Keeps an event for signaling. When signaling is away for long, the newest are lost, and it is
    /// told so.
    fn tell(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS + self.events_answering && self.events_lost == 0 {
            self.events.push_back(event);
        } else {
            self.events_lost += 1;
        }
    }

    /// Keeps a whole answer to a resync: were a part of it lost, all of it would be asked for again, for ever where
    /// it is longer than what is kept. Only of one that comes while another still waits the end may be lost.
    fn tell_answer(&mut self, events: Vec<Event>) {
        self.events_answering = events.len();
        events.into_iter().for_each(|event| self.tell(event));
    }

    /// What has been counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many transports' handshakes wait for packets to have had their turn.
    pub fn handshakes_waiting(&self) -> usize {
        self.aside.waiting()
    }

    /// How many rooms, participants, transports, tracks and seats there are.
    pub fn population(&self) -> Population {
        Population {
            rooms: self.rooms.len(),
            participants: self.participants.len(),
            transports: self.links.len(),
            tracks: self.tracks.len() - self.mesh.remote_tracks,
            remote_tracks: self.mesh.remote_tracks,
            slots: self.slots.len(),
        }
    }
}

/// See [`Shard::population`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// Rooms.
    pub rooms: usize,
    /// Participants in them.
    pub participants: usize,
    /// Their transports.
    pub transports: usize,
    /// Tracks they publish.
    pub tracks: usize,
    /// Tracks that are published on other workers, in rooms that span this one too.
    pub remote_tracks: usize,
    /// Seats they receive on.
    pub slots: usize,
}
