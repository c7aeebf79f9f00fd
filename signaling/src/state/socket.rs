//! Which sockets there are and whom each speaks for.

use std::collections::HashMap;
use volley::base::ParticipantId;

/// One WebSocket of this process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SocketId(pub u64);

/// Open sockets; `None` before `join` and after `leave`.
#[derive(Debug, Default)]
pub(crate) struct Sockets(HashMap<SocketId, Option<ParticipantId>>);

impl Sockets {
    pub(crate) fn open(&mut self, socket: SocketId) {
        self.0.insert(socket, None);
    }

    /// Whose socket it was.
    pub(crate) fn close(&mut self, socket: SocketId) -> Option<ParticipantId> {
        self.0.remove(&socket).flatten()
    }

    pub(crate) fn assign(&mut self, socket: SocketId, participant: Option<ParticipantId>) {
        if let Some(entry) = self.0.get_mut(&socket) {
            *entry = participant;
        }
    }

    pub(crate) fn participant(&self, socket: SocketId) -> Option<ParticipantId> {
        self.0.get(&socket).copied().flatten()
    }
}
