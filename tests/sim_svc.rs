//! Spatial layers of one encoding, as `L3T3_KEY` and `L3T3` have them, on a link that shrinks and comes
//! back: a simulated publisher and viewer, and between them the product's own choice.

use std::time::Duration;
use volley::base::Time;
use volley::sim::rate::call::{CallPlan, run_watched};
use volley::sim::svc::Svc;

const BOTH: [Svc; 2] = [Svc::Key, Svc::Full];
const SEEDS: std::ops::Range<u64> = 1..6;

/// What a viewer saw: when each picture could be shown, and of which layer.
struct Seen(Vec<(Time, u8)>);

impl Seen {
    fn of(plan: &CallPlan, seed: u64) -> Seen {
        let (_, pictures, violations) = run_watched(plan, seed);
        assert!(violations.is_empty(), "{:?} with seed {seed}: {violations:#?}", plan.svc);
        Seen(pictures)
    }

    fn between(&self, from: u64, until: u64) -> impl Iterator<Item = &(Time, u8)> {
        let (from, until) = (second(from), second(until));
        self.0.iter().filter(move |(at, _)| (from..until).contains(at))
    }

    /// The layers that were shown in these seconds.
    fn layers(&self, from: u64, until: u64) -> Vec<u8> {
        let mut layers: Vec<u8> = self.between(from, until).map(|(_, layer)| *layer).collect();
        layers.sort_unstable();
        layers.dedup();
        layers
    }

    /// From when on nothing but this layer was shown, before `until`.
    fn settled_on(&self, layer: u8, until: u64) -> Time {
        let other = self.between(0, until).filter(|(_, other)| *other != layer).last();
        other.map_or(Time::ZERO, |(at, _)| *at)
    }

    /// The longest time without a picture in these seconds.
    fn longest_gap(&self, from: u64, until: u64) -> Duration {
        let times: Vec<Time> = self.between(from, until).map(|(at, _)| *at).collect();
        times.windows(2).map(|pair| pair[1].since(pair[0])).max().expect("there are pictures")
    }
}

fn second(at: u64) -> Time {
    Time::from_millis(at * 1_000)
}

fn plan(svc: Svc, steps: &[(u64, u64)], seconds: u64) -> CallPlan {
    let mut plan = CallPlan::layered(svc, steps);
    plan.down.length = Duration::from_secs(seconds);
    plan
}

#[test]
fn a_link_that_shrinks_carries_the_middle_size_then_the_smallest_and_the_largest_again() {
    for (svc, seed) in BOTH.into_iter().flat_map(|svc| SEEDS.map(move |seed| (svc, seed))) {
        let seen = Seen::of(&plan(svc, &[(0, 4_000), (15, 900), (30, 300), (45, 4_000)], 70), seed);
        let at = format!("{svc:?} with seed {seed}");
        assert_eq!(seen.layers(8, 15), [2], "{at}");
        assert_eq!(seen.layers(20, 30), [1], "{at}");
        assert_eq!(seen.layers(38, 45), [0], "{at}");
        let back = seen.settled_on(2, 70).since(second(45));
        assert!(back <= Duration::from_secs(20), "{at}: the largest was back after {back:?}");
        // At 300 kbit/s what is lost may be lost again; a viewer asks by itself after three seconds.
        for (from, until, most) in [(5, 29, 700), (29, 44, 3_000), (44, 70, 500)] {
            let gap = seen.longest_gap(from, until);
            assert!(
                gap <= Duration::from_millis(most),
                "{at}: {gap:?} without a picture, {from} to {until} s"
            );
        }
    }
}

#[test]
fn a_publisher_that_pauses_its_upper_layer_is_seen_on_and_its_layer_again_when_it_comes() {
    for svc in BOTH {
        let plan = CallPlan { gives_up_top: Some((second(20), second(40))), ..plan(svc, &[(0, 50_000)], 60) };
        let seen = Seen::of(&plan, 1);
        assert_eq!((seen.layers(5, 20), seen.layers(21, 40)), (vec![2], vec![1]), "{svc:?}");
        assert_eq!(seen.layers(41, 60), [2], "{svc:?}");
        assert!(seen.longest_gap(5, 60) <= Duration::from_millis(300), "{:?}", seen.longest_gap(5, 60));
    }
}
