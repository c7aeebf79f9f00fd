//! The process from its handover to its end.

use crate::accepting::Crowd;
use crate::access::unix_now_ms;
use crate::acme::{self, Challenges};
use crate::clock::Clock;
use crate::http;
use crate::hub::Hub;
use crate::link::MediaLink;
use crate::media_tcp::MediaDoor;
use crate::memory;
use crate::metrics::MetricsPort;
use crate::plain;
use crate::serving::{self, Patience, stopped};
use crate::settings::Settings;
use crate::state::{Config, Loaded, State};
use crate::store::{self, Store};
use crate::tls::{self, Certificates};
use crate::webhooks::Spool;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use volley::control::SignalingChannel;
use volley::control::channel::CounterView;
use volley::control::handover::SignalingHandover;
use volley::control::records::Records;
use zeroize::Zeroizing;

/// Messages are small and rare; two threads keep one slow offer from delaying the others.
const THREADS: usize = 2;
/// Requests under way when the process is asked to end get so long.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// After the goodbye, pages get so long to hear it and close their sockets.
const LAST_SOCKETS: Duration = Duration::from_millis(300);

/// Settings that take the place of those before, as [`Settings::to_bytes`] wrote them.
pub type Updates = mpsc::Receiver<Zeroizing<Vec<u8>>>;

/// Where the process listens.
#[derive(Debug)]
pub struct Ports {
    /// Pages, REST and WebSocket.
    pub http: TcpListener,
    /// The same over TLS, with the certificate of the settings.
    pub https: Option<TcpListener>,
    /// Prometheus.
    pub metrics: Option<MetricsPort>,
    /// Media over TCP.
    pub media: Option<MediaPort>,
    /// What is configured anew meanwhile.
    pub updates: Updates,
    /// Where the media process tells what memory it takes.
    pub memory: Option<CounterView>,
    /// How long clients may take for a request.
    pub patience: Patience,
}

/// What it takes to let media come over TCP.
#[derive(Debug)]
pub struct MediaPort {
    /// For media alone.
    pub listener: Option<TcpListener>,
    /// By the worker's number, where its connections go.
    pub workers: Vec<OwnedFd>,
}

impl Ports {
    /// Nothing but HTTP, and no updates.
    pub fn http(http: TcpListener) -> Ports {
        let (https, metrics, media, memory) = (None, None, None, None);
        let updates = mpsc::channel(1).1;
        Ports { http, https, metrics, media, updates, memory, patience: Patience::default() }
    }
}

/// Runs the signaling process until it is asked to end.
pub fn run(handover: SignalingHandover, updates: Updates) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("signaling")
        .enable_all()
        .build()
        .context("the threads of signaling cannot be started")?;
    let result = runtime.block_on(serve_handover(handover, updates));
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn serve_handover(handover: SignalingHandover, updates: Updates) -> anyhow::Result<()> {
    let mut candidates = Vec::new();
    let mut channels = Vec::new();
    let mut counters = Vec::new();
    let mut connections = Vec::new();
    let first = handover.workers.first().map(|worker| CounterView::attach(&worker.channel));
    let memory = first.transpose().context("the first worker's counters")?;
    for worker in handover.workers {
        candidates.push(worker.candidates);
        connections.push(worker.connections);
        counters.push(CounterView::attach(&worker.channel).context("a worker's counters")?);
        channels.push(SignalingChannel::attach(worker.channel).context("a worker's channel")?);
    }
    let udp_ports = candidates.iter().flatten().map(SocketAddr::port).collect();
    let config = Config {
        fingerprint: handover.fingerprint,
        candidates,
        tcp_candidates: handover.tcp_candidates,
        media_start: handover.media_start,
        started_ms: unix_now_ms(),
        settings: Settings::from_bytes(&handover.settings).context("the settings")?,
    };
    let records = Records::attach(handover.records).context("the records")?;
    let loaded = store::load(&records);
    let link = MediaLink::over_channels(channels).context("the channels' eventfds")?;
    let link = match handover.desk {
        Some(desk) => link.with_recorder(desk).context("the recorder's desk")?,
        None => link,
    };
    let http = listener_of(handover.http).context("the HTTP socket")?;
    let https = handover.https.map(listener_of).transpose().context("the HTTPS socket")?;
    let metrics = handover.metrics.map(listener_of).transpose().context("the socket of the metrics")?;
    let metrics = metrics.map(|listener| MetricsPort { listener, workers: counters, udp_ports });
    let listener = handover.media.map(listener_of).transpose().context("the TCP socket of media")?;
    let media = config.settings.ice_tcp.then_some(MediaPort { listener, workers: connections });
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let ended = async move {
        terminate.recv().await;
    };
    let ports = Ports { http, https, metrics, media, updates, memory, patience: Patience::default() };
    serve(config, &loaded, link, Box::new(records), ports, ended).await
}

async fn take_updates(hub: Hub, mut updates: Updates, certificates: Option<Arc<Certificates>>) {
    while let Some(update) = updates.recv().await {
        match Settings::from_bytes(&update) {
            Ok(settings) => {
                let replaced =
                    certificates.iter().zip(&settings.tls).try_for_each(|(now, new)| now.replace(new));
                if let Err(error) = replaced {
                    tracing::error!(%error, "the certificate stays as it was");
                }
                hub.reconfigure(settings).await;
            }
            Err(error) => tracing::error!(%error, "new settings cannot be read; the old ones stay"),
        }
    }
}

fn listener_of(socket: std::net::TcpListener) -> std::io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Serves pages, and metrics when there is a port for them, until `ended` completes.
pub async fn serve(
    config: Config,
    loaded: &[Loaded],
    link: MediaLink,
    store: Box<dyn Store>,
    Ports { http, https, metrics, media, updates, memory, patience }: Ports,
    ended: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let challenges = Arc::<Challenges>::default();
    let identity = config.settings.tls.as_ref();
    let certificates =
        identity.map(|identity| Certificates::new(identity, Arc::clone(&challenges))).transpose()?;
    let acme = config.settings.acme.clone().zip(certificates.clone());
    let clock = Clock::start();
    let spool = config.settings.webhooks.as_ref().and_then(|to| to.spool.as_deref()).map(Spool::at);
    let mut state = State::load(config, loaded, clock.now());
    state.take_up(spool.as_ref().map(Spool::read).unwrap_or_default());
    let (rooms, participants) = state.counts();
    tracing::info!(rooms, participants, "signaling is ready");
    let hub = Hub::start(state, link, store, clock);
    if let Some(spool) = spool {
        // Answered after the first records were written.
        let _ = hub.call(|_, _| ()).await;
        spool.clear();
    }
    tokio::spawn(take_updates(hub.clone(), updates, certificates.clone()));
    if let Some(media) = memory {
        tokio::spawn(memory::watch(hub.clone(), media));
    }
    if let Some(MetricsPort { listener, workers, udp_ports }) = metrics {
        // Ends with the process: nobody misses the rest of a scrape.
        let router = http::metrics::router(hub.clone(), workers, udp_ports);
        tokio::spawn(axum::serve(listener, router).into_future());
    }
    let drained = hub.clone();
    let door = media.map(|MediaPort { listener, workers }| {
        let door = MediaDoor::new(hub.clone(), workers);
        if let Some(listener) = listener {
            tokio::spawn(door.clone().serve(listener));
        }
        door
    });
    let (stop, stopping) = tokio::sync::watch::channel(());
    tokio::spawn(async move {
        tokio::select! {
            () = ended => {
                tokio::join!(keep_letters(&drained), drained.finish_traces());
            }
            () = drained.over() => {
                tokio::join!(keep_letters(&drained), drained.finish_traces());
                drop(tokio::time::timeout(LAST_SOCKETS, drained.sockets_closed()).await);
            }
        }
        drop(stop);
    });
    let access = hub.watch_access();
    let crowd = Crowd::new(move |peer| access.borrow().limits_of_peer(peer));
    let http = plain::listen(http, crowd.clone(), door.clone())?;
    if let Some((settings, certificates)) = acme {
        tokio::spawn(acme::run(settings, certificates, Arc::clone(&challenges)));
    }
    let https = https.zip(certificates);
    let https =
        https.map(|(https, certificates)| tls::listen(https, certificates, crowd, door)).transpose()?;
    let pages = http::router(hub, challenges);
    let plain = serving::serve(http, pages.clone(), patience, stopping.clone());
    let secure = async {
        if let Some(https) = https {
            serving::serve(https, pages, patience, stopping.clone()).await;
        }
    };
    tokio::select! {
        _ = async { tokio::join!(plain, secure) } => {}
        () = async {
            stopped(stopping.clone()).await;
            tokio::time::sleep(LAST_REQUESTS).await;
        } => {}
    }
    Ok(())
}

/// What webhooks could not tell any more is told after the next start, where there is a file for it.
async fn keep_letters(hub: &Hub) {
    let left = |state: &mut State, _| {
        let spool = state.config().webhooks.as_ref()?.spool.clone()?;
        Some((Spool::at(&spool), state.letters_left()))
    };
    if let Some((spool, letters)) = hub.call(left).await.flatten() {
        spool.write(&letters);
    }
}
