//! Storms of handshakes beside calls, around a real shard in virtual time.

use std::time::Duration;
use volley::base::random::Random;
use volley::base::{Path, RoomId, SocketIndex, Time, WallClock};
use volley::control::types::{Codec, Reason, TransportState};
use volley::control::{Command, Event};
use volley::shard::counters::Drop;
use volley::shard::{Datagram, Shard, ShardConfig};
use volley::sim::ledger::Ledger;
use volley::sim::link::LinkOptions;
use volley::sim::outbox::{Sent, SimOutbox};
use volley::sim::peer::Observed;
use volley::sim::person::{Ids, Person};
use volley::sim::scenario::PersonPlan;
use volley::transport::dtls::Identity;

const TURN: Duration = Duration::from_millis(1);

/// What a shard may answer to between two looks at its sockets when no packets come.
const FLIGHTS_OF_AN_IDLE_TURN: usize = 1;

struct Member {
    person: Person,
    path: Path,
    connected: bool,
    media: u64,
}

/// A shard and those who talk to it. Datagrams take no time, but each waits for its turn.
struct House {
    shard: Shard,
    outbox: SimOutbox,
    members: Vec<Member>,
    ids: Ids,
    ledger: Ledger,
    random: Random,
    ended: Vec<(u64, Reason)>,
    now: Time,
}

/// What left the shard in one turn.
#[derive(Default)]
struct Turn {
    packets: usize,
    /// To whom DTLS spoke.
    answered: Vec<Path>,
}

impl House {
    fn new() -> House {
        let config = ShardConfig {
            identity: Identity::generate().expect("a P-256 key and its certificate can be made"),
            wall: WallClock::new(1_700_000_000_000_000_000),
            seed: 3,
            deterministic_dtls: true,
            max_transports: 1_000,
        };
        let mut house = House {
            shard: Shard::new(config),
            outbox: SimOutbox::default(),
            members: Vec::new(),
            ids: Ids::default(),
            ledger: Ledger::default(),
            random: Random::new(9),
            ended: Vec::new(),
            now: Time::from_millis(1),
        };
        house.shard.on_command(house.now, Command::OpenRoom { room: RoomId(1) }, &mut house.outbox);
        house.shard.on_command(house.now, Command::OpenRoom { room: RoomId(2) }, &mut house.outbox);
        house
    }

    /// Somebody comes from the address with this number.
    fn join(&mut self, room: usize, address: u16) -> usize {
        let (who, remote) = (self.members.len(), ([10, 0, 0, 1], address).into());
        let (person, commands) = Person::join(
            (who, &plan(room)),
            (0, remote),
            &mut self.ids,
            &mut self.ledger,
            &mut self.random,
            self.now,
        );
        for command in commands {
            self.shard.on_command(self.now, command, &mut self.outbox);
        }
        let path = Path { socket: SocketIndex(0), remote };
        self.members.push(Member { person, path, connected: false, media: 0 });
        who
    }

    /// A call of two that has begun.
    fn with_a_call() -> House {
        let mut house = House::new();
        house.join(0, 1);
        house.join(0, 2);
        house.run(1_000);
        assert!(house.members.iter().all(|member| member.connected && member.media > 0));
        house
    }

    fn run(&mut self, turns: usize) {
        for _ in 0..turns {
            let datagrams = self.outgoing();
            self.turn(&datagrams);
        }
    }

    /// What all peers have to say now.
    fn outgoing(&mut self) -> Vec<(Path, Vec<u8>)> {
        self.now += TURN;
        let mut datagrams = Vec::new();
        for Member { person, path, .. } in self.members.iter_mut().filter(|member| member.person.present) {
            if person.peer.next_deadline() <= self.now {
                person.peer.on_timeout(self.now);
            }
            datagrams.extend(person.peer.take_outgoing().into_iter().map(|bytes| (*path, bytes)));
        }
        datagrams
    }

    /// One turn of a worker's: timers, datagrams, departures.
    fn turn(&mut self, datagrams: &[(Path, Vec<u8>)]) -> Turn {
        if self.shard.next_deadline().is_some_and(|at| at <= self.now) {
            self.shard.on_timeout(self.now, &mut self.outbox);
        }
        for (path, bytes) in datagrams {
            let datagram = Datagram { path: *path, arrived: self.now, bytes };
            self.shard.on_datagram(self.now, datagram, &mut self.outbox);
        }
        self.shard.depart(self.now, &mut self.outbox);
        let sent = self.outbox.flush();
        let turn = Turn::of(&sent);
        sent.into_iter().for_each(|sent| self.deliver(sent));
        self.hear();
        turn
    }

    fn deliver(&mut self, sent: Sent) {
        let at_address = |member: &&mut Member| member.person.present && member.path == sent.path;
        let Some(member) = self.members.iter_mut().find(at_address) else { return };
        member.person.peer.on_datagram(self.now, &sent.bytes);
        for observed in member.person.peer.take_observed() {
            member.connected |= matches!(observed, Observed::Keys(_));
            member.media += u64::from(matches!(observed, Observed::Media(_)));
        }
    }

    fn hear(&mut self) {
        while let Some(event) = self.shard.poll_event() {
            if let Event::Transport { transport, state: TransportState::Ended { reason } } = event {
                self.ended.push((transport.0, reason));
            }
        }
    }

    /// Lets newcomers prove their paths, and gives what they then say in DTLS.
    fn hellos(&mut self, newcomers: &[usize]) -> Vec<(Path, Vec<u8>)> {
        let mut hellos = Vec::new();
        for _ in 0..100 {
            let (dtls, others): (Vec<_>, Vec<_>) =
                self.outgoing().into_iter().partition(|(_, bytes)| is_dtls(bytes));
            hellos.extend(dtls);
            self.turn(&others);
            let said = |who: &usize| hellos.iter().any(|(path, _)| *path == self.members[*who].path);
            if newcomers.iter().all(said) {
                return hellos;
            }
        }
        panic!("some of the newcomers say nothing");
    }

    fn dropped(&self, cause: Drop) -> u64 {
        self.shard.counters().dropped(cause)
    }
}

impl Turn {
    fn of(sent: &[Sent]) -> Turn {
        let mut turn = Turn::default();
        for sent in sent {
            if is_dtls(&sent.bytes) {
                turn.answered.push(sent.path);
            }
            turn.packets += usize::from((128..=191).contains(&sent.bytes[0]));
        }
        turn.answered.dedup();
        turn
    }
}

fn is_dtls(bytes: &[u8]) -> bool {
    (20..=63).contains(&bytes[0])
}

fn plan(room: usize) -> PersonPlan {
    PersonPlan {
        room,
        pairs: 1,
        audio_seats: 0,
        video: Some(Codec::Vp8),
        rtx: true,
        red: false,
        layers: 1,
        fec: false,
        rates: None,
        svc: None,
        remb: false,
        quiet: true,
        levels: true,
        announces_ssrcs: true,
        dtls_13: true,
        transport_cc: true,
        wrong_fingerprint: false,
        up: LinkOptions::clean(Duration::ZERO),
        down: LinkOptions::clean(Duration::ZERO),
    }
}

#[test]
fn a_storm_of_handshakes_is_worked_off_between_packets_a_little_at_a_time() {
    let mut house = House::with_a_call();
    let newcomers: Vec<usize> = (0..100).map(|n| house.join(1, 100 + n)).collect();
    let storm = house.hellos(&newcomers);
    let media_before = house.members[0].media;
    let first = house.turn(&storm);
    assert!(first.answered.is_empty(), "the hellos of all wait");
    let mut turns = 0;
    while !newcomers.iter().all(|&who| house.members[who].connected) {
        let datagrams = house.outgoing();
        let packets = datagrams.iter().filter(|(_, bytes)| bytes[0] >= 128).count();
        let turn = house.turn(&datagrams);
        assert!(
            turn.answered.len() <= FLIGHTS_OF_AN_IDLE_TURN + packets / 16 + 1,
            "{} handshakes went on between two looks at the sockets",
            turn.answered.len()
        );
        turns += 1;
        assert!(turns < 1_000, "all connect at last");
    }
    // Nobody waits to no purpose either: hello and finish are two flights each.
    assert!(turns <= 2 * newcomers.len() + 20, "it took {turns} turns");
    // 1 ms a turn; sound alone comes every 20 ms.
    assert!(house.members[0].media >= media_before + turns as u64 / 20, "the call went on");
    assert_eq!(house.dropped(Drop::DtlsFlood), 0);
}

#[test]
fn who_floods_with_hellos_loses_them_and_holds_up_neither_packets_nor_others() {
    let mut house = House::with_a_call();
    let (flooder, honest) = (house.join(1, 100), house.join(1, 101));
    let hellos = house.hellos(&[flooder, honest]);
    let path = house.members[flooder].path;
    let flood: Vec<_> = hellos.iter().filter(|(from, _)| *from == path).cycle().take(200).cloned().collect();
    let others: Vec<_> = hellos.into_iter().filter(|(from, _)| *from != path).collect();
    house.members[flooder].person.present = false;
    house.turn(&flood);
    assert_eq!(house.dropped(Drop::DtlsFlood), 200 - 32, "what is kept of one transport is bounded");
    house.turn(&others);
    let (media_before, mut turns) = (house.members[0].media, 0);
    while !house.members[honest].connected {
        let mut datagrams = flood.clone();
        datagrams.extend(house.outgoing());
        let turn = house.turn(&datagrams);
        assert!(turn.answered.len() <= 2, "one flight, and one that packets paid for");
        turns += 1;
        assert!(turns < 50, "a handshake goes on beside the flood");
    }
    for _ in 0..500 {
        let mut datagrams = flood.clone();
        datagrams.extend(house.outgoing());
        house.turn(&datagrams);
    }
    assert!(house.members[0].media > media_before + 20, "and so does the call");
}

#[test]
fn what_all_put_aside_is_bounded_and_forgotten_with_them() {
    let mut house = House::new();
    let newcomers: Vec<usize> = (0..150).map(|n| house.join(1, 100 + n)).collect();
    let hellos = house.hellos(&newcomers);
    let storm: Vec<_> = hellos.iter().cycle().take(hellos.len() * 40).cloned().collect();
    house.turn(&storm);
    let kept = storm.len() as u64 - house.dropped(Drop::DtlsFlood);
    assert_eq!(kept, 4_096);
    for &who in &newcomers {
        let participant = house.members[who].person.participant;
        house.shard.on_command(house.now, Command::Leave { participant }, &mut house.outbox);
        house.members[who].person.present = false;
    }
    let before = house.dropped(Drop::DtlsFlood);
    let next = house.join(1, 1);
    let hellos = house.hellos(&[next]);
    house.turn(&hellos);
    house.run(10);
    assert!(house.members[next].connected, "there is room again");
    assert_eq!(house.dropped(Drop::DtlsFlood), before);
}

#[test]
fn a_new_connection_from_an_address_in_use_takes_it_over_once_its_keys_are_agreed() {
    let mut house = House::with_a_call();
    // A page that was closed without a word, and another that has its port now.
    house.members[0].person.present = false;
    let (gone, new) = (house.members[0].person.transport, house.join(0, 1));
    house.run(60);
    assert!(house.members[new].connected, "it does not wait until the one before is silent");
    assert_eq!(house.ended, [(gone.0, Reason::ClosedByPeer)]);
    let before = house.members[new].media;
    house.run(500);
    assert!(house.members[new].media > before + 20, "media flows to it");
}

#[test]
fn a_claim_without_a_handshake_takes_nothing_away() {
    let mut house = House::with_a_call();
    // Its checks come with the address of somebody in a call; its DTLS never does.
    let forger = house.join(1, 1);
    let claim = |house: &mut House| {
        for _ in 0..500 {
            let mut datagrams = house.outgoing();
            datagrams.retain(|(path, bytes)| *path != house.members[0].path || !is_dtls(bytes));
            house.turn(&datagrams);
        }
    };
    claim(&mut house);
    assert!(house.ended.is_empty(), "{:?}", house.ended);
    assert!(!house.members[forger].connected);
    let before = [house.members[0].media, house.members[1].media];
    claim(&mut house);
    let after = [house.members[0].media, house.members[1].media];
    assert!(after[0] > before[0] + 20 && after[1] > before[1] + 20, "the call goes on");
}
