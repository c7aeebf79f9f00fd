//! Rooms that take more of a server than they may, in virtual time: what is held back of them, and that a
//! room beside them is not touched.

use std::time::Duration;
use volley::base::{RoomId, Time};
use volley::control::types::{Restraint, RoomLimit, RoomLimits};
use volley::sim::link::LinkOptions;
use volley::sim::scenario::{Action, PersonPlan, Scenario};
use volley::sim::verdict::Verdict;
use volley::sim::world::World;

/// Two people in a small room, who come first …
const BYSTANDERS: usize = 2;
/// … and so many in a large one.
const CROWD: usize = 6;
/// The large one, as shards know it.
const LARGE: RoomId = RoomId(2);

/// More than the small room takes, which is half a megabyte, and less than what is left of the large one
/// with its lowest layers only, which is more than one.
const SMALL_MEMORY: u64 = 800_000;
const MUCH: u64 = 100_000_000;

#[test]
fn a_room_over_its_memory_gives_layers_up_then_takes_nobody_and_its_neighbours_notice_nothing() {
    let limits = RoomLimits { memory_bytes: SMALL_MEMORY, cpu_percent: 25, is_pressed: false };
    let plan = [(ms(3_000), Action::LimitRooms(limits))];
    let beside = judge(rooms(true, &plan, ms(32_000)));
    let full = Some(RoomLimit::Memory);
    assert_eq!(held_back(&beside), [(4, 1, 16, None), (14, 2, 16, None), (24, 2, 16, full)]);
    for who in BYSTANDERS..BYSTANDERS + CROWD {
        assert_eq!(best_layer(who, &beside), 0, "only the lowest is shown: {:?}", beside.layers[&who]);
        assert_eq!(beside.paused[&who], [false, true, true], "and nothing else is sent");
    }
    for who in 0..BYSTANDERS {
        assert_eq!(best_layer(who, &beside), 2, "{:?}", beside.layers[&who]);
    }
    let alone = judge(rooms(false, &plan, ms(32_000)));
    assert_same_for_bystanders(&beside, &alone);
}

#[test]
fn a_room_that_takes_too_much_of_a_contended_core_is_the_one_that_is_held_back() {
    let limits = RoomLimits { memory_bytes: MUCH, cpu_percent: 25, is_pressed: false };
    let busy = |percent, is_short| Action::Busy { percent, is_short };
    let plan = [
        (ms(3_000), Action::LimitRooms(limits)),
        (ms(3_100), busy(95, false)),
        (ms(8_500), busy(95, true)),
        (ms(20_500), busy(40, false)),
    ];
    let beside = judge(rooms(true, &plan, ms(35_000)));
    let full = Some(RoomLimit::Cpu);
    // From the third second on that packets wait: layers, then pictures.
    let held = [(11, 1, 16, None), (15, 2, 16, None), (19, 2, 14, full)];
    let freed = [(23, 2, 16, full), (33, 2, 16, None)];
    assert_eq!(held_back(&beside), [&held[..], &freed[..]].concat());
    assert!(beside.drops.get("shed").is_some_and(|shed| *shed > 50), "{:?}", beside.drops);
    let alone = judge(rooms(false, &plan, ms(35_000)));
    assert_eq!(alone.restrained, [], "who has a core for themselves may use it");
    assert_same_for_bystanders(&beside, &alone);
}

#[test]
fn of_a_pressed_server_the_largest_room_gives_up_first() {
    let limits =
        |is_pressed| Action::LimitRooms(RoomLimits { memory_bytes: MUCH, cpu_percent: 25, is_pressed });
    let plan = [(ms(3_000), limits(true)), (ms(14_500), limits(false))];
    let beside = judge(rooms(true, &plan, ms(38_000)));
    assert_eq!(
        held_back(&beside),
        [(4, 1, 16, None), (14, 2, 16, None), (25, 1, 16, None), (35, 0, 16, None)]
    );
    let shown = (0..BYSTANDERS + CROWD).map(|who| best_layer(who, &beside));
    assert!(shown.into_iter().all(|layer| layer == 2), "all is back: {:?}", beside.layers);
}

/// Both rooms on one shard; without the large one nobody comes to it.
fn rooms(with_the_large_one: bool, plan: &[(Time, Action)], end: Time) -> Scenario {
    let mut scenario = Scenario::simple(7);
    (scenario.rooms, scenario.end) = (2, end);
    // Whose packets come in one turn must not depend on what else comes.
    (scenario.turn, scenario.gathering) = (Duration::ZERO, Duration::ZERO);
    let link = LinkOptions::clean(Duration::from_millis(12));
    let person = PersonPlan {
        layers: 3,
        audio_seats: 0,
        rtx: true,
        red: false,
        quiet: true,
        up: link,
        down: link,
        ..scenario.people[0].clone()
    };
    let one = |who| PersonPlan {
        room: usize::from(who >= BYSTANDERS),
        pairs: if who < BYSTANDERS { 1 } else { 3 },
        ..person.clone()
    };
    scenario.people = (0..BYSTANDERS + CROWD).map(one).collect();
    let comes = |who: &usize| with_the_large_one || *who < BYSTANDERS;
    let joins = (0..BYSTANDERS + CROWD).filter(comes).map(|who| (ms(80 * who as u64), Action::Join(who)));
    scenario.actions = joins.chain(plan.iter().cloned()).collect();
    scenario
}

fn judge(scenario: Scenario) -> Verdict {
    let verdict = World::new(scenario).judge();
    assert!(verdict.violations.is_empty(), "{:#?}", verdict.violations);
    verdict
}

/// Of the large room: when what is held back changed, in seconds, and what it is.
fn held_back(verdict: &Verdict) -> Vec<(u64, u8, u8, Option<RoomLimit>)> {
    let of_large = verdict.restrained.iter().map(|&(at, room, restraint)| {
        assert_eq!(room, LARGE, "the small room takes less than it may");
        let Restraint { layers_cut, pictures, full } = restraint;
        (at.as_millis() / 1_000, layers_cut, pictures, full)
    });
    of_large.collect()
}

/// The best layer somebody was shown last of anybody.
fn best_layer(who: usize, verdict: &Verdict) -> u8 {
    verdict.layers[&who].values().copied().max().unwrap_or_default()
}

/// Packet for packet, and each at the same moment.
fn assert_same_for_bystanders(one: &Verdict, other: &Verdict) {
    for who in 0..BYSTANDERS {
        assert!(one.heard[&who].0 > 1_000, "they heard each other");
        assert_eq!(one.heard[&who], other.heard[&who]);
        assert_eq!(one.layers[&who], other.layers[&who]);
        let figures = |verdict: &Verdict| (verdict.switches[&who], verdict.resent[&who], verdict.holes[&who]);
        assert_eq!(figures(one), figures(other));
        assert_eq!(one.paused[&who], other.paused[&who]);
    }
}

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}
