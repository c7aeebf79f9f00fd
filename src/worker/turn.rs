//! The turn: commands → mesh → timers → datagrams → mesh → tap → departures → events → flush and wait.
//! Written once, here.

use super::busy::Busy;
use super::clock::Clock;
use super::delay::{DelayHistogram, SAMPLED_TURNS};
use super::gathering::{GatheringControl, Work};
use super::histogram::{BATCH_BUCKETS, Histogram, TURN_BUCKETS_US};
use super::load::Forwarded;
use super::mesh::MeshEnd;
use super::overload::Overload;
use super::page;
use super::resident::Resident;
use super::steering::Steering;
use crate::base::Time;
use crate::control::message::ALL_PICTURES;
use crate::control::tap::TapWriter;
use crate::control::{Corrupt, WorkerChannel, connections};
use crate::io::Io;
use crate::shard::counters::Drop;
use crate::shard::{Came, Datagram, Shard};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How often the counters that others read are brought up to date.
const PAGE_INTERVAL: Duration = Duration::from_millis(100);

/// How often the delay is told to who logs at debug level.
const TELL_INTERVAL: Duration = Duration::from_secs(5);

/// Commands carried out in one turn, so that a burst of joins does not hold up the packets: a join
/// is some ten commands of a few microseconds each.
const COMMANDS_PER_TURN: usize = 64;

/// TCP connections taken over in one turn: each brings an ICE check along.
const CONNECTIONS_PER_TURN: usize = 16;

/// The step in which the back end counts how long connections are quiet.
const SECOND: Duration = Duration::from_secs(1);

/// When a queue to another worker was full, it is tried again after this: the other is awake and takes
/// what is there once a turn.
const CROSS_AGAIN: Duration = Duration::from_millis(1);

/// Why a worker ends.
#[derive(thiserror::Error, Debug)]
pub(super) enum WorkerError {
    #[error("waiting for datagrams failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the channel from signaling is corrupt: {0}")]
    Channel(Corrupt),
}

pub(super) struct Worker {
    shard: Shard,
    io: Io,
    channel: WorkerChannel,
    mesh: MeshEnd,
    steering: Steering,
    connections: OwnedFd,
    /// Where what is recorded goes, if anything may be.
    tap: Option<TapWriter>,
    /// Connections may wait to be taken over.
    has_connections: bool,
    clock: Clock,
    resident: Resident,
    busy: Busy,
    gathering: GatheringControl,
    overload: Overload,
    delays: DelayHistogram,
    turn_lengths: Histogram<{ TURN_BUCKETS_US.len() }>,
    batches: Histogram<{ BATCH_BUCKETS.len() }>,
    /// When this turn began.
    woke: Option<Time>,
    /// The list departures are noted in, while it is not in use.
    notes: Vec<Time>,
    turns: u64,
    next_page: Time,
    /// What had been measured when it was last told, and when it is told next.
    told: DelayHistogram,
    next_told: Time,
    next_second: Time,
}

/// What a worker is connected by.
pub(super) type Ends = (WorkerChannel, MeshEnd, Steering, OwnedFd, Option<TapWriter>);

impl Worker {
    pub(super) fn new(
        mut shard: Shard,
        io: Io,
        (channel, mesh, steering, connections, tap): Ends,
        (clock, resident): (Clock, Resident),
        gathering: GatheringControl,
    ) -> Worker {
        shard.set_gathering_window(gathering.window());
        Worker {
            shard,
            io,
            channel,
            mesh,
            steering,
            connections,
            tap,
            has_connections: true,
            clock,
            resident,
            busy: Busy::default(),
            gathering,
            overload: Overload::new(),
            delays: DelayHistogram::default(),
            turn_lengths: Histogram::new(TURN_BUCKETS_US),
            batches: Histogram::new(BATCH_BUCKETS),
            woke: None,
            notes: Vec::new(),
            turns: 0,
            next_page: Time::ZERO,
            told: DelayHistogram::default(),
            next_told: Time::ZERO,
            next_second: Time::ZERO,
        }
    }

    /// Turns until something is wrong that only a new process mends.
    pub(super) fn run(&mut self) -> WorkerError {
        loop {
            if let Err(error) = self.turn() {
                return error;
            }
        }
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        self.take_commands()?;
        self.take_crossing();
        self.run_timers();
        self.take_datagrams();
        // Before the departures, so that other workers need not wait until they are sealed.
        self.cross();
        self.tap();
        self.depart();
        self.send_events();
        self.show_counters();
        // Before anything leaves that peers answer.
        self.steering.tell(self.shard.steering());
        self.flush_and_wait()
    }

    fn take_commands(&mut self) -> Result<(), WorkerError> {
        let now = self.clock.now();
        for _ in 0..COMMANDS_PER_TURN {
            match self.channel.next_command() {
                Ok(Some(command)) => self.shard.on_command(now, command, self.io.trains()),
                Ok(None) => break,
                Err(Corrupt::Indices) => return Err(WorkerError::Channel(Corrupt::Indices)),
                Err(corrupt) => tracing::error!(%corrupt, "a command was not understood and is skipped"),
            }
        }
        Ok(())
    }

    fn take_crossing(&mut self) {
        let now = self.clock.now();
        let Worker { shard, io, mesh, .. } = self;
        mesh.receive(|from, batch| shard.on_mesh(now, from, batch, io.trains()));
    }

    fn cross(&mut self) {
        let now = self.clock.now();
        let Worker { shard, mesh, .. } = self;
        shard.cross(now, |to, batch| mesh.send(to, batch));
    }

    /// Hands over what is recorded; reading is the recorder's affair, and never waited for.
    fn tap(&mut self) {
        let Worker { shard, tap: Some(tap), .. } = self else { return };
        if shard.has_tapped() {
            shard.drain_tap(|value, bytes| tap.offer(value, bytes));
        } else {
            tap.settle();
        }
        while let Some(wish) = tap.next_wish() {
            shard.on_tap_wish(wish);
        }
    }

    fn run_timers(&mut self) {
        let now = self.clock.now();
        if self.shard.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.shard.on_timeout(now, self.io.trains());
        }
    }

    fn take_connections(&mut self) {
        for _ in 0..CONNECTIONS_PER_TURN {
            match connections::take(&self.connections) {
                Ok(Some(connection)) => self.io.adopt(connection.tcp, &connection.first),
                Ok(None) => {
                    self.has_connections = false;
                    return;
                }
                Err(error) => tracing::debug!(%error, "a TCP connection was lost on its way here"),
            }
        }
    }

    fn take_datagrams(&mut self) {
        if self.has_connections {
            self.take_connections();
        }
        self.clock.compare();
        let now = self.clock.now();
        let Worker { shard, clock, overload, .. } = self;
        let mut found = 0u32;
        self.io.receive(|received, trains| {
            found += 1;
            let arrived = clock.arrived(now, received.at);
            let datagram = Datagram { path: received.path, arrived, bytes: received.bytes };
            if shard.on_datagram(now, datagram, trains) == Came::Media {
                overload.note(now.since(arrived));
            }
        });
        if found > 0 {
            self.batches.record(found);
        }
    }

    fn depart(&mut self) {
        let now = self.clock.now();
        let work = Work {
            sent: self.io.counters().datagrams_out,
            receivers: self.shard.population().transports,
            is_pressed: self.overload.is_pressed(),
        };
        if self.gathering.adapt(now, work) {
            self.shard.set_gathering_window(self.gathering.window());
        }
        let counters = self.shard.counters();
        let forwarded =
            Forwarded { sent: work.sent, pictures: counters.pictures, shed: counters.dropped(Drop::Shed) };
        self.overload.note_handshakes(self.shard.handshakes_waiting());
        if let Some(share) = self.overload.adapt(now, forwarded, || self.clock.worked()) {
            tracing::warn!(share, of = ALL_PICTURES, "the core's load changes what pictures are forwarded");
            self.shard.set_picture_share(share, self.io.trains());
        }
        if let Some(share) = self.busy.look(now) {
            self.shard.note_busy(share.percent, self.overload.was_short());
            if share.is_news {
                self.shard.tell_load();
            }
        }
        if self.turns.is_multiple_of(SAMPLED_TURNS) {
            self.shard.note_departures(std::mem::take(&mut self.notes));
        }
        self.shard.depart(now, self.io.trains());
    }

    fn send_events(&mut self) {
        while self.channel.event_room() > 0
            && let Some(event) = self.shard.poll_event()
        {
            self.channel.send_event(&event);
        }
    }

    fn show_counters(&mut self) {
        self.turns += 1;
        let now = self.clock.now();
        if now >= self.next_second {
            self.next_second = now + SECOND;
            self.io.note_second();
        }
        if now >= self.next_page {
            self.tell_delays(now);
            self.next_page = now + PAGE_INTERVAL;
            let own = page::Own {
                turns: self.turns,
                gathering: self.gathering.window(),
                steering: &self.steering,
                resident: self.resident.bytes(),
                delays: &self.delays,
                turn_lengths: &self.turn_lengths,
                batches: &self.batches,
            };
            page::write(&self.channel, &self.shard, &self.io, &own);
        }
    }

    /// Logs what packets are delayed by; a quantile is missing when it is beyond 100 ms.
    fn tell_delays(&mut self, now: Time) {
        if now < self.next_told {
            return;
        }
        self.next_told = now + TELL_INTERVAL;
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| self.delays.quantile_since(&self.told, share));
        tracing::debug!(p50, p95, p99, window = ?self.gathering.window(), "delay added, in us");
        self.told.clone_from(&self.delays);
    }

    fn flush_and_wait(&mut self) -> Result<(), WorkerError> {
        self.io.flush();
        let now = self.clock.now();
        if let Some(notes) = self.shard.noted_departures() {
            notes.iter().for_each(|&came| self.delays.record(now.since(came)));
            self.notes = notes;
        }
        if let Some(woke) = self.woke {
            self.turn_lengths.record(u32::try_from(now.since(woke).as_micros()).unwrap_or(u32::MAX));
        }
        let may_sleep = !self.has_connections && self.channel.prepare_sleep() && self.mesh.prepare_sleep();
        let deadline = self.shard.next_deadline().map_or(Duration::MAX, |deadline| deadline.since(now));
        // Never longer than the page's interval: a reader tells a live worker by its turns.
        let longest = if self.shard.has_crossing() { CROSS_AGAIN } else { PAGE_INTERVAL };
        let timeout = if may_sleep { deadline.min(longest) } else { Duration::ZERO };
        let woken = self.io.flush_and_wait_for_more(timeout, self.gathering.patience())?;
        self.has_connections |= woken.wake;
        let woke = self.clock.now();
        self.woke = Some(woke);
        let slept = woke.since(now);
        self.gathering.note_sleep(slept);
        self.overload.note_sleep(slept);
        self.busy.note_sleep(slept);
        self.channel.awake();
        self.mesh.awake();
        Ok(())
    }
}
