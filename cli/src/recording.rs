//! The recorder as the supervisor has it: the process, and what stands between it and the others.

use crate::config::Config;
use crate::flags::Role;
use crate::process::{Change, Process};
use anyhow::Context as _;
use std::io;
use std::os::fd::OwnedFd;
use tokio::time::Instant;
use volley::control::desk;
use volley::control::handover::RecorderHandover;
use volley::control::tap::TapFd;
use volley_recorder::remote::Offload;
use volley_recorder::settings::Settings;

/// The process, and its taps and desk, which outlive it and whom it works with.
pub(crate) struct Recording {
    process: Process,
    /// By the worker's number.
    taps: Vec<TapFd>,
    /// The ends for signaling and for the recorder.
    desk: (OwnedFd, OwnedFd),
    /// Where recordings are made, when that is not here.
    offload: Option<Offload>,
}

impl Recording {
    pub(crate) fn new(workers: usize, config: &Config) -> anyhow::Result<Recording> {
        let taps = (0..workers).map(|_| TapFd::create()).collect::<Result<_, _>>();
        Ok(Recording {
            offload: config.offload()?,
            process: Process::new(Role::Recorder, config.logging()),
            taps: taps.context("no shared memory for the recorder")?,
            desk: desk::pair().context("no sockets for the recorder")?,
        })
    }

    /// The tap of a worker.
    pub(crate) fn tap(&self, worker: usize) -> io::Result<TapFd> {
        self.taps[worker].try_clone()
    }

    pub(crate) fn desk_for_signaling(&self) -> io::Result<OwnedFd> {
        self.desk.0.try_clone()
    }

    /// Calls go on whatever becomes of the recorder.
    pub(crate) fn on_change(&mut self, change: Change, settings: &Settings, unix_nanos_at_zero: u64) {
        match change {
            Change::Due => {
                if let Err(error) = self.start(settings, unix_nanos_at_zero) {
                    self.process.postpone(&error);
                }
            }
            Change::Ended(status) => {
                tracing::error!(
                    "the recorder process died ({status}): it is started again, and recordings go on"
                );
            }
        }
    }

    /// Lets it complete its files.
    pub(crate) async fn stop_by(&mut self, deadline: Instant) {
        self.process.ask_to_stop();
        self.process.stop_by(deadline).await;
    }

    fn start(&mut self, settings: &Settings, unix_nanos_at_zero: u64) -> anyhow::Result<()> {
        let handover = RecorderHandover {
            taps: self.taps.iter().map(TapFd::try_clone).collect::<Result<_, _>>()?,
            desk: self.desk.1.try_clone()?,
            unix_nanos_at_zero,
            settings: Settings { offload: self.offload.clone(), ..settings.clone() }.to_bytes().into(),
        };
        self.process.start(|socket| handover.send(socket))
    }
}

/// The next change of the recorder; never where there is none.
pub(crate) async fn change(recording: &mut Option<Recording>) -> Change {
    match recording {
        Some(recording) => recording.process.change().await,
        None => std::future::pending().await,
    }
}
