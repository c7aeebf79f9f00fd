//! What happened of pictures that are sent in several layers: which were sent, which came, and how
//! seats went over from one to another.

use crate::signal::{LAYERS, Layer};
use std::time::Duration;

/// Of all pictures that have layers; nothing where none has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layers {
    /// By layer, the smallest first.
    pub(crate) each: [LayerFigures; LAYERS],
    /// Times that a seat went over to another layer of what it showed.
    pub(crate) switches: u64,
    /// Those of them that showed a picture which nobody can decode: what came first, and nothing was
    /// missing before it, was not of a key frame.
    pub(crate) broken: u64,
    /// The longest time between the last packet of one layer and the first of the next.
    pub(crate) longest_switch: Duration,
}

/// Of one layer of all pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerFigures {
    /// Packets published, without retransmissions.
    pub(crate) sent: u64,
    /// Times that a publisher was told to pause it.
    pub(crate) pauses: u64,
    /// Packets received that were new.
    pub(crate) received: u64,
    /// How long it was shown, summed over all seats: from packet to packet.
    pub(crate) shown: Duration,
}

/// A seat that goes over to another layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
    /// Since the last packet of the layer before.
    pub(super) gap: Duration,
    /// Packets that are missing in between: what came first may be one of them.
    pub(super) hole: u64,
    /// Whether what came first is of a key frame.
    pub(super) key_frame: bool,
}

impl Layers {
    /// Of this layer.
    pub(super) fn of(&mut self, layer: Layer) -> &mut LayerFigures {
        &mut self.each[layer.place()]
    }

    /// How long pictures with layers were shown, summed over all seats; `None` where there are none.
    pub(crate) fn shown(&self) -> Option<Duration> {
        let exist = self.each.iter().any(|layer| layer.sent + layer.received > 0);
        exist.then(|| self.each.iter().map(|layer| layer.shown).sum())
    }

    pub(super) fn note(&mut self, switch: Switch) {
        self.switches += 1;
        self.broken += u64::from(!switch.key_frame && switch.hole == 0);
        self.longest_switch = self.longest_switch.max(switch.gap);
    }

    /// Adds what happened elsewhere or at another time.
    pub(crate) fn add(&mut self, other: &Layers) {
        for (sum, part) in self.each.iter_mut().zip(&other.each) {
            sum.sent += part.sent;
            sum.pauses += part.pauses;
            sum.received += part.received;
            sum.shown += part.shown;
        }
        self.switches += other.switches;
        self.broken += other.broken;
        self.longest_switch = self.longest_switch.max(other.longest_switch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(gap_ms: u64, hole: u64, key_frame: bool) -> Switch {
        Switch { gap: Duration::from_millis(gap_ms), hole, key_frame }
    }

    #[test]
    fn a_switch_without_a_key_frame_is_broken_unless_its_start_was_lost() {
        let mut layers = Layers::default();
        [switch(40, 0, true), switch(90, 2, false), switch(30, 0, false)]
            .into_iter()
            .for_each(|switch| layers.note(switch));
        assert_eq!((layers.switches, layers.broken, layers.longest_switch.as_millis()), (3, 1, 90));
    }

    #[test]
    fn sums_are_of_each_layer_and_the_longest_stays_the_longest() {
        let mut sum = Layers::default();
        assert_eq!(sum.shown(), None);
        for (layer, gap) in Layer::ALL.into_iter().zip([10, 70, 20]) {
            let mut part = Layers::default();
            *part.of(layer) = LayerFigures { sent: 1, pauses: 2, received: 3, shown: Duration::from_secs(4) };
            part.note(switch(gap, 0, true));
            sum.add(&part);
        }
        let each = LayerFigures { sent: 1, pauses: 2, received: 3, shown: Duration::from_secs(4) };
        assert_eq!(sum.each, [each; LAYERS]);
        assert_eq!((sum.switches, sum.longest_switch.as_millis()), (3, 70));
        assert_eq!(sum.shown(), Some(Duration::from_secs(12)));
    }
}
