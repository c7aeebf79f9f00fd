//! What a child does before its real work: take the handover from its stdin, and never outlive the
//! supervisor.

use crate::placeholder;
use anyhow::Context as _;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use volley::control::handover::{self, MediaHandover, SignalingHandover};

/// `volley media`.
pub(crate) fn media() -> anyhow::Result<()> {
    let supervisor = supervisor_socket()?;
    let handover = MediaHandover::receive(&supervisor).context(NOT_BY_HAND)?;
    end_with(supervisor)?;
    placeholder::run_media(handover)
}

/// `volley signaling`.
pub(crate) fn signaling() -> anyhow::Result<()> {
    let supervisor = supervisor_socket()?;
    let handover = SignalingHandover::receive(&supervisor).context(NOT_BY_HAND)?;
    end_with(supervisor)?;
    placeholder::run_signaling(handover)
}

const NOT_BY_HAND: &str = "this is started by `volley`, not by hand";

fn supervisor_socket() -> anyhow::Result<UnixStream> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().context(NOT_BY_HAND)?;
    Ok(UnixStream::from(stdin))
}

/// Ends this process when the supervisor ends, however it does. The kernel's death signal is the
/// quick way; the socket also tells of a supervisor that was gone before we asked for the signal.
fn end_with(supervisor: UnixStream) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("no death signal")?;
    std::thread::Builder::new().name(String::from("supervisor-watch")).spawn(move || {
        handover::wait_for_end(&supervisor);
        std::process::exit(1);
    })?;
    Ok(())
}
