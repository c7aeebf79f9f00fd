//! A queue of fixed-size slots in shared memory: one writer, one reader, two processes.
//!
//! Indices run freely and live in the memory, so a restarted process goes on where the one before
//! it stopped. Each side trusts only its own index; what the other side wrote is checked against
//! it, and a slot is copied out before anybody looks at it. Knows nothing of what slots hold, nor
//! of the eventfd that wakes the reader.

#[cfg(test)]
mod tests;

use super::codec::Corrupt;
use super::shm::WORD;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU64, fence};

/// Two cache lines, since the adjacent-line prefetcher of x86 pairs them: what one side writes
/// must not travel with what the other writes.
const LINE: usize = 128 / WORD;

/// Written by the reader: how many slots it has taken.
const HEAD: usize = 0;
/// Written by the writer: how many slots it has filled.
const TAIL: usize = LINE;
/// 1 when the reader is about to sleep and wants to be woken.
const SLEEPING: usize = 2 * LINE;
/// The first slot. A slot is one word with the message's length, then the message.
const SLOTS: usize = 3 * LINE;

/// Where a ring lies and how large it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingShape {
    base: usize,
    slot_words: usize,
    slots: u64,
}

impl RingShape {
    /// A ring that begins at word `base`, of `slots` (a power of two) messages of at most
    /// `message_bytes`.
    pub(super) const fn new(base: usize, slots: u64, message_bytes: usize) -> RingShape {
        assert!(slots.is_power_of_two());
        RingShape { base, slot_words: 1 + message_bytes.div_ceil(WORD), slots }
    }

    /// The first word behind the ring.
    pub(super) const fn end(&self) -> usize {
        self.base + SLOTS + self.slots as usize * self.slot_words
    }

    fn word<'a>(&self, words: &'a [AtomicU64], offset: usize) -> &'a AtomicU64 {
        &words[self.base + offset]
    }

    fn slot<'a>(&self, words: &'a [AtomicU64], index: u64) -> &'a [AtomicU64] {
        let start = self.base + SLOTS + (index % self.slots) as usize * self.slot_words;
        &words[start..start + self.slot_words]
    }

    /// How many slots are filled, as far as the two indices make sense.
    fn filled(&self, head: u64, tail: u64) -> Result<u64, Corrupt> {
        let filled = tail.wrapping_sub(head);
        if filled <= self.slots { Ok(filled) } else { Err(Corrupt::Indices) }
    }
}

/// Why a message was not queued.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PushError {
    #[error("the queue is full")]
    Full,
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// The writing end.
#[derive(Debug)]
pub(super) struct Producer {
    shape: RingShape,
    tail: u64,
}

impl Producer {
    /// Goes on where the writer before stopped.
    pub(super) fn attach(shape: RingShape, words: &[AtomicU64]) -> Result<Producer, Corrupt> {
        let tail = shape.word(words, TAIL).load(Acquire);
        shape.filled(shape.word(words, HEAD).load(Acquire), tail)?;
        Ok(Producer { shape, tail })
    }

    /// How many messages would be taken now.
    pub(super) fn free(&self, words: &[AtomicU64]) -> Result<u64, Corrupt> {
        let head = self.shape.word(words, HEAD).load(Acquire);
        Ok(self.shape.slots - self.shape.filled(head, self.tail)?)
    }

    /// Queues a message. True: the reader sleeps and must be woken.
    ///
    /// # Panics
    /// When the message is longer than the ring's shape says.
    pub(super) fn push(&mut self, words: &[AtomicU64], message: &[u8]) -> Result<bool, PushError> {
        if self.free(words)? == 0 {
            return Err(PushError::Full);
        }
        let slot = self.shape.slot(words, self.tail);
        slot[0].store(message.len() as u64, Relaxed);
        for (word, bytes) in slot[1..=message.len().div_ceil(WORD)].iter().zip(message.chunks(WORD)) {
            let mut padded = [0; WORD];
            padded[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(padded), Relaxed);
        }
        self.tail = self.tail.wrapping_add(1);
        self.shape.word(words, TAIL).store(self.tail, Release);
        // Either this sees that the reader sleeps, or the reader's last look sees the message:
        // the fence stands between store and load here as it does in `prepare_sleep`.
        fence(SeqCst);
        let sleeping = self.shape.word(words, SLEEPING);
        Ok(sleeping.load(Relaxed) != 0 && sleeping.swap(0, Relaxed) != 0)
    }
}

/// The reading end.
#[derive(Debug)]
pub(super) struct Consumer {
    shape: RingShape,
    head: u64,
}

impl Consumer {
    /// Goes on where the reader before stopped.
    pub(super) fn attach(shape: RingShape, words: &[AtomicU64]) -> Result<Consumer, Corrupt> {
        let head = shape.word(words, HEAD).load(Acquire);
        shape.filled(head, shape.word(words, TAIL).load(Acquire))?;
        Ok(Consumer { shape, head })
    }

    fn filled(&self, words: &[AtomicU64]) -> Result<u64, Corrupt> {
        self.shape.filled(self.head, self.shape.word(words, TAIL).load(Acquire))
    }

    /// Copies the oldest message into `into` and gives its slot back, emptied: passwords do not
    /// stay behind. A slot whose length is a lie is skipped.
    pub(super) fn pop(&mut self, words: &[AtomicU64], into: &mut [u8]) -> Result<Option<usize>, Corrupt> {
        if self.filled(words)? == 0 {
            return Ok(None);
        }
        let slot = self.shape.slot(words, self.head);
        let length = usize::try_from(slot[0].load(Relaxed)).unwrap_or(usize::MAX);
        let fits = length <= (self.shape.slot_words - 1) * WORD && length <= into.len();
        if fits {
            for (bytes, word) in into[..length].chunks_mut(WORD).zip(&slot[1..]) {
                bytes.copy_from_slice(&word.load(Relaxed).to_le_bytes()[..bytes.len()]);
                word.store(0, Relaxed);
            }
        }
        self.head = self.head.wrapping_add(1);
        self.shape.word(words, HEAD).store(self.head, Release);
        if fits { Ok(Some(length)) } else { Err(Corrupt::Count) }
    }

    /// Asks to be woken by the next message. False: there is one already, so do not sleep.
    pub(super) fn prepare_sleep(&self, words: &[AtomicU64]) -> bool {
        self.shape.word(words, SLEEPING).store(1, Relaxed);
        fence(SeqCst);
        let empty = self.filled(words) == Ok(0);
        if !empty {
            self.awake(words);
        }
        empty
    }

    /// No longer wants to be woken.
    pub(super) fn awake(&self, words: &[AtomicU64]) {
        self.shape.word(words, SLEEPING).store(0, Relaxed);
    }
}
