//! What viewers want to be shown, taken to their room.

use super::Shard;
use super::commands::Outcome;
use crate::base::{Outbox, ParticipantId};
use crate::control::message::Want;
use crate::control::types::Reason;

impl Shard {
    /// Shows somebody before anybody else.
    pub(super) fn pin(
        &mut self,
        viewer: ParticipantId,
        target: Option<ParticipantId>,
        out: &mut impl Outbox,
    ) -> Outcome {
        let viewing = self.participants.get(&viewer).ok_or((viewer.0, Reason::Unknown))?;
        let room = viewing.room;
        viewing.links.clone().into_iter().for_each(|link| self.unsettle_now(link));
        if let Some(seats) = self.rooms[room].seats_mut(viewer) {
            seats.pin(target);
        }
        self.reseat_one(room, viewer, out);
        Ok(())
    }

    /// Notes whom a viewer wants to be shown at all.
    pub(super) fn want(&mut self, want: &Want, out: &mut impl Outbox) -> Outcome {
        let viewer = want.viewer;
        let viewing = self.participants.get(&viewer).ok_or((viewer.0, Reason::Unknown))?;
        let room = viewing.room;
        viewing.links.clone().into_iter().for_each(|link| self.unsettle_now(link));
        let fits = want.wishes.iter().all(|wish| self.rooms[room].note_wish(viewer, wish));
        self.reseat_one(room, viewer, out);
        if fits { Ok(()) } else { Err((viewer.0, Reason::LimitReached)) }
    }
}
