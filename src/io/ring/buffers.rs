//! The receive buffers: a ring of them that the kernel takes from and we give back to.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::{BufRingEntry, RecvMsgOut};

use super::super::config::IoConfig;
use super::super::incoming::{CONTROL_BYTES, Incoming, NAME_BYTES, Received};
use super::super::memory::Region;
use super::super::trains::Trains;
use super::super::wire::Wire;
use super::Arrival;

/// The only buffer group.
pub(super) const GROUP: u16 = 0;

/// What the kernel writes before the payload: `io_uring_recvmsg_out`, address, control messages.
const HEAD_BYTES: usize = 16 + NAME_BYTES + CONTROL_BYTES;

/// The largest ring the kernel takes.
const MOST_BUFFERS: u16 = 1 << 15;

/// Receive buffers and the ring in which they are offered.
pub(in super::super) struct BufferRing {
    entries: Region,
    memory: Region,
    count: u16,
    stride: usize,
    tail: u16,
    template: libc::msghdr,
}

impl BufferRing {
    pub(super) fn new(config: &IoConfig) -> io::Result<BufferRing> {
        let count = config.receive_buffers.clamp(1, MOST_BUFFERS).next_power_of_two();
        // Cache lines, not a power of two: else all heads would share a few cache sets.
        let stride = (HEAD_BYTES + config.receive_buffer_bytes).next_multiple_of(64);
        let mut buffers = BufferRing {
            entries: Region::new(usize::from(count) * size_of::<BufRingEntry>())?,
            memory: Region::new(usize::from(count) * stride)?,
            count,
            stride,
            tail: 0,
            template: receive_template(),
        };
        for buffer in 0..count {
            buffers.give_back(buffer);
        }
        Ok(buffers)
    }

    pub(super) fn count(&self) -> usize {
        usize::from(self.count)
    }

    pub(super) fn register(&self, submitter: &Submitter<'_>) -> io::Result<()> {
        let len = usize::from(self.count) * size_of::<BufRingEntry>();
        let address = self.entries.at(0, len) as u64;
        // SAFETY: the entries and the buffers they name are regions of this size, page-aligned,
        // and they outlive the ring (`Io` drops it first).
        unsafe { submitter.register_buf_ring_with_flags(address, self.count, GROUP, 0) }
    }

    /// Shows the datagrams of the buffers that were filled.
    pub(in super::super) fn receive(
        &mut self,
        trains: &mut Trains,
        limit: usize,
        mut visit: impl FnMut(Received<'_>, &mut Trains),
    ) {
        let mut seen = 0;
        while seen < limit {
            let Wire::Ring(ring) = &mut trains.wire else { return };
            let Some(arrival) = ring.next_arrival() else { return };
            seen += self.incoming(arrival).map_or(1, |incoming| incoming.deliver(trains, &mut visit));
            self.give_back(arrival.buffer);
        }
    }

    /// What the kernel wrote into a buffer; `None` for what it gave up on.
    fn incoming(&self, arrival: Arrival) -> Option<Incoming<'_>> {
        let offset = usize::from(arrival.buffer) * self.stride;
        // SAFETY: the kernel handed this buffer over with the completion and does not touch it
        // until `give_back`, which needs `&mut self`.
        let bytes = unsafe { self.memory.bytes(offset, arrival.len.min(self.stride)) };
        let out = RecvMsgOut::parse(bytes, &self.template).ok()?;
        // `parse` borrows from `bytes`, but its accessors from itself: cut the parts out again.
        let (name, control, payload) =
            (out.name_data().len(), out.control_data().len(), out.payload_data().len());
        Some(Incoming {
            socket: arrival.socket,
            name: &bytes[16..][..name],
            control: &bytes[16 + NAME_BYTES..][..control],
            payload: &bytes[HEAD_BYTES..][..payload],
            flags: out.flags() as i32,
        })
    }

    /// Offers a buffer to the kernel again.
    fn give_back(&mut self, buffer: u16) {
        let entries = self.entries.at(0, self.count() * size_of::<BufRingEntry>()).cast::<BufRingEntry>();
        let address = self.memory.at(usize::from(buffer) * self.stride, self.stride) as u64;
        let position = usize::from(self.tail & (self.count - 1));
        // SAFETY: `position` is below the number of entries; the kernel does not read an entry
        // before the tail has passed it, and only `&mut self` writes them.
        let entry = unsafe { &mut *entries.add(position) };
        entry.set_addr(address);
        entry.set_len(self.stride as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail is an aligned `u16` inside the first entry that nothing else in this
        // process touches; the kernel reads it, so the store is atomic and releases the entry.
        unsafe {
            let tail = BufRingEntry::tail(entries).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

/// The lengths a multishot receive reserves for address and control messages.
pub(super) fn receive_template() -> libc::msghdr {
    // SAFETY: `msghdr` is plain C data for which all-zero means "nothing"; it has private padding
    // fields on some targets and so cannot be written out.
    let mut template: libc::msghdr = unsafe { std::mem::zeroed() };
    template.msg_name = ptr::null_mut();
    template.msg_namelen = NAME_BYTES as u32;
    template.msg_controllen = CONTROL_BYTES;
    template
}
