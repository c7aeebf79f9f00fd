//! The supervisor: owns what must outlive its children, and keeps both running.
//!
//! It owns the ports, what steers datagrams among them, signaling's records and the certificate. When signaling dies it is started
//! again on the same channels; the media process does not notice. When the media process dies all
//! its transports are gone, and what signaling believes of them is wrong: both start anew, on new
//! channels, with the next `media_start` number to tell signaling so. It parses nothing and serves
//! nobody, so that it has no reason to die.

use crate::config::Config;
use crate::flags::{Flags, Role};
use crate::process::{Change, Process};
use crate::recording::{self, Recording};
use crate::service::Service;
use crate::steering::Steering;
use crate::tls::Certificate;
use crate::{addresses, identity, privileges, sockets};
use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use sockets::MediaPort;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use volley::control::handover::{IdentityDer, MediaHandover, SignalingHandover, SignalingWorker, WorkerFds};
use volley::control::records::{DEFAULT_BYTES, Records};
use volley::control::types::Fingerprint;
use volley::control::{ChannelFds, connections};
use volley_signaling::access;
use volley_signaling::settings::Settings;

/// Everything must be gone two seconds after SIGTERM; the rest is for the kernel.
const STOP_TIME: Duration = Duration::from_millis(1500);
/// Of that, so much is signaling's: to tell every page goodbye, and close its socket.
const GOODBYE_TIME: Duration = Duration::from_millis(1200);
/// A drain ends with signaling's end; when that is so late, without it.
const DRAIN_GRACE: Duration = Duration::from_secs(2);
/// How often the files of the certificate are looked at: who renews them does so weeks before the old
/// one ends.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How often a starting server is asked whether it answers.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Runs Volley until it is told to stop.
pub(crate) fn run(config: Config, flags: &Flags) -> anyhow::Result<()> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut supervisor = Supervisor::new(config)?;
        let outcome = loop {
            tokio::select! {
                outcome = supervisor.serve(&mut hang_up, flags) => break outcome,
                _ = interrupt.recv() => break Ok(()),
                _ = terminate.recv() => {
                    if !supervisor.begin_drain() {
                        break Ok(());
                    }
                }
            }
        };
        supervisor.stop().await;
        outcome
    })
}

struct Supervisor {
    media: Process,
    signaling: Process,
    recording: Option<Recording>,
    http: TcpListener,
    https: Option<TcpListener>,
    metrics: Option<TcpListener>,
    /// For media alone, over TCP.
    media_tcp: Option<TcpListener>,
    certificate: Certificate,
    ports: Vec<MediaPort>,
    steering: Steering,
    addresses: Vec<IpAddr>,
    channels: Vec<ChannelFds>,
    /// By the worker's number, the ends for signaling and for the worker.
    connections: Vec<(OwnedFd, OwnedFd)>,
    media_start: u64,
    records: Records,
    identity: IdentityDer,
    fingerprint: Fingerprint,
    config: Config,
    unix_nanos_at_zero: u64,
    ready: bool,
    drain: Option<Drain>,
    service: Service,
}

/// No new rooms any more, and the end soon.
#[derive(Clone, Copy)]
struct Drain {
    /// What signaling is told, in milliseconds since 1970.
    until_unix_ms: u64,
    /// By then it is over, whatever signaling does.
    over: Instant,
}

impl Supervisor {
    fn new(config: Config) -> anyhow::Result<Supervisor> {
        let host = config.get("server.host");
        let http = sockets::bind_http(host, config.get("server.port"))?;
        let metrics = sockets::bind_metrics(host, config.metrics_port())?;
        let workers = config.worker_count();
        let base = config.get("server.udp_port");
        let (ports, media_tcp) =
            sockets::bind_media_both(base, workers, config.udp_ports(), config.get("server.ice_tcp"))?;
        let addresses = addresses::candidates(&config.get::<Vec<IpAddr>>("server.announce"), host);
        for address in addresses.iter().filter(|&&address| !ports.iter().any(|port| port.takes(address))) {
            tracing::warn!("browsers are not told {address}: this machine has no sockets of its family");
        }
        let certificate = Certificate::load(&config, &addresses)?;
        let https =
            certificate.identity().map(|_| sockets::bind_https(host, config.get("tls.port"))).transpose()?;
        let logging = config.logging();
        tracing::info!(workers = ports.len(), ?addresses, "Volley {} starts", env!("CARGO_PKG_VERSION"));
        let steering = Steering::begin(&ports);
        privileges::give_up_bpf();
        let (identity, fingerprint) = identity::generate()?;
        Ok(Supervisor {
            media: Process::new(Role::Media, logging.clone()),
            signaling: Process::new(Role::Signaling, logging),
            recording: config.recorder().map(|_| Recording::new(ports.len(), &config)).transpose()?,
            channels: Vec::new(),
            connections: Vec::new(),
            http,
            https,
            metrics,
            media_tcp,
            certificate,
            ports,
            steering,
            addresses,
            media_start: 1,
            records: Records::create(DEFAULT_BYTES)?,
            identity,
            fingerprint,
            config,
            unix_nanos_at_zero: unix_nanos_at_zero(),
            ready: false,
            drain: None,
            service: Service::from_environment(),
        })
    }

    /// Keeps both children running; returns when they cannot be started at all, or a drain is over. May be
    /// dropped and called again.
    async fn serve(&mut self, hang_up: &mut Signal, flags: &Flags) -> anyhow::Result<()> {
        let address = sockets::local_address(&self.http)?;
        let mut look = tokio::time::interval(LOOK_EVERY);
        let drain = self.drain;
        let drained = async {
            match drain {
                Some(drain) => sleep_until(drain.over).await,
                None => std::future::pending().await,
            }
        };
        let mut drained = std::pin::pin!(drained);
        let mut answering = std::pin::pin!(until_it_answers(address));
        loop {
            tokio::select! {
                change = self.media.change() => self.media_changed(change).await?,
                change = self.signaling.change() => {
                    if self.drain.is_some() && matches!(&change, Change::Ended(status) if status.success()) {
                        return Ok(());
                    }
                    self.signaling_changed(change)?;
                }
                change = recording::change(&mut self.recording) => {
                    if let Some((recording, settings)) = self.recording.as_mut().zip(self.config.recorder()) {
                        recording.on_change(change, &settings, self.unix_nanos_at_zero);
                    }
                }
                () = &mut drained => {
                    tracing::warn!("signaling did not end in time");
                    return Ok(());
                }
                _ = hang_up.recv() => self.reload(flags),
                _ = look.tick() => self.look_at_certificate(),
                () = self.service.beat() => self.service.tell_alive(),
                () = &mut answering, if !self.ready => {
                    self.ready = true;
                    self.announce()?;
                }
            }
        }
    }

    async fn media_changed(&mut self, change: Change) -> anyhow::Result<()> {
        match change {
            Change::Due => match self.start_media() {
                Err(error) if self.ready => {
                    self.media.postpone(&error);
                    Ok(())
                }
                outcome => outcome.context("the media process cannot be started"),
            },
            Change::Ended(status) => {
                self.give_up_unless_ready(self.media.name(), status)?;
                tracing::error!("the media process died ({status}): all calls must connect again");
                self.channels.clear();
                self.steering.forget_all();
                self.media_start += 1;
                let due = self.media.due().unwrap_or_else(Instant::now);
                self.signaling.kill_until(due).await;
                Ok(())
            }
        }
    }

    fn signaling_changed(&mut self, change: Change) -> anyhow::Result<()> {
        match change {
            Change::Due => match self.start_signaling() {
                Err(error) if self.ready => {
                    self.signaling.postpone(&error);
                    Ok(())
                }
                outcome => outcome.context("the signaling process cannot be started"),
            },
            Change::Ended(status) => {
                self.give_up_unless_ready(self.signaling.name(), status)?;
                tracing::error!("the signaling process died ({status}): it is started again, calls go on");
                Ok(())
            }
        }
    }

    /// A child that ends by itself before anything ever worked will do so again: its own words on
    /// standard error are worth more than a second try.
    fn give_up_unless_ready(&self, name: &str, status: ExitStatus) -> anyhow::Result<()> {
        if !self.ready && status.code().is_some() {
            bail!("the {name} process could not start ({status}); its reason stands above");
        }
        Ok(())
    }

    /// Whoever is started first after the media process died makes the new channels for both.
    fn make_channels(&mut self) -> std::io::Result<()> {
        if self.channels.is_empty() {
            self.connections = self.ports.iter().map(|_| connections::pair()).collect::<Result<_, _>>()?;
            self.channels = self.ports.iter().map(|_| ChannelFds::create()).collect::<Result<_, _>>()?;
        }
        Ok(())
    }

    fn start_media(&mut self) -> anyhow::Result<()> {
        self.make_channels().context("no shared memory for the channels")?;
        let worker = |number: usize| {
            let sockets =
                self.ports[number].sockets.iter().map(UdpSocket::try_clone).collect::<Result<_, _>>()?;
            let channel = self.channels[number].try_clone()?;
            let tap = self.recording.as_ref().map(|recording| recording.tap(number)).transpose()?;
            Ok(WorkerFds { channel, sockets, connections: self.connections[number].1.try_clone()?, tap })
        };
        let handover = MediaHandover {
            workers: (0..self.ports.len()).map(worker).collect::<anyhow::Result<_>>()?,
            sources: self.steering.sources()?,
            io: self.config.io(),
            gathering: self.config.gathering(),
            playout: self.config.playout(),
            identity: self.identity.clone(),
            unix_nanos_at_zero: self.unix_nanos_at_zero,
        };
        self.media.start(|socket| handover.send(socket))
    }

    fn start_signaling(&mut self) -> anyhow::Result<()> {
        self.make_channels().context("no shared memory for the channels")?;
        let worker = |number: usize| {
            let port = &self.ports[number];
            let taken = self.addresses.iter().filter(|&&address| port.takes(address));
            let candidates = taken.map(|&address| SocketAddr::new(address, port.port)).collect();
            let channel = self.channels[number].try_clone()?;
            let connections = self.connections[number].0.try_clone()?;
            Ok(SignalingWorker { channel, candidates, connections })
        };
        let handover = SignalingHandover {
            workers: (0..self.ports.len()).map(worker).collect::<anyhow::Result<_>>()?,
            media_start: self.media_start,
            records: self.records.fd().try_clone_to_owned()?,
            http: self.http.try_clone()?,
            https: self.https.as_ref().map(TcpListener::try_clone).transpose()?,
            metrics: self.metrics.as_ref().map(TcpListener::try_clone).transpose()?,
            media: self.media_tcp.as_ref().map(TcpListener::try_clone).transpose()?,
            desk: self.recording.as_ref().map(Recording::desk_for_signaling).transpose()?,
            tcp_candidates: self.tcp_candidates()?,
            fingerprint: self.fingerprint.clone(),
            settings: self.settings().to_bytes(),
        };
        self.signaling.start(|socket| handover.send(socket))
    }

    /// Where media is taken over TCP.
    fn tcp_candidates(&self) -> std::io::Result<Vec<SocketAddr>> {
        let listeners = [self.media_tcp.as_ref(), self.https.as_ref(), Some(&self.http)];
        let listeners = listeners.into_iter().flatten().map(TcpListener::local_addr);
        let listeners: Vec<SocketAddr> = listeners.collect::<Result<_, _>>()?;
        let is_announced = !self.config.get::<Vec<IpAddr>>("server.announce").is_empty();
        Ok(addresses::tcp_candidates(&self.addresses, is_announced, &listeners))
    }

    /// Reads everything again, takes over what can change while calls go on, and says what cannot.
    fn reload(&mut self, flags: &Flags) {
        let newer = match crate::load(flags) {
            Ok(newer) => newer,
            Err(error) => {
                tracing::error!(
                    "the configuration stays as it was; what there is now has mistakes:\n{error}"
                );
                return;
            }
        };
        let reload = self.config.adopt(newer);
        for key in &reload.at_next_start {
            tracing::warn!("{key} has changed, which takes effect when Volley is started again");
        }
        tracing::info!(changed = ?reload.changed, "the configuration was read again");
        if self.https.is_none() && reload.changed.iter().any(|key| key.starts_with("tls.")) {
            tracing::warn!(
                "there is no HTTPS yet; with this certificate it begins when Volley is started again"
            );
        }
        self.renew_certificate(true);
        self.signaling.tell(&self.settings().to_bytes());
    }

    /// Tells signaling when the certificate's files have changed.
    fn look_at_certificate(&mut self) {
        if self.renew_certificate(false) {
            self.signaling.tell(&self.settings().to_bytes());
        }
    }

    fn renew_certificate(&mut self, anyway: bool) -> bool {
        match self.certificate.renew(&self.config, anyway) {
            Ok(true) => tracing::info!("HTTPS has another certificate"),
            Ok(false) => return false,
            Err(error) => {
                tracing::error!("HTTPS keeps its certificate; the new one cannot be used: {error:#}");
                return false;
            }
        }
        true
    }

    /// What signaling is told.
    fn settings(&self) -> Settings {
        Settings {
            tls: self.certificate.identity().cloned(),
            drain_until: self.drain.map(|drain| drain.until_unix_ms),
            ..self.config.signaling()
        }
    }

    /// From now on no new rooms; signaling ends when nobody is left, or when the time is over. False: there
    /// is nothing to wait for, or it was begun already.
    fn begin_drain(&mut self) -> bool {
        let time = Duration::from_secs(self.config.get("server.drain_timeout"));
        if !self.ready || self.drain.is_some() || time.is_zero() {
            return false;
        }
        tracing::info!(
            ?time,
            "Volley takes no new rooms and stops when nobody is left; a second signal stops it at once"
        );
        self.tell_end_in(time);
        true
    }

    fn tell_end_in(&mut self, time: Duration) {
        let until_unix_ms = access::unix_now_ms().saturating_add(time.as_millis() as u64);
        self.service.tell_stopping(time);
        self.drain = Some(Drain { until_unix_ms, over: Instant::now() + time + DRAIN_GRACE });
        self.signaling.tell(&self.settings().to_bytes());
    }

    /// The one line on standard output.
    fn announce(&self) -> anyhow::Result<()> {
        let address = self.http.local_addr()?;
        let host = match address.ip() {
            ip if ip.is_unspecified() => String::from("localhost"),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        use std::io::Write as _;
        let address = format!("http://{host}:{}/", address.port());
        self.service.tell_ready(&address);
        // Nobody may be listening (a closed pipe); that is no reason to end.
        let _ = writeln!(std::io::stdout(), "Volley is ready: {address}");
        Ok(())
    }

    async fn stop(&mut self) {
        tracing::info!("Volley stops");
        let now = Instant::now();
        // Not by a signal: signaling tells its pages first.
        self.tell_end_in(Duration::ZERO);
        self.signaling.stop_by(now + GOODBYE_TIME).await;
        self.media.ask_to_stop();
        if let Some(recording) = &mut self.recording {
            recording.stop_by(now + STOP_TIME).await;
        }
        self.media.stop_by(now + STOP_TIME).await;
    }
}

/// Every page is an open file of signaling's; the soft limit of 1024 is for programs that `select`.
pub(crate) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}

/// What the wall clock showed when `CLOCK_MONOTONIC` was zero.
fn unix_nanos_at_zero() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let monotonic = clock_gettime(ClockId::Monotonic);
    let monotonic = Duration::new(monotonic.tv_sec as u64, monotonic.tv_nsec as u32);
    wall.saturating_sub(monotonic).as_nanos() as u64
}

/// Returns when the server at `address` says that it is well.
async fn until_it_answers(address: SocketAddr) {
    while timeout(Duration::from_secs(1), is_well(address)).await.ok().and_then(Result::ok) != Some(true) {
        sleep(ASK_EVERY).await;
    }
}

async fn is_well(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; b"HTTP/1.1 200".len()];
    stream.read_exact(&mut status).await?;
    Ok(&status == b"HTTP/1.1 200")
}
