//! One child: started, watched, started again after a pause, stopped.

use crate::flags::Role;
use crate::logging::{FORMAT_VARIABLE, LEVEL_VARIABLE, Logging};
use crate::service;
use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};
use volley::control::handover;

/// The first pause: pages must be signalled again soon.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// The last one: a child that cannot live must not keep a core busy starting it.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A child that lived so long did not die of what killed the one before.
const SETTLED: Duration = Duration::from_secs(10);
/// A handover is a few kilobytes in an empty socket; a child that does not take it is stuck.
const HANDOVER_TIME: Duration = Duration::from_secs(2);

/// A child and when it is due.
pub(crate) struct Process {
    role: Role,
    logging: Logging,
    state: State,
    pause: Duration,
}

enum State {
    Running { child: Child, since: Instant, socket: UnixStream },
    Due(Instant),
}

/// What happened to a child.
pub(crate) enum Change {
    /// It ended.
    Ended(ExitStatus),
    /// Its pause is over.
    Due,
}

impl Process {
    /// A child that is due at once.
    pub(crate) fn new(role: Role, logging: Logging) -> Process {
        Process { role, logging, state: State::Due(Instant::now()), pause: SHORTEST_PAUSE }
    }

    /// Starts it; `send` hands it over what it needs.
    pub(crate) fn start(
        &mut self,
        send: impl FnOnce(&UnixStream) -> Result<(), volley::control::handover::HandoverError>,
    ) -> anyhow::Result<()> {
        let (ours, theirs) = UnixStream::pair().context("no socket for the handover")?;
        ours.set_write_timeout(Some(HANDOVER_TIME))?;
        // The same file as ours, even after an upgrade has put another in its place; and a group of
        // its own, so that Ctrl-C reaches the supervisor alone, which then stops its children.
        let mut command = Command::new("/proc/self/exe");
        // What is configured it is handed; secrets among it stay out of its environment, and what opens the
        // store out of that of all but the recorder.
        let is_recorder = self.role == Role::Recorder;
        let is_kept_out =
            |name: &[u8]| name.starts_with(b"VOLLEY_") || !is_recorder && name.starts_with(b"AWS_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_kept_out(name.as_encoded_bytes())) {
            command.env_remove(name);
        }
        for name in service::VARIABLES {
            command.env_remove(name);
        }
        let child = command
            .arg0("volley")
            .arg(self.name())
            .env(LEVEL_VARIABLE, &self.logging.level)
            .env(FORMAT_VARIABLE, &self.logging.format)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("the {} process cannot be started", self.name()))?;
        tracing::debug!(pid = child.id(), "started {}", self.name());
        let handed_over = send(&ours);
        self.state = State::Running { child, since: Instant::now(), socket: ours };
        if let Err(error) = handed_over {
            // It died or hangs: either way its end is near, and is dealt with there.
            tracing::error!("the {} process did not take its handover: {error}", self.name());
            self.signal(Signal::KILL);
        }
        Ok(())
    }

    /// Tells it something new, if it runs; one that is started later hears it in its handover.
    pub(crate) fn tell(&mut self, message: &[u8]) {
        if let State::Running { socket, .. } = &self.state
            && let Err(error) = handover::send_update(socket, message)
        {
            tracing::error!("the {} process did not hear of a change: {error}", self.name());
        }
    }

    /// Waits for the next change. Can be dropped and called again.
    pub(crate) async fn change(&mut self) -> Change {
        match &mut self.state {
            State::Due(at) => {
                sleep_until(*at).await;
                Change::Due
            }
            State::Running { child, since, .. } => match child.wait().await {
                Ok(status) => {
                    let lived = since.elapsed();
                    self.rest(lived);
                    Change::Ended(status)
                }
                Err(error) => {
                    tracing::error!("cannot wait for the {} process: {error}", self.name());
                    std::future::pending().await
                }
            },
        }
    }

    /// Kills it; it is due when `with` is.
    pub(crate) async fn kill_until(&mut self, with: Instant) {
        if let State::Running { child, .. } = &mut self.state {
            let _ = child.kill().await;
        }
        self.state = State::Due(with);
    }

    /// Puts off a start that failed for want of something (open files, memory) that may come back.
    pub(crate) fn postpone(&mut self, error: &anyhow::Error) {
        tracing::error!("the {} process is started later: {error:#}", self.name());
        self.rest(Duration::ZERO);
    }

    /// When it is started next, if it does not run.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Due(at) => Some(at),
            State::Running { .. } => None,
        }
    }

    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits for its end until `deadline`, then kills it.
    pub(crate) async fn stop_by(&mut self, deadline: Instant) {
        if let State::Running { child, .. } = &mut self.state
            && tokio::time::timeout_at(deadline, child.wait()).await.is_err()
        {
            tracing::warn!("the {} process did not stop in time and is killed", self.name());
            self.kill_until(deadline).await;
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.role {
            Role::Media => "media",
            Role::Signaling => "signaling",
            Role::Recorder => "recorder",
        }
    }

    /// Sets the pause before the next start; it doubles while the child dies young.
    fn rest(&mut self, lived: Duration) {
        if lived >= SETTLED {
            self.pause = SHORTEST_PAUSE;
        }
        self.state = State::Due(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn signal(&self, signal: Signal) {
        if let State::Running { child, .. } = &self.state
            && let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32))
        {
            // ESRCH: it ended just now.
            let _ = kill_process(pid, signal);
        }
    }
}
