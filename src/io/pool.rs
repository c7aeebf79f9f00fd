//! The fixed set of train buffers, and each one's message header in the form the kernel reads.
//!
//! Knows how datagrams stand in a train; does not know when it leaves.

use std::io;
use std::net::SocketAddr;
use std::ptr;

use crate::base::{Path, SocketIndex, TrainId};

use super::address::{Family, RawAddress};
use super::config::LARGEST_PAYLOAD;
use super::memory::Region;

/// Bytes from one buffer to the next: 64 KiB and three cache lines. At a power of two, the heads
/// of all trains would compete for the same few cache sets.
const STRIDE: usize = (1 << 16) + 192;

/// Which buffer of the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot(pub(super) u32);

/// Datagrams of equal size to one peer; the last may be shorter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Train {
    pub(super) id: TrainId,
    pub(super) path: Path,
    address: RawAddress,
    /// Bytes in all.
    pub(super) len: u32,
    /// Bytes of each datagram but the last.
    pub(super) segment: u32,
    pub(super) segments: u16,
    /// The last datagram was shorter, so nothing can follow it.
    ended: bool,
}

impl Train {
    /// Whether a datagram of `len` bytes fits behind the others.
    pub(super) fn takes(&self, len: usize, longest: u16) -> bool {
        !self.ended
            && len <= self.segment as usize
            && self.segments < longest
            && self.len as usize + len <= LARGEST_PAYLOAD
    }

    /// Takes note of a datagram written at `self.len`.
    pub(super) fn append(&mut self, len: usize) {
        if self.segments == 0 {
            self.segment = len as u32;
        }
        self.ended = len < self.segment as usize;
        self.len += len as u32;
        self.segments += 1;
    }
}

/// `UDP_SEGMENT` as a control message, laid out as in cmsg(3).
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct SegmentControl {
    header: libc::cmsghdr,
    segment: u16,
    padding: [u8; 6],
}

struct Header {
    message: libc::msghdr,
    payload: libc::iovec,
    control: SegmentControl,
}

/// All train buffers of a worker.
pub(super) struct Pool {
    memory: Region,
    trains: Box<[Train]>,
    headers: Box<[Header]>,
    free: Vec<Slot>,
}

impl Pool {
    pub(super) fn new(trains: u16) -> io::Result<Pool> {
        let count = usize::from(trains.max(1));
        let unused = Path { socket: SocketIndex(0), remote: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let train = Train {
            id: TrainId::STRAY,
            path: unused,
            address: RawAddress::EMPTY,
            len: 0,
            segment: 0,
            segments: 0,
            ended: false,
        };
        Ok(Pool {
            memory: Region::new(count * STRIDE)?,
            trains: vec![train; count].into(),
            headers: (0..count).map(|_| empty_header()).collect(),
            free: (0..count as u32).rev().map(Slot).collect(),
        })
    }

    /// Takes the buffer that was used last, whose memory is warmest.
    pub(super) fn take(&mut self) -> Option<Slot> {
        self.free.pop()
    }

    pub(super) fn give_back(&mut self, slot: Slot) {
        self.free.push(slot);
    }

    /// Makes a taken buffer an empty train; false when its socket cannot reach the peer.
    pub(super) fn begin(&mut self, slot: Slot, id: TrainId, path: &Path, family: Family) -> bool {
        let Some(address) = RawAddress::encode(path.remote, family) else { return false };
        self.trains[slot.0 as usize] =
            Train { id, path: *path, address, len: 0, segment: 0, segments: 0, ended: false };
        true
    }

    pub(super) fn train(&self, slot: Slot) -> &Train {
        &self.trains[slot.0 as usize]
    }

    pub(super) fn train_mut(&mut self, slot: Slot) -> &mut Train {
        &mut self.trains[slot.0 as usize]
    }

    /// The bytes behind the last datagram of a train that is still being gathered.
    pub(super) fn tail(&mut self, slot: Slot, len: usize) -> &mut [u8] {
        let offset = self.train(slot).len as usize;
        assert!(offset + len <= STRIDE, "a train never outgrows its buffer");
        // SAFETY: a train being gathered is not in the kernel's hands: it is queued only after
        // it left its route, and its slot returns only with the completion.
        unsafe { self.memory.bytes_mut(slot.0 as usize * STRIDE + offset, len) }
    }

    /// The only datagram of `from`, copied behind the last one of `to`.
    pub(super) fn move_single(&mut self, from: Slot, to: Slot, len: usize) {
        assert!(from != to && self.train(to).len as usize + len <= STRIDE);
        let source = self.memory.at(from.0 as usize * STRIDE, len);
        let target = self.memory.at(to.0 as usize * STRIDE + self.train(to).len as usize, len);
        // SAFETY: both ranges are inside the region, in two different buffers, and neither train
        // is in the kernel's hands. Two slices of one region cannot be borrowed at once.
        unsafe { ptr::copy_nonoverlapping(source, target, len) }
        self.train_mut(to).append(len);
    }

    /// The whole train as one message. The pointer holds until the slot is given back.
    pub(super) fn message(&mut self, slot: Slot) -> *const libc::msghdr {
        let train = &self.trains[slot.0 as usize];
        let payload = libc::iovec {
            iov_base: self.memory.at(slot.0 as usize * STRIDE, train.len as usize).cast(),
            iov_len: train.len as usize,
        };
        let header = &mut self.headers[slot.0 as usize];
        header.payload = payload;
        header.control.segment = train.segment as u16;
        let message = &mut header.message;
        message.msg_name = ptr::from_ref(&train.address.bytes).cast_mut().cast();
        message.msg_namelen = train.address.len;
        message.msg_iov = ptr::from_mut(&mut header.payload);
        message.msg_iovlen = 1;
        if train.segments > 1 {
            message.msg_control = ptr::from_mut(&mut header.control).cast();
            message.msg_controllen = size_of::<SegmentControl>();
        } else {
            message.msg_control = ptr::null_mut();
            message.msg_controllen = 0;
        }
        ptr::from_ref(message)
    }

    /// The datagrams of a train one by one, with the peer's address in the kernel's form.
    pub(super) fn singles(&self, slot: Slot) -> (&RawAddress, impl Iterator<Item = &[u8]>) {
        let train = self.train(slot);
        // SAFETY: the kernel has no request on this train: it has just been refused.
        let bytes = unsafe { self.memory.bytes(slot.0 as usize * STRIDE, train.len as usize) };
        (&train.address, bytes.chunks(train.segment.max(1) as usize))
    }
}

fn empty_header() -> Header {
    // SAFETY: `msghdr` is plain C data for which all-zero means "nothing"; it has private padding
    // fields on some targets and so cannot be written out.
    let message: libc::msghdr = unsafe { std::mem::zeroed() };
    // SAFETY: as above; its length, level and type are set below.
    let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
    header.cmsg_len = size_of::<libc::cmsghdr>() + size_of::<u16>();
    header.cmsg_level = libc::SOL_UDP;
    header.cmsg_type = libc::UDP_SEGMENT;
    Header {
        message,
        payload: libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 },
        control: SegmentControl { header, segment: 0, padding: [0; 6] },
    }
}
