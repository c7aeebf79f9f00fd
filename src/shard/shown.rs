//! Tells signaling what of its picture each seat is sent: for pages that show it, nothing depends on it.
//!
//! Looked at once a second, all seats of a receiver together, and never per packet: whatever happens, a page
//! is told no more often.

use super::Shard;
use crate::base::Time;
use crate::control::Event;
use crate::control::types::{Kind, ShownLayer};
use std::time::Duration;

/// How often seats are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// About so much is told at once: a publisher who pauses a layer changes what thousands of seats are sent, and
/// the channel holds 8,000 events. Who is left goes first at the next look.
const MOST_TOLD: usize = 1_000;

/// When seats are looked at, and where to go on.
#[derive(Debug, Default)]
pub(super) struct Looks {
    next: Time,
    /// The shard's key of the receiver that goes first.
    first: u32,
    /// Room for all of them, so that nothing is allocated.
    links: Vec<u32>,
}

impl Shard {
    /// When seats are looked at next, if there are any.
    pub(super) fn next_look_at_shown(&self) -> Option<Time> {
        (!self.slots.is_empty()).then_some(self.shown.next)
    }

    /// Looks at what is sent into each seat, if it is time.
    pub(super) fn look_at_shown(&mut self, now: Time) {
        if self.slots.is_empty() || now < self.shown.next {
            return;
        }
        self.shown.next = now + LOOK_INTERVAL;
        let mut links = std::mem::take(&mut self.shown.links);
        links.clear();
        links.extend(self.links.iter().map(|(key, _)| key));
        let first = links.iter().position(|&key| key >= self.shown.first).unwrap_or(0);
        links.rotate_left(first);
        let mut told = 0;
        self.shown.first = 0;
        for &link in &links {
            if told >= MOST_TOLD {
                self.shown.first = link;
                break;
            }
            told += self.tell_layers_to(link);
        }
        self.shown.links = links;
    }

    /// Tells what has changed of the seats of one receiver; how much that is.
    fn tell_layers_to(&mut self, link: u32) -> usize {
        let mut told = 0;
        for place in 0..self.links[link].slots.len() {
            let key = self.links[link].slots[place];
            let layer = self.layer_in(key);
            let slot = &mut self.slots[key];
            if slot.set_told(layer) {
                let slot = slot.id();
                self.tell(Event::SlotLayer { slot, layer });
                told += 1;
            }
        }
        told
    }

    /// What is sent into a seat of the picture that it shows. Everything stands for as many layers as have
    /// been seen to come.
    fn layer_in(&self, slot: u32) -> Option<ShownLayer> {
        let slot = &self.slots[slot];
        let shows = slot.shows().filter(|_| slot.kind() == Kind::Video)?;
        let track = self.tracks.get(slot.track()?).filter(|track| !track.muted)?;
        let (spatial, temporal) = track.layers.get(usize::from(shows.layer))?.meter.layers();
        Some(ShownLayer {
            encoding: shows.layer,
            spatial: shows.sublayers.spatial.min(spatial - 1),
            temporal: shows.sublayers.temporal.min(temporal - 1),
        })
    }

    /// Says again what was told of each seat.
    pub(super) fn told_layers(&self) -> impl Iterator<Item = Event> {
        let told = self.slots.iter().filter(|(_, slot)| slot.told().is_some());
        told.map(|(_, slot)| Event::SlotLayer { slot: slot.id(), layer: slot.told() })
    }
}
