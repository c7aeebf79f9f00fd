//! What signaling must remember across its own death: opaque, versioned records in a memfd that
//! the supervisor keeps.
//!
//! An append-only log ([`log`]) in one of two halves; the other half takes the live records when
//! the first is full. Killing the writer at any instruction leaves every record at its old or its
//! new value. Knows nothing of what the bytes mean. One process writes at a time: the supervisor
//! starts a signaling process only when the one before is dead.

mod log;
#[cfg(test)]
mod tests;

use super::shm::{SharedMemory, WORD};
use log::{Log, Words};
use rustix::fs::{FallocateFlags, fallocate};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::{Acquire, Release};

/// Memory for records unless told otherwise. Only what is used takes memory. 1,000 people whose offers are
/// as long as any may be, 192 KiB, are 188 MiB; three eighths of the size can be in use at once.
pub const DEFAULT_BYTES: usize = 512 << 20;

/// One thing remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What it is about; given out by signaling.
    pub kind: u16,
    /// Which one of its kind.
    pub key: u64,
    /// The layout of `bytes`; given out by signaling.
    pub version: u16,
    /// Opaque here.
    pub bytes: Vec<u8>,
}

/// Why records cannot be read or written.
#[derive(thiserror::Error, Debug)]
pub enum RecordsError {
    /// The kernel refused memory or the mapping.
    #[error("records memory: {0}")]
    Io(#[from] io::Error),
    /// The memory holds no records, or those of another version of Volley.
    #[error("the memory holds no records of this version of Volley")]
    Foreign,
    /// No room; nothing was changed.
    #[error("{needed} bytes do not fit into the records memory: {used} of {capacity} are in use")]
    Full {
        /// Bytes the record would take.
        needed: usize,
        /// Bytes taken by live records.
        used: usize,
        /// Bytes that live records may take.
        capacity: usize,
    },
}

/// The records, mapped.
pub struct Records {
    log: Log<SharedWords>,
    fd: OwnedFd,
}

impl Records {
    /// Makes empty records in `bytes` of new memory.
    pub fn create(bytes: usize) -> Result<Records, RecordsError> {
        let words = (bytes / WORD).max(log::LEAST_WORDS);
        let (memory, fd) = SharedMemory::create("volley-records", words)?;
        Ok(Records { log: Log::format(SharedWords(memory)), fd })
    }

    /// Reads the records of a process that went before.
    pub fn attach(fd: OwnedFd) -> Result<Records, RecordsError> {
        let memory = SharedMemory::attach(&fd)?;
        let log = Log::open(SharedWords(memory)).ok_or(RecordsError::Foreign)?;
        if log.damaged() > 0 {
            tracing::error!(count = log.damaged(), "records were damaged and are left out");
        }
        Ok(Records { log, fd })
    }

    /// The memory, for another process.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Remembers `bytes` under `kind` and `key`, in place of what was there.
    pub fn put(&mut self, kind: u16, key: u64, version: u16, bytes: &[u8]) -> Result<(), RecordsError> {
        let compacted = self.log.put(kind, key, version, bytes)?;
        self.release_idle_half(compacted);
        Ok(())
    }

    /// Forgets what is under `kind` and `key`; never fails for want of room.
    pub fn remove(&mut self, kind: u16, key: u64) {
        let compacted = self.log.remove(kind, key);
        self.release_idle_half(compacted);
    }

    /// All records, in the order in which they were last put.
    pub fn load(&self) -> Vec<Record> {
        self.log.load()
    }

    /// Bytes taken by live records.
    pub fn used(&self) -> usize {
        self.log.live_words() * WORD
    }

    /// Bytes that live records may take.
    pub fn capacity(&self) -> usize {
        self.log.live_limit() * WORD
    }

    /// Gives the pages of the half that was just left back to the kernel.
    fn release_idle_half(&self, compacted: bool) {
        if compacted {
            let idle = self.log.idle_half();
            let (start, length) = ((idle.start * WORD) as u64, (idle.len() * WORD) as u64);
            // On an error the pages stay: memory is lost, no record.
            let _ =
                fallocate(&self.fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, start, length);
        }
    }
}

struct SharedWords(SharedMemory);

impl Words for SharedWords {
    fn len(&self) -> usize {
        self.0.words().len()
    }

    fn load(&self, index: usize) -> u64 {
        self.0.words()[index].load(Acquire)
    }

    fn store(&self, index: usize, value: u64) {
        self.0.words()[index].store(value, Release);
    }
}
