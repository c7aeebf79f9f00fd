//! A room whose people are on two workers, each with a port of its own or both on one, end to end: the
//! real media and signaling processes as threads of this one, and the load's own peers, which check
//! every packet.

use super::crowd::Crowd;
use super::shape::Shape;
use crate::load::{LoadConfig, Snapshot};
use crate::volley::Volley;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use volley::control::channel::CounterView;
use volley::control::handover::{
    GatheringRange, IdentityDer, IoChoice, MediaHandover, SignalingHandover, SignalingWorker, WorkerFds,
};
use volley::control::records::Records;
use volley::control::types::{Fingerprint, FingerprintHash, PlayoutBounds};
use volley::control::{ChannelFds, connections};
use volley::io::{Sources, SteeringRefused, bind_media_group, bind_media_port, steer};
use volley::transport::dtls::Identity;
use volley::worker::page;
use volley_signaling::settings::Settings;

const WORKERS: usize = 2;
const PEOPLE: u32 = 5;
/// On a machine that is busy building something else.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the workers' sockets are bound to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    PerWorker,
    OneSteered,
    OneHashed,
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_receives_everybody_whatever_worker_they_are_on() {
    call_across(Ports::PerWorker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_one_port_the_kernel_brings_everything_to_its_worker() {
    call_across(Ports::OneSteered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_one_port_without_steering_datagrams_are_handed_on() {
    call_across(Ports::OneHashed).await;
}

async fn call_across(ports: Ports) {
    let Some(server) = Server::start(ports) else { return };
    let shape = Shape::meeting(PEOPLE, 300_000);
    let config = LoadConfig {
        core: None,
        addresses: vec![Ipv4Addr::LOCALHOST.into()],
        transports: shape.transports(PEOPLE),
        media: shape.media,
        io: volley::io::IoChoice::Auto,
        seed: 3,
    };
    let signaling = Arc::new(Volley::new(server.http, "across"));
    let mut crowd = Crowd::over(config, shape, signaling).expect("loopback has UDP");
    crowd.become_many(PEOPLE).await.expect("everybody connects");
    let streams = shape.size(PEOPLE).streams as usize;
    let snapshot = wait_for(&crowd, |snapshot| {
        snapshot.population.streams == streams && snapshot.total.packets() > 3_000
    })
    .await;
    let total = &snapshot.total;
    assert_eq!((total.lost(), total.foreign_room, total.echoes), (0, 0, 0));
    assert_eq!((total.not_authentic, total.replayed, total.malformed, total.failures), (0, 0, 0, 0));
    assert_eq!(total.first_frame.len(), u64::from(PEOPLE), "everybody sees a whole key frame");
    assert!(snapshot.problems.is_empty(), "{:?}", snapshot.problems);
    server.check_crossing().await;
    server.check_handing(ports);
    crowd.become_many(0).await.expect("everybody may leave");
    server.check_emptied().await;
}

async fn wait_for(crowd: &Crowd, is_there: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let start = Instant::now();
    loop {
        let snapshot = crowd.load().snapshot().expect("the load runs");
        if is_there(&snapshot) {
            return snapshot;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain: {snapshot:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Two workers and their signaling; rooms spread from the second person on.
pub(super) struct Server {
    pub(super) http: SocketAddr,
    pages: Vec<CounterView>,
    /// While this end is open, the media threads go on.
    _supervisor: UnixStream,
}

impl Server {
    /// `None`, with the reason printed, where the kernel does not steer for us.
    pub(super) fn start(ports: Ports) -> Option<Server> {
        let sockets = sockets(ports);
        let sources = match ports {
            Ports::OneSteered => match steered(&sockets) {
                Ok(sources) => Some(sources),
                Err(refused) => {
                    eprintln!("skipped: {refused}");
                    return None;
                }
            },
            Ports::PerWorker | Ports::OneHashed => None,
        };
        let identity = Identity::generate().expect("a key can be made");
        let fingerprint = Fingerprint {
            hash: FingerprintHash::Sha256,
            value: identity.fingerprint_sha256().into_iter().collect(),
        };
        let channels: Vec<_> = (0..WORKERS).map(|_| ChannelFds::create().expect("memory")).collect();
        let clone = |channel: &ChannelFds| channel.try_clone().expect("descriptors");
        let mut workers = Vec::new();
        let mut reached = Vec::new();
        for (channel, sockets) in channels.iter().zip(sockets) {
            let port = sockets[0].local_addr().expect("it is bound").port();
            let (accepts, connections) = connections::pair().expect("descriptors");
            workers.push(WorkerFds { channel: clone(channel), sockets, connections, tap: None });
            let candidates = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
            reached.push(SignalingWorker { channel: clone(channel), candidates, connections: accepts });
        }
        let (supervisor, child) = UnixStream::pair().expect("a pair of sockets");
        run_media(workers, sources, identity, child);
        let http = run_signaling(reached, fingerprint);
        let page = |channel| CounterView::attach(channel).expect("it is a channel");
        Some(Server { http, pages: channels.iter().map(page).collect(), _supervisor: supervisor })
    }

    fn figure(&self, worker: usize, name: &str) -> u64 {
        let place = page::names().find(|(_, known)| known == name).expect("the figure has this name").0;
        self.pages[worker].read()[place]
    }

    /// Every packet of a worker's people crosses to the other worker, and once: not once for each of
    /// those who receive it there.
    async fn check_crossing(&self) {
        let start = Instant::now();
        for worker in 0..WORKERS {
            while self.figure(worker, "crossed-out") == 0 {
                assert!(start.elapsed() < PATIENCE, "nothing crosses from worker {worker}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(self.figure(worker, "participants") >= 2, "they are spread");
            let (crossed, came) = (self.figure(worker, "crossed-out"), self.figure(worker, "packets-in"));
            // What came is read a moment later; what is replayed to who comes late crosses again.
            assert!(crossed <= came + 100, "{crossed} of {came} crossed");
            assert_eq!(self.figure(worker, "dropped-mesh-full"), 0);
        }
    }

    /// Nothing but checks comes to the wrong worker where the kernel steers; without, much does.
    fn check_handing(&self, ports: Ports) {
        let both = |name| (0..WORKERS).map(|worker| self.figure(worker, name)).sum::<u64>();
        let handed = both("handed-dtls") + both("handed-media");
        match ports {
            // Where nobody's address fell on the other worker, no check did either.
            Ports::OneHashed => assert_eq!(handed > 0, both("handed-checks") > 0),
            Ports::PerWorker | Ports::OneSteered => assert_eq!(handed, 0),
        }
        assert_eq!(both("steered") > 0, ports == Ports::OneSteered);
        assert_eq!(both("steering-failures"), 0);
    }

    /// The last one takes everything along, on both workers.
    pub(super) async fn check_emptied(&self) {
        let start = Instant::now();
        let left = || {
            let figures = ["rooms", "participants", "transports", "tracks", "remote-tracks", "slots"];
            let both = (0..WORKERS).flat_map(|worker| figures.map(|name| (worker, name)));
            let counted = both.map(|(worker, name)| (worker, name, self.figure(worker, name)));
            counted.filter(|(_, _, count)| *count > 0).collect::<Vec<_>>()
        };
        while !left().is_empty() {
            assert!(start.elapsed() < PATIENCE, "left behind: {:?}", left());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn sockets(ports: Ports) -> Vec<Vec<UdpSocket>> {
    match ports {
        Ports::PerWorker => (0..WORKERS).map(|_| bind_media_port(0).expect("a free port")).collect(),
        Ports::OneSteered | Ports::OneHashed => bind_media_group(0, WORKERS as u16).expect("a free port"),
    }
}

fn steered(sockets: &[Vec<UdpSocket>]) -> Result<OwnedFd, SteeringRefused> {
    let sources = Sources::create(WORKERS as u16)?;
    for family in 0..sockets[0].len() {
        steer(&sockets.iter().map(|worker| &worker[family]).collect::<Vec<_>>(), &sources)?;
    }
    Ok(sources.fd().try_clone_to_owned().expect("descriptors"))
}

fn run_media(workers: Vec<WorkerFds>, sources: Option<OwnedFd>, identity: Identity, child: UnixStream) {
    let handover = MediaHandover {
        workers,
        sources,
        io: IoChoice::Auto,
        gathering: GatheringRange { least: Duration::ZERO, most: Duration::ZERO },
        playout: PlayoutBounds { least: Duration::ZERO, most: Duration::from_secs(1) },
        identity: IdentityDer {
            certificate: identity.certificate().to_vec(),
            key: identity.key().to_vec().into(),
        },
        unix_nanos_at_zero: 1_700_000_000_000_000_000,
    };
    thread::spawn(move || volley::worker::run_media(handover, &child).expect("the workers can be set up"));
}

fn run_signaling(workers: Vec<SignalingWorker>, fingerprint: Fingerprint) -> SocketAddr {
    let http = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = http.local_addr().expect("it is bound");
    let records = Records::create(1 << 20).expect("memory");
    let handover = SignalingHandover {
        workers,
        media_start: 1,
        records: records.fd().as_fd().try_clone_to_owned().expect("a descriptor"),
        http,
        https: None,
        metrics: None,
        media: None,
        desk: None,
        tcp_candidates: vec![],
        fingerprint,
        settings: Settings { spread_rooms_over: 1, ..Settings::default() }.to_bytes(),
    };
    let (_never, updates) = tokio::sync::mpsc::channel(1);
    thread::spawn(move || volley_signaling::run(handover, updates).expect("signaling can be set up"));
    address
}
