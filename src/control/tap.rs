//! A worker's tap: what it hands to the recorder of the tracks that are recorded, and what the recorder
//! wishes.
//!
//! Two rings in one sealed memfd, like those of a channel. The worker never waits: what finds no room is
//! not recorded, and said so with the next value that does; only what is told of a track, that it begins
//! anew, is muted or ends, waits for room. Nobody is woken: the recorder looks fifty times
//! a second, the worker once a turn, so a packet costs neither a system call. An end that is made again
//! after a crash goes on where the old one stopped.

#[cfg(test)]
mod tests;
pub mod travel;

use super::channel::ChannelError;
use super::codec::{self, Corrupt, LAYOUT_VERSION, Layout, Reader, Writer};
use super::shm::{SharedMemory, WORD};
use super::shm_ring::{Consumer, Producer, RingShape};
use super::types::Codec;
use crate::base::{Time, TrackId};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;

/// Longest packet: an Ethernet frame's worth, as histories keep them.
pub const MAX_TAPPED: usize = 1500;

/// Longest head with room to grow.
const HEAD_BYTES: usize = 60;
const VALUE_BYTES: usize = HEAD_BYTES + MAX_TAPPED;
/// A fifth of a second of 40,000 packets a second, which is 130 people; the recorder looks every 20 ms.
/// Some 12 MB, which stay untouched while nothing is recorded.
const VALUE_SLOTS: u64 = 8192;
/// Wishes are one for each track and half second at most, and read once a turn.
const WISH_SLOTS: u64 = 1024;
const WISH_BYTES: usize = 24;

/// What is told of tracks and waits for room: once for each of three encodings of a worker's tracks.
const MOST_OWED: usize = 16_384;
/// Room for the first of it, made at the start.
const OWED_AT_ONCE: usize = 256;

const _: () = assert!(Tapped::MAX <= HEAD_BYTES && TapWish::MAX <= WISH_BYTES);

/// "VOLLEYTP", read as a little-endian number.
const MAGIC: u64 = u64::from_le_bytes(*b"VOLLEYTP");
const PAGE_WORDS: usize = 4096 / WORD;
const WISHES: RingShape = RingShape::new(PAGE_WORDS, WISH_SLOTS, WISH_BYTES);
const VALUES: RingShape = RingShape::new(WISHES.end().next_multiple_of(PAGE_WORDS), VALUE_SLOTS, VALUE_BYTES);
const TAP_WORDS: usize = VALUES.end().next_multiple_of(PAGE_WORDS);

/// What a worker tells the recorder. The bytes of a packet come beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tapped {
    /// The media process began: nothing that it told before goes on.
    Began,
    /// A published packet, in plain text, header included.
    Packet(TappedPacket),
    /// What a publisher's report says: the time stamp `timestamp` was taken at `unix_nanos`, on the server's
    /// clock.
    Report {
        /// Of which track.
        track: TrackId,
        /// Of which of its encodings.
        layer: u8,
        /// On the media's clock.
        timestamp: u32,
        /// Nanoseconds since 1970.
        unix_nanos: u64,
    },
    /// The publisher of a layer begins a new sequence.
    Restarted {
        /// Of which track.
        track: TrackId,
        /// Which of its encodings.
        layer: u8,
    },
    /// A track is muted, or no longer: nothing of it comes meanwhile.
    Muted {
        /// Which.
        track: TrackId,
        /// Whether it is.
        muted: bool,
    },
    /// Nothing more comes of a track.
    Ended {
        /// Which.
        track: TrackId,
    },
    /// So many values before this one found no room.
    Lost {
        /// How many.
        values: u64,
    },
}

impl Tapped {
    /// Of which track it tells.
    pub fn track(&self) -> Option<TrackId> {
        match self {
            Tapped::Packet(packet) => Some(packet.track),
            Tapped::Report { track, .. }
            | Tapped::Restarted { track, .. }
            | Tapped::Muted { track, .. }
            | Tapped::Ended { track } => Some(*track),
            Tapped::Began | Tapped::Lost { .. } => None,
        }
    }

    /// Whether the recorder would go wrong for good without it; a report comes again, a packet does not.
    pub fn must_arrive(&self) -> bool {
        matches!(self, Tapped::Began | Tapped::Restarted { .. } | Tapped::Muted { .. } | Tapped::Ended { .. })
    }

    /// Whether nothing of `before` is left to be told once this is.
    fn replaces(&self, before: &Tapped) -> bool {
        match (self, before) {
            (Tapped::Began, _) => true,
            (Tapped::Restarted { .. }, Tapped::Restarted { .. }) => self == before,
            (Tapped::Muted { track, .. }, Tapped::Muted { track: other, .. }) => track == other,
            (
                Tapped::Ended { track },
                Tapped::Restarted { track: other, .. }
                | Tapped::Muted { track: other, .. }
                | Tapped::Ended { track: other },
            ) => track == other,
            _ => false,
        }
    }
}

/// See [`Tapped::Packet`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TappedPacket {
    /// Of which track.
    pub track: TrackId,
    /// Of which of its encodings.
    pub layer: u8,
    /// In which codec.
    pub codec: Codec,
    /// Whether a key frame starts with it.
    pub starts_key_frame: bool,
    /// Whether this encoding is the one to be recorded, from its next key frame on.
    pub is_aim: bool,
    /// Its sequence number, unwrapped.
    pub index: u64,
    /// When it came in, on the monotonic clock.
    pub received: Time,
}

/// What the recorder tells a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TapWish {
    /// It cannot go on without a key frame.
    KeyFrame {
        /// Of which track.
        track: TrackId,
        /// Of which of its encodings.
        layer: u8,
    },
}

/// What both ends are made from, and what is passed to other processes.
#[derive(Debug)]
pub struct TapFd(pub OwnedFd);

impl TapFd {
    /// Makes a tap with nothing in it.
    pub fn create() -> io::Result<TapFd> {
        let (memory, memfd) = SharedMemory::create("volley-tap", TAP_WORDS)?;
        for (word, value) in memory.words().iter().zip(header()) {
            word.store(value, Relaxed);
        }
        Ok(TapFd(memfd))
    }

    /// The same tap once more.
    pub fn try_clone(&self) -> io::Result<TapFd> {
        Ok(TapFd(self.0.try_clone()?))
    }

    fn map(&self) -> Result<SharedMemory, ChannelError> {
        let memory = SharedMemory::attach(&self.0)?;
        let words = memory.words();
        let ours = words.len() == TAP_WORDS
            && words.iter().zip(header()).all(|(word, value)| word.load(Relaxed) == value);
        if ours { Ok(memory) } else { Err(ChannelError::Foreign) }
    }
}

fn header() -> [u64; 3] {
    [MAGIC, u64::from(LAYOUT_VERSION), VALUE_SLOTS << 32 | VALUE_BYTES as u64]
}

/// The worker's end.
pub struct TapWriter {
    memory: SharedMemory,
    values: Producer,
    wishes: Consumer,
    /// Values that found no room and were not reported yet.
    lost: u64,
    /// What must arrive and found no room; nothing is told before it.
    owed: VecDeque<Tapped>,
}

impl TapWriter {
    /// Takes the worker's end; nobody else may hold it. Tells that everything begins anew.
    pub fn attach(fd: &TapFd) -> Result<TapWriter, ChannelError> {
        let memory = fd.map()?;
        let values = Producer::attach(VALUES, memory.words())?;
        let wishes = Consumer::attach(WISHES, memory.words())?;
        let owed = VecDeque::with_capacity(OWED_AT_ONCE);
        let mut writer = TapWriter { memory, values, wishes, lost: 0, owed };
        writer.offer(&Tapped::Began, &[]);
        Ok(writer)
    }

    /// Hands over a value, with the bytes of a packet. False: there was no room, or it is too long. What is
    /// told of a track is then told later.
    pub fn offer(&mut self, value: &Tapped, bytes: &[u8]) -> bool {
        let is_told = self.settle() && self.push(value, bytes);
        if !is_told && value.must_arrive() {
            return self.owe(value);
        }
        self.lost += u64::from(!is_told);
        is_told
    }

    /// Tells what has waited for room. True: nothing waits any more.
    pub fn settle(&mut self) -> bool {
        if self.lost > 0 && self.push(&Tapped::Lost { values: self.lost }, &[]) {
            self.lost = 0;
        }
        while let Some(first) = self.owed.front().copied().filter(|_| self.lost == 0) {
            if !self.push(&first, &[]) {
                break;
            }
            self.owed.pop_front();
        }
        self.lost == 0 && self.owed.is_empty()
    }

    fn owe(&mut self, value: &Tapped) -> bool {
        self.owed.retain(|before| !value.replaces(before));
        let has_room = self.owed.len() < MOST_OWED;
        if has_room {
            self.owed.push_back(*value);
        }
        self.lost += u64::from(!has_room);
        has_room
    }

    /// The oldest wish not yet taken. What makes no sense is passed over: nothing hangs on a wish.
    pub fn next_wish(&mut self) -> Option<TapWish> {
        let mut bytes = [0; WISH_BYTES];
        let length = self.wishes.pop(self.memory.words(), &mut bytes).ok()??;
        codec::decode(&bytes[..length]).ok()
    }

    fn push(&mut self, value: &Tapped, bytes: &[u8]) -> bool {
        let mut message = [0; VALUE_BYTES];
        let mut to = Writer::new(&mut message);
        value.write(&mut to);
        to.put(bytes);
        let Some(length) = to.finish() else { return false };
        self.values.push(self.memory.words(), &message[..length]).is_ok()
    }
}

impl std::fmt::Debug for TapWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TapWriter(…)")
    }
}

/// The recorder's end.
pub struct TapReader {
    memory: SharedMemory,
    values: Consumer,
    wishes: Producer,
    message: Box<[u8; VALUE_BYTES]>,
}

impl TapReader {
    /// Takes the recorder's end; nobody else may hold it.
    pub fn attach(fd: &TapFd) -> Result<TapReader, ChannelError> {
        let memory = fd.map()?;
        let values = Consumer::attach(VALUES, memory.words())?;
        let wishes = Producer::attach(WISHES, memory.words())?;
        Ok(TapReader { memory, values, wishes, message: Box::new([0; VALUE_BYTES]) })
    }

    /// The oldest value not yet taken, and its bytes. After an error other than [`Corrupt::Indices`] the
    /// values behind the bad one can still be read.
    pub fn next_value(&mut self) -> Result<Option<(Tapped, &[u8])>, Corrupt> {
        let Some(length) = self.values.pop(self.memory.words(), &mut self.message[..])? else {
            return Ok(None);
        };
        let mut from = Reader::new(&self.message[..length]);
        let value = Tapped::read(&mut from)?;
        Ok(Some((value, from.rest())))
    }

    /// Tells the worker; it is no harm when that is not possible now.
    pub fn wish(&mut self, wish: &TapWish) -> bool {
        let mut bytes = [0; WISH_BYTES];
        let length = codec::encode(wish, &mut bytes);
        self.wishes.push(self.memory.words(), &bytes[..length]).is_ok()
    }
}

impl std::fmt::Debug for TapReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TapReader(…)")
    }
}
