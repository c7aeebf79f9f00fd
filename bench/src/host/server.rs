//! A server under test, whichever it is.

use super::place::Place;
use crate::signal::Signaling;
use async_trait::async_trait;
use std::sync::Arc;

/// A server that can be measured: found, started at a place, asked for calls, stopped.
#[async_trait]
pub(crate) trait Server: Send + Sync {
    /// What people call it: `volley`, `mediasoup`, `janus`, `livekit`.
    fn name(&self) -> &'static str;

    /// Its version, when it is there and can be measured.
    ///
    /// # Errors
    /// Why it is not, in a sentence that can stand in a report.
    async fn find(&mut self) -> anyhow::Result<String>;

    /// Starts it at its place and waits until it takes calls. After a failure nothing is left
    /// running.
    ///
    /// # Errors
    /// What it said when it did not start.
    async fn start(&mut self, place: &Place) -> anyhow::Result<()>;

    /// The way to ask it for calls; while it runs.
    fn signaling(&self) -> Arc<dyn Signaling>;

    /// Its processes, helpers included; their children are counted with them.
    fn pids(&self) -> Vec<u32>;

    /// Ends it and waits for its end. Nothing when it does not run.
    async fn stop(&mut self);
}
