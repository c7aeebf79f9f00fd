//! The media process: one pinned thread per worker, and the turn that each of them repeats.
//!
//! The only place that reads a clock. What a worker shares with the others is the [`mesh`]; what it
//! shares with signaling is its channel.

mod busy;
pub mod clock;
pub mod cores;
pub mod delay;
mod gathering;
pub mod histogram;
mod load;
mod mesh;
mod overload;
pub mod page;
mod resident;
mod steering;
mod turn;
mod waits;

use crate::base::WallClock;
use crate::control::Event;
use crate::control::channel::{ChannelError, WorkerChannel};
use crate::control::handover::{self, GatheringRange, IdentityDer, MediaHandover, WorkerFds};
use crate::control::tap::TapWriter;
use crate::control::types::PlayoutBounds;
use crate::io::{Io, IoChoice, IoConfig, IoError, Sources};
use crate::shard::{Shard, ShardConfig};
use crate::transport::dtls::Identity;
use clock::Clock;
use core_affinity::CoreId;
use cores::Cores;
use gathering::GatheringControl;
use mesh::MeshEnd;
use resident::Resident;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use steering::Steering;
use turn::Worker;

/// Transports one worker takes: at 64 KiB each that is a gigabyte.
const MAX_TRANSPORTS: usize = 16_384;

/// Why the media process cannot run.
#[derive(thiserror::Error, Debug)]
pub enum MediaError {
    /// A worker's back end could not be set up.
    #[error("worker {worker}: {error}")]
    Io {
        /// Which worker.
        worker: usize,
        /// Why.
        error: IoError,
    },
    /// A worker's channel cannot be used.
    #[error("worker {worker}: {error}")]
    Channel {
        /// Which worker.
        worker: usize,
        /// Why.
        error: ChannelError,
    },
    /// The certificate that was handed over cannot be used.
    #[error("the server's certificate cannot be used: {0}")]
    Identity(String),
    /// A worker's thread ended before it was ready.
    #[error("worker {worker} ended before it was ready")]
    Vanished {
        /// Which worker.
        worker: usize,
    },
    /// The kernel refused a thread.
    #[error("no thread for a worker: {0}")]
    Thread(#[from] io::Error),
    /// The kernel refused what workers wake one another with.
    #[error("no eventfd for the workers: {0}")]
    Mesh(io::Error),
    /// What was handed over of the port that all share cannot be used.
    #[error("the map of addresses cannot be shared among the workers: {0}")]
    Sources(io::Error),
}

/// Runs all workers until the supervisor is gone; `supervisor` is the socket the handover came by.
///
/// # Errors
/// When a worker cannot be set up. A worker that fails later ends the process, so that the
/// supervisor starts it anew.
pub fn run_media(handover: MediaHandover, supervisor: &UnixStream) -> Result<(), MediaError> {
    let clock = Clock::new();
    let wall = WallClock::new(handover.unix_nanos_at_zero);
    let cores = Cores::share_out(handover.workers.len());
    let mesh = mesh::connect(handover.workers.len()).map_err(MediaError::Mesh)?;
    let resident = Resident::watch()?;
    for (number, (fds, mesh)) in handover.workers.into_iter().zip(mesh).enumerate() {
        let (ready, is_ready) = crossbeam::channel::bounded(1);
        let identity = handover.identity.clone();
        let core = cores.workers.get(number).copied();
        let how = (handover.io, handover.gathering, handover.playout);
        let seen = (wall, clock, resident.clone());
        let sources = handover.sources.as_ref().map(OwnedFd::try_clone).transpose();
        let sources = sources.map_err(MediaError::Sources)?.map(Sources::adopt);
        thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            pin(number, core);
            // Made on its own thread: a ring takes submissions from the thread that made it only.
            match set_up((number, fds, mesh), sources, how, identity, seen) {
                Ok(worker) => {
                    let _ = ready.send(Ok(()));
                    run(number, worker);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })?;
        is_ready.recv().unwrap_or(Err(MediaError::Vanished { worker: number }))?;
    }
    handover::wait_for_end(supervisor);
    Ok(())
}

fn pin(number: usize, core: Option<usize>) {
    if core.is_none_or(|id| !core_affinity::set_for_current(CoreId { id })) {
        tracing::warn!(worker = number, "the worker could not be pinned to a core");
    }
}

/// Runs a worker for ever. When it cannot go on the process ends, so that the supervisor starts it
/// anew.
fn run(number: usize, mut worker: Worker) {
    let error = worker.run();
    tracing::error!(worker = number, %error, "the worker ends; the media process is started anew");
    std::process::abort();
}

fn set_up(
    (number, fds, mesh): (usize, WorkerFds, MeshEnd),
    sources: Option<Sources>,
    (choice, gathering, playout): (handover::IoChoice, GatheringRange, PlayoutBounds),
    identity: IdentityDer,
    (wall, clock, resident): (WallClock, Clock, Resident),
) -> Result<Worker, MediaError> {
    let channel_error = |error| MediaError::Channel { worker: number, error };
    let io_error = |error| MediaError::Io { worker: number, error };
    let mut channel = WorkerChannel::attach(fds.channel).map_err(channel_error)?;
    let tap = fds.tap.as_ref().map(TapWriter::attach).transpose().map_err(channel_error)?;
    let wakes = [channel.wake_fd(), mesh.wake_fd(), fds.connections.as_fd()];
    let io = Io::new(io_choice(choice), fds.sockets, &wakes, &IoConfig::default()).map_err(io_error)?;
    let identity = Identity::from_der(identity.certificate, identity.key.to_vec())
        .map_err(|error| MediaError::Identity(error.to_string()))?;
    let mut shard = Shard::new(ShardConfig {
        identity,
        wall,
        seed: clock.now().as_nanos() ^ (number as u64) << 48,
        deterministic_dtls: false,
        max_transports: MAX_TRANSPORTS,
    });
    let (own, workers) = mesh.place();
    shard.set_playout(playout);
    shard.join_mesh(own, workers);
    tracing::info!(worker = number, io = io.name(), "worker ready");
    channel.send_event(&Event::Ready { worker: number as u16 });
    let ends = (channel, mesh, Steering::new(own, sources), fds.connections, tap);
    Ok(Worker::new(shard, io, ends, (clock, resident), GatheringControl::new(gathering)))
}

fn io_choice(choice: handover::IoChoice) -> IoChoice {
    match choice {
        handover::IoChoice::Auto => IoChoice::Auto,
        handover::IoChoice::Uring => IoChoice::Uring,
        handover::IoChoice::Epoll => IoChoice::Epoll,
    }
}
