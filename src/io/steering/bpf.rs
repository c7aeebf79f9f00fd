//! The few things that are asked of `bpf()`, with files that close themselves.
//!
//! No crate stands here: those there are bring an ELF loader, and wait for an object file of clang's.

use super::program::Instruction;
use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;

// From linux/bpf.h.
const MAP_CREATE: i32 = 0;
const MAP_LOOKUP_ELEM: i32 = 1;
const MAP_UPDATE_ELEM: i32 = 2;
const MAP_DELETE_ELEM: i32 = 3;
const MAP_GET_NEXT_KEY: i32 = 4;
const PROG_LOAD: i32 = 5;
const MAP_TYPE_LRU_HASH: u32 = 9;
const MAP_TYPE_REUSEPORT_SOCKARRAY: u32 = 20;
const PROG_TYPE_SK_REUSEPORT: u32 = 21;

/// Of the helpers that are used none asks for more.
const LICENSE: &[u8] = b"Dual MIT/GPL\0";

/// What a map is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MapKind {
    /// Forgets what was not used for longest when it is full.
    LeastRecentlyUsed,
    /// Sockets that share a port.
    Sockets,
}

/// A map whose values are numbers of 32 bits.
#[derive(Debug)]
pub(super) struct Map {
    fd: OwnedFd,
    key_bytes: usize,
}

/// The attributes of `MAP_CREATE`, as far as they are used.
#[repr(C)]
struct CreateAttributes {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

/// The attributes of whatever is done to an element.
#[repr(C)]
struct ElementAttributes {
    map_fd: u32,
    padding: u32,
    key: u64,
    value_or_next_key: u64,
    flags: u64,
}

/// The attributes of `PROG_LOAD`, as far as they are used.
#[repr(C)]
struct LoadAttributes {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
}

impl Map {
    pub(super) fn create(kind: MapKind, key_bytes: usize, entries: u32) -> io::Result<Map> {
        let map_type = match kind {
            MapKind::LeastRecentlyUsed => MAP_TYPE_LRU_HASH,
            MapKind::Sockets => MAP_TYPE_REUSEPORT_SOCKARRAY,
        };
        let attributes = CreateAttributes {
            map_type,
            key_size: key_bytes as u32,
            value_size: size_of::<u32>() as u32,
            max_entries: entries,
            map_flags: 0,
        };
        Ok(Map { fd: descriptor(bpf(MAP_CREATE, &attributes)?), key_bytes })
    }

    pub(super) fn adopt(fd: OwnedFd, key_bytes: usize) -> Map {
        Map { fd, key_bytes }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn update(&self, key: &[u8], value: u32) -> io::Result<()> {
        self.element(MAP_UPDATE_ELEM, key, ptr::from_ref(&value).cast()).map(drop)
    }

    pub(super) fn lookup(&self, key: &[u8]) -> io::Result<Option<u32>> {
        let mut value = 0u32;
        found(self.element(MAP_LOOKUP_ELEM, key, ptr::from_mut(&mut value).cast()))
            .map(|is| is.then_some(value))
    }

    /// It need not be there.
    pub(super) fn delete(&self, key: &[u8]) -> io::Result<()> {
        found(self.element(MAP_DELETE_ELEM, key, ptr::null())).map(drop)
    }

    /// Some key, while there is one.
    pub(super) fn first_key(&self) -> io::Result<Option<Vec<u8>>> {
        let mut first = vec![0u8; self.key_bytes];
        let attributes = self.attributes(ptr::null(), first.as_mut_ptr().cast());
        found(bpf(MAP_GET_NEXT_KEY, &attributes)).map(|is| is.then_some(first))
    }

    fn element(&self, command: i32, key: &[u8], value: *const c_void) -> io::Result<i32> {
        assert_eq!(key.len(), self.key_bytes, "the kernel reads as many bytes as the map's keys have");
        bpf(command, &self.attributes(key.as_ptr().cast(), value))
    }

    fn attributes(&self, key: *const c_void, value: *const c_void) -> ElementAttributes {
        ElementAttributes {
            map_fd: self.fd.as_raw_fd() as u32,
            padding: 0,
            key: address(key),
            value_or_next_key: address(value),
            flags: 0,
        }
    }
}

/// Has the kernel check and take a program.
pub(super) fn load_program(code: &[Instruction]) -> io::Result<OwnedFd> {
    let attributes = LoadAttributes {
        prog_type: PROG_TYPE_SK_REUSEPORT,
        insn_cnt: code.len() as u32,
        insns: address(code.as_ptr().cast()),
        license: address(LICENSE.as_ptr().cast()),
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
    };
    Ok(descriptor(bpf(PROG_LOAD, &attributes)?))
}

fn address(pointer: *const c_void) -> u64 {
    pointer as usize as u64
}

/// Whether what was looked for was there.
fn found(outcome: io::Result<i32>) -> io::Result<bool> {
    match outcome {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        outcome => outcome.map(|_| true),
    }
}

/// `attributes` is one of the structs above, whose pointers stay good during the call.
fn bpf<T>(command: i32, attributes: &T) -> io::Result<i32> {
    // SAFETY: there is no wrapper for this call in libc or rustix. The kernel reads as many bytes of
    // the attributes as they have. What they point to is borrowed by the callers until they return:
    // keys as long as the map's (`element` asserts it, `first_key` makes one), values of 32 bits as
    // every map here has, code and licence with their true ends. Of a null pointer the kernel says
    // EFAULT, or takes it for none where it may be left out.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, ptr::from_ref(attributes), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

fn descriptor(fd: i32) -> OwnedFd {
    // SAFETY: the kernel has just opened it for us, close-on-exec, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
