//! The recorder as the supervisor's child: looks at its desk and at every worker's tap fifty times a second
//! while something is recorded, and ten times a second while nothing is.
//!
//! It may die and come back at any time: then it asks what is recorded, goes on with that in new files, and
//! completes the rest.

use crate::recorder::Recorder;
use crate::remote::forward;
use crate::settings::Settings;
use crate::source::{Local, Source};
use anyhow::Context as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use volley::control::handover::RecorderHandover;
use volley::control::tap::TapReader;

/// Runs until `ending` says so; then every recording is completed.
pub fn run(handover: RecorderHandover, ending: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let settings = Settings::from_bytes(&handover.settings).context("the recorder's settings")?;
    let taps = handover.taps.iter().map(TapReader::attach).collect::<Result<_, _>>();
    let local = Local { taps: taps.context("a worker's tap")?, desk: handover.desk };
    if let Some(offload) = settings.offload {
        return forward::run(local, offload, handover.unix_nanos_at_zero, ending);
    }
    let mut recorder = Recorder::new(settings)?;
    recorder.listen_to(Source::Local(local), handover.unix_nanos_at_zero);
    while !ending.load(Ordering::Relaxed) {
        recorder.turn().rest();
    }
    recorder.end();
    Ok(())
}
