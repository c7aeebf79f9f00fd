//! One run of one load on a server started for it.

use super::contender::{Contender, Running};
use super::crowd::Crowd;
use super::measure::{Measured, measure, seconds_at};
use super::shape::Shape;
use crate::host::place::Place;
use crate::report::format::{count, milliseconds, percent};
use crate::report::progress::Progress;
use std::time::Duration;

/// Joins are over, key frames sent and buffers at their size after this time.
const SETTLE: Duration = Duration::from_secs(3);

/// What is run, and where.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'a> {
    /// Where.
    pub(crate) place: &'a Place,
    /// What.
    pub(crate) shape: Shape,
    /// Who is told.
    pub(crate) progress: &'a Progress,
}

impl Trial<'_> {
    /// Starts the server, lets everybody join, measures for `time`, stops the server.
    ///
    /// # Errors
    /// When the server does not start, refuses somebody or ends.
    pub(crate) async fn run(
        &self,
        contender: &Contender,
        participants: u32,
        time: Duration,
    ) -> anyhow::Result<Measured> {
        let label = &contender.label;
        self.progress.say(&format!("{label}: {participants} participants join"));
        let running = contender.start(self.place).await?;
        let outcome = self.run_on(&running, label, participants, time).await;
        running.stop().await;
        let run = outcome?;
        self.progress.keep(&format!(
            "{label}: {participants} participants: {} packets per CPU-second, loss {}, P95 {}, generator busy {}",
            count(run.per_cpu_second()),
            percent(run.loss()),
            milliseconds(run.delay(0.95)),
            percent(run.generator.busy_share()),
        ));
        Ok(run)
    }

    async fn run_on(
        &self,
        running: &Running,
        label: &str,
        participants: u32,
        time: Duration,
    ) -> anyhow::Result<Measured> {
        let mut crowd = Crowd::new(self.place, self.shape, running.signaling(), participants)?;
        crowd.become_many(participants).await?;
        tokio::time::sleep(SETTLE).await;
        let size = self.shape.size(participants);
        measure(self.place, running, &crowd, size, time, |figures, elapsed| {
            self.progress.at(
                elapsed.as_secs_f64() / time.as_secs_f64(),
                &format!(
                    "{label}: {} packets/s, {} lost, P95 {}",
                    count(figures.packets_per_second()),
                    figures.lost(),
                    milliseconds(seconds_at(&figures.delay, 0.95)),
                ),
            );
        })
        .await
    }
}
