//! The load: thousands of participants on one pinned thread, with real ICE, DTLS and SRTP.
//!
//! It publishes media like a browser's, checks every packet that comes, and measures. It speaks no
//! server's signaling: an adapter makes [`Association`]s, and this runs them. It never says whether
//! what it measured is good.

mod engine;
mod ice;
mod incoming;
mod layers;
mod media;
mod meter;
mod outgoing;
mod reports;
mod secure;
mod snapshot;
mod source;
mod stamp;
mod stream;
mod transport;
mod turn;
mod vp8;
mod window;

#[cfg(test)]
mod secure_openssl;
#[cfg(test)]
mod tests;

pub(crate) use layers::{LayerFigures, Layers};
pub(crate) use media::{AudioModel, MediaModel, Turns, VideoModel, size};
pub(crate) use snapshot::{Figures, Population, Received, Snapshot};

use crate::signal::{Association, Person, Wanted};
use engine::{Command, Engine};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use volley::base::Time;
use volley::io::{IoChoice, IoError};
use volley::transport::dtls::{Identity, IdentityError};
use volley::worker::clock::Clock;

/// A load that does not answer for so long is stuck: its longest turn takes milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a load is made with.
#[derive(Clone, Debug)]
pub(crate) struct LoadConfig {
    /// The core its thread is pinned to; `None` leaves it to the kernel.
    pub(crate) core: Option<usize>,
    /// Own addresses to send from, in turn; one is enough.
    pub(crate) addresses: Vec<IpAddr>,
    /// Most transports at a time. Each has a UDP socket of its own, since servers tell transports
    /// apart by address; all of them are opened at the start.
    pub(crate) transports: usize,
    /// What participants publish.
    pub(crate) media: MediaModel,
    /// How datagrams are moved.
    pub(crate) io: IoChoice,
    /// Phases, frame sizes and pauses follow from it.
    pub(crate) seed: u64,
}

/// Why a load could not be started, or went away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// No address to send from.
    #[error("the load has no address of its own to send from; name at least one")]
    NoAddress,
    /// More sockets than can be had.
    #[error("the load wants {wanted} sockets and may open {limit}; raise the limit with ulimit -n")]
    TooManySockets {
        /// Sockets and a few descriptors more.
        wanted: u64,
        /// The hard limit.
        limit: u64,
    },
    /// A socket could not be bound.
    #[error("a UDP socket of the load cannot be bound to {address}: {source}")]
    Bind {
        /// Where.
        address: IpAddr,
        /// Why.
        source: io::Error,
    },
    /// The thread could not be pinned.
    #[error("the load cannot be pinned to core {0}; this process may not use it")]
    Pin(usize),
    /// The back end could not be set up.
    #[error("the load cannot receive: {0}")]
    Io(#[from] IoError),
    /// The certificate could not be made.
    #[error("{0}")]
    Identity(#[from] IdentityError),
    /// The kernel refused the thread or a descriptor.
    #[error("the load's thread cannot be started: {0}")]
    Thread(#[source] io::Error),
    /// The thread has ended.
    #[error("the load has stopped: {0}")]
    Stopped(String),
}

/// An association that joins, and how.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    /// What the server's signaling agreed on.
    pub(crate) association: Association,
    /// What it publishes, where that is not the load's common model.
    pub(crate) media: Option<MediaModel>,
    /// When the join began: times to connect and to the first frame count from here.
    pub(crate) since: Time,
}

/// A running load. It stops when it is dropped.
pub(crate) struct Load {
    fingerprint: String,
    commands: Sender<Command>,
    wake: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts the thread and opens its sockets.
    ///
    /// # Errors
    /// When the thread cannot have the core, the sockets or the back end it wants.
    pub(crate) fn new(config: LoadConfig) -> Result<Load, LoadError> {
        let identity = Identity::generate()?;
        let fingerprint = fingerprint_text(&identity.fingerprint_sha256());
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let wake = Arc::new(eventfd(0, flags).map_err(|error| LoadError::Thread(error.into()))?);
        let (commands, inbox) = channel();
        let (ready, is_ready) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("load".to_owned())
            .spawn({
                let wake = Arc::clone(&wake);
                move || run(&config, identity, inbox, wake, &ready)
            })
            .map_err(LoadError::Thread)?;
        is_ready.recv().unwrap_or_else(|_| Err(LoadError::Stopped("it ended at once".to_owned())))?;
        Ok(Load { fingerprint, commands, wake, thread: Some(thread) })
    }

    /// SHA-256 fingerprint of the certificate that all participants share, as SDP writes it.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The time now, on the clock of [`Joining::since`].
    pub(crate) fn now() -> Time {
        Clock::new().now()
    }

    /// Connects a transport and begins to publish on it.
    ///
    /// # Errors
    /// When the load has ended.
    pub(crate) fn join(&self, joining: Joining) -> Result<(), LoadError> {
        self.tell(Command::Join(Box::new(joining)))
    }

    /// Ends all transports of a person.
    ///
    /// # Errors
    /// When the load has ended.
    pub(crate) fn leave(&self, person: Person) -> Result<(), LoadError> {
        self.tell(Command::Leave(person))
    }

    /// Sends those layers of somebody's picture that the server wants, and no others.
    ///
    /// # Errors
    /// When the load has ended.
    pub(crate) fn want_layers(&self, wanted: Wanted) -> Result<(), LoadError> {
        self.tell(Command::Layers(wanted))
    }

    /// What happened since the last snapshot, and in all. Waits for the load's next turn, which is
    /// a matter of milliseconds.
    ///
    /// # Errors
    /// When the load has ended or does not answer.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, LoadError> {
        let (answer, answered) = sync_channel(1);
        self.tell(Command::Snapshot(answer))?;
        answered
            .recv_timeout(ANSWER_WITHIN)
            .map(|snapshot| *snapshot)
            .map_err(|_| LoadError::Stopped("it gave no snapshot".to_owned()))
    }

    /// Lets the totals, and the interval, begin now: after a warm-up.
    ///
    /// # Errors
    /// When the load has ended.
    pub(crate) fn restart_totals(&self) -> Result<(), LoadError> {
        self.tell(Command::RestartTotals)
    }

    fn tell(&self, command: Command) -> Result<(), LoadError> {
        self.commands
            .send(command)
            .map_err(|_| LoadError::Stopped("its thread has ended; the log says why".to_owned()))?;
        // An eventfd that cannot be written is full of wakes already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        Ok(())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    config: &LoadConfig,
    identity: Identity,
    commands: Receiver<Command>,
    wake: Arc<OwnedFd>,
    ready: &SyncSender<Result<(), LoadError>>,
) {
    let engine = pin(config.core).and_then(|()| Engine::new(config, identity, commands, wake));
    match engine {
        Ok(mut engine) => {
            let _ = ready.send(Ok(()));
            if let Err(error) = engine.run() {
                tracing::error!(%error, "the load ends: its sockets cannot be waited for");
            }
        }
        Err(error) => drop(ready.send(Err(error))),
    }
}

fn pin(core: Option<usize>) -> Result<(), LoadError> {
    match core {
        Some(id) if !core_affinity::set_for_current(core_affinity::CoreId { id }) => Err(LoadError::Pin(id)),
        _ => Ok(()),
    }
}

/// RFC 8122 §5: upper-case hexadecimal pairs with colons.
fn fingerprint_text(digest: &[u8]) -> String {
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}
