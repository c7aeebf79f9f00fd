//! What the supervisor hands to a child at its start, over the socket that is the child's stdin.
//!
//! Plain values and open files ([`wire`] says how they travel). The child keeps the socket: when
//! its end reads nothing more, the supervisor is gone and the child must go too.

mod wire;

#[cfg(test)]
pub(in crate::control) mod tests;

use super::channel::ChannelFds;
use super::codec::Corrupt;
use super::tap::TapFd;
use super::types::{Fingerprint, PlayoutBounds};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use zeroize::Zeroizing;

/// Which back end moves datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum IoChoice {
    /// io_uring when the kernel lets us, else epoll.
    #[default]
    Auto,
    /// io_uring or nothing.
    Uring,
    /// epoll with `recvmmsg` and `sendmmsg`.
    Epoll,
}

/// The server's DTLS certificate and its key, DER.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityDer {
    /// X.509.
    pub certificate: Vec<u8>,
    /// PKCS #8.
    pub key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for IdentityDer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityDer(…)")
    }
}

/// What one worker owns from its start.
#[derive(Debug)]
pub struct WorkerFds {
    /// Its channel to signaling.
    pub channel: ChannelFds,
    /// Its bound UDP sockets, one per address family, all on one port, which may be that of all
    /// workers.
    pub sockets: Vec<UdpSocket>,
    /// Where TCP connections come from (`connections`).
    pub connections: OwnedFd,
    /// Where it hands over what is recorded, if anything may be.
    pub tap: Option<TapFd>,
}

/// Between which bounds packets may wait for one another, to leave in one train.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatheringRange {
    /// However idle the worker.
    pub least: Duration,
    /// However busy.
    pub most: Duration,
}

/// What the media process is given.
#[derive(Debug)]
pub struct MediaHandover {
    /// One per worker; the worker's number is its place.
    pub workers: Vec<WorkerFds>,
    /// Where the workers say which addresses are whose, when they share a port and the kernel follows
    /// it. Owned by the supervisor, so that a new media process begins with it.
    pub sources: Option<OwnedFd>,
    /// Which back end to use.
    pub io: IoChoice,
    /// How long packets may wait for one another.
    pub gathering: GatheringRange,
    /// How long receivers may hold pictures back.
    pub playout: PlayoutBounds,
    /// Whom DTLS shows.
    pub identity: IdentityDer,
    /// What the wall clock showed when `CLOCK_MONOTONIC` was zero, nanoseconds since 1970: the same
    /// for every media process of one supervisor, whatever happens to the wall clock.
    pub unix_nanos_at_zero: u64,
}

/// What signaling is told of one worker.
#[derive(Debug)]
pub struct SignalingWorker {
    /// The channel to it.
    pub channel: ChannelFds,
    /// Where it is reached: the candidates of every answer, best first.
    pub candidates: Vec<SocketAddr>,
    /// Where TCP connections of its calls go to (`connections`).
    pub connections: OwnedFd,
}

/// What the signaling process is given.
pub struct SignalingHandover {
    /// One per worker; the worker's number is its place.
    pub workers: Vec<SignalingWorker>,
    /// Counts the starts of the media process. When it is not the number that the records were
    /// written under, nothing of their media is left: every call must be set up again.
    pub media_start: u64,
    /// The memory of [`crate::control::records::Records`].
    pub records: OwnedFd,
    /// Bound and listening.
    pub http: TcpListener,
    /// Bound and listening, when there is a certificate.
    pub https: Option<TcpListener>,
    /// Bound and listening, when metrics are wanted.
    pub metrics: Option<TcpListener>,
    /// Bound and listening for media alone, when it may come over TCP.
    pub media: Option<TcpListener>,
    /// Where media is taken over TCP, best first: the same for all workers.
    pub tcp_candidates: Vec<SocketAddr>,
    /// Where the recorder is told what to record, if there is one.
    pub desk: Option<OwnedFd>,
    /// Of the server's DTLS certificate, for every answer.
    pub fingerprint: Fingerprint,
    /// What signaling is configured to do, in its own words. Later ones come as updates.
    pub settings: Zeroizing<Vec<u8>>,
}

/// What the recorder is given.
#[derive(Debug)]
pub struct RecorderHandover {
    /// The tap of each worker, by its number.
    pub taps: Vec<TapFd>,
    /// Where signaling says what to record.
    pub desk: OwnedFd,
    /// See [`MediaHandover::unix_nanos_at_zero`].
    pub unix_nanos_at_zero: u64,
    /// What it is configured to do, in its own words.
    pub settings: Zeroizing<Vec<u8>>,
}

/// Without the settings, which hold secrets.
impl std::fmt::Debug for SignalingHandover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SignalingHandover { workers, media_start, http, https, metrics, media, .. } = self;
        let mut fields = f.debug_struct("SignalingHandover");
        fields.field("workers", workers).field("media_start", media_start);
        fields.field("http", http).field("https", https).field("metrics", metrics).field("media", media);
        fields.finish_non_exhaustive()
    }
}

/// Why a handover failed.
#[derive(thiserror::Error, Debug)]
pub enum HandoverError {
    /// The socket failed or was closed too early.
    #[error("handover: {0}")]
    Io(#[from] io::Error),
    /// Not what this process waits for: another program, version or kind of child.
    #[error("the handover is not for this process")]
    Foreign,
    /// It contradicts itself.
    #[error("the handover is corrupt: {0}")]
    Corrupt(#[from] Corrupt),
}

impl MediaHandover {
    /// Hands everything over; the sender keeps its own copies of the files.
    pub fn send(&self, to: &UnixStream) -> Result<(), HandoverError> {
        wire::send(self, to)
    }

    /// Takes what the supervisor hands over.
    pub fn receive(from: &UnixStream) -> Result<MediaHandover, HandoverError> {
        wire::receive(from)
    }
}

impl RecorderHandover {
    /// Hands everything over; the sender keeps its own copies of the files.
    pub fn send(&self, to: &UnixStream) -> Result<(), HandoverError> {
        wire::send(self, to)
    }

    /// Takes what the supervisor hands over.
    pub fn receive(from: &UnixStream) -> Result<RecorderHandover, HandoverError> {
        wire::receive(from)
    }
}

impl SignalingHandover {
    /// Hands everything over; the sender keeps its own copies of the files.
    pub fn send(&self, to: &UnixStream) -> Result<(), HandoverError> {
        wire::send(self, to)
    }

    /// Takes what the supervisor hands over.
    pub fn receive(from: &UnixStream) -> Result<SignalingHandover, HandoverError> {
        wire::receive(from)
    }
}

/// Tells a child something after its handover.
pub fn send_update(mut to: &UnixStream, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).ok().filter(|length| *length <= MAX_UPDATE);
    let length = length.ok_or_else(|| io::Error::other("the update is too large"))?;
    to.write_all(&[&length.to_le_bytes()[..], message].concat())
}

/// What the supervisor has to tell next; `None` when it is gone.
pub fn next_update(mut supervisor: &UnixStream) -> Option<Zeroizing<Vec<u8>>> {
    let mut length = [0; 4];
    supervisor.read_exact(&mut length).ok()?;
    let length = Some(u32::from_le_bytes(length)).filter(|length| *length <= MAX_UPDATE)?;
    let mut message = Zeroizing::new(vec![0; length as usize]);
    supervisor.read_exact(&mut message).ok()?;
    Some(message)
}

/// Settings with certificates and a list of keys are some ten kilobytes.
const MAX_UPDATE: u32 = 256 << 10;

/// Returns when the supervisor is gone: it has nothing to tell the media process after the handover,
/// so its end of the socket is read until nothing more can come.
pub fn wait_for_end(mut supervisor: &UnixStream) {
    let mut bytes = [0; 64];
    loop {
        match supervisor.read(&mut bytes) {
            Ok(0) => return,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
            Ok(_) | Err(_) => {}
        }
    }
}
