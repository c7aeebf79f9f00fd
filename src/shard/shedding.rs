//! What is let go when a core cannot carry everything, or a room takes more of it than it may: pictures
//! before sound, and of the pictures those worth least to their viewers first.

use super::Shard;
use crate::base::{Outbox, ParticipantId, TrackId};
use crate::control::Event;
use crate::control::message::ALL_PICTURES;
use crate::control::types::{Kind, Source};
use crate::media::track::Track;
use crate::room::Voice;
use std::cmp::Reverse;
use std::collections::HashMap;

impl Shard {
    /// Forwards only `share` sixteenths of the pictures that each viewer is shown, and tells
    /// signaling, which then lets nobody new in. Screens and who is pinned go last, then who spoke last,
    /// then the seats that a viewer opened first. What comes back begins with a key frame.
    pub fn set_picture_share(&mut self, share: u8, out: &mut impl Outbox) {
        self.picture_share = share.min(ALL_PICTURES);
        let mut links: Vec<(u32, u32)> = self.links.iter().map(|(key, link)| (link.room, key)).collect();
        links.sort_unstable();
        for room in links.chunk_by(|one, next| one.0 == next.0) {
            self.shed_on_all(room, out);
        }
        self.tell_load();
    }

    /// Tells signaling what the worker has to do.
    pub fn tell_load(&mut self) {
        self.tell(Event::Load { pictures: self.picture_share, busy: self.busy });
    }

    /// Decides anew what is shed in a room whose seats have changed, or where somebody begins or ends to speak.
    pub(super) fn shed_in(&mut self, room: u32, out: &mut impl Outbox) {
        if self.share_of(room) < ALL_PICTURES {
            self.shed_room(room, out);
        }
    }

    /// Sixteenths of the pictures that viewers of a room are left with.
    fn share_of(&self, room: u32) -> u8 {
        self.picture_share.min(self.keeper.pictures(room))
    }

    /// Decides anew what is shed in a room.
    pub(super) fn shed_room(&mut self, room: u32, out: &mut impl Outbox) {
        let here = self.links.iter().filter(|(_, link)| link.room == room);
        let links: Vec<(u32, u32)> = here.map(|(key, _)| (room, key)).collect();
        self.shed_on_all(&links, out);
    }

    /// Decides anew for links of one room, each with the room's key before it.
    fn shed_on_all(&mut self, links: &[(u32, u32)], out: &mut impl Outbox) {
        let Some(&(room, _)) = links.first() else { return };
        let voices = self.rooms[room].voices();
        for &(_, link) in links {
            self.shed_on(link, &voices, out);
        }
    }

    /// Decides anew which pictures of the receiver `link` are shed.
    fn shed_on(&mut self, link: u32, voices: &HashMap<TrackId, Voice>, out: &mut impl Outbox) {
        let (viewer, room) = (self.links[link].participant, self.links[link].room);
        let pinned = self.rooms[room].pinned_by(viewer);
        let shows_picture =
            |&slot: &u32| self.slots[slot].kind() == Kind::Video && self.slots[slot].track().is_some();
        let mut pictures: Vec<u32> = self.links[link].slots.iter().copied().filter(shows_picture).collect();
        // Stable: seats that were opened first stay before the others of their value.
        pictures.sort_by_cached_key(|&slot| {
            (
                !self.is_dear(slot, pinned),
                Reverse(self.track_in(slot).and_then(|track| voices.get(&track.id))),
            )
        });
        let kept = kept(pictures.len(), self.share_of(room), viewer);
        for (place, slot) in pictures.into_iter().enumerate() {
            if self.slots[slot].set_shed(place >= kept) {
                self.begin(slot, out);
            }
        }
    }

    fn is_dear(&self, slot: u32, pinned: Option<ParticipantId>) -> bool {
        let is_dear = |track: &Track| track.source == Source::Screen || pinned == Some(track.participant);
        self.track_in(slot).is_some_and(is_dear)
    }

    fn track_in(&self, slot: u32) -> Option<&Track> {
        self.slots[slot].track().and_then(|track| self.tracks.get(track))
    }
}

/// How many of `shown` pictures a viewer keeps. Of a fraction of a picture, as many viewers keep
/// the whole as the fraction says: a room in which everybody watches one must not lose all at once.
fn kept(shown: usize, share: u8, viewer: ParticipantId) -> usize {
    let sixteenths = shown * usize::from(share);
    // Multiplied by 2^64 over the golden ratio, neighbouring ids are spread evenly.
    let luck = viewer.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
    sixteenths / 16 + usize::from(luck < sixteenths as u64 % 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_keeps_everything_until_there_is_too_much() {
        assert!((0..100).all(|viewer| kept(7, ALL_PICTURES, ParticipantId(viewer)) == 7));
        assert!((0..100).all(|viewer| kept(7, 0, ParticipantId(viewer)) == 0));
    }

    #[test]
    fn of_many_who_watch_one_picture_the_share_goes_on_watching() {
        let watching: usize = (0..1_600).map(|viewer| kept(1, 12, ParticipantId(viewer))).sum();
        assert!((1_150..1_250).contains(&watching), "{watching} of 1,600");
    }
}
