//! One worker's channel: commands to it, events from it, and its counters for others to read.
//!
//! [`ChannelFds`] is what travels between processes; [`WorkerChannel`] and [`SignalingChannel`] are
//! its two ends. An end that is made again after a crash goes on where the old one stopped.

#[cfg(test)]
mod tests;

use super::codec::{self, Corrupt, LAYOUT_VERSION, Layout};
use super::message::{Command, Event};
use super::shm::{SharedMemory, WORD};
use super::shm_ring::{Consumer, Producer, PushError, RingShape};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use zeroize::Zeroizing;

/// Counters of a worker: one page of words.
pub const COUNTERS: usize = 512;

/// Longest command with room to grow; the longest today is the first offer of a participant.
const COMMAND_BYTES: usize = 1016;
/// Longest event with room to grow.
const EVENT_BYTES: usize = 248;
/// A join is about ten commands, and a worker reads them every turn (a few milliseconds at most):
/// 100 people may join within one turn.
const COMMAND_SLOTS: u64 = 1024;
/// Signaling may be away for a second or two (a restart); a room of a thousand that changes its
/// speakers then makes a few thousand events. What does not fit is counted and resynchronised.
const EVENT_SLOTS: u64 = 8192;

const _: () = assert!(Command::MAX <= COMMAND_BYTES && Event::MAX <= EVENT_BYTES);

/// "VOLLEYCH", read as a little-endian number.
const MAGIC: u64 = u64::from_le_bytes(*b"VOLLEYCH");
const PAGE_WORDS: usize = 4096 / WORD;
const COUNTER_BASE: usize = PAGE_WORDS;
const COMMANDS: RingShape = RingShape::new(2 * PAGE_WORDS, COMMAND_SLOTS, COMMAND_BYTES);
const EVENTS: RingShape =
    RingShape::new(COMMANDS.end().next_multiple_of(PAGE_WORDS), EVENT_SLOTS, EVENT_BYTES);
const CHANNEL_WORDS: usize = EVENTS.end().next_multiple_of(PAGE_WORDS);

const _: () = assert!(COUNTERS <= PAGE_WORDS);

/// Why a channel cannot be used.
#[derive(thiserror::Error, Debug)]
pub enum ChannelError {
    /// The kernel refused memory, a mapping or an eventfd.
    #[error("shared memory: {0}")]
    Io(#[from] io::Error),
    /// The memory is not a channel, or one of another version of Volley.
    #[error("the shared memory is not a channel of this version of Volley")]
    Foreign,
    /// Its content contradicts itself.
    #[error("the channel is corrupt: {0}")]
    Corrupt(#[from] Corrupt),
}

/// Why a command was not sent.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendError {
    /// The worker has not read its commands for long; try again later.
    #[error("the worker's command queue is full")]
    Full,
    /// The command would not be understood, or the queue's memory makes no sense.
    #[error("the command cannot be sent: {0}")]
    Corrupt(#[from] Corrupt),
}

impl From<PushError> for SendError {
    fn from(error: PushError) -> SendError {
        match error {
            PushError::Full => SendError::Full,
            PushError::Corrupt(cause) => SendError::Corrupt(cause),
        }
    }
}

/// What both ends are made from, and what is passed to another process.
#[derive(Debug)]
pub struct ChannelFds {
    /// The sealed memory.
    pub memfd: OwnedFd,
    /// Rung by signaling when the worker sleeps. Blocking, so that a ring may read it: io_uring
    /// answers a read from a non-blocking file with EAGAIN instead of waiting.
    pub command_eventfd: OwnedFd,
    /// Rung by the worker when signaling sleeps. Non-blocking, for an event loop.
    pub event_eventfd: OwnedFd,
}

impl ChannelFds {
    /// Makes a channel with nothing in it.
    pub fn create() -> io::Result<ChannelFds> {
        let (memory, memfd) = SharedMemory::create("volley-channel", CHANNEL_WORDS)?;
        for (word, value) in memory.words().iter().zip(header()) {
            word.store(value, Relaxed);
        }
        let command_eventfd = eventfd(0, EventfdFlags::CLOEXEC)?;
        let event_eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(ChannelFds { memfd, command_eventfd, event_eventfd })
    }

    /// The same channel once more.
    pub fn try_clone(&self) -> io::Result<ChannelFds> {
        Ok(ChannelFds {
            memfd: self.memfd.try_clone()?,
            command_eventfd: self.command_eventfd.try_clone()?,
            event_eventfd: self.event_eventfd.try_clone()?,
        })
    }

    fn map(&self) -> Result<SharedMemory, ChannelError> {
        let memory = SharedMemory::attach(&self.memfd)?;
        let words = memory.words();
        let ours = words.len() == CHANNEL_WORDS
            && words.iter().zip(header()).all(|(word, value)| word.load(Relaxed) == value);
        if ours { Ok(memory) } else { Err(ChannelError::Foreign) }
    }
}

/// What the memory begins with: all that two processes must agree on before they read on.
fn header() -> [u64; 4] {
    let commands = COMMAND_SLOTS << 32 | COMMAND_BYTES as u64;
    let events = EVENT_SLOTS << 32 | EVENT_BYTES as u64;
    [MAGIC, u64::from(LAYOUT_VERSION), commands, events]
}

/// The worker's end: takes commands, sends events, writes counters.
pub struct WorkerChannel {
    memory: SharedMemory,
    fds: ChannelFds,
    commands: Consumer,
    events: Producer,
    lost: u64,
}

impl WorkerChannel {
    /// Takes the worker's end; nobody else may hold it.
    pub fn attach(fds: ChannelFds) -> Result<WorkerChannel, ChannelError> {
        let memory = fds.map()?;
        let commands = Consumer::attach(COMMANDS, memory.words())?;
        let events = Producer::attach(EVENTS, memory.words())?;
        ring(&fds.event_eventfd);
        Ok(WorkerChannel { memory, fds, commands, events, lost: 0 })
    }

    /// The oldest command not yet taken. After an error other than [`Corrupt::Indices`] the
    /// commands behind the bad one can still be read.
    pub fn next_command(&mut self) -> Result<Option<Command>, Corrupt> {
        if self.lost > 0 {
            self.report_loss();
        }
        let mut bytes = Zeroizing::new([0; COMMAND_BYTES]);
        let length = self.commands.pop(self.memory.words(), &mut *bytes)?;
        length.map(|length| codec::decode(&bytes[..length])).transpose()
    }

    /// Tells signaling. When nobody has read for long the event is dropped, counted, and reported
    /// by [`Event::Lost`] before the next one that finds room. True: it was queued.
    pub fn send_event(&mut self, event: &Event) -> bool {
        if self.lost > 0 {
            self.report_loss();
        }
        let queued = self.lost == 0 && self.queue(event);
        self.lost += u64::from(!queued);
        queued
    }

    /// How many events would be taken now: an answer to [`Command::Resync`] goes out in pieces.
    pub fn event_room(&self) -> usize {
        let free = self.events.free(self.memory.words()).unwrap_or(0);
        free.saturating_sub(u64::from(self.lost > 0)) as usize
    }

    /// How many events were dropped and not yet reported.
    pub fn events_lost(&self) -> u64 {
        self.lost
    }

    /// Signalled when a command came while the worker slept. Nobody need read it: whoever waits
    /// takes each signal for one wake-up, whatever the value.
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.fds.command_eventfd.as_fd()
    }

    /// Says that the worker is about to sleep. False: a command waits, so do not.
    pub fn prepare_sleep(&self) -> bool {
        self.commands.prepare_sleep(self.memory.words())
    }

    /// Says that the worker is awake: commands need not ring.
    pub fn awake(&self) {
        self.commands.awake(self.memory.words());
    }

    /// Shows `value` to others as counter `index`.
    ///
    /// # Panics
    /// When `index` is not below [`COUNTERS`].
    pub fn set_counter(&self, index: usize, value: u64) {
        assert!(index < COUNTERS, "a worker has {COUNTERS} counters");
        self.counters()[index].store(value, Relaxed);
    }

    /// Shows `values` to others as the first counters, at most [`COUNTERS`].
    pub fn set_counters(&self, values: &[u64]) {
        for (counter, value) in self.counters().iter().zip(values) {
            counter.store(*value, Relaxed);
        }
    }

    fn counters(&self) -> &[AtomicU64] {
        &self.memory.words()[COUNTER_BASE..COUNTER_BASE + COUNTERS]
    }

    fn report_loss(&mut self) {
        if self.queue(&Event::Lost { events: self.lost }) {
            self.lost = 0;
        }
    }

    fn queue(&mut self, event: &Event) -> bool {
        let mut bytes = [0; EVENT_BYTES];
        let length = codec::encode(event, &mut bytes);
        match self.events.push(self.memory.words(), &bytes[..length]) {
            Ok(reader_sleeps) => {
                if reader_sleeps {
                    ring(&self.fds.event_eventfd);
                }
                true
            }
            Err(_) => false,
        }
    }
}

/// Signaling's end: sends commands, takes events, reads counters.
pub struct SignalingChannel {
    memory: SharedMemory,
    fds: ChannelFds,
    commands: Producer,
    events: Consumer,
}

impl SignalingChannel {
    /// Takes signaling's end; nobody else may hold it.
    pub fn attach(fds: ChannelFds) -> Result<SignalingChannel, ChannelError> {
        let memory = fds.map()?;
        let commands = Producer::attach(COMMANDS, memory.words())?;
        let events = Consumer::attach(EVENTS, memory.words())?;
        // The process before may have died between queueing a command and ringing for it.
        ring(&fds.command_eventfd);
        Ok(SignalingChannel { memory, fds, commands, events })
    }

    /// Tells the worker. Nothing is queued on an error.
    pub fn send_command(&mut self, command: &Command) -> Result<(), SendError> {
        let mut bytes = Zeroizing::new([0; COMMAND_BYTES]);
        let length = codec::encode(command, &mut *bytes);
        // What the worker would refuse to read (a payload type of 200) is better noticed here.
        codec::decode::<Command>(&bytes[..length])?;
        if self.commands.push(self.memory.words(), &bytes[..length])? {
            ring(&self.fds.command_eventfd);
        }
        Ok(())
    }

    /// How many commands would be taken now.
    pub fn command_room(&self) -> usize {
        self.commands.free(self.memory.words()).unwrap_or(0) as usize
    }

    /// The oldest event not yet taken. After an error other than [`Corrupt::Indices`] the events
    /// behind the bad one can still be read.
    pub fn next_event(&mut self) -> Result<Option<Event>, Corrupt> {
        let mut bytes = [0; EVENT_BYTES];
        let length = self.events.pop(self.memory.words(), &mut bytes)?;
        length.map(|length| codec::decode(&bytes[..length])).transpose()
    }

    /// Readable when an event came while signaling slept. Call [`SignalingChannel::awake`] then.
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.fds.event_eventfd.as_fd()
    }

    /// Says that signaling is about to wait for [`SignalingChannel::wake_fd`]. False: an event
    /// waits, so do not.
    pub fn prepare_sleep(&self) -> bool {
        self.events.prepare_sleep(self.memory.words())
    }

    /// Says that signaling is awake, and makes the wake fd unreadable again.
    pub fn awake(&self) {
        self.events.awake(self.memory.words());
        // EAGAIN: something else woke us.
        let _ = rustix::io::read(&self.fds.event_eventfd, &mut [0u8; 8]);
    }

    /// The worker's counters, each as of about now.
    pub fn counters(&self) -> [u64; COUNTERS] {
        read_counters(&self.memory)
    }
}

/// A worker's counters for whoever only looks.
pub struct CounterView {
    memory: SharedMemory,
}

impl CounterView {
    /// Looks at a channel whose ends others hold.
    pub fn attach(fds: &ChannelFds) -> Result<CounterView, ChannelError> {
        Ok(CounterView { memory: fds.map()? })
    }

    /// The counters, each as of about now.
    pub fn read(&self) -> [u64; COUNTERS] {
        read_counters(&self.memory)
    }
}

impl std::fmt::Debug for CounterView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CounterView(…)")
    }
}

fn read_counters(memory: &SharedMemory) -> [u64; COUNTERS] {
    let words = &memory.words()[COUNTER_BASE..];
    std::array::from_fn(|index| words[index].load(Relaxed))
}

/// Adds one to an eventfd. Fails only when 2^64 − 2 rings are unread, and then the reader is awake.
fn ring(eventfd: &OwnedFd) {
    let _ = rustix::io::write(eventfd, &1u64.to_ne_bytes());
}
