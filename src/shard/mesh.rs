//! What passes between the shards of one process: a room's people may be on several workers.
//!
//! A room that spans workers is open on each of them. Each tells the others who came and what they
//! publish ([`spanning`]), so that seats are placed everywhere as if all were here. A track that is
//! published elsewhere stands here with its layers, history and seats like any other. Its packets
//! come as plaintext values, once for the worker and not once for each subscriber, and only while
//! some seat here shows the layer; wishes for key frames and lost packets go back the same way
//! ([`crossing`]). Where workers share a port, a datagram may come to another than the one it is
//! for, and is handed on ([`handing`]). The shard gathers values in one [`MeshBatch`] for each worker; who carries
//! it, and how it wakes the other, is the shell's business.

mod crossing;
mod handing;
mod spanning;

pub use handing::Steer;
pub(super) use handing::{Handing, Through};

use super::Shard;
use super::counters::Drop;
use crate::base::id::Ssrc;
use crate::base::timer::Timers;
use crate::base::{Outbox, ParticipantId, Path, RoomId, StreamId, Time, TrackId, WorkerId};
use crate::control::message::Publish;
use crate::control::types::MAX_ENCODINGS;
use crate::media::history::Stored;
use crate::media::meter::Meter;
use crate::media::sender_clock::{ClockOffset, SenderReference};
use crate::media::track::Watcher;
use arrayvec::ArrayVec;
use handing::Handed;

/// Bytes of packets that wait for one worker at most: some 2 ms of a core that does nothing but send.
/// What comes beyond is dropped, and asked for again by the worker that misses it.
const MOST_WAITING: usize = 256 * 1024;

/// A track as another worker's shard has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct There {
    key: u32,
    /// Keys are reused; ids are not.
    id: TrackId,
}

/// A published packet; its bytes lie in the batch, behind those of the packets before it.
#[derive(Clone, Copy, Debug)]
struct Crossed {
    track: There,
    index: u64,
    /// When it came in from its publisher.
    received: Time,
    layer: u8,
    len: u16,
}

/// What a publisher's reports said, of all layers of a track.
#[derive(Debug)]
struct Report {
    track: There,
    clock: ClockOffset,
    references: ArrayVec<Option<SenderReference>, MAX_ENCODINGS>,
}

/// What comes of each layer of a track at its home.
#[derive(Debug)]
struct Supply {
    track: There,
    /// Whether it comes, and how much of it.
    layers: ArrayVec<(bool, Meter), MAX_ENCODINGS>,
}

/// All that is on one worker of a room.
#[derive(Debug)]
struct Told {
    room: RoomId,
    /// Whether the other is to tell the same.
    asks: bool,
    /// Who is there, and whether nothing comes from them.
    people: Vec<(ParticipantId, bool)>,
    tracks: Vec<Published>,
}

#[derive(Debug)]
struct Published {
    participant: ParticipantId,
    publish: Publish,
    /// Whether its stream is spoken on, and since which turn.
    voice: (bool, u32),
}

/// One thing that a worker tells another. What is long and rare is boxed.
#[derive(Debug)]
enum MeshValue {
    /// The room begins on the worker that says so, or begins anew.
    Told(Box<Told>),
    /// The room has ended on the worker that says so.
    Ended {
        room: RoomId,
    },
    Joined {
        room: RoomId,
        participant: ParticipantId,
    },
    Left {
        room: RoomId,
        participant: ParticipantId,
    },
    Hidden {
        room: RoomId,
        participant: ParticipantId,
        hidden: bool,
    },
    Speaks {
        room: RoomId,
        participant: ParticipantId,
        stream: StreamId,
        /// Whether it is spoken on, and since which turn.
        voice: (bool, u32),
    },
    Published {
        room: RoomId,
        published: Box<Published>,
    },
    Unpublished {
        track: TrackId,
    },
    Muted {
        track: TrackId,
        muted: bool,
    },
    Packet(Crossed),
    /// A datagram that is for the other.
    Handed(Handed),
    /// What comes from there is for the worker that says so, or is not any more.
    Owned {
        path: Path,
        owned: bool,
    },
    /// The publisher went over to another SSRC.
    Restarted {
        track: There,
        layer: u8,
        ssrc: Ssrc,
    },
    Report(Box<Report>),
    Supply(Box<Supply>),
    /// To the track's home: from now on send its packets, or do not any more.
    Watch {
        track: There,
        layer: u8,
        on: bool,
    },
    WantKeyFrame {
        track: TrackId,
        layer: u8,
    },
    /// To the track's home: of its layers somebody there watches these, or would if they came.
    Wanted {
        track: TrackId,
        layers: u8,
    },
    Resend {
        track: TrackId,
        layer: u8,
        index: u64,
    },
}

/// Values on their way from one shard to another, in order.
#[derive(Debug, Default)]
pub struct MeshBatch {
    values: Vec<MeshValue>,
    bytes: Vec<u8>,
}

impl MeshBatch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Makes it ready to be used again, with the room it has.
    pub fn clear(&mut self) {
        self.values.clear();
        self.bytes.clear();
    }
}

/// A shard's side of the mesh.
#[derive(Debug)]
pub(super) struct Mesh {
    own: WorkerId,
    most_waiting: usize,
    /// What waits for each worker, by its number.
    outgoing: Vec<MeshBatch>,
    /// Tracks of elsewhere whose seats have changed in this turn.
    touched: Vec<u32>,
    /// When something is to be asked of their homes, by the key of the track.
    pub(super) timers: Timers,
    /// How many tracks of elsewhere there are.
    pub(super) remote_tracks: usize,
}

impl Default for Mesh {
    fn default() -> Mesh {
        Mesh {
            own: WorkerId(0),
            most_waiting: MOST_WAITING,
            outgoing: Vec::new(),
            touched: Vec::new(),
            timers: Timers::default(),
            remote_tracks: 0,
        }
    }
}

impl Mesh {
    /// The batch for another worker; `None` where there is no such worker.
    fn batch(&mut self, to: WorkerId) -> Option<&mut MeshBatch> {
        self.outgoing.get_mut(usize::from(to.0)).filter(|_| to != self.own)
    }

    fn tell(&mut self, to: WorkerId, value: MeshValue) {
        if let Some(batch) = self.batch(to) {
            batch.values.push(value);
        }
    }

    /// Puts a packet into the batch of a watcher. False when too much waits for it already.
    fn cross(&mut self, to: Watcher, (id, layer): (TrackId, usize), bytes: &[u8], stored: &Stored) -> bool {
        let most = self.most_waiting;
        let Some(batch) = self.batch(to.worker) else { return false };
        if batch.bytes.len() + bytes.len() > most {
            return false;
        }
        batch.bytes.extend_from_slice(bytes);
        batch.values.push(MeshValue::Packet(Crossed {
            track: There { key: to.key, id },
            index: stored.index,
            received: stored.received,
            layer: layer as u8,
            len: bytes.len() as u16,
        }));
        true
    }
}

impl Shard {
    /// Makes the shard one of `workers`, the one with the number `own`.
    pub fn join_mesh(&mut self, own: WorkerId, workers: u16) {
        self.mesh.own = own;
        self.mesh.outgoing.resize_with(usize::from(workers), MeshBatch::default);
    }

    /// Lets so many bytes of packets wait for one worker, for a simulation of queues that are full.
    pub fn set_mesh_room(&mut self, bytes: usize) {
        self.mesh.most_waiting = bytes;
    }

    /// Offers what waits for other workers. `send` leaves an empty batch in place of the one it
    /// takes; what it does not take is offered again.
    pub fn cross(&mut self, now: Time, mut send: impl FnMut(WorkerId, &mut MeshBatch)) {
        self.settle_watches(now);
        for (worker, batch) in (0u16..).zip(&mut self.mesh.outgoing) {
            if !batch.is_empty() {
                send(WorkerId(worker), batch);
            }
        }
    }

    /// Whether something waits for another worker.
    pub fn has_crossing(&self) -> bool {
        self.mesh.outgoing.iter().any(|batch| !batch.is_empty())
    }

    /// Takes in what the worker `from` has told, and empties the batch. Allocates nothing for a
    /// packet.
    pub fn on_mesh(&mut self, now: Time, from: WorkerId, batch: &mut MeshBatch, out: &mut impl Outbox) {
        self.gathering.now = now;
        let MeshBatch { values, bytes } = batch;
        let (mut packets, mut moved) = (&bytes[..], Vec::new());
        let mut take = |len: u16| {
            let (packet, rest) = packets.split_at(usize::from(len));
            packets = rest;
            packet
        };
        for value in values.drain(..) {
            match value {
                MeshValue::Packet(crossed) => {
                    self.on_crossed(now, from, &crossed, take(crossed.len), out);
                }
                MeshValue::Handed(handed) => self.on_handed(now, from, &handed, take(handed.len), out),
                value => self.on_told(now, from, value, &mut moved, out),
            }
        }
        moved.sort_unstable();
        moved.dedup();
        for room in moved {
            self.reseat(room, out);
        }
        batch.clear();
    }

    /// Everything but what has bytes; rooms whose people or tracks change are put into `moved`.
    fn on_told(
        &mut self,
        now: Time,
        from: WorkerId,
        value: MeshValue,
        moved: &mut Vec<u32>,
        out: &mut impl Outbox,
    ) {
        match value {
            MeshValue::Told(told) => moved.extend(self.on_room_told(from, *told, out)),
            MeshValue::Ended { room } => moved.extend(self.on_room_ended(from, room, out)),
            MeshValue::Joined { room, participant } => self.on_joined_there(from, room, participant),
            MeshValue::Left { room, participant } => {
                moved.extend(self.on_left_there(from, room, participant, out))
            }
            MeshValue::Hidden { room, participant, hidden } => {
                moved.extend(self.on_hidden_there(from, room, participant, hidden));
            }
            MeshValue::Speaks { room, participant, stream, voice } => {
                moved.extend(self.on_voice_there(from, room, (participant, stream), voice));
            }
            MeshValue::Published { room, published } => {
                moved.extend(self.on_published_there(from, room, *published, out));
            }
            MeshValue::Unpublished { track } => moved.extend(self.on_unpublished_there(from, track, out)),
            MeshValue::Muted { track, muted } => self.on_muted_there(from, track, muted, out),
            MeshValue::Packet(_) | MeshValue::Handed(_) => {}
            MeshValue::Owned { path, owned } => self.on_owned_there(now, from, path, owned),
            MeshValue::Restarted { track, layer, ssrc } => {
                self.on_restarted_there(from, track, layer, ssrc, out)
            }
            MeshValue::Report(report) => self.on_report_there(now, from, &report, out),
            MeshValue::Supply(supply) => self.on_supply_there(from, *supply),
            MeshValue::Wanted { track, layers } => self.on_wanted_there(from, track, layers),
            MeshValue::Watch { track, layer, on } => self.on_watch(from, track, layer, on),
            MeshValue::WantKeyFrame { track, layer } => self.on_key_frame_wanted_there(track, layer),
            MeshValue::Resend { track, layer, index } => self.on_missed_there(from, track, layer, index),
        }
    }

    /// The key of a track that the worker `from` publishes and that stands here under `there`.
    fn track_from(&mut self, from: WorkerId, there: There) -> Option<u32> {
        let track = self.tracks.get(there.key).filter(|track| track.id == there.id && track.is_from(from));
        if track.is_none() {
            self.counters.drop(Drop::MeshStray);
        }
        track.map(|_| there.key)
    }

    /// The key of a track that is published here.
    pub(super) fn own_track(&self, id: TrackId) -> Option<u32> {
        self.track_keys.get(&id).copied().filter(|&key| self.tracks[key].home.is_none())
    }

    /// The shard's key of the room that a track is in.
    pub(super) fn room_of(&self, track: u32) -> u32 {
        let track = &self.tracks[track];
        track.home.map_or_else(|| self.links[track.transport].room, |home| home.room)
    }

    /// Something is to be asked of the publisher of a track, or of its home, at `at` at the latest.
    pub(super) fn ask_at_most(&mut self, track: u32, at: Time) {
        let entry = &self.tracks[track];
        if entry.home.is_some() {
            self.mesh.timers.set_at_most(track, at);
        } else {
            self.timers.set_at_most(entry.transport, at);
        }
    }

    fn tell_workers(&mut self, room: u32, value: impl Fn(RoomId) -> MeshValue) {
        let room = &self.rooms[room];
        for &worker in room.workers() {
            self.mesh.tell(worker, value(room.id()));
        }
    }
}
