//! What of a seat outlives the process.

use super::super::pictures::Counted;
use super::{Reported, Sent, Slot};
use crate::base::Time;

/// The state of a seat's sequences that must outlive a process: the indices used, never to be used
/// again, and the time stamp to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// Next index of the seat's SSRC.
    pub next_index: u64,
    /// Next index of its retransmissions.
    pub next_rtx_index: u64,
    /// The last time stamp and when it was sent.
    pub last: Option<(u32, Time)>,
    /// What the last sender report said.
    pub reported: Option<Reported>,
    /// Whether MID is still sent.
    pub announced: bool,
    /// Counters for sender reports.
    pub sent: Sent,
    /// The picture numbers to go on from.
    pub counted: Counted,
    /// The lines it needs.
    pub max_height: Option<u16>,
}

impl Slot {
    /// The seat's sequences as plain data.
    pub fn export(&self) -> SlotState {
        SlotState {
            next_index: self.next_index,
            next_rtx_index: self.next_rtx_index,
            last: self.last,
            reported: self.reported,
            announced: self.announced,
            sent: self.sent,
            counted: self.pictures.counted(),
            max_height: self.max_height,
        }
    }

    /// Goes on where `state` left off; what the seat shows begins a new run.
    pub fn import(&mut self, state: SlotState) {
        self.next_index = state.next_index;
        self.next_rtx_index = state.next_rtx_index;
        self.last = state.last;
        self.reported = state.reported;
        self.announced = state.announced;
        self.sent = state.sent;
        self.pictures.import(state.counted);
        self.max_height = state.max_height;
        self.interrupt();
    }
}
