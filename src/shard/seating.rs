//! Carries the room's choice of seats over to the tracks and slots, and tells signaling.

use super::Shard;
use super::gather::Departure;
use crate::base::{Outbox, SlotId, TrackId};
use crate::control::Event;

impl Shard {
    /// Places everyone anew in the room with the key `room`.
    pub(super) fn reseat(&mut self, room: u32, out: &mut impl Outbox) {
        let mut changes = Vec::new();
        self.rooms[room].reseat(|change| changes.push(change));
        for change in changes {
            self.point(change.slot, change.track, out);
        }
        self.shed_in(room, out);
    }

    /// Points a seat at a track, or at nothing.
    pub(super) fn point(&mut self, slot_id: SlotId, track: Option<TrackId>, out: &mut impl Outbox) {
        let Some(&slot) = self.slot_keys.get(&slot_id) else { return };
        if self.slots[slot].track().is_some() {
            // What waits was for the seat as it was.
            let link = self.slots[slot].transport();
            self.yard().depart(link, Departure::All, out);
        }
        self.unpoint(slot);
        let key = track.and_then(|track| self.track_keys.get(&track).copied());
        match key {
            Some(key) => {
                let track = &mut self.tracks[key];
                track.layers[0].slots.push(slot);
                self.slots[slot].show(Some((key, &track.codecs)));
                self.begin(slot, out);
                self.touch(key);
            }
            None => self.slots[slot].show(None),
        }
        self.tell(Event::Slot { slot: slot_id, track: key.and(track) });
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
