//! One UDP port for several sockets: which of them a datagram comes to, by its sender's address.
//!
//! The sockets of a family that share the port are a group of the kernel's (SO_REUSEPORT). A small
//! program in the kernel ([`program`]) chooses among them for each datagram: the one that is noted
//! for the source address, else the one that an ICE check names, else the one that the kernel's own
//! hash of the addresses falls on. The notes are [`Sources`]; whoever holds the map writes them, and
//! needs no privilege for it. Making map and program takes CAP_BPF. Knows nothing of who may write
//! what, or of what a check proves.

mod bpf;
mod program;

use self::bpf::{Map, MapKind};
use super::socket::set_option;
use crate::base::WorkerId;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

/// Addresses that may be noted for one worker: as many as it takes transports, each of which mostly has
/// one. What is noted beyond pushes out what was not used for longest. The kernel takes some 100 bytes
/// for each at once.
const SOURCES_PER_WORKER: u32 = 16_384;

/// `SO_ATTACH_REUSEPORT_EBPF` (asm-generic/socket.h), which libc does not know.
const ATTACH_REUSEPORT_EBPF: i32 = 52;

/// An address as the map has it: 16 bytes, IPv4 as ::ffff:a.b.c.d, the port in network order, and
/// two zeros.
const KEY_BYTES: usize = 20;

/// Why the kernel does not steer.
#[derive(Debug, thiserror::Error)]
#[error("the kernel refused {step} ({source}): {advice}")]
pub struct SteeringRefused {
    /// What was being done.
    step: &'static str,
    /// What the operator can do about it.
    advice: &'static str,
    /// What the kernel said.
    source: io::Error,
}

impl SteeringRefused {
    fn at(step: &'static str, source: io::Error) -> SteeringRefused {
        let advice = match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                "give Volley CAP_BPF at its start, and let a container's seccomp profile allow bpf()"
            }
            Some(libc::ENOSYS) => "this kernel has no bpf(), or a sandbox hides it",
            _ => "this kernel cannot do it",
        };
        SteeringRefused { step, advice, source }
    }
}

/// Which worker the datagrams from an address are for.
#[derive(Debug)]
pub struct Sources {
    map: Map,
}

impl Sources {
    /// A map with nothing in it, with room for what so many workers note.
    ///
    /// # Errors
    /// Where the kernel makes none for this process.
    pub fn create(workers: u16) -> Result<Sources, SteeringRefused> {
        let entries = u32::from(workers.max(1)).saturating_mul(SOURCES_PER_WORKER);
        let map = Map::create(MapKind::LeastRecentlyUsed, KEY_BYTES, entries);
        Ok(Sources { map: map.map_err(|error| SteeringRefused::at("a map of addresses", error))? })
    }

    /// Takes over a map that [`Sources::create`] made, in this process or in another.
    pub fn adopt(map: OwnedFd) -> Sources {
        Sources { map: Map::adopt(map, KEY_BYTES) }
    }

    /// The map, for another process to adopt.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.map.fd()
    }

    /// Has datagrams from `source` come to the socket of `worker`, from the next one on.
    ///
    /// # Errors
    /// When the kernel has no memory for it.
    pub fn note(&self, source: SocketAddr, worker: WorkerId) -> io::Result<()> {
        self.map.update(&key(source), u32::from(worker.0))
    }

    /// Whom datagrams from `source` come to, if that is noted.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn noted(&self, source: SocketAddr) -> io::Result<Option<WorkerId>> {
        Ok(self.map.lookup(&key(source))?.map(|worker| WorkerId(worker as u16)))
    }

    /// Takes the note away, unless `source` has become another worker's meanwhile. One that becomes so
    /// between the look and the deed loses its note, and has it again with its peer's next check.
    ///
    /// # Errors
    /// When the map cannot be read or changed.
    pub fn forget(&self, source: SocketAddr, worker: WorkerId) -> io::Result<()> {
        if self.noted(source)? == Some(worker) { self.map.delete(&key(source)) } else { Ok(()) }
    }

    /// Takes all notes away, and says how many there were.
    ///
    /// # Errors
    /// When the map cannot be read or changed.
    pub fn clear(&self) -> io::Result<usize> {
        let mut count = 0;
        while let Some(first) = self.map.first_key()? {
            self.map.delete(&first)?;
            count += 1;
        }
        Ok(count)
    }
}

/// Has the kernel choose among `group`, sockets of one family that share a port, by worker's number, as
/// `sources` says. Lasts as long as one of them is open.
///
/// # Errors
/// Where the kernel takes no program from this process.
pub fn steer(group: &[&UdpSocket], sources: &Sources) -> Result<(), SteeringRefused> {
    let Some(first) = group.first() else { return Ok(()) };
    let is_ipv4 = first.local_addr().map_err(|error| SteeringRefused::at("a socket", error))?.is_ipv4();
    let sockets = Map::create(MapKind::Sockets, size_of::<u32>(), group.len() as u32)
        .map_err(|error| SteeringRefused::at("a map of sockets", error))?;
    for (worker, socket) in (0u32..).zip(group) {
        let fd = socket.as_fd().as_raw_fd() as u32;
        let put = sockets.update(&worker.to_ne_bytes(), fd);
        put.map_err(|error| SteeringRefused::at("a socket for its map", error))?;
    }
    let code = program::choose(is_ipv4, &sources.map, &sockets, group.len() as u16);
    let program =
        bpf::load_program(&code).map_err(|error| SteeringRefused::at("the program that steers", error))?;
    set_option(first, libc::SOL_SOCKET, ATTACH_REUSEPORT_EBPF, program.as_raw_fd())
        .map_err(|error| SteeringRefused::at("to attach the program that steers", error))
}

fn key(source: SocketAddr) -> [u8; KEY_BYTES] {
    let ip = match source {
        SocketAddr::V4(source) => source.ip().to_ipv6_mapped(),
        SocketAddr::V6(source) => *source.ip(),
    };
    let mut key = [0; KEY_BYTES];
    key[..16].copy_from_slice(&ip.octets());
    key[16..18].copy_from_slice(&source.port().to_be_bytes());
    key
}

#[cfg(test)]
mod tests;
