//! In which order, and with how much padding, the packets one receiver is owed make the fewest
//! trains.
//!
//! A train is datagrams of one size, of which the last may be shorter, and the kernel is walked
//! once for each. RTP padding (RFC 3550 §5.1) makes a packet longer by 1 to 255 bytes inside the
//! encrypted part; a padded byte costs a thousandth of a walk. Knows sizes and streams only.

use arrayvec::ArrayVec;

/// The most packets planned at once; what a kernel takes as one train.
pub const MAX_PLANNED: usize = 128;

/// The count of padding is one byte and includes itself.
const MAX_PADDING: u16 = 255;

/// Nothing is padded beyond this: browsers keep their packets at it, and one publisher with larger
/// ones must not push everybody else's over the MTU of a thin path.
const PADDED_UP_TO: u16 = 1_200;

/// A packet to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wagon {
    /// Its bytes without padding.
    pub size: u16,
    /// Packets of one stream keep their order.
    pub stream: u32,
}

/// A place in the order of departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of the packets, by arrival.
    pub wagon: u8,
    /// Bytes of padding to add.
    pub padding: u8,
}

/// The order of departure.
pub type Plan = ArrayVec<Place, MAX_PLANNED>;

/// Plans the departure of `wagons`, given in the order of arrival; of more than [`MAX_PLANNED`] the
/// first. Packets that are equal in size once padded stand one behind another, the longest first.
/// Allocates nothing.
pub fn plan(wagons: &[Wagon]) -> Plan {
    let mut plan = Plan::new();
    let wagons = &wagons[..wagons.len().min(MAX_PLANNED)];
    let mut start = 0;
    while start < wagons.len() {
        let groups = Groups::of(&wagons[start..]);
        let end = groups.first_overtaking(&wagons[start..]).map_or(wagons.len(), |taken| start + taken);
        if end == wagons.len() {
            groups.place(&wagons[start..], start, &mut plan);
        } else {
            // A part with fewer packets may group otherwise, and overtake again.
            plan_part(&wagons[start..end], start, &mut plan);
        }
        start = end;
    }
    plan
}

/// Places a part in which no stream stands in two groups the wrong way round, or else as it came.
fn plan_part(wagons: &[Wagon], start: usize, plan: &mut Plan) {
    let groups = Groups::of(wagons);
    if groups.first_overtaking(wagons).is_none() {
        return groups.place(wagons, start, plan);
    }
    plan.extend((start..start + wagons.len()).map(|wagon| Place { wagon: wagon as u8, padding: 0 }));
}

/// Packets by the train they go with: those within 255 bytes of the longest, and so on.
struct Groups {
    /// The group of each packet, by arrival.
    of: ArrayVec<u8, MAX_PLANNED>,
    /// The size each group is padded to, the largest first.
    sizes: ArrayVec<u16, MAX_PLANNED>,
    /// Packets in each.
    counts: ArrayVec<u8, MAX_PLANNED>,
}

impl Groups {
    fn of(wagons: &[Wagon]) -> Groups {
        let mut sizes = ArrayVec::<u16, MAX_PLANNED>::new();
        let mut ceiling = u16::MAX;
        // The longest of what is shorter than the last group's reach begins the next.
        while let Some(longest) = wagons.iter().map(|wagon| wagon.size).filter(|&size| size < ceiling).max() {
            sizes.push(longest);
            // No packet more than doubles.
            ceiling = longest.saturating_sub(MAX_PADDING).max(longest / 2);
            if longest > PADDED_UP_TO {
                ceiling = ceiling.max(PADDED_UP_TO + 1);
            }
        }
        let mut counts: ArrayVec<u8, MAX_PLANNED> = sizes.iter().map(|_| 0).collect();
        let of = wagons.iter().map(|wagon| {
            let group = sizes.iter().rposition(|&size| size >= wagon.size).unwrap_or(0);
            counts[group] += 1;
            group as u8
        });
        let of = of.collect();
        Groups { of, sizes, counts }
    }

    /// The first packet that would leave before an earlier one of its stream.
    fn first_overtaking(&self, wagons: &[Wagon]) -> Option<usize> {
        if self.sizes.len() < 2 {
            return None;
        }
        let overtakes = |later: usize| {
            (0..later).any(|earlier| {
                self.of[earlier] > self.of[later] && wagons[earlier].stream == wagons[later].stream
            })
        };
        (1..wagons.len()).find(|&later| overtakes(later))
    }

    fn place(&self, wagons: &[Wagon], start: usize, plan: &mut Plan) {
        for (group, &size) in self.sizes.iter().enumerate() {
            // One by itself is the shorter last of the train before, for nothing.
            let pads = self.counts[group] > 1 && size <= PADDED_UP_TO;
            for (at, wagon) in wagons.iter().enumerate().filter(|&(at, _)| usize::from(self.of[at]) == group)
            {
                let padding = if pads { (size - wagon.size) as u8 } else { 0 };
                plan.push(Place { wagon: (start + at) as u8, padding });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wagons(sizes: &[(u16, u32)]) -> Vec<Wagon> {
        sizes.iter().map(|&(size, stream)| Wagon { size, stream }).collect()
    }

    /// How many trains a kernel would make of it.
    fn trains(wagons: &[Wagon], plan: &Plan) -> usize {
        let sizes = plan.iter().map(|place| wagons[usize::from(place.wagon)].size + u16::from(place.padding));
        let (mut trains, mut segment, mut ended) = (0, 0, true);
        for size in sizes {
            if ended || size > segment {
                (trains, segment, ended) = (trains + 1, size, false);
            } else {
                ended = size < segment;
            }
        }
        trains
    }

    #[test]
    fn frames_of_several_people_and_their_sound_are_two_trains() {
        let wagons = wagons(&[(1100, 1), (1100, 1), (90, 2), (980, 3), (1010, 4), (120, 5), (1011, 4)]);
        let plan = plan(&wagons);
        assert_eq!(trains(&wagons, &plan), 2);
        let padding: u32 = plan.iter().map(|place| u32::from(place.padding)).sum();
        assert_eq!(padding, 120 + 90 + 89 + 30);
    }

    #[test]
    fn a_single_sound_rides_behind_the_pictures() {
        let wagons = wagons(&[(90, 2), (1100, 1), (1100, 1)]);
        let plan = plan(&wagons);
        assert_eq!(trains(&wagons, &plan), 1);
        assert!(plan.iter().all(|place| place.padding == 0));
    }

    #[test]
    fn nobodys_packets_grow_beyond_what_browsers_send() {
        let wagons = wagons(&[(1_400, 1), (1_190, 2), (1_100, 3)]);
        let padded = |place: &Place| wagons[usize::from(place.wagon)].size + u16::from(place.padding);
        let sizes: Vec<_> = plan(&wagons).iter().map(padded).collect();
        assert_eq!(sizes, [1_400, 1_190, 1_190]);
    }

    #[test]
    fn a_small_packet_no_more_than_doubles() {
        let wagons = wagons(&[(345, 1), (100, 2), (90, 3)]);
        let padding: Vec<_> = plan(&wagons).iter().map(|place| place.padding).collect();
        assert_eq!(padding, [0, 0, 10]);
    }

    #[test]
    fn no_packet_overtakes_one_of_its_own_stream() {
        let wagons = wagons(&[(200, 1), (1100, 1), (1100, 2)]);
        let order: Vec<_> = plan(&wagons).iter().map(|place| place.wagon).collect();
        assert_eq!(order[0], 0, "{order:?}");
    }

    proptest! {
        #[test]
        fn every_packet_leaves_once_in_its_streams_order(
            sizes in proptest::collection::vec((40u16..1500, 0u32..6), 0..MAX_PLANNED),
        ) {
            let wagons = wagons(&sizes);
            let plan = plan(&wagons);
            let mut seen: Vec<_> = plan.iter().map(|place| place.wagon).collect();
            for stream in 0..6 {
                let of_stream = seen.iter().filter(|&&wagon| wagons[usize::from(wagon)].stream == stream);
                prop_assert!(of_stream.is_sorted());
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..wagons.len() as u8).collect::<Vec<_>>());
            let largest = wagons.iter().map(|wagon| wagon.size).max().unwrap_or(0);
            for place in &plan {
                prop_assert!(wagons[usize::from(place.wagon)].size + u16::from(place.padding) <= largest);
            }
        }
    }
}
