//! Which sockets there are and whom each speaks for.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use volley::base::ParticipantId;

/// One WebSocket of this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SocketId(pub u64);

/// Where somebody comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// Their address, if that is known.
    pub address: Option<IpAddr>,
    /// The address of ours under which they came, if their request names one.
    pub reached: Option<SocketAddr>,
}

/// Open sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets(HashMap<SocketId, Socket>);

#[derive(Clone, Copy, Debug)]
struct Socket {
    /// `None` before `join` and after `leave`.
    participant: Option<ParticipantId>,
    from: Origin,
}

impl Sockets {
    pub(crate) fn open(&mut self, socket: SocketId, from: Origin) {
        self.0.insert(socket, Socket { participant: None, from });
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
    pub(crate) fn origin(&self, socket: SocketId) -> Origin {
        self.0.get(&socket).map(|socket| socket.from).unwrap_or_default()
    }

    pub(crate) fn participant(&self, socket: SocketId) -> Option<ParticipantId> {
        self.0.get(&socket)?.participant
    }
}
