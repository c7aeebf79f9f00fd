//! What a worker chooses about its back end, and why a choice may fail.

use std::fmt;
use std::io;
use std::str::FromStr;

/// Which back end to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IoChoice {
    /// io_uring, or epoll where the host forbids it.
    #[default]
    Auto,
    /// io_uring or an error.
    Uring,
    /// epoll with `recvmmsg` and `sendmmsg`.
    Epoll,
}

/// A word that names no back end.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a back end: choose auto, uring or epoll")]
pub struct UnknownIoChoice(pub String);

impl FromStr for IoChoice {
    type Err = UnknownIoChoice;

    fn from_str(word: &str) -> Result<IoChoice, UnknownIoChoice> {
        match word {
            "auto" => Ok(IoChoice::Auto),
            "uring" => Ok(IoChoice::Uring),
            "epoll" => Ok(IoChoice::Epoll),
            other => Err(UnknownIoChoice(other.to_owned())),
        }
    }
}

impl fmt::Display for IoChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IoChoice::Auto => "auto",
            IoChoice::Uring => "uring",
            IoChoice::Epoll => "epoll",
        })
    }
}

/// The most a UDP datagram over IPv4 carries, and so the most that may stand in a train or in a
/// coalesced receive: 65,535 less the IPv4 and UDP headers.
pub(super) const LARGEST_PAYLOAD: usize = 65_507;

/// The most segments any kernel takes in one train (`UDP_MAX_SEGMENTS`; 64 before Linux 6.9).
pub(super) const MOST_SEGMENTS: u16 = 128;

/// Sizes of one worker's buffers.
#[derive(Clone, Debug)]
pub struct IoConfig {
    /// Receive buffers, a power of two. They are given back after each turn's look, so few are
    /// enough; what does not fit waits in the socket's own buffer.
    pub receive_buffers: u16,
    /// Payload bytes per receive buffer. Less than 64 KiB cuts the tail off coalesced datagrams.
    pub receive_buffer_bytes: usize,
    /// Trains that may be gathered at once, 64 KiB of address space each; memory is used as far as
    /// trains are long and many. Fewer than a worker has receivers, and trains leave too early.
    pub trains: u16,
    /// Datagrams per train; the kernel's own limit applies besides.
    pub longest_train: u16,
    /// Datagrams after which a turn ends, so that timers and commands have theirs.
    pub datagrams_per_turn: usize,
}

impl Default for IoConfig {
    fn default() -> IoConfig {
        IoConfig {
            receive_buffers: 256,
            receive_buffer_bytes: 1 << 16,
            trains: 2048,
            longest_train: MOST_SEGMENTS,
            datagrams_per_turn: 1024,
        }
    }
}

/// Why an [`Io`](super::Io) could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// A worker needs at least one socket and has at most 32,768.
    #[error("a worker needs 1 to 32,768 sockets, not {0}")]
    SocketCount(usize),
    /// A socket cannot be used.
    #[error("a media socket cannot be used")]
    Socket(#[source] io::Error),
    /// The kernel gave no memory for buffers.
    #[error("there is no memory for the packet buffers")]
    Memory(#[source] io::Error),
    /// io_uring cannot be used on this host.
    #[error("io_uring was refused at {step} ({source}): {advice}")]
    UringRefused {
        /// What was being done.
        step: &'static str,
        /// What the operator can do about it.
        advice: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// epoll cannot be used on this host.
    #[error("epoll cannot be used here")]
    Epoll(#[source] io::Error),
}

impl IoError {
    pub(super) fn uring(step: &'static str, source: io::Error) -> IoError {
        let advice = match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                "the sysctl kernel.io_uring_disabled or a seccomp profile forbids it; set the sysctl to 0 \
                 and allow io_uring_setup, io_uring_enter and io_uring_register in the container, \
                 or use --io epoll"
            }
            Some(libc::ENOSYS) => {
                "this kernel has no io_uring, or a seccomp profile hides it; \
                 allow its three system calls in the container, or use --io epoll"
            }
            Some(libc::ENOMEM) => {
                "the limit on locked memory is too low; raise it (ulimit -l, LimitMEMLOCK=) or use --io epoll"
            }
            Some(libc::EINVAL) => "this kernel is too old, 6.1 is the oldest that will do; use --io epoll",
            _ => "use --io epoll",
        };
        IoError::UringRefused { step, advice, source }
    }
}
