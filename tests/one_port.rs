//! Two shards behind one port, and what strangers can do with what passes between them.

use std::net::{Ipv4Addr, SocketAddr};
use volley::base::{ParticipantId, Path, RoomId, SocketIndex, Time, TransportId, WallClock, WorkerId};
use volley::control::Command;
use volley::control::message::OpenTransport;
use volley::control::types::{DtlsRole, Fingerprint, FingerprintHash, IceCredentials, Password};
use volley::shard::counters::Drop;
use volley::shard::{Datagram, MeshBatch, Shard, ShardConfig, Steer};
use volley::sim::outbox::SimOutbox;
use volley::transport::dtls::Identity;
use volley::wire::stun::{Class, StunWriter, attribute};

/// What comes within a second, and for how many seconds.
const FLOOD_PER_SECOND: u64 = 20_000;
const SECONDS: u64 = 2;
/// A thousand at once and 5,000 a second.
const MOST_HANDED: u64 = 1_000 + 5_000 * SECONDS;

#[test]
fn a_flood_of_forged_checks_is_handed_on_at_a_bounded_rate_and_answered_by_nobody() {
    let mut pair = Pair::new();
    let other = WorkerId(1).name();
    for number in 0..FLOOD_PER_SECOND * SECONDS {
        let at = Time::from_nanos(1_000_000_000 + number * (1_000_000_000 / FLOOD_PER_SECOND));
        pair.come(at, stranger(number), &forged(&other));
    }
    let [first, second] = &pair.shards;
    let handed = first.counters().handed_checks;
    assert!((MOST_HANDED - 100..=MOST_HANDED + 100).contains(&handed), "{handed}");
    assert_eq!(first.counters().dropped(Drop::CheckFlood), FLOOD_PER_SECOND * SECONDS - handed);
    assert_eq!(second.counters().handed_in, handed);
    assert_eq!(second.counters().dropped(Drop::UnknownUfrag), handed, "what nobody knows ends there");
    assert_eq!((pair.sent, pair.news()), (0, vec![]), "nobody answers, and nobody's address is noted");
}

#[test]
fn what_names_nobody_or_nobody_else_is_not_handed_on() {
    let mut pair = Pair::new();
    let names: [&[u8]; 6] =
        [&WorkerId(0).name(), &WorkerId(2).name(), &WorkerId(4_095).name(), b"aaa", b"", b"AA"];
    for (number, name) in (0..).zip(names) {
        pair.come(Time::from_millis(1_000), stranger(number), &forged(name));
    }
    assert_eq!(pair.shards[0].counters().handed_checks, 0);
    assert_eq!(pair.shards[0].counters().dropped(Drop::UnknownUfrag), names.len() as u64);
}

#[test]
fn what_is_no_check_of_a_strangers_goes_nowhere() {
    let mut pair = Pair::new();
    let mut long = forged(&WorkerId(1).name());
    long.resize(1_200, 0);
    let body = (long.len() - 20) as u16;
    long[2..4].copy_from_slice(&body.to_be_bytes());
    let datagrams: [&[u8]; 4] = [&[22; 200], &[0x80; 200], &[0xff; 20], &long];
    for (number, bytes) in (0..).zip(datagrams) {
        pair.come(Time::from_millis(1_000), stranger(number), bytes);
    }
    let counters = pair.shards[0].counters();
    assert_eq!((counters.handed_checks, counters.handed_dtls, counters.handed_media), (0, 0, 0));
    assert_eq!(counters.dropped(Drop::UnknownAddress), 2);
    assert_eq!(counters.dropped(Drop::UnknownProtocol), 1);
    assert!(counters.dropped(Drop::CheckFlood) + counters.dropped(Drop::BadStun) == 1, "it is too long");
}

#[test]
fn a_check_finds_its_worker_and_what_follows_is_handed_on_until_the_transport_ends() {
    let mut pair = Pair::new();
    pair.open(1, 7);
    let peer = stranger(1);
    pair.come(Time::from_millis(1_000), peer, &check_of(1, 7, 1));
    assert_eq!((pair.sent, pair.news()), (1, vec![(1, Steer::Here(peer))]), "answered by whose it is");
    pair.come(Time::from_millis(1_100), peer, &[22; 200]);
    pair.come(Time::from_millis(1_100), peer, &[0x80; 200]);
    let counters = pair.shards[0].counters();
    assert_eq!((counters.handed_checks, counters.handed_dtls, counters.handed_media), (1, 1, 1));
    assert_eq!(pair.shards[1].counters().handed_in, 3);
    pair.command(1, Command::CloseTransport { transport: TransportId(7) });
    assert_eq!(pair.news(), [(1, Steer::Gone(peer))]);
    pair.come(Time::from_millis(1_200), peer, &[0x80; 200]);
    assert_eq!(pair.shards[0].counters().dropped(Drop::UnknownAddress), 1, "it is nobody's");
}

#[test]
fn an_address_that_a_call_uses_is_not_given_to_another_worker_before_it_is_silent() {
    let mut pair = Pair::new();
    pair.open(0, 6);
    pair.open(1, 7);
    let shared = stranger(1);
    pair.come(Time::from_millis(1_000), shared, &check_of(0, 6, 1));
    assert_eq!(pair.news(), [(0, Steer::Here(shared))]);
    pair.come(Time::from_millis(1_500), shared, &check_of(1, 7, 2));
    assert_eq!((pair.sent, pair.news()), (2, vec![]), "it is answered, and claims nothing");
    pair.come(Time::from_millis(4_000), shared, &check_of(1, 7, 3));
    assert_eq!(pair.news(), [(0, Steer::Gone(shared)), (1, Steer::Here(shared))]);
    pair.come(Time::from_millis(4_100), shared, &[0x80; 200]);
    assert_eq!(pair.shards[0].counters().handed_media, 1, "it is the other's now");
}

#[test]
fn what_nobody_knows_any_more_is_handed_on_once_and_then_not_again() {
    let mut pair = Pair::new();
    pair.open(1, 7);
    let peer = stranger(1);
    pair.come(Time::from_millis(1_000), peer, &check_of(1, 7, 1));
    // A worker that begins anew does not know through whom its people came.
    pair.shards[1] = shard(&pair.identity, 1);
    for _ in 0..3 {
        pair.come(Time::from_millis(1_100), peer, &[0x80; 200]);
    }
    assert_eq!(pair.shards[0].counters().handed_media, 1);
    assert_eq!(pair.shards[0].counters().dropped(Drop::UnknownAddress), 2);
}

/// Two shards of one mesh. Everything comes to the first.
struct Pair {
    identity: Identity,
    shards: [Shard; 2],
    outbox: SimOutbox,
    /// Datagrams that left.
    sent: usize,
    steered: Vec<(usize, Steer)>,
    now: Time,
}

impl Pair {
    fn new() -> Pair {
        let identity = Identity::generate().expect("a key can be made");
        let shards = [0, 1].map(|number| shard(&identity, number));
        let outbox = SimOutbox::default();
        Pair { identity, shards, outbox, sent: 0, steered: Vec::new(), now: Time::ZERO }
    }

    /// Opens a transport in a room of its own.
    fn open(&mut self, shard: usize, transport: u64) {
        let (room, participant) = (RoomId(transport), ParticipantId(transport));
        let fingerprint = Fingerprint { hash: FingerprintHash::Sha256, value: [9; 32].into_iter().collect() };
        let open = OpenTransport {
            participant,
            transport: TransportId(transport),
            local: credentials(&fragment(shard, transport)),
            remote: credentials(THEIRS),
            fingerprint,
            role: DtlsRole::Server,
            cname: "nobody".try_into().expect("it is short"),
        };
        self.command(shard, Command::OpenRoom { room });
        self.command(shard, Command::Join { room, participant });
        self.command(shard, Command::OpenTransport(Box::new(open)));
    }

    fn command(&mut self, shard: usize, command: Command) {
        self.shards[shard].on_command(self.now, command, &mut self.outbox);
        self.end_turn();
    }

    /// A datagram comes, and all turns end that follow from it.
    fn come(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        self.now = now;
        let path = Path { socket: SocketIndex(0), remote: from };
        self.shards[0].on_datagram(now, Datagram { path, arrived: now, bytes }, &mut self.outbox);
        self.end_turn();
    }

    fn end_turn(&mut self) {
        while self.shards.iter().any(Shard::has_crossing) {
            for (from, to) in [(0, 1), (1, 0)] {
                let mut crossing = MeshBatch::default();
                self.shards[from].cross(self.now, |_, batch| crossing = std::mem::take(batch));
                self.shards[to].on_mesh(self.now, WorkerId(from as u16), &mut crossing, &mut self.outbox);
            }
        }
        self.sent += self.outbox.flush().len();
        for (number, shard) in self.shards.iter_mut().enumerate() {
            self.steered.extend(shard.steering().map(|news| (number, news)));
        }
    }

    /// What the shards have told of addresses since the last call.
    fn news(&mut self) -> Vec<(usize, Steer)> {
        std::mem::take(&mut self.steered)
    }
}

fn shard(identity: &Identity, number: u16) -> Shard {
    let mut shard = Shard::new(ShardConfig {
        identity: identity.clone(),
        wall: WallClock::new(1_700_000_000_000_000_000),
        seed: number.into(),
        deterministic_dtls: true,
        max_transports: 16,
    });
    shard.join_mesh(WorkerId(number), 2);
    shard
}

const THEIRS: &str = "them";
const PASSWORD: &[u8] = b"a password of 24 letters";

fn fragment(shard: usize, transport: u64) -> String {
    let name = WorkerId(shard as u16).name();
    format!("{}{transport:05}", str::from_utf8(&name).expect("letters"))
}

fn credentials(ufrag: &str) -> IceCredentials {
    let password = Password::new(PASSWORD).expect("it is short");
    IceCredentials { ufrag: ufrag.try_into().expect("it is short"), password }
}

fn stranger(number: u64) -> SocketAddr {
    (Ipv4Addr::from_bits(0x0b00_0000 + number as u32), 40_000).into()
}

/// A check of a transport's peer.
fn check_of(shard: usize, transport: u64, number: u8) -> Vec<u8> {
    let username = format!("{}:{THEIRS}", fragment(shard, transport));
    request(username.as_bytes(), PASSWORD, number)
}

/// A check whose user fragment begins so, made without the password.
fn forged(name: &[u8]) -> Vec<u8> {
    request(&[name, b"forged:them"].concat(), b"a password that is guessed", 0)
}

fn request(username: &[u8], password: &[u8], number: u8) -> Vec<u8> {
    let mut buffer = [0; 256];
    let writer = StunWriter::new(&mut buffer, Class::Request, &[number; 12]);
    let writer = writer.attribute(attribute::USERNAME, username).integrity(password);
    let len = writer.fingerprint().expect("it fits");
    buffer[..len].to_vec()
}
