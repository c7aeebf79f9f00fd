//! The servers people would pick instead: whether they are here, how they are started, and how the
//! load joins a room on them.
//!
//! It does not know namespaces and cores (a [`Place`] makes the commands), nor what the load
//! measures.

mod credentials;
mod installed;
mod janus;
mod livekit;
mod mediasoup;
mod process;
mod sdp;
mod socket;

pub(crate) use installed::{Installed, Rival};
pub(crate) use process::Running;

use std::ffi::OsStr;
use std::net::IpAddr;
use std::process::Command;

/// Where a server is to run.
pub(crate) trait Place: Send + Sync {
    /// A command that runs `program` in the server's network namespace, on the server's core. The
    /// process it starts must become `program` itself (as `ip netns exec` and `taskset` do), since
    /// it is ended by its id.
    fn command(&self, program: &OsStr) -> Command;

    /// The server's address in that namespace.
    fn address(&self) -> IpAddr;
}
