//! The process from its handover to its end.

use crate::clock::Clock;
use crate::http;
use crate::hub::Hub;
use crate::link::MediaLink;
use crate::metrics::MetricsPort;
use crate::state::{Config, Loaded, State};
use crate::store::{self, Store};
use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use volley::control::SignalingChannel;
use volley::control::channel::CounterView;
use volley::control::handover::SignalingHandover;
use volley::control::records::Records;

/// Messages are small and rare; two threads keep one slow offer from delaying the others.
const THREADS: usize = 2;
/// Requests under way when the process is asked to end get so long.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// Most rooms at once, unless configured otherwise.
pub const MAX_ROOMS: u32 = 1000;
/// Most people in a room, unless configured otherwise.
pub const MAX_PARTICIPANTS: u32 = 100;
/// From how many people of a room on one worker the next ones go to another, unless configured
/// otherwise: meetings of nine pictures each with so many people are about half a core.
pub const SPREAD_ROOMS_OVER: u32 = 100;
/// How long an empty room made over REST stays, unless configured otherwise.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// Runs the signaling process until it is asked to end.
pub fn run(handover: SignalingHandover) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("signaling")
        .enable_all()
        .build()
        .context("the threads of signaling cannot be started")?;
    let result = runtime.block_on(serve_handover(handover));
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn serve_handover(handover: SignalingHandover) -> anyhow::Result<()> {
    let mut candidates = Vec::new();
    let mut channels = Vec::new();
    let mut counters = Vec::new();
    for worker in handover.workers {
        candidates.push(worker.candidates);
        counters.push(CounterView::attach(&worker.channel).context("a worker's counters")?);
        channels.push(SignalingChannel::attach(worker.channel).context("a worker's channel")?);
    }
    let config = Config {
        fingerprint: handover.fingerprint,
        candidates,
        media_start: handover.media_start,
        max_rooms: handover.max_rooms as usize,
        max_participants: handover.max_participants as usize,
        spread_rooms_over: handover.spread_rooms_over as usize,
        idle_timeout: IDLE_TIMEOUT,
    };
    let records = Records::attach(handover.records).context("the records")?;
    let loaded = store::load(&records);
    let link = MediaLink::over_channels(channels).context("the channels' eventfds")?;
    let listener = listener_of(handover.http).context("the HTTP socket")?;
    let metrics = handover.metrics.map(listener_of).transpose().context("the socket of the metrics")?;
    let metrics = metrics.map(|listener| MetricsPort { listener, workers: counters });
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let ended = async move {
        terminate.recv().await;
    };
    serve(config, &loaded, link, Box::new(records), (listener, metrics), ended).await
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
    (listener, metrics): (TcpListener, Option<MetricsPort>),
    ended: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let clock = Clock::start();
    let state = State::load(config, loaded, clock.now());
    let (rooms, participants) = state.counts();
    tracing::info!(rooms, participants, "signaling is ready");
    let hub = Hub::start(state, link, store, clock);
    if let Some(MetricsPort { listener, workers }) = metrics {
        // Ends with the process: nobody misses the rest of a scrape.
        let router = http::metrics::router(hub.clone(), workers);
        tokio::spawn(axum::serve(listener, router).into_future());
    }
    let (stop, mut stopping) = tokio::sync::watch::channel(());
    let graceful = async move {
        ended.await;
        drop(stop);
    };
    // An answer is one small message that the page waits for: Nagle's algorithm would hold it back
    // until the page acknowledges the one before.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = axum::serve(listener, http::router(hub)).with_graceful_shutdown(graceful);
    tokio::select! {
        result = server => result.context("the HTTP server"),
        () = async {
            let _ = stopping.changed().await;
            tokio::time::sleep(LAST_REQUESTS).await;
        } => Ok(()),
    }
}
