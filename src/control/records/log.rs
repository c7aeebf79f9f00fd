//! The log: entries appended to the active half, and its move to the other half when it is full.
//!
//! A change becomes real with the store of one word: the active half's length for an entry, the
//! number of the active half for a move. Everything stored before that lies where nobody looks.
//! Stores are made in program order and none is taken back by a kill, so there is no state in
//! between. The check sum of each entry is for stray writes only.

#[cfg(test)]
mod tests;

use super::{Record, RecordsError};
use crate::control::shm::WORD;
use std::collections::HashMap;
use std::ops::Range;

/// Words that can be read and stored one by one.
pub(super) trait Words {
    fn len(&self) -> usize;
    fn load(&self, index: usize) -> u64;
    /// Visible after all stores before it.
    fn store(&self, index: usize, value: u64);
}

/// "VOLLEYRE", read as a little-endian number; stored last when the memory is formatted.
const MAGIC: u64 = u64::from_le_bytes(*b"VOLLEYRE");
/// The layout of this file's words.
const VERSION: u64 = 1;

const MAGIC_AT: usize = 0;
const VERSION_AT: usize = 1;
/// 0 or 1.
const ACTIVE_AT: usize = 2;
/// Words in use in each half.
const LENGTH_AT: [usize; 2] = [3, 4];
/// The halves begin on a page of their own, so that their pages can be given back.
const HALVES_AT: usize = 4096 / WORD;
/// The header and two halves of one page.
pub(super) const LEAST_WORDS: usize = 3 * HALVES_AT;

/// An entry: length, kind and version in one word, then key, check sum and tombstone, then bytes.
const ENTRY_HEAD: usize = 3;
const TOMBSTONE: u64 = 1 << 32;

/// Dead words beyond which a move is worth it even if hardly anything lives: a mebibyte.
const SLACK_WORDS: usize = (1 << 20) / WORD;

/// Where a live entry lies.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    words: usize,
}

/// The log over some words, and where the live entries lie in it.
pub(super) struct Log<W> {
    words: W,
    half_words: usize,
    active: usize,
    length: usize,
    live: HashMap<(u16, u64), Place>,
    live_words: usize,
    damaged: usize,
}

impl<W: Words> Log<W> {
    /// An empty log; the words must be zeros.
    pub(super) fn format(words: W) -> Log<W> {
        words.store(VERSION_AT, VERSION);
        words.store(MAGIC_AT, MAGIC);
        Log::over(words, 0, 0)
    }

    /// The log of a process that went before; `None` when there is none.
    pub(super) fn open(words: W) -> Option<Log<W>> {
        if words.len() < LEAST_WORDS || words.load(MAGIC_AT) != MAGIC || words.load(VERSION_AT) != VERSION {
            return None;
        }
        let active = usize::try_from(words.load(ACTIVE_AT)).ok().filter(|&half| half < 2)?;
        let length = usize::try_from(words.load(LENGTH_AT[active])).ok()?;
        let mut log = Log::over(words, active, length);
        if length > log.half_words {
            return None;
        }
        log.scan();
        Some(log)
    }

    fn over(words: W, active: usize, length: usize) -> Log<W> {
        let pages = (words.len() - HALVES_AT) / HALVES_AT;
        let half_words = pages / 2 * HALVES_AT;
        Log { words, half_words, active, length, live: HashMap::new(), live_words: 0, damaged: 0 }
    }

    /// Appends a value. True: the other half became the active one.
    pub(super) fn put(
        &mut self,
        kind: u16,
        key: u64,
        version: u16,
        bytes: &[u8],
    ) -> Result<bool, RecordsError> {
        let words = entry_words(bytes.len());
        let old = self.live.get(&(kind, key)).map_or(0, |place| place.words);
        let live = self.live_words - old;
        if live + words > self.live_limit() || u32::try_from(bytes.len()).is_err() {
            return Err(RecordsError::Full {
                needed: words * WORD,
                used: live * WORD,
                capacity: self.live_limit() * WORD,
            });
        }
        let head = Head { kind, key, version, length: bytes.len(), tombstone: false };
        let moved = self.length + words > self.fill_limit(live + words);
        if moved {
            self.move_to_other_half(Some((&head, bytes)), (kind, key));
        } else {
            self.append(&head, bytes);
        }
        Ok(moved)
    }

    /// Appends a tombstone. True: the other half became the active one.
    pub(super) fn remove(&mut self, kind: u16, key: u64) -> bool {
        if !self.live.contains_key(&(kind, key)) {
            return false;
        }
        let moved = self.length + ENTRY_HEAD > self.fill_limit(self.live_words);
        if moved {
            self.move_to_other_half(None, (kind, key));
        } else {
            self.append(&Head { kind, key, version: 0, length: 0, tombstone: true }, &[]);
        }
        moved
    }

    /// Live entries in the order in which they were appended.
    pub(super) fn load(&self) -> Vec<Record> {
        self.in_order().into_iter().filter_map(|place| self.read(place.at).map(Entry::into_record)).collect()
    }

    /// Entries left out because their check sum was wrong.
    pub(super) fn damaged(&self) -> usize {
        self.damaged
    }

    /// Words taken by live entries.
    pub(super) fn live_words(&self) -> usize {
        self.live_words
    }

    /// Words that live entries may take. Below a whole half, so that a move always frees a quarter
    /// of it and the next move is far away: otherwise every change of a full log would be a move.
    pub(super) fn live_limit(&self) -> usize {
        self.half_words / 4 * 3
    }

    /// Words that may be in use with so many live ones: a move frees as much as it copies, and what
    /// is dead does not keep the memory of whoever came and went.
    fn fill_limit(&self, live: usize) -> usize {
        (2 * live + SLACK_WORDS).min(self.half_words)
    }

    /// The half that holds nothing.
    pub(super) fn idle_half(&self) -> Range<usize> {
        let start = self.half_start(1 - self.active);
        start..start + self.half_words
    }

    fn half_start(&self, half: usize) -> usize {
        HALVES_AT + half * self.half_words
    }

    fn append(&mut self, head: &Head, bytes: &[u8]) {
        let at = self.half_start(self.active) + self.length;
        let words = self.write(at, head, bytes);
        self.length += words;
        self.words.store(LENGTH_AT[self.active], self.length as u64);
        self.note(head, Place { at, words });
    }

    /// Copies what is live except `replaced`, adds `entry`, and makes that the truth.
    fn move_to_other_half(&mut self, entry: Option<(&Head, &[u8])>, replaced: (u16, u64)) {
        let (half, kept) = (1 - self.active, self.in_order());
        let start = self.half_start(half);
        let mut length = 0;
        let mut live = HashMap::with_capacity(kept.len());
        for place in kept {
            let Some(old) = self.read(place.at).filter(|old| (old.head.kind, old.head.key) != replaced)
            else {
                continue;
            };
            let at = start + length;
            length += self.write(at, &old.head, &old.bytes);
            live.insert((old.head.kind, old.head.key), Place { at, words: place.words });
        }
        if let Some((head, bytes)) = entry {
            let at = start + length;
            let words = self.write(at, head, bytes);
            length += words;
            live.insert((head.kind, head.key), Place { at, words });
        }
        self.words.store(LENGTH_AT[half], length as u64);
        self.words.store(ACTIVE_AT, half as u64);
        (self.active, self.length, self.live, self.live_words) = (half, length, live, length);
    }

    /// Notes where a key's newest entry lies.
    fn note(&mut self, head: &Head, place: Place) {
        let key = (head.kind, head.key);
        let old = if head.tombstone { self.live.remove(&key) } else { self.live.insert(key, place) };
        self.live_words -= old.map_or(0, |old| old.words);
        self.live_words += if head.tombstone { 0 } else { place.words };
    }

    fn in_order(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.live.values().copied().collect();
        places.sort_unstable_by_key(|place| place.at);
        places
    }

    fn scan(&mut self) {
        let start = self.half_start(self.active);
        let mut at = start;
        while at < start + self.length {
            let words = entry_words((self.words.load(at) & 0xffff_ffff) as usize);
            match self.read(at) {
                Some(entry) => self.note(&entry.head, Place { at, words }),
                None => self.damaged += 1,
            }
            at += words;
        }
    }

    fn write(&self, at: usize, head: &Head, bytes: &[u8]) -> usize {
        let [first, key, last] = head.words(check_sum(head, bytes));
        self.words.store(at, first);
        self.words.store(at + 1, key);
        self.words.store(at + 2, last);
        for (index, chunk) in bytes.chunks(WORD).enumerate() {
            let mut word = [0; WORD];
            word[..chunk.len()].copy_from_slice(chunk);
            self.words.store(at + ENTRY_HEAD + index, u64::from_le_bytes(word));
        }
        entry_words(bytes.len())
    }

    /// The entry at a word of the active half, when it lies within what is in use and is sound.
    fn read(&self, at: usize) -> Option<Entry> {
        let end = self.half_start(self.active) + self.length;
        if at + ENTRY_HEAD > end {
            return None;
        }
        let (head, sum) = Head::parse([0, 1, 2].map(|offset| self.words.load(at + offset)));
        if at + entry_words(head.length) > end {
            return None;
        }
        let words = (0..head.length.div_ceil(WORD)).map(|index| self.words.load(at + ENTRY_HEAD + index));
        let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        bytes.truncate(head.length);
        (check_sum(&head, &bytes) == sum).then_some(Entry { head, bytes })
    }
}

fn entry_words(bytes: usize) -> usize {
    ENTRY_HEAD + bytes.div_ceil(WORD)
}

struct Head {
    kind: u16,
    key: u64,
    version: u16,
    length: usize,
    tombstone: bool,
}

impl Head {
    fn words(&self, sum: u32) -> [u64; ENTRY_HEAD] {
        let first = self.length as u64 | u64::from(self.kind) << 32 | u64::from(self.version) << 48;
        [first, self.key, u64::from(sum) | if self.tombstone { TOMBSTONE } else { 0 }]
    }

    fn parse([first, key, last]: [u64; ENTRY_HEAD]) -> (Head, u32) {
        let head = Head {
            kind: (first >> 32) as u16,
            key,
            version: (first >> 48) as u16,
            length: (first & 0xffff_ffff) as usize,
            tombstone: last & TOMBSTONE != 0,
        };
        (head, last as u32)
    }
}

struct Entry {
    head: Head,
    bytes: Vec<u8>,
}

impl Entry {
    fn into_record(self) -> Record {
        let Head { kind, key, version, .. } = self.head;
        Record { kind, key, version, bytes: self.bytes }
    }
}

/// CRC-32 (ISO-HDLC, as in Ethernet and zip) over an entry's head, without the sum, and its bytes.
fn check_sum(head: &Head, bytes: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    head.words(0).iter().for_each(|word| sum.update(&word.to_le_bytes()));
    sum.update(bytes);
    sum.finalize()
}
