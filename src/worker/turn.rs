//! The turn: commands → timers → datagrams → departures → events → flush and wait. Written once, here.

use super::clock::Clock;
use super::gathering::GatheringControl;
use super::page;
use crate::base::Time;
use crate::control::{Corrupt, WorkerChannel};
use crate::io::Io;
use crate::shard::Shard;
use std::time::Duration;

/// How often the counters that others read are brought up to date.
const PAGE_INTERVAL: Duration = Duration::from_millis(100);

/// Commands carried out in one turn, so that a burst of joins does not hold up the packets: a join
/// is some ten commands of a few microseconds each.
const COMMANDS_PER_TURN: usize = 64;

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
    clock: Clock,
    gathering: GatheringControl,
    turns: u64,
    next_page: Time,
}

impl Worker {
    pub(super) fn new(
        mut shard: Shard,
        io: Io,
        channel: WorkerChannel,
        clock: Clock,
        gathering: GatheringControl,
    ) -> Worker {
        shard.set_gathering_window(gathering.window());
        Worker { shard, io, channel, clock, gathering, turns: 0, next_page: Time::ZERO }
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
        self.run_timers();
        self.take_datagrams();
        self.depart();
        self.send_events();
        self.show_counters();
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

    fn run_timers(&mut self) {
        let now = self.clock.now();
        if self.shard.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.shard.on_timeout(now, self.io.trains());
        }
    }

    fn take_datagrams(&mut self) {
        let now = self.clock.now();
        let shard = &mut self.shard;
        self.io.receive(|datagram, trains| shard.on_datagram(now, datagram.path, datagram.bytes, trains));
    }

    fn depart(&mut self) {
        let now = self.clock.now();
        if self.gathering.adapt(now) {
            self.shard.set_gathering_window(self.gathering.window());
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
        if now >= self.next_page {
            self.next_page = now + PAGE_INTERVAL;
            page::write(&self.channel, &self.shard, &self.io, self.turns, self.gathering.window());
        }
    }

    fn flush_and_wait(&mut self) -> Result<(), WorkerError> {
        let may_sleep = self.channel.prepare_sleep();
        let now = self.clock.now();
        let deadline = self.shard.next_deadline().map_or(Duration::MAX, |deadline| deadline.since(now));
        // Never longer than the page's interval: a reader tells a live worker by its turns.
        let timeout = if may_sleep { deadline.min(PAGE_INTERVAL) } else { Duration::ZERO };
        self.io.flush_and_wait(Some(timeout))?;
        self.channel.awake();
        Ok(())
    }
}
