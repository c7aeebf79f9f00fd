//! All that a worker has, told anew to signaling that asks for it, however much that is.

use volley::base::random::Random;
use volley::base::{Time, TrackId, WallClock};
use volley::control::{Command, Event};
use volley::shard::{Shard, ShardConfig};
use volley::sim::ledger::Ledger;
use volley::sim::outbox::SimOutbox;
use volley::sim::person::{Ids, Person};
use volley::sim::scenario::{PersonPlan, Scenario};
use volley::transport::dtls::Identity;

/// Events that a shard keeps of all else.
const KEPT: usize = 16_384;
/// A page that shows as many as it can has so many pairs of seats …
const PAIRS: usize = 49;
/// … and so many people more than that together.
const PEOPLE: usize = 180;
const NOW: Time = Time::from_millis(1);

/// A shard with all of them, each in a room alone: so nobody is placed anew for anybody else.
fn full() -> Shard {
    let config = ShardConfig {
        identity: Identity::generate().expect("a P-256 key and its certificate can be made"),
        wall: WallClock::new(1_700_000_000_000_000_000),
        seed: 3,
        deterministic_dtls: true,
        max_transports: PEOPLE,
    };
    let mut shard = Shard::new(config);
    let (mut ids, mut ledger, mut random) = (Ids::default(), Ledger::default(), Random::new(9));
    for who in 0..PEOPLE {
        let plan = PersonPlan { room: who, pairs: PAIRS, ..Scenario::simple(1).people[0].clone() };
        let address = ([10, 0, 0, 1], 1_000 + who as u16).into();
        let (person, commands) =
            Person::join((who, &plan), (0, address), &mut ids, &mut ledger, &mut random, NOW);
        say(&mut shard, Command::OpenRoom { room: person.room });
        commands.into_iter().for_each(|command| say(&mut shard, command));
        told(&mut shard);
    }
    shard
}

fn say(shard: &mut Shard, command: Command) {
    shard.on_command(NOW, command, &mut SimOutbox::default());
}

/// Something that cannot be done, which is told.
fn mistake(shard: &mut Shard) {
    say(shard, Command::Unpublish { track: TrackId(u64::MAX) });
}

fn told(shard: &mut Shard) -> Vec<Event> {
    std::iter::from_fn(|| shard.poll_event()).collect()
}

fn count(told: &[Event], is_it: fn(&Event) -> bool) -> usize {
    told.iter().filter(|event| is_it(event)).count()
}

#[test]
fn a_full_worker_is_told_whole_and_nothing_is_lost_that_happens_before_anybody_reads_it() {
    let mut shard = full();
    let seats = shard.population().slots;
    assert!(seats > KEPT, "{seats}");
    say(&mut shard, Command::Resync { request: 7 });
    mistake(&mut shard);
    let told = told(&mut shard);
    assert_eq!(count(&told, |event| matches!(event, Event::Slot { .. })), seats);
    assert_eq!(count(&told, |event| matches!(event, Event::Transport { .. })), PEOPLE);
    let last = &told[told.len() - 2..];
    assert!(matches!(last, [Event::Answered { request: 7 }, Event::Refused { .. }]), "{last:?}");
}

#[test]
fn what_is_kept_of_all_else_is_bounded_with_an_answer_and_after_it() {
    let mut shard = full();
    say(&mut shard, Command::Resync { request: 7 });
    for _ in 0..2 {
        (0..KEPT + 5).for_each(|_| mistake(&mut shard));
        let told = told(&mut shard);
        assert_eq!(count(&told, |event| matches!(event, Event::Refused { .. })), KEPT);
        assert_eq!(told.last(), Some(&Event::Lost { events: 5 }));
    }
}
