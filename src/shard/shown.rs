//! Tells signaling what of its picture each seat is sent: for pages that show it, nothing depends on it.
//!
//! Looked at once a second, all seats of a receiver together, and never per packet: whatever happens, a page
//! is told no more often. A second's looks are spread over it, so that none makes a turn long.

use super::Shard;
use crate::base::Time;
use crate::control::Event;
use crate::control::types::{Kind, ShownLayer};
use std::time::Duration;

/// How often the seats of a receiver are looked at.
const ROUND: Duration = Duration::from_secs(1);
/// In so many steps.
const STEPS: u32 = 10;
/// So many receivers are looked at in a step, or a tenth of all where there are more.
const FEW: usize = 50;
/// About so much is told in a step: a publisher who pauses a layer changes what thousands of seats are sent, and
/// the channel holds 8,000 events. Who is left is looked at in the next.
const MOST_TOLD: usize = 200;

/// A round of looks.
#[derive(Debug, Default)]
pub(super) struct Looks {
    next: Time,
    began: Time,
    /// The shard's keys of the receivers that are still to be looked at.
    left: Vec<u32>,
    /// How many of them in a step.
    step: usize,
}

impl Shard {
    /// When seats are looked at next, if there are any.
    pub(super) fn next_look_at_shown(&self) -> Option<Time> {
        (!self.slots.is_empty()).then_some(self.shown.next)
    }

    /// Looks at what is sent into some seats, if it is time.
    pub(super) fn look_at_shown(&mut self, now: Time) {
        if self.slots.is_empty() || now < self.shown.next {
            return;
        }
        if self.shown.left.is_empty() {
            self.shown.left.extend(self.links.iter().map(|(key, _)| key));
            self.shown.step = FEW.max(self.shown.left.len().div_ceil(STEPS as usize));
            self.shown.began = now;
        }
        let mut told = 0;
        for _ in 0..self.shown.step {
            let Some(link) = self.shown.left.pop_if(|_| told < MOST_TOLD) else { break };
            told += self.tell_layers_to(link);
        }
        let is_over = self.shown.left.is_empty();
        let step = now + ROUND / STEPS;
        self.shown.next = if is_over { step.max(self.shown.began + ROUND) } else { step };
    }

    /// Tells what has changed of the seats of one receiver, who may have left since; how much that is.
    fn tell_layers_to(&mut self, link: u32) -> usize {
        let mut told = 0;
        for place in 0..self.links.get(link).map_or(0, |link| link.slots.len()) {
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

    /// Whoever was told has forgotten it: the next round tells it again.
    pub(super) fn forget_told_layers(&mut self) {
        self.slots.iter_mut().for_each(|(_, slot)| _ = slot.set_told(None));
    }
}
