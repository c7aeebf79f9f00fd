//! A recorder by itself: takes a media host's connection, and records what it tells.
//!
//! One media host at a time: what it does not name is over, so two would end each other's recordings.

use super::frame::{self, Frame, Hello, Version};
use super::line::{HANDSHAKE, hear, say};
use super::link::{self, Link};
use super::secret::Secret;
use super::{Remote, tls};
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::source::Source;
use anyhow::Context as _;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Those who are not known yet, at once.
const STRANGERS: usize = 16;

/// What is said to the media host and it has not taken: states, once a second, and answers.
const MOST_WAITING: usize = 16 << 20;
const RESERVE: usize = 1 << 20;

/// How often the log says that it lives.
const HEALTH_EVERY: Duration = Duration::from_secs(60);

/// What a media host has left is completed after so long; when it comes back, recordings still go on.
const ABANDONED: Duration = Duration::from_secs(600);

/// After a mistake of accepting, such as want of open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Where a recorder listens, and who may come.
#[derive(Clone, Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// Who knows it may come.
    pub secret: Secret,
}

/// A media host that was let in.
struct Guest {
    from: SocketAddr,
    hello: Hello,
    link: Link,
}

/// Runs until `ending` says so; then every recording is completed.
pub fn run(settings: Settings, listening: &Listening, ending: &AtomicBool) -> anyhow::Result<()> {
    let address = listening.address;
    let bound = TcpListener::bind(address).with_context(|| {
        format!("{address} cannot be listened at; name one of this machine's addresses and a free port with --listen")
    })?;
    run_on(bound, settings, &listening.secret, ending)
}

/// The same with a port that is open.
pub(super) fn run_on(
    bound: TcpListener,
    settings: Settings,
    secret: &Secret,
    ending: &AtomicBool,
) -> anyhow::Result<()> {
    let path = settings.path.display().to_string();
    let mut recorder = Recorder::new(settings)?;
    let tls = tls::server(secret).context("TLS cannot be spoken")?;
    bound.set_nonblocking(true)?;
    let address = bound.local_addr()?;
    let (let_in, guests) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stay, gone) = tokio::sync::oneshot::channel::<()>();
    let accept = move || {
        let door = Arc::new(Door { tls: TlsAcceptor::from(Arc::new(tls)), seat: Arc::default(), let_in });
        runtime.block_on(async {
            tokio::select! {
                _ = gone => {}
                () = accept(bound, door) => {}
            }
        });
    };
    let doorkeeper = std::thread::Builder::new().name(String::from("offload")).spawn(accept)?;
    tracing::info!(%address, path, "the recorder waits for a media host");
    let mut watch = Watch { since: Instant::now(), is_left: true, said: Instant::now(), of: None };
    while !ending.load(Ordering::Relaxed) {
        if !recorder.hears_somebody()
            && let Some(Guest { from, hello, link }) = guests.try_iter().last()
        {
            tracing::info!(media = %from, workers = hello.workers, "a media host is recorded");
            watch.of = Some(from);
            recorder.listen_to(
                Source::Remote(Box::new(Remote::new(link, hello.workers))),
                hello.unix_nanos_at_zero,
            );
        }
        let pace = recorder.turn();
        watch.look(&recorder);
        pace.rest();
    }
    recorder.end();
    // Whoever takes this one's place is to find its port free.
    drop(stay);
    let _ = doorkeeper.join();
    tracing::info!("the recorder stops; all files are complete");
    Ok(())
}

/// What is to be done beside recording.
struct Watch {
    /// When the last media host left.
    since: Instant,
    /// Whether it left something.
    is_left: bool,
    said: Instant,
    of: Option<SocketAddr>,
}

impl Watch {
    fn look(&mut self, recorder: &Recorder) {
        if recorder.hears_somebody() {
            (self.since, self.is_left) = (Instant::now(), true);
        } else if self.is_left && self.since.elapsed() >= ABANDONED {
            self.is_left = false;
            tracing::warn!("no media host has come for ten minutes: what was recorded so far is completed");
            recorder.complete_what_is_left();
        }
        if self.said.elapsed() >= HEALTH_EVERY {
            self.said = Instant::now();
            let (recordings, waiting_bytes) = recorder.figures();
            let media = self.of.filter(|_| recorder.hears_somebody()).map(|from| from.to_string());
            let media = media.as_deref().unwrap_or("none");
            tracing::info!(media, recordings, waiting_bytes, "the recorder is well");
        }
    }
}

/// What lets media hosts in.
struct Door {
    tls: TlsAcceptor,
    /// Held by the one that is recorded.
    seat: Arc<Mutex<()>>,
    let_in: mpsc::Sender<Guest>,
}

async fn accept(bound: TcpListener, door: Arc<Door>) {
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    let listener = match tokio::net::TcpListener::from_std(bound) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no media host can come"),
    };
    loop {
        // Whoever is known gives the place back.
        let Ok(place) = Arc::clone(&strangers).acquire_owned().await else { continue };
        match listener.accept().await {
            Ok((stream, from)) => {
                let door = Arc::clone(&door);
                tokio::spawn(async move {
                    let outcome = timeout(HANDSHAKE, door.greet(stream, from)).await;
                    drop(place);
                    match outcome {
                        Ok(Ok(Some((stream, hello, seat)))) => door.serve(stream, (from, hello), seat).await,
                        Ok(Ok(None)) => {}
                        Ok(Err(why)) => tracing::warn!(%from, "somebody is not let in: {why}"),
                        Err(_) => tracing::warn!(%from, "somebody is not let in: they said nothing for 5 s"),
                    }
                });
            }
            Err(error) => {
                tracing::error!(%error, "a connection cannot be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

type Greeted = (TlsStream<TcpStream>, Hello, OwnedMutexGuard<()>);

impl Door {
    /// `None`: it only wanted to know.
    async fn greet(&self, stream: TcpStream, from: SocketAddr) -> Result<Option<Greeted>, String> {
        let broken = |error: io::Error| {
            if tls::is_other_secret(&error) {
                return String::from(
                    "it has another secret; put the same into the secret files of both machines",
                );
            }
            format!("it does not talk as a media host does: {error}")
        };
        let _ = stream.set_nodelay(true);
        let mut stream = self.tls.accept(stream).await.map_err(broken)?;
        let bytes = hear(&mut stream).await.map_err(broken)?;
        let hello = match frame::split(&bytes) {
            Ok(Some((Frame::Hello(body), _))) => Hello::parse(body),
            _ => return Err(String::from("it says no hello")),
        };
        let hello = match hello.map_err(|error| error.to_string())? {
            Ok(hello) => hello,
            Err(theirs) => {
                let ours = Version::OURS;
                let why = format!(
                    "the media host speaks version {theirs}, the recorder {ours}; install the same Volley on both"
                );
                let _ = say(&mut stream, &Frame::Refusal(&why)).await;
                return Err(why);
            }
        };
        if hello.is_probe {
            say(&mut stream, &Frame::Welcome).await.map_err(broken)?;
            tracing::debug!(%from, "somebody has asked whether a media host would be let in");
            return Ok(None);
        }
        let Ok(seat) = Arc::clone(&self.seat).try_lock_owned() else {
            let why = "another media host is recorded here, or this one was until a moment ago; each needs a recorder of its own";
            let _ = say(&mut stream, &Frame::Refusal(why)).await;
            return Err(why.to_owned());
        };
        say(&mut stream, &Frame::Welcome).await.map_err(broken)?;
        Ok(Some((stream, hello, seat)))
    }

    async fn serve(
        &self,
        stream: TlsStream<TcpStream>,
        (from, hello): (SocketAddr, Hello),
        seat: OwnedMutexGuard<()>,
    ) {
        let (link, carrier) = link::pair(MOST_WAITING, RESERVE);
        if self.let_in.send(Guest { from, hello, link }).is_ok() {
            let why = carrier.carry(stream).await;
            tracing::warn!(media = %from, "the media host is gone: {why}");
        }
        drop(seat);
    }
}
