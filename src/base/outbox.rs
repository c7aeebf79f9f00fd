//! Where a shard writes what it owes: reserve, fill, commit, in one call.
//!
//! The back ends implement it over trains of equal-sized segments, the simulator over plain
//! buffers. A shard never relies on two reservations being adjacent.

use std::net::SocketAddr;

/// One of a worker's sockets, or one of its TCP connections.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SocketIndex(pub u16);

impl SocketIndex {
    /// Indices from here on are those of connections.
    pub const FIRST_STREAM: u16 = 1 << 15;

    /// The index of a connection.
    pub fn of_stream(number: u16) -> SocketIndex {
        SocketIndex(SocketIndex::FIRST_STREAM | number)
    }

    /// Which connection this is the index of, if it is one's.
    pub fn stream(self) -> Option<u16> {
        self.0.checked_sub(SocketIndex::FIRST_STREAM)
    }
}

/// One network path: which of the worker's sockets, and the peer's address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    /// The worker's own socket the peer talks to.
    pub socket: SocketIndex,
    /// The peer's address and port.
    pub remote: SocketAddr,
}

/// Whose train a datagram joins: dense and small, one per receiver.
///
/// Datagrams under one id leave in the order they were pushed; between ids there is no order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TrainId(pub u32);

impl TrainId {
    /// For answers to strangers that no transport owns: never gathered with anything else.
    pub const STRAY: TrainId = TrainId(u32::MAX);
}

/// What became of a datagram that was offered to an [`Outbox`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Push {
    /// It stands in a train and leaves with the next flush.
    Committed,
    /// The filler returned `None`: nothing is sent.
    RolledBack,
    /// There was no room; the caller counts the drop.
    Full,
}

/// Datagrams on their way out, gathered per receiver until the turn is flushed.
pub trait Outbox {
    /// Offers room for one datagram of at most `capacity` bytes (at most 1500) to `path`.
    ///
    /// `fill` writes into it and returns the length it used, or `None` to send nothing. It sees
    /// exactly `capacity` bytes of unspecified content. Does not allocate.
    fn push(
        &mut self,
        train: TrainId,
        path: &Path,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Push;

    /// Nothing is sent to `path` any more and nothing from it is of use: a connection ends, once it was
    /// given what waits for it. Of a UDP socket that means nothing.
    fn close(&mut self, _path: &Path) {}
}
