//! What must outlive a process, as plain data.

use super::{MasterKey, SrtpError, SrtpReceiver, SrtpSender};

/// Both directions of one association; the keys in it are zeroed on drop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SrtpState {
    /// [`SrtpState::VERSION`] when this build wrote it.
    pub version: u16,
    /// What the peer sends.
    pub receiver: ReceiverState,
    /// What we send.
    pub sender: SenderState,
}

/// What the peer sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceiverState {
    /// The peer's master key.
    pub master: MasterKey,
    /// Every SSRC seen.
    pub streams: Vec<StreamState>,
}

/// What was seen of one SSRC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamState {
    /// The SSRC.
    pub ssrc: u32,
    /// Packet indices: roll-over counter and sequence number.
    pub rtp: WindowState,
    /// SRTCP indices.
    pub rtcp: WindowState,
}

/// A replay window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowState {
    /// One above the highest index seen; 0 when none was.
    pub next: u64,
    /// The ring of bits: bit `index % (64 · length)` says whether `index` was seen.
    pub seen: Vec<u64>,
}

/// What we send. The packet indices of our streams belong to who numbers them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SenderState {
    /// Our master key.
    pub master: MasterKey,
    /// The next SRTCP index. After a crash, add more than can have been sent since the export.
    pub next_rtcp_index: u32,
}

impl SrtpState {
    /// Rises when the meaning of a field changes.
    pub const VERSION: u16 = 1;

    /// The state of both directions.
    pub fn export(receiver: &SrtpReceiver, sender: &SrtpSender) -> SrtpState {
        SrtpState { version: SrtpState::VERSION, receiver: receiver.export(), sender: sender.export() }
    }

    /// Both directions, as they stood.
    pub fn import(&self) -> Result<(SrtpReceiver, SrtpSender), SrtpError> {
        if self.version != SrtpState::VERSION {
            return Err(SrtpError::BadState);
        }
        Ok((SrtpReceiver::import(&self.receiver)?, SrtpSender::import(&self.sender)?))
    }
}

impl WindowState {
    pub(super) fn of((next, seen): (u64, &[u64])) -> WindowState {
        WindowState { next, seen: seen.to_vec() }
    }
}
