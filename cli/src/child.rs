//! What a child does before its real work: take the handover from its stdin, and never outlive the
//! supervisor.

use crate::flags::{Flags, ListenWish};
use anyhow::Context as _;
use rustix::process::{Signal, set_parent_process_death_signal, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};
use volley::control::handover::{self, MediaHandover, RecorderHandover, SignalingHandover};
use volley::worker::cores::Cores;
use volley_recorder::remote::listen::{self, Listening};
use volley_recorder::remote::secret::Secret;

/// `volley media`.
pub(crate) fn media() -> anyhow::Result<()> {
    let supervisor = supervisor_socket()?;
    let handover = MediaHandover::receive(&supervisor).context(NOT_BY_HAND)?;
    end_with_parent(Signal::KILL)?;
    ignore_hang_ups("media")?;
    volley::worker::run_media(handover, &supervisor)?;
    Ok(())
}

/// `volley signaling`.
pub(crate) fn signaling() -> anyhow::Result<()> {
    let supervisor = supervisor_socket()?;
    let handover = SignalingHandover::receive(&supervisor).context(NOT_BY_HAND)?;
    end_with_parent(Signal::KILL)?;
    ignore_hang_ups("signaling")?;
    if let Err(error) = setpriority_process(None, BEHIND_MEDIA) {
        tracing::warn!(%error, "signaling could not step back behind media on a shared core");
    }
    let cores = Cores::share_out(handover.workers.len());
    if cores.is_crowded {
        tracing::warn!("{CROWDED}");
    }
    keep_to(&cores.signaling, "signaling");
    let (told, updates) = tokio::sync::mpsc::channel(1);
    std::thread::Builder::new().name(String::from("supervisor-watch")).spawn(move || {
        // Taken out of the channel by whoever serves; gone with the process, so never full for long.
        while let Some(update) = handover::next_update(&supervisor) {
            let _ = told.blocking_send(update);
        }
        std::process::exit(0);
    })?;
    volley_signaling::run(handover, updates)
}

/// `volley recorder`. Told to stop, or left by the supervisor, it completes its files first.
pub(crate) fn recorder() -> anyhow::Result<()> {
    let supervisor = supervisor_socket()?;
    let handover = RecorderHandover::receive(&supervisor).context(NOT_BY_HAND)?;
    end_with_parent(Signal::TERM)?;
    ignore_hang_ups("recorder")?;
    if let Err(error) = setpriority_process(None, BEHIND_SIGNALING) {
        tracing::warn!(%error, "the recorder could not step back behind media on a shared core");
    }
    keep_to(&Cores::share_out(handover.taps.len()).recorder, "the recorder");
    let ending = Arc::new(AtomicBool::new(false));
    end_in_order(Arc::clone(&ending))?;
    let left = Arc::clone(&ending);
    std::thread::Builder::new().name(String::from("supervisor-watch")).spawn(move || {
        handover::wait_for_end(&supervisor);
        left.store(true, Ordering::Relaxed);
    })?;
    volley_recorder::process::run(handover, &ending)
}

/// `volley recorder --listen`: by itself, for a media host elsewhere. Told to stop, it completes its files first.
pub(crate) fn listening_recorder(flags: &Flags, wish: &ListenWish) -> anyhow::Result<()> {
    let config = crate::load(flags)?;
    config.logging().start()?;
    let secret = Secret::read(&wish.secret_file).context("--secret-file")?;
    crate::supervisor::raise_file_limit();
    // Whoever starts it wants recordings, whether rooms may be recorded here or not.
    let settings = config.recorder_settings();
    let ending = Arc::new(AtomicBool::new(false));
    end_in_order(Arc::clone(&ending))?;
    listen::run(settings, &Listening { address: wish.address, secret }, &ending)
}

/// Keeps this process to some of the cores it may use. Threads that follow inherit it, and those are all that work.
fn keep_to(cores: &[usize], who: &str) {
    if let Err(error) = limit_to(cores) {
        tracing::warn!(%error, "{who} could not be kept off the workers' cores");
    }
}

fn limit_to(cores: &[usize]) -> rustix::io::Result<()> {
    let mut wanted = CpuSet::new();
    cores.iter().for_each(|&core| wanted.set(core));
    // Nothing is asked for that holds already: whoever filters system calls may forbid it.
    if cores.is_empty() || sched_getaffinity(None)? == wanted {
        return Ok(());
    }
    sched_setaffinity(None, &wanted)
}

const CROWDED: &str = "all cores that Volley may use are isolated, and each has a worker: signaling and the recorder take \
                       time of theirs. Let Volley have another core besides (CPUAffinity= in the unit), or one worker less \
                       (--workers)";

/// Nice value of the recorder: what it is late with waits in shared memory.
const BEHIND_SIGNALING: i32 = 10;

/// Takes `SIGTERM` and Ctrl-C for the word to stop.
fn end_in_order(ending: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
        (terminate, signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?)
    };
    std::thread::Builder::new().name(String::from("stop")).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        ending.store(true, Ordering::Relaxed);
    })?;
    Ok(())
}

/// Nice value of signaling: where it shares a core with a worker, packets go before joins.
const BEHIND_MEDIA: i32 = 5;

const NOT_BY_HAND: &str = "this is started by `volley`, not by hand";

/// `SIGHUP` is for the supervisor, which tells its children what changed; without this it would end them.
fn ignore_hang_ups(role: &'static str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut hang_up = {
        let _inside = runtime.enter();
        signal(SignalKind::hangup()).context("SIGHUP cannot be listened for")?
    };
    std::thread::Builder::new().name(String::from("hang-ups")).spawn(move || {
        runtime.block_on(async {
            while hang_up.recv().await.is_some() {
                tracing::warn!(
                    "SIGHUP came to the {role} process and is ignored; send it to the process without an argument"
                );
            }
        });
    })?;
    Ok(())
}

fn supervisor_socket() -> anyhow::Result<UnixStream> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().context(NOT_BY_HAND)?;
    Ok(UnixStream::from(stdin))
}

/// The kernel's way to end this process with the supervisor, and the quick one. The socket tells
/// as well, and also of a supervisor that was gone before we asked.
fn end_with_parent(by: Signal) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(by)).context("the kernel gives no death signal")
}
