//! Memory that two processes map: a sealed memfd, seen as 64-bit words.
//!
//! The only `unsafe` outside `io`: mapping a file and looking at it as atomics. Everything built on
//! it ([`super::shm_ring`], [`super::records`]) is safe code, because the other process can do
//! nothing to a word but change its value.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// Bytes of a word.
pub(super) const WORD: usize = size_of::<u64>();

/// A file that cannot change its size cannot be cut off under a reader, who would die of SIGBUS.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// A shared mapping, unmapped on drop.
pub(super) struct SharedMemory {
    start: NonNull<AtomicU64>,
    words: usize,
}

impl SharedMemory {
    /// Makes a sealed memfd of `words` zeros and maps it.
    pub(super) fn create(name: &str, words: usize) -> io::Result<(SharedMemory, OwnedFd)> {
        let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&fd, byte_length(words)? as u64)?;
        fcntl_add_seals(&fd, SEALS)?;
        let memory = SharedMemory::map(&fd, words)?;
        Ok((memory, fd))
    }

    /// Maps a memfd made by another process; its size must be sealed.
    pub(super) fn attach(fd: impl AsFd) -> io::Result<SharedMemory> {
        let seals = fcntl_get_seals(&fd)?;
        if !seals.contains(SEALS) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the shared memory is not sealed"));
        }
        let bytes = usize::try_from(fstat(&fd)?.st_size).map_err(|_| Errno::INVAL)?;
        SharedMemory::map(fd, bytes / WORD)
    }

    fn map(fd: impl AsFd, words: usize) -> io::Result<SharedMemory> {
        let (bytes, protection) = (byte_length(words)?, ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: needed because mapping a file is the only way to share memory between processes.
        // Sound: no address is asked for, so no memory in use is replaced; the file is at least
        // `bytes` long and sealed against shrinking, so every word stays backed by memory.
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, fd, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(Errno::NOMEM)?;
        Ok(SharedMemory { start, words })
    }

    /// The words. Each may change at any time.
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: needed to look at mapped memory at all. Sound: the mapping is `words` long, page
        // aligned, initialised (a memfd begins as zeros), and lives as long as `self`; every bit
        // pattern is a valid `AtomicU64`, which allows for changes from elsewhere while it is shared.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }
}

// SAFETY: needed because of the pointer. Sound: the mapping belongs to the process, not to a
// thread, and is only looked at through atomics.
unsafe impl Send for SharedMemory {}
// SAFETY: as above; `words` hands out nothing but shared atomics.
unsafe impl Sync for SharedMemory {}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: needed to give the memory back. Sound: `start` and the length are those of the
        // mapping made in `map`, and no slice from `words` outlives `self`. An error would leave
        // the mapping in place, which harms nothing.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.words * WORD) };
    }
}

fn byte_length(words: usize) -> io::Result<usize> {
    Ok(words.checked_mul(WORD).filter(|&bytes| bytes > 0).ok_or(Errno::INVAL)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn two_mappings_see_the_same_words() {
        let (one, fd) = SharedMemory::create("volley-test", 1024).unwrap();
        let other = SharedMemory::attach(&fd).unwrap();
        one.words()[1023].store(7, Relaxed);
        assert_eq!(other.words()[1023].load(Relaxed), 7);
        assert_eq!(other.words().len(), 1024);
    }

    #[test]
    fn its_size_can_never_change() {
        let (_memory, fd) = SharedMemory::create("volley-test", 1024).unwrap();
        assert_eq!(ftruncate(&fd, 0), Err(Errno::PERM));
        assert_eq!(ftruncate(&fd, 1 << 20), Err(Errno::PERM));
    }

    #[test]
    fn memory_that_is_not_sealed_is_refused() {
        let fd = memfd_create("volley-test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&fd, 4096).unwrap();
        assert_eq!(SharedMemory::attach(&fd).err().unwrap().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn empty_memory_is_refused() {
        let fd = memfd_create("volley-test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        fcntl_add_seals(&fd, SEALS).unwrap();
        assert!(SharedMemory::attach(&fd).is_err());
    }
}
