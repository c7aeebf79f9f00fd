//! Hundreds of calls, each following from a seed, judged by the oracles.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use volley::base::{ParticipantId, TrackId};
use volley::sim::fault::{Fault, FaultKind};
use volley::sim::mesh::MeshPlan;
use volley::sim::oracle::Violation;
use volley::sim::scenario::{Action, Ports, Scenario};
use volley::sim::verdict::Verdict;
use volley::sim::world::World;

/// How many seeds a run of the tests tries.
const SEEDS: u64 = 200;

fn judge(scenario: &Scenario) -> Verdict {
    World::new(scenario.clone()).judge()
}

/// Seed and options first: whoever reads a failure begins there.
fn describe(scenario: &Scenario, violations: &[Violation]) -> String {
    let Scenario { seed, rooms, shards, turn, people, actions, .. } = scenario;
    let mut text = format!("seed {seed}: {rooms} rooms on {shards} shards, turns of {turn:?}\n");
    people.iter().enumerate().for_each(|(who, plan)| text += &format!("{who}: {plan:?}\n"));
    actions.iter().for_each(|(at, action)| text += &format!("{at:?} {action:?}\n"));
    for violation in violations {
        text += &format!("{:?} {}: {}\n", violation.at, violation.oracle, violation.what);
    }
    text
}

/// Runs `seeds` on all cores and returns what went wrong with the lowest of them.
fn first_failure(
    seeds: std::ops::Range<u64>,
    check: impl Fn(u64) -> Result<(), String> + Sync,
) -> Option<String> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || !failures.is_empty() {
                return failures;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| check(seed)));
            let outcome = outcome.unwrap_or_else(|_| Err(format!("seed {seed} panicked")));
            failures.extend(outcome.err().map(|what| (seed, what)));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<(u64, String)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("panics are caught")).collect()
    });
    let count = failures.len();
    failures.into_iter().min().map(|(_, what)| format!("{count} or more seeds fail; the first:\n{what}"))
}

/// The seeds to run: `VOLLEY_SIM_SEED=7` runs one, `VOLLEY_SIM_SEEDS=5000` runs more.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match number("VOLLEY_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("VOLLEY_SIM_SEEDS").unwrap_or(SEEDS),
    }
}

#[test]
fn every_seed_passes_every_oracle() {
    let failure = first_failure(seeds(), |seed| {
        let scenario = Scenario::from_seed(seed);
        let verdict = judge(&scenario);
        if verdict.violations.is_empty() { Ok(()) } else { Err(describe(&scenario, &verdict.violations)) }
    });
    if let Some(failure) = failure {
        panic!("{failure}");
    }
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    for seed in 0..8 {
        let scenario = Scenario::from_seed(seed);
        let (first, second) = (judge(&scenario), judge(&scenario));
        assert!(first.media_heard > 100, "seed {seed} heard next to nothing");
        assert_eq!((first.hash, first.drops), (second.hash, second.drops), "seed {seed}");
    }
    let others: Vec<u64> = (0..4).map(|seed| judge(&Scenario::from_seed(seed)).hash).collect();
    assert!(others.windows(2).all(|pair| pair[0] != pair[1]), "different seeds are different runs");
}

#[test]
fn one_shard_and_four_serve_the_same_people() {
    for seed in 100..116 {
        let one = judge(&Scenario::from_seed(seed).quiet().on_shards(1));
        let four = judge(&Scenario::from_seed(seed).quiet().on_shards(4));
        assert_eq!(one.seats, four.seats, "seed {seed}");
        assert_eq!(one.served, four.served, "seed {seed}");
    }
}

#[test]
fn a_room_on_four_shards_serves_the_same_people_as_on_one() {
    for seed in 200..216 {
        let mut scenario = Scenario::from_seed(seed);
        scenario.people.iter_mut().for_each(|plan| plan.pairs = scenario.rooms + 5);
        // Who has no budget for a picture in its first moments may never be sent it; when those are
        // depends on how long news takes between shards.
        scenario
            .actions
            .retain(|(_, action)| !matches!(action, Action::Budget { .. } | Action::Limit { .. }));
        let one = judge(&scenario.clone().on_shards(1));
        let four = judge(&scenario.clone().spread_over(4, MeshPlan::CALM));
        assert!(four.violations.is_empty(), "{}", describe(&scenario, &four.violations));
        assert_eq!(shown(&one), shown(&four), "seed {seed}");
        assert_eq!(served(&one), served(&four), "seed {seed}");
        assert!(four.crossed_in > 0, "seed {seed}");
    }
}

#[test]
fn people_behind_one_port_are_served_as_behind_one_for_each_shard() {
    for seed in 300..312 {
        let scenario = Scenario::from_seed(seed).quiet().on_shards(4);
        let apart = judge(&scenario);
        for ports in [Ports::OneSteered, Ports::OneHashed] {
            let together = judge(&scenario.clone().behind(ports));
            assert!(
                together.violations.is_empty(),
                "{ports:?} {}",
                describe(&scenario, &together.violations)
            );
            assert_eq!(shown(&apart), shown(&together), "seed {seed} {ports:?}");
            assert_eq!(served(&apart), served(&together), "seed {seed} {ports:?}");
            let is_hashed = ports == Ports::OneHashed;
            assert!(together.handed_checks > 0, "seed {seed} {ports:?}");
            // Once a check is answered the kernel knows whose the address is.
            assert_eq!(
                together.handed_others > 0,
                is_hashed,
                "seed {seed} {ports:?}: {}",
                together.handed_others
            );
        }
    }
}

#[test]
fn every_seed_passes_every_oracle_behind_one_port() {
    for ports in [Ports::OneSteered, Ports::OneHashed] {
        let failure = first_failure(400..424, |seed| {
            let scenario = Scenario::from_seed(seed).behind(ports);
            let scenario = if scenario.shards == 1 { scenario.on_shards(3) } else { scenario };
            let verdict = judge(&scenario);
            let what = || format!("{ports:?} {}", describe(&scenario, &verdict.violations));
            if verdict.violations.is_empty() { Ok(()) } else { Err(what()) }
        });
        if let Some(failure) = failure {
            panic!("{failure}");
        }
    }
}

/// Who was sent which of the tracks that are shown at the end. Of one that ended, whether its first key
/// frame came in time is the luck of packets.
fn served(verdict: &Verdict) -> Vec<(ParticipantId, Vec<TrackId>)> {
    let shown = shown(verdict);
    let lasting =
        |tracks: &BTreeSet<TrackId>| tracks.iter().filter(|track| shown.contains(track)).copied().collect();
    verdict.served.iter().map(|(who, tracks)| (*who, lasting(tracks))).collect()
}

/// Who is shown which tracks at the end, on whichever seats.
fn shown(verdict: &Verdict) -> Vec<TrackId> {
    let mut tracks: Vec<TrackId> = verdict.seats.values().copied().flatten().collect();
    tracks.sort_unstable();
    tracks
}

fn oracles_that_found(kind: FaultKind, scenario: Scenario) -> Vec<&'static str> {
    let mut world = World::new(scenario);
    world.plant(Fault::new(kind));
    world.judge().violations.iter().map(|violation| violation.oracle).collect()
}

#[test]
fn a_reused_srtp_index_is_found() {
    let found = oracles_that_found(FaultKind::ReusedIndex, Scenario::simple(1));
    assert!(found.contains(&"srtp-index"), "{found:?}");
}

#[test]
fn a_packet_into_the_wrong_room_is_found() {
    let found = oracles_that_found(FaultKind::WrongRoom, two_rooms(1));
    assert!(found.contains(&"rooms"), "{found:?}");
}

#[test]
fn a_call_on_a_good_network_loses_nothing() {
    let scenario = Scenario::simple(5);
    let verdict = judge(&scenario);
    assert!(verdict.violations.is_empty(), "{}", describe(&scenario, &verdict.violations));
    assert!(verdict.media_heard > 500, "{verdict:?}");
}

/// Two people in each of two rooms.
fn two_rooms(seed: u64) -> Scenario {
    let mut scenario = Scenario::simple(seed);
    let (people, actions) = (scenario.people.clone(), scenario.actions.clone());
    scenario.rooms = 2;
    for (mut plan, (at, _)) in people.into_iter().zip(actions) {
        plan.room = 1;
        scenario.people.push(plan);
        let who = scenario.people.len() - 1;
        scenario.actions.push((at, volley::sim::scenario::Action::Join(who)));
    }
    scenario
}
