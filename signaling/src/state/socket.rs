//! Which sockets there are and whom each speaks for.

use std::collections::HashMap;
use std::net::IpAddr;
use volley::base::ParticipantId;

/// One WebSocket of this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SocketId(pub u64);

/// Open sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets(HashMap<SocketId, Socket>);

#[derive(Clone, Copy, Debug)]
struct Socket {
    /// `None` before `join` and after `leave`.
    participant: Option<ParticipantId>,
    address: Option<IpAddr>,
}

impl Sockets {
    pub(crate) fn open(&mut self, socket: SocketId, address: Option<IpAddr>) {
        self.0.insert(socket, Socket { participant: None, address });
    }

    /// Whose socket it was.
    pub(crate) fn close(&mut self, socket: SocketId) -> Option<ParticipantId> {
        self.0.remove(&socket)?.participant
    }

    pub(crate) fn assign(&mut self, socket: SocketId, participant: Option<ParticipantId>) {
        if let Some(entry) = self.0.get_mut(&socket) {
            entry.participant = participant;
        }
    }

    /// Every one.
    pub(crate) fn all(&self) -> impl Iterator<Item = SocketId> {
        self.0.keys().copied()
    }

    /// Where it came from.
    pub(crate) fn address(&self, socket: SocketId) -> Option<IpAddr> {
        self.0.get(&socket)?.address
    }

    pub(crate) fn participant(&self, socket: SocketId) -> Option<ParticipantId> {
        self.0.get(&socket)?.participant
    }
}
