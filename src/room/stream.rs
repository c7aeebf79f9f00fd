//! What one participant publishes to be played in step, and how much it is worth seeing.

use crate::base::{ParticipantId, StreamId, TrackId};
use std::cmp::Reverse;

/// Tracks of one participant that play in step: at most one of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Whose.
    pub participant: ParticipantId,
    /// Which of theirs.
    pub stream: StreamId,
    /// Its sound, if published.
    pub audio: Option<TrackId>,
    /// Its picture, if published.
    pub video: Option<TrackId>,
    /// Whether it is a shared screen.
    pub screen: bool,
    /// Whether its owner speaks.
    pub speaks: bool,
    /// Who began to speak later has more; 0: never did.
    pub spoke: u32,
    /// Its sound does not say how loud it is, and is not muted.
    pub is_unheard: bool,
}

impl Stream {
    /// Whether it takes the seat of one that need not be seen now.
    pub fn must_be_seen(&self) -> bool {
        self.screen || self.speaks
    }

    /// Whether its owner may speak now and nobody can tell.
    pub(super) fn may_speak(&self) -> bool {
        self.is_unheard && self.audio.is_some()
    }

    /// Whether it keeps its seat when somebody comes who may speak: who may speak, too, does.
    pub(super) fn may_be_heard(&self) -> bool {
        self.must_be_seen() || self.may_speak()
    }

    /// Most worth seeing first: screens, who speaks, who may speak, who spoke last, who was published first.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        let spoke = Reverse(self.spoke);
        (!self.screen, !self.speaks, !self.may_speak(), spoke, self.first_track())
    }

    /// Ids rise in the order of publishing, whichever worker hears of it first.
    pub(super) fn first_track(&self) -> Option<TrackId> {
        self.audio.into_iter().chain(self.video).min()
    }
}
