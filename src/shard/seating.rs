//! Carries the room's choice of seats over to the tracks and slots, and tells signaling.

use super::Shard;
use super::gather::Departure;
use crate::base::{Outbox, ParticipantId, SlotId, TrackId};
use crate::control::Event;
use crate::control::types::Kind;
use crate::media::choice::Choice;
use crate::room::Change;

impl Shard {
    /// Places everyone anew in the room with the key `room`.
    pub(super) fn reseat(&mut self, room: u32, out: &mut impl Outbox) {
        let mut changes = Vec::new();
        self.rooms[room].reseat(|change| changes.push(change));
        self.move_seats(changes, out);
        self.shed_in(room, out);
    }

    /// The same for the seats of one viewer: whatever becomes of them moves nobody else's, and a page opens a
    /// dozen and more at once.
    pub(super) fn reseat_one(&mut self, room: u32, viewer: ParticipantId, out: &mut impl Outbox) {
        let mut changes = Vec::new();
        self.rooms[room].reseat_one(viewer, |change| changes.push(change));
        self.move_seats(changes, out);
        self.shed_for(room, viewer, out);
    }

    fn move_seats(&mut self, changes: Vec<Change>, out: &mut impl Outbox) {
        for change in changes {
            self.point(change.slot, change.track, out);
        }
    }

    /// Points a seat at a track, or at nothing.
    pub(super) fn point(&mut self, slot_id: SlotId, track: Option<TrackId>, out: &mut impl Outbox) {
        let Some(&slot) = self.slot_keys.get(&slot_id) else { return };
        if self.slots[slot].track().is_some() {
            // What waits is of what it showed until now. What its link does not carry yet would only be in
            // the way; that of other seats waits on.
            let link = self.slots[slot].transport();
            self.yard().depart(link, Departure::Granted, out);
            self.empty_held(slot);
        }
        self.unpoint(slot);
        let key = track.and_then(|track| self.track_keys.get(&track).copied());
        match key {
            Some(key) => {
                self.slots[slot].show(Some((key, &self.tracks[key].codecs)));
                match self.slots[slot].kind() {
                    Kind::Audio => self.aim(slot, Some(Choice::whole(0)), out),
                    Kind::Video => self.unsettle_now(self.slots[slot].transport()),
                }
            }
            None => self.slots[slot].show(None),
        }
        self.tell(Event::Slot { slot: slot_id, track: key.and(track) });
    }

    /// A layer begins anew, with other indices. Seats that show nothing of it now, because the track is
    /// muted or the tile hidden, must forget it as well; they stand on no list, and it happens rarely.
    pub(super) fn restart_seats(&mut self, track: u32, layer: u8) {
        for (_, slot) in self.slots.iter_mut().filter(|(_, slot)| slot.track() == Some(track)) {
            slot.restart(layer);
        }
    }

    /// Takes a seat off the list of the track it shows.
    pub(super) fn unpoint(&mut self, slot: u32) {
        let shown = self.slots[slot].track();
        let Some((key, track)) = shown.and_then(|key| Some((key, self.tracks.get_mut(key)?))) else { return };
        for layer in &mut track.layers {
            layer.slots.retain(|&other| other != slot);
        }
        self.touch(key);
    }
}
