//! Memory the kernel and this process both write: mapped once, page-aligned, at a fixed place.

use std::io;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A zeroed mapping. Its pages cost memory only once they are touched.
#[derive(Debug)]
pub(super) struct Region {
    start: NonNull<u8>,
    len: usize,
}

impl Region {
    pub(super) fn new(len: usize) -> io::Result<Region> {
        let len = len.max(1);
        // SAFETY: an anonymous private mapping at an address of the kernel's choice replaces
        // nothing; only the kernel can hand out page-aligned memory that is not yet touched.
        let start = unsafe {
            mmap_anonymous(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)?
        };
        let start = NonNull::new(start.cast()).expect("a mapping never starts at null");
        Ok(Region { start, len })
    }

    /// The address of `len` bytes at `offset`, all of them inside.
    pub(super) fn at(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset <= self.len && len <= self.len - offset, "outside of the region");
        // SAFETY: just checked to be inside the mapping; pointers are what the kernel is given.
        unsafe { self.start.as_ptr().add(offset) }
    }

    /// `len` bytes at `offset`, to read.
    ///
    /// # Safety
    /// The kernel holds no request that writes to them while the slice lives.
    pub(super) unsafe fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        // SAFETY: `at` checks the bounds, mapped memory is initialised, and `&self` excludes
        // writers in this process; the caller excludes the kernel.
        unsafe { std::slice::from_raw_parts(self.at(offset, len), len) }
    }

    /// `len` bytes at `offset`, to write.
    ///
    /// # Safety
    /// The kernel holds no request that reads or writes them while the slice lives.
    pub(super) unsafe fn bytes_mut(&mut self, offset: usize, len: usize) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` excludes every other slice in this process.
        unsafe { std::slice::from_raw_parts_mut(self.at(offset, len), len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and slices into it borrow from `self`. Back ends
        // drop their ring, and with it the kernel's requests, before their regions.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a whole mapping can always be removed");
    }
}
