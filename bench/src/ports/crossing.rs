//! What it costs to hand a datagram to the worker it is for, where it came to another one.
//!
//! Two shards, each on a thread and so on a core of its own, do what theirs is of it: the first knows whose
//! the address is and puts the datagram into a batch, the second takes it from there. What the second then
//! does with it, it would do with one of its own as well; that is measured beside it and taken off. Taking
//! it from the kernel is not in it, for that is done once either way. Knows of no socket.

use anyhow::Context as _;
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use volley::base::{ParticipantId, Path, RoomId, SocketIndex, Time, TransportId, WallClock, WorkerId};
use volley::control::Command;
use volley::control::message::OpenTransport;
use volley::control::types::{DtlsRole, Fingerprint, FingerprintHash, IceCredentials, Password};
use volley::shard::{Datagram, MeshBatch, Shard, ShardConfig};
use volley::sim::outbox::SimOutbox;
use volley::transport::dtls::Identity;
use volley::wire::stun::{Class, StunWriter, attribute};

/// Of one turn: what a worker that has something to do finds at once.
const TURN: u32 = 16;
/// Turns of one round: some milliseconds.
const TURNS: u32 = 256;
/// A packet of a picture.
const BYTES: usize = 1_200;
/// The one that the datagrams are for, and the one that they come to.
const OWNER: WorkerId = WorkerId(1);
const OTHER: WorkerId = WorkerId(0);
const NOW: Time = Time::from_millis(1_000);
const THEIRS: &str = "them";
const PASSWORD: &[u8] = b"a password of 24 letters";

/// What a datagram takes of cores.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Crossing {
    /// Datagrams that cross together.
    pub(crate) together: u32,
    /// The length of each.
    pub(crate) bytes: u32,
    /// Of the worker that it came to.
    pub(crate) handing_nanos: f64,
    /// Of the worker it is for, beyond one that came to it.
    pub(crate) taking_nanos: f64,
}

/// What comes back of a batch: itself, emptied; what the owner tells; and how long it took.
type Answer = (MeshBatch, MeshBatch, Duration);

/// Measures, `rounds` times; the quickest counts.
///
/// # Errors
/// When there is no thread or no key.
pub(super) fn measure(rounds: u32) -> anyhow::Result<Crossing> {
    let [handed, answered] = [Identity::generate(), Identity::generate()].map(|made| made.context("no key"));
    let (mut own, identity) = (shard(handed?, OTHER), answered?);
    let (batches, taken) = sync_channel::<MeshBatch>(1);
    let (answers, answered) = sync_channel::<Answer>(1);
    thread::scope(|scope| {
        let owner = thread::Builder::new().name(String::from("owner"));
        owner.spawn_scoped(scope, move || own_them(identity, &taken, &answers)).context("no thread")?;
        let mut outbox = SimOutbox::default();
        let mut ends = (batches, answered);
        turn(&mut own, &mut outbox, &mut ends, &check(), 1)?;
        let mut best = (Duration::MAX, Duration::MAX);
        for _ in 0..rounds {
            let mut round = (Duration::ZERO, Duration::ZERO);
            for _ in 0..TURNS {
                let (handing, taking) = turn(&mut own, &mut outbox, &mut ends, &media(), TURN)?;
                round = (round.0 + handing, round.1 + taking);
            }
            best = (best.0.min(round.0), best.1.min(round.1));
        }
        let each = |took: Duration| took.as_secs_f64() * 1e9 / f64::from(TURN * TURNS);
        let taking_nanos = each(best.1) - each(directly(rounds)?);
        anyhow::Ok(Crossing {
            together: TURN,
            bytes: BYTES as u32,
            handing_nanos: each(best.0),
            taking_nanos,
        })
    })
}

/// One turn of the worker that datagrams come to: how long it took, and how long that of the owner.
fn turn(
    own: &mut Shard,
    outbox: &mut SimOutbox,
    (batches, answers): &mut (SyncSender<MeshBatch>, Receiver<Answer>),
    bytes: &[u8],
    count: u32,
) -> anyhow::Result<(Duration, Duration)> {
    let began = Instant::now();
    for _ in 0..count {
        own.on_datagram(NOW, datagram(bytes), outbox);
    }
    let mut sent = None;
    own.cross(NOW, |_, batch| sent = Some(batches.send(std::mem::take(batch)).is_ok()));
    let handing = began.elapsed();
    anyhow::ensure!(sent == Some(true), "nothing crosses, or the owner is gone");
    let (_, mut told, taking) = answers.recv().context("the owner is gone")?;
    own.on_mesh(NOW, OWNER, &mut told, outbox);
    Ok((handing, taking))
}

/// The owner's turns, until nobody hands it anything any more.
fn own_them(identity: Identity, batches: &Receiver<MeshBatch>, answers: &SyncSender<Answer>) {
    let mut shard = owner(identity);
    let mut outbox = SimOutbox::default();
    while let Ok(mut batch) = batches.recv() {
        let began = Instant::now();
        shard.on_mesh(NOW, OTHER, &mut batch, &mut outbox);
        let took = began.elapsed();
        let mut told = MeshBatch::default();
        shard.cross(NOW, |_, batch| told = std::mem::take(batch));
        outbox.flush();
        if answers.send((batch, told, took)).is_err() {
            return;
        }
    }
}

/// The owner's part in as many that come to it at once.
fn directly(rounds: u32) -> anyhow::Result<Duration> {
    let mut shard = owner(Identity::generate().context("no key")?);
    let mut outbox = SimOutbox::default();
    shard.on_datagram(NOW, datagram(&check()), &mut outbox);
    let media = media();
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let began = Instant::now();
        for _ in 0..TURN * TURNS {
            shard.on_datagram(NOW, datagram(&media), &mut outbox);
        }
        best = best.min(began.elapsed());
    }
    Ok(best)
}

/// The worker that has the call.
fn owner(identity: Identity) -> Shard {
    let mut shard = shard(identity, OWNER);
    let mut outbox = SimOutbox::default();
    let (room, participant) = (RoomId(1), ParticipantId(1));
    let open = OpenTransport {
        participant,
        transport: TransportId(1),
        local: credentials(&fragment()),
        remote: credentials(THEIRS),
        fingerprint: Fingerprint { hash: FingerprintHash::Sha256, value: [9; 32].into_iter().collect() },
        role: DtlsRole::Server,
        cname: "nobody".try_into().expect("it is short"),
    };
    let commands = [
        Command::OpenRoom { room },
        Command::Join { room, participant },
        Command::OpenTransport(Box::new(open)),
    ];
    commands.into_iter().for_each(|command| shard.on_command(NOW, command, &mut outbox));
    shard
}

fn shard(identity: Identity, number: WorkerId) -> Shard {
    let mut shard = Shard::new(ShardConfig {
        identity,
        wall: WallClock::new(1_700_000_000_000_000_000),
        seed: number.0.into(),
        deterministic_dtls: false,
        max_transports: 16,
    });
    shard.join_mesh(number, 2);
    shard
}

fn datagram(bytes: &[u8]) -> Datagram<'_> {
    let remote = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 40_000));
    Datagram { path: Path { socket: SocketIndex(0), remote }, arrived: NOW, bytes }
}

/// What looks like SRTP, of a transport that has no keys yet: nothing more is done with it.
fn media() -> [u8; BYTES] {
    [0x80; BYTES]
}

/// By which the owner learns whose the address is, and tells the other.
fn check() -> Vec<u8> {
    let mut buffer = [0; 256];
    let username = format!("{}:{THEIRS}", fragment());
    let writer = StunWriter::new(&mut buffer, Class::Request, &[1; 12]);
    let writer = writer.attribute(attribute::USERNAME, username.as_bytes()).integrity(PASSWORD);
    let len = writer.fingerprint().expect("it fits");
    buffer[..len].to_vec()
}

fn fragment() -> String {
    format!("{}00001", OWNER.name().map(char::from).iter().collect::<String>())
}

fn credentials(ufrag: &str) -> IceCredentials {
    let password = Password::new(PASSWORD).expect("it is short");
    IceCredentials { ufrag: ufrag.try_into().expect("it is short"), password }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_comes_to_the_other_worker_crosses_and_is_told_from_what_would_not() {
        let identity = Identity::generate().expect("a key can be made");
        let mut own = shard(identity.clone(), OTHER);
        let mut owner = owner(identity);
        let mut outbox = SimOutbox::default();
        for bytes in [check(), media().to_vec(), media().to_vec()] {
            own.on_datagram(NOW, datagram(&bytes), &mut outbox);
            own.cross(NOW, |_, batch| owner.on_mesh(NOW, OTHER, batch, &mut SimOutbox::default()));
            owner.cross(NOW, |_, batch| own.on_mesh(NOW, OWNER, batch, &mut SimOutbox::default()));
        }
        assert_eq!((own.counters().handed_checks, own.counters().handed_media), (1, 2));
        assert_eq!(owner.counters().handed_in, 3);
    }

    #[test]
    fn a_crossing_takes_time_of_both() {
        let crossing = measure(2).expect("there are threads");
        assert!(crossing.handing_nanos > 0.0 && crossing.taking_nanos.is_finite(), "{crossing:?}");
    }
}
