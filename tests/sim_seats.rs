//! Seats that move while many are in a room, and what signaling is told of what is sent into them.

use std::collections::BTreeSet;
use std::time::Duration;
use volley::base::Time;
use volley::control::types::{Codec, Kind, ShownLayer};
use volley::sim::link::LinkOptions;
use volley::sim::mesh::MeshPlan;
use volley::sim::peer::publisher::Rate;
use volley::sim::scenario::{Action, PersonPlan, Scenario};
use volley::sim::verdict::Verdict;
use volley::sim::world::World;

/// All who are in the hall.
const PEOPLE: usize = 200;

/// More than have seats with a picture.
const SPEAKERS: usize = 12;

/// When all are there.
const ALL_THERE: u64 = 4_500;

/// A turn to speak. Who was muted sends a packet each 400 ms, so it may begin late by as much.
const TURN: u64 = 700;

/// From the moment signaling hears of it, which takes a tenth of a second of speech and the way here: half a
/// second in all.
const SEATED_WITHIN: Duration = Duration::from_millis(380);

#[test]
fn in_a_room_of_two_hundred_whoever_speaks_is_seated_with_all_within_half_a_second() {
    let verdicts = [1, 4].map(|shards| judge(hall().spread_over(shards, MeshPlan::CALM)));
    for verdict in &verdicts {
        let spoke: BTreeSet<usize> = verdict.seating.turns.iter().map(|&(_, who)| who).collect();
        assert_eq!(spoke, BTreeSet::from_iter((0..SPEAKERS).map(speaker)));
        for &(at, who) in &verdict.seating.turns {
            for (viewer, shown) in verdict.seating.at(at + SEATED_WITHIN) {
                let is_shown = shown.heard.contains(&who) && shown.seen.contains(&who);
                assert!(viewer == who || is_shown, "{viewer} is shown {shown:?} while {who} speaks");
            }
        }
        for (viewer, shown) in verdict.seating.at(ms(60_000)) {
            assert!(
                shown.seen.is_subset(&spoke),
                "{viewer} sees {shown:?} at the end, of whom some never spoke"
            );
        }
        assert_eq!(verdict.seats.len(), PEOPLE * (2 * PAIRS + SOUNDS), "nobody was asked for more seats");
        let agreed = verdict.told.iter().map(|&(at, _, _)| at).max();
        let is_quiet = agreed.is_some_and(|at| at < ms(ALL_THERE));
        assert!(is_quiet, "no association came or went after {ALL_THERE} ms: {agreed:?}");
    }
    assert_eq!(verdicts[0].seen, verdicts[1].seen, "people see the same on four workers as on one");
}

/// Seats for a picture and a sound each has.
const PAIRS: usize = 9;
/// Seats for a sound alone.
const SOUNDS: usize = 3;

/// Nobody who is seated before anybody has spoken.
fn speaker(turn: usize) -> usize {
    PEOPLE - 1 - 13 * turn
}

/// A room of two hundred with cameras and microphones, of whom one after another says something.
fn hall() -> Scenario {
    let little = Rate { bits_per_second: 16_000, pictures: 4 };
    let mut scenario =
        Scenario { turn: Duration::from_millis(1), gathering: Duration::ZERO, ..Scenario::simple(7) };
    let plan = PersonPlan {
        pairs: PAIRS,
        audio_seats: SOUNDS,
        rates: Some([little; 3]),
        transport_cc: false,
        ..good_plan(&scenario)
    };
    scenario.people = vec![plan; PEOPLE];
    let mute = |at, who, muted| (ms(at), Action::Mute { who, kind: Kind::Audio, muted });
    scenario.actions.clear();
    for who in 0..PEOPLE {
        let at = 20 * who as u64;
        scenario.actions.extend([(ms(at), Action::Join(who)), mute(at + 1, who, true)]);
    }
    for turn in 0..SPEAKERS {
        let from = ALL_THERE + 200 + TURN * turn as u64;
        scenario.actions.extend([mute(from, speaker(turn), false), mute(from + TURN, speaker(turn), true)]);
    }
    scenario.end = ms(ALL_THERE + 200 + TURN * SPEAKERS as u64 + 1_500);
    scenario
}

#[test]
fn signaling_is_told_which_layer_each_seat_is_sent_and_no_more_often_than_once_a_second() {
    for shards in [1, 2] {
        let mut scenario = Scenario::simple(7).quiet().spread_over(shards, MeshPlan::CALM);
        let plan = PersonPlan { layers: 3, ..good_plan(&scenario) };
        scenario.people = vec![plan; 2];
        let limit = |at, max_height| (ms(at), Action::Limit { who: 1, max_height });
        let lines =
            [limit(4_000, Some(200)), limit(8_000, Some(480)), limit(12_000, Some(0)), limit(14_000, None)];
        scenario.actions.extend(lines);
        scenario.actions.push((ms(18_000), Action::Mute { who: 0, kind: Kind::Video, muted: true }));
        scenario.end = ms(22_000);
        let verdict = judge(scenario);
        let told: Vec<_> = verdict.seating.layers.iter().filter(|told| told.viewer == 1).collect();
        let layer_at = |at| told.iter().rev().find(|told| told.at <= ms(at)).and_then(|told| told.layer);
        let encodings = [3_900, 7_900, 11_900, 13_900, 17_900, 21_900]
            .map(|at| layer_at(at).map(|layer: ShownLayer| layer.encoding));
        assert_eq!(encodings, [Some(2), Some(0), Some(1), None, Some(2), None], "{told:?}");
        for pair in told.windows(2) {
            assert!(pair[1].at.since(pair[0].at) >= Duration::from_millis(900), "{told:?}");
        }
    }
}

fn judge(mut scenario: Scenario) -> Verdict {
    scenario.actions.sort_by_key(|(at, _)| *at);
    let verdict = World::new(scenario).judge();
    assert!(verdict.violations.is_empty(), "{:#?}", verdict.violations);
    verdict
}

/// Somebody on a good network.
fn good_plan(scenario: &Scenario) -> PersonPlan {
    let link = LinkOptions::clean(Duration::from_millis(12));
    let plan = scenario.people[0].clone();
    PersonPlan {
        up: link,
        down: link,
        audio_seats: 0,
        video: Some(Codec::Vp8),
        rtx: true,
        red: false,
        ..plan
    }
}

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}
