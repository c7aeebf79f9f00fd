//! What is let go when a core cannot carry everything, or a room takes more of it than it may: pictures
//! before sound, and of the pictures those worth least to their viewers first.

use super::Shard;
use crate::base::{Outbox, ParticipantId};
use crate::control::Event;
use crate::control::message::ALL_PICTURES;

impl Shard {
    /// Forwards only `share` sixteenths of the pictures that each viewer is shown, and tells
    /// signaling, which then lets nobody new in. What matters to a viewer goes last, as where their link is
    /// too thin for all: who is pinned and screens, then the biggest, then who spoke last. What comes back
    /// begins with a key frame.
    pub fn set_picture_share(&mut self, share: u8, out: &mut impl Outbox) {
        self.picture_share = share.min(ALL_PICTURES);
        let links: Vec<u32> = self.links.iter().map(|(key, _)| key).collect();
        for link in links {
            self.shed_on(link, out);
        }
        self.tell_load();
    }

    /// Tells signaling what the worker has to do.
    pub fn tell_load(&mut self) {
        self.tell(self.load());
    }

    pub(super) fn load(&self) -> Event {
        Event::Load { pictures: self.picture_share, busy: self.busy }
    }

    /// Decides anew what is shed in a room whose seats have changed.
    pub(super) fn shed_in(&mut self, room: u32, out: &mut impl Outbox) {
        if self.sheds_in(room) {
            self.shed_room(room, out);
        }
    }

    /// The same for one viewer, whose seats alone have changed: ranking those of a whole room for each seat that
    /// somebody opens would be the most work where there is too much already.
    pub(super) fn shed_for(&mut self, room: u32, viewer: ParticipantId, out: &mut impl Outbox) {
        if !self.sheds_in(room) {
            return;
        }
        let links = self.participants.get(&viewer).map_or_else(Vec::new, |viewing| viewing.links.clone());
        for link in links {
            self.shed_on(link, out);
        }
    }

    /// Whether viewers in a room do without some of their pictures.
    pub(super) fn sheds_in(&self, room: u32) -> bool {
        self.share_of(room) < ALL_PICTURES
    }

    /// Sixteenths of the pictures that viewers of a room are left with.
    fn share_of(&self, room: u32) -> u8 {
        self.picture_share.min(self.keeper.pictures(room))
    }

    /// Decides anew what is shed in a room.
    pub(super) fn shed_room(&mut self, room: u32, out: &mut impl Outbox) {
        let here = self.links.iter().filter(|(_, link)| link.room == room);
        let links: Vec<u32> = here.map(|(key, _)| key).collect();
        for link in links {
            self.shed_on(link, out);
        }
    }

    fn shed_on(&mut self, link: u32, out: &mut impl Outbox) {
        let mut seats = Vec::new();
        self.rank(link, &mut seats);
        self.shed_of(link, &seats, out);
    }

    /// Decides anew which of the pictures in these seats of `link`, the most important first, are shed. Who is
    /// out of sight is, and takes nobody's place.
    pub(super) fn shed_of(&mut self, link: u32, ranked: &[u32], out: &mut impl Outbox) {
        let share = self.share_of(self.links[link].room);
        let is_seen = |slot: &u32| self.slots[*slot].max_height() != Some(0);
        let (seen, unseen): (Vec<u32>, Vec<u32>) = ranked.iter().copied().partition(is_seen);
        let kept = kept(seen.len(), share, self.links[link].participant);
        for (place, slot) in seen.into_iter().chain(unseen).enumerate() {
            if self.slots[slot].set_shed(share < ALL_PICTURES && place >= kept) {
                self.begin(slot, out);
            }
        }
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
