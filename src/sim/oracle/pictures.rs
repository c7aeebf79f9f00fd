//! Pictures are numbered on, whatever a seat shows: each is one more than the one sent before it,
//! unless something between them is missing.

use super::Violations;
use crate::base::id::SlotId;
use crate::base::{Time, TrackId};
use crate::sim::peer::seat::Heard;
use std::collections::BTreeMap;

/// Watches the pictures of one viewer.
#[derive(Debug, Default)]
pub struct PicturesOracle {
    last: BTreeMap<SlotId, Last>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Last {
    index: u64,
    source: (TrackId, u8),
    frame: u32,
    number: u16,
}

impl PicturesOracle {
    /// A packet of media leaves, in the order of sending.
    pub fn on_media(&mut self, at: Time, heard: &Heard, violations: &mut Violations) {
        // Where layers are left out pictures are as well; what follows from that is seen where it is decoded.
        let counts = !heard.resent && heard.tag.svc.is_none();
        let Some(number) = heard.picture.filter(|_| counts) else { return };
        let (source, frame) = (heard.tag.source(), heard.tag.frame);
        let last = Last { index: heard.index, source, frame, number };
        let Some(before) = self.last.insert(heard.slot, last) else { return };
        // Between two that are not neighbours something may have been lost, or come late.
        if heard.index != before.index + 1 {
            return;
        }
        let same = before.source == source && before.frame == frame;
        let steps = number.wrapping_sub(before.number) & 0x7fff;
        if steps != u16::from(!same) {
            violations.add(at, "pictures", || format!("{steps} numbers after {before:?}: {heard:?}"));
        }
    }

    /// The shard was renewed, and remembers the numbers but not who had them.
    pub fn on_renewal(&mut self) {
        self.last.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RoomId;
    use crate::control::types::Kind;
    use crate::sim::payload::Tag;

    fn found(packets: &[(u64, u8, u32, u16)]) -> usize {
        let (mut oracle, mut violations) = (PicturesOracle::default(), Violations::default());
        for &(index, layer, frame, picture) in packets {
            let tag = Tag {
                room: RoomId(1),
                track: TrackId(1),
                index,
                captured: Time::ZERO,
                frame,
                key: true,
                first: true,
                last: true,
                kind: Kind::Video,
                corrected: false,
                layer,
                svc: None,
            };
            let slot = SlotId(1);
            let heard = Heard { slot, index, timestamp: 0, tag, picture: Some(picture), resent: false };
            oracle.on_media(Time::ZERO, &heard, &mut violations);
        }
        violations.found().len()
    }

    #[test]
    fn a_leap_and_a_repeated_number_are_seen() {
        assert_eq!(found(&[(1, 0, 5, 32_767), (2, 0, 5, 32_767), (3, 2, 90, 0), (5, 2, 93, 3)]), 0);
        assert_eq!(found(&[(1, 0, 5, 10), (2, 2, 90, 90)]), 1);
        assert_eq!(found(&[(1, 0, 5, 10), (2, 0, 6, 10)]), 1);
    }
}
