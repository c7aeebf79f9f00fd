//! The whole load against a real shard on loopback, without signaling.

use super::secure::read_fingerprint;
use super::*;
use crate::signal::{Credentials, Kind, Publish, Receiving, Sending};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use volley::base::id::{PayloadType, Ssrc};
use volley::base::{
    Outbox, ParticipantId, Path, Push, RoomId, SlotId, StreamId, TrackId, TrainId, TransportId, WallClock,
};
use volley::control::message::{Command as ServerCommand, OpenSlot, OpenTransport, Publish as PublishTrack};
use volley::control::types::{
    Codec, CodecParameters, DtlsRole, Encoding, ExtensionIds, IceCredentials, Kind as ServerKind, Password,
    Source, SrtpProfile,
};
use volley::io::{Io, IoConfig, bind_media_socket};
use volley::shard::{Datagram, Shard, ShardConfig};

const OPUS: u8 = 111;
const VP8: u8 = 96;
const RTX: u8 = 97;
const MID: u8 = 4;

/// A call must be up and running well within this, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn everybody_in_two_rooms_receives_all_of_the_others_and_nothing_else() {
    let server = Server::start(0);
    let load = load(8, IoChoice::Auto);
    let sizes = [4, 2];
    join_rooms(&server, &load, &sizes);
    let streams = sizes.iter().map(|size| 2 * size * (size - 1)).sum::<u32>() as usize;
    let snapshot = wait_for(&load, |snapshot| {
        snapshot.population.streams == streams
            && snapshot.total.first_frame.len() == 6
            && snapshot.total.packets() > 2_000
    });
    let total = &snapshot.total;
    assert_eq!(snapshot.population.profiles, [(SrtpProfile::AeadAes128Gcm, 6)]);
    assert_eq!((snapshot.population.participants, snapshot.population.connected), (6, 6));
    assert_eq!((total.connects, total.connect.len(), total.failures), (6, 6, 0));
    assert_eq!((total.lost(), total.foreign_room, total.echoes), (0, 0, 0));
    assert_eq!((total.not_authentic, total.malformed, total.unstamped), (0, 0, 0));
    assert!(total.rtcp_received > 0 && total.rtcp_sent > 0);
    assert!(total.delay.len() > 1_000 && total.gaps.len() > 1_000);
    assert!(total.busy > Duration::ZERO && total.busy_share() < 1.0);
    assert!(snapshot.problems.is_empty(), "{:?}", snapshot.problems);
}

#[test]
fn what_is_lost_on_the_way_is_asked_for_and_comes_again() {
    let server = Server::start(25);
    let load = load(2, IoChoice::Epoll);
    join_rooms(&server, &load, &[2]);
    let snapshot = wait_for(&load, |snapshot| snapshot.total.video.retransmissions > 20);
    let video = snapshot.total.video;
    assert!(video.missing >= 20 && video.late >= 15, "{video:?}");
    assert!(video.lost() * 4 < video.missing, "{video:?}");
    assert!(snapshot.total.audio.lost() > 0, "lost sound stays lost: {:?}", snapshot.total.audio);
    assert_eq!(snapshot.total.not_authentic, 0);
}

#[test]
fn a_server_with_another_certificate_than_it_signalled_is_refused() {
    let server = Server::start(0);
    let load = load(1, IoChoice::Auto);
    let mut joining = server.admit(&load, Person { room: 0, number: 0 }, 1);
    joining.association.remote_fingerprint = load.fingerprint().to_owned();
    load.join(joining).expect("the load runs");
    let snapshot = wait_for(&load, |snapshot| snapshot.population.failed == 1);
    assert_eq!((snapshot.total.failures, snapshot.total.connects), (1, 0));
    assert!(snapshot.problems[0].contains("another certificate"), "{:?}", snapshot.problems);
}

#[test]
fn sockets_of_those_who_left_serve_those_who_come() {
    let server = Server::start(0);
    let load = load(2, IoChoice::Auto);
    for round in 0..3 {
        let people = [0, 1].map(|number| Person { room: round, number });
        for person in people {
            load.join(server.admit(&load, person, 2)).expect("the load runs");
        }
        wait_for(&load, |snapshot| snapshot.population.streams == 4);
        for person in people {
            load.leave(person).expect("the load runs");
            server.dismiss(person);
        }
        wait_for(&load, |snapshot| snapshot.population.participants == 0);
    }
    let total = load.snapshot().expect("the load runs").total;
    assert_eq!((total.connects, total.failures, total.foreign_room), (6, 0, 0));
    load.restart_totals().expect("the load runs");
    assert_eq!(load.snapshot().expect("the load runs").total.connects, 0);
}

#[test]
fn one_more_than_there_are_sockets_is_told_so() {
    let server = Server::start(0);
    let load = load(1, IoChoice::Auto);
    for number in 0..2 {
        load.join(server.admit(&load, Person { room: 0, number }, 2)).expect("the load runs");
    }
    let snapshot = wait_for(&load, |snapshot| snapshot.total.failures > 0);
    assert!(snapshot.problems[0].contains("all 1 sockets are in use"), "{:?}", snapshot.problems);
}

#[test]
fn a_load_without_an_address_does_not_start() {
    let config = LoadConfig { addresses: Vec::new(), ..config(1, IoChoice::Auto) };
    assert!(matches!(Load::new(config).err(), Some(LoadError::NoAddress)));
    let nobody: IpAddr = [192, 0, 2, 1].into();
    let config = LoadConfig { addresses: vec![nobody], ..self::config(1, IoChoice::Auto) };
    let error = Load::new(config).err().expect("this machine is not 192.0.2.1");
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}

fn config(transports: usize, io: IoChoice) -> LoadConfig {
    LoadConfig {
        core: None,
        addresses: vec![Ipv4Addr::LOCALHOST.into()],
        transports,
        media: MediaModel::default(),
        io,
        seed: 7,
    }
}

fn load(transports: usize, io: IoChoice) -> Load {
    Load::new(config(transports, io)).expect("loopback has UDP")
}

fn join_rooms(server: &Server, load: &Load, sizes: &[u32]) {
    for (room, &size) in sizes.iter().enumerate() {
        for number in 0..size {
            let person = Person { room: room as u32, number };
            load.join(server.admit(load, person, size)).expect("the load runs");
        }
    }
}

fn wait_for(load: &Load, is_there: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let start = Instant::now();
    loop {
        let snapshot = load.snapshot().expect("the load runs");
        if is_there(&snapshot) {
            return snapshot;
        }
        assert!(start.elapsed() < PATIENCE, "it did not come to that: {:?}", snapshot.population);
        thread::sleep(Duration::from_millis(20));
    }
}

/// A shard behind a socket, and the commands signaling would give it.
struct Server {
    address: SocketAddr,
    fingerprint: String,
    commands: Sender<ServerCommand>,
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that loses each `loses`th datagram it sends, after the handshakes; 0 for none.
    fn start(loses: usize) -> Server {
        let identity = Identity::generate().expect("a new identity");
        let fingerprint = fingerprint_text(&identity.fingerprint_sha256());
        let socket = bind_media_socket((Ipv4Addr::LOCALHOST, 0).into()).expect("loopback has UDP");
        let address = socket.local_addr().expect("it is bound");
        let (commands, inbox) = channel();
        let stops = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stops = Arc::clone(&stops);
            move || serve(socket, identity, loses, &inbox, &stops)
        });
        Server { address, fingerprint, commands, stops, thread: Some(thread) }
    }

    fn command(&self, command: ServerCommand) {
        self.commands.send(command).expect("the server runs");
    }

    /// What signaling does for a join.
    fn admit(&self, load: &Load, person: Person, room_size: u32) -> Joining {
        let id = u64::from(person.room) << 16 | u64::from(person.number) << 8 | 1 << 40;
        let (room, participant) = (RoomId(1 + u64::from(person.room)), ParticipantId(id));
        let transport = TransportId(id);
        let ours = credentials(&format!("server{id}"));
        let theirs = credentials(&format!("load{id}"));
        self.command(ServerCommand::OpenRoom { room });
        self.command(ServerCommand::Join { room, participant });
        self.command(ServerCommand::OpenTransport(Box::new(OpenTransport {
            participant,
            transport,
            local: in_server(&ours),
            remote: in_server(&theirs),
            fingerprint: read_fingerprint(load.fingerprint()).expect("the load's own"),
            role: DtlsRole::Server,
            cname: "server".try_into().expect("it is short"),
        })));
        let sends = publishes(id as u32);
        for (number, sending) in sends.iter().enumerate() {
            self.command(publish(transport, id + number as u64, sending));
        }
        for seat in 0..2 * (room_size as u64 - 1) {
            self.command(open_slot(transport, id + seat));
        }
        let association = Association {
            person,
            local: theirs,
            remote: ours,
            remote_address: self.address,
            remote_fingerprint: self.fingerprint.clone(),
            controlling: true,
            sends,
            receives: Some(Receiving { opus: OPUS, vp8: VP8, rtx: Some(RTX), transport_cc: None }),
        };
        Joining { association, media: None, since: Load::now() }
    }

    fn dismiss(&self, person: Person) {
        let id = u64::from(person.room) << 16 | u64::from(person.number) << 8 | 1 << 40;
        self.command(ServerCommand::Leave { participant: ParticipantId(id) });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    socket: std::net::UdpSocket,
    identity: Identity,
    loses: usize,
    commands: &Receiver<ServerCommand>,
    stops: &AtomicBool,
) {
    let clock = Clock::new();
    let mut io = Io::new(IoChoice::Auto, vec![socket], &[] as &[OwnedFd], &IoConfig::default())
        .expect("one of the back ends works");
    let mut shard = Shard::new(ShardConfig {
        identity,
        wall: WallClock::new(1_700_000_000_000_000_000),
        seed: 3,
        deterministic_dtls: false,
        max_transports: 100,
    });
    let mut lost = 0;
    while !stops.load(Ordering::Relaxed) {
        while let Ok(command) = commands.try_recv() {
            shard.on_command(clock.now(), command, io.trains());
        }
        let now = clock.now();
        shard.on_timeout(now, &mut Lossy { out: io.trains(), loses, lost: &mut lost });
        io.receive(|datagram, out| {
            let mut wire = Lossy { out, loses, lost: &mut lost };
            let datagram = Datagram { path: datagram.path, arrived: now, bytes: datagram.bytes };
            shard.on_datagram(now, datagram, &mut wire);
        });
        shard.depart(clock.now(), &mut Lossy { out: io.trains(), loses, lost: &mut lost });
        while shard.poll_event().is_some() {}
        io.flush_and_wait(Some(Duration::from_millis(2))).expect("the socket works");
    }
}

/// Loses some of the RTP that goes through it.
struct Lossy<'a, O> {
    out: &'a mut O,
    loses: usize,
    lost: &'a mut usize,
}

impl<O: Outbox> Outbox for Lossy<'_, O> {
    fn push(
        &mut self,
        train: TrainId,
        path: &Path,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Push {
        let mut datagram = vec![0; capacity];
        let Some(len) = fill(&mut datagram) else { return Push::RolledBack };
        if datagram[0] >> 6 == 2 {
            *self.lost += 1;
            if self.loses > 0 && self.lost.is_multiple_of(self.loses) {
                return Push::Committed;
            }
        }
        self.out.push(train, path, len, |out| {
            out.copy_from_slice(&datagram[..len]);
            Some(len)
        })
    }
}

fn credentials(name: &str) -> Credentials {
    Credentials { ufrag: name.to_owned(), password: format!("{name}-and-22-letters-more") }
}

fn in_server(credentials: &Credentials) -> IceCredentials {
    IceCredentials {
        ufrag: credentials.ufrag.as_str().try_into().expect("it is short"),
        password: Password::new(credentials.password.as_bytes()).expect("it is short"),
    }
}

fn publishes(base: u32) -> Vec<Sending> {
    let sending = |publish: Publish, payload_type, rtx_payload_type, mid: &str| Sending {
        publish,
        payload_type,
        rtx_payload_type,
        mid: Some((MID, mid.to_owned())),
        transport_cc: None,
        audio_level: None,
        rids: None,
    };
    let sound = Publish { kind: Kind::Audio, layer: None, ssrc: base | 1, rtx_ssrc: None };
    let picture = Publish { kind: Kind::Video, layer: None, ssrc: base | 2, rtx_ssrc: Some(base | 4) };
    vec![sending(sound, OPUS, None, "0"), sending(picture, VP8, Some(RTX), "1")]
}

fn codec(kind: ServerKind) -> CodecParameters {
    let (codec, payload_type, rtx, clock_rate) = match kind {
        ServerKind::Audio => (Codec::Opus, OPUS, None, 48_000),
        ServerKind::Video => (Codec::Vp8, VP8, Some(PayloadType(RTX)), 90_000),
    };
    let video = kind == ServerKind::Video;
    CodecParameters {
        codec,
        format: 0,
        payload_type: PayloadType(payload_type),
        rtx,
        red: None,
        clock_rate,
        nack: video,
        pli: video,
        fir: video,
        transport_cc: false,
    }
}

fn publish(transport: TransportId, track: u64, sending: &Sending) -> ServerCommand {
    let (kind, source, mid) = match sending.publish.kind {
        Kind::Audio => (ServerKind::Audio, Source::Microphone, "0"),
        Kind::Video => (ServerKind::Video, Source::Camera, "1"),
    };
    let encoding = Encoding {
        ssrc: Some(Ssrc(sending.publish.ssrc)),
        rtx_ssrc: sending.publish.rtx_ssrc.map(Ssrc),
        rid: None,
    };
    ServerCommand::Publish(Box::new(PublishTrack {
        transport,
        correction: None,
        track: TrackId(track),
        stream: StreamId(1),
        kind,
        source,
        mid: mid.try_into().expect("it is short"),
        muted: false,
        encodings: [encoding].into_iter().collect(),
        codecs: [codec(kind)].into_iter().collect(),
        extensions: ExtensionIds { mid: Some(MID), ..ExtensionIds::default() },
    }))
}

/// Even seats are for sound, odd ones for the picture beside it.
fn open_slot(transport: TransportId, slot: u64) -> ServerCommand {
    let kind = if slot.is_multiple_of(2) { ServerKind::Audio } else { ServerKind::Video };
    let ssrc = (slot as u32) << 4;
    ServerCommand::OpenSlot(Box::new(OpenSlot {
        transport,
        slot: SlotId(slot),
        stream: StreamId(100 + slot / 2),
        kind,
        mid: format!("{}", slot % 256).as_str().try_into().expect("it is short"),
        ssrc: Ssrc(ssrc | 0x8000_0000),
        rtx_ssrc: (kind == ServerKind::Video).then_some(Ssrc(ssrc | 0x8000_0001)),
        codecs: [codec(kind)].into_iter().collect(),
        extensions: ExtensionIds { mid: Some(MID), ..ExtensionIds::default() },
    }))
}
