//! Short trials of a load: whether a server carries it.

use super::contender::{Contender, Running};
use super::crowd::Crowd;
use super::measure::{Measured, measure};
use super::search::{Found, Range, Verdict, highest};
use super::shape::Shape;
use crate::host::place::Place;
use crate::report::format::{count, milliseconds, percent};
use crate::report::progress::Progress;
use std::time::Duration;

/// When a load counts as carried.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Bounds {
    /// Most loss.
    pub(crate) loss: f64,
    /// Most delay, in seconds, that one packet of twenty may have.
    pub(crate) delay: f64,
}

/// How long a new load runs before it is judged: joins and first key frames are over by then.
const SETTLE: Duration = Duration::from_millis(1500);
/// How long it is judged: at 0.1 % of loss, a second of a small room has too few packets to tell.
const JUDGE: Duration = Duration::from_secs(3);
/// Trials of a load that failed: a hiccup of the machine is not the server's.
const ATTEMPTS: u32 = 2;

impl Bounds {
    /// Whether a run was within them, and if not, whose fault that is.
    pub(crate) fn judge(&self, run: &Measured) -> Verdict {
        if run.loss() <= self.loss && run.delay(0.95) <= self.delay {
            Verdict::Carried
        } else if run.generator_limited() {
            Verdict::GeneratorIsFull
        } else {
            Verdict::TooMuch
        }
    }
}

/// Searches the most participants that a server carries, on one start of it.
pub(crate) struct Prober<'a> {
    /// Where.
    pub(crate) place: &'a Place,
    /// What is tried.
    pub(crate) shape: Shape,
    /// What counts as carried.
    pub(crate) bounds: Bounds,
    /// Participants are tried in multiples of this.
    pub(crate) step: u32,
    /// Where to look, in steps.
    pub(crate) range: Range,
    /// Who is told.
    pub(crate) progress: &'a Progress,
}

impl Prober<'_> {
    /// Searches. The result is in participants.
    ///
    /// # Errors
    /// When the server does not start, or generator or counters fail.
    pub(crate) async fn search(&self, contender: &Contender) -> anyhow::Result<Found> {
        let running = contender.start(self.place).await?;
        let most = self.range.most * self.step;
        let mut crowd = Crowd::new(self.place, self.shape, running.signaling(), most)?;
        let found = highest(self.range, async |load| {
            self.attempt(contender, &running, &mut crowd, load * self.step).await
        });
        let found = found.await;
        drop(crowd);
        running.stop().await;
        found.map(|found| Found { load: found.load * self.step, ..found })
    }

    async fn attempt(
        &self,
        contender: &Contender,
        running: &Running,
        crowd: &mut Crowd,
        participants: u32,
    ) -> anyhow::Result<Verdict> {
        let name = &contender.label;
        self.progress.say(&format!("{name}: trying {participants} participants"));
        if let Err(refusal) = crowd.become_many(participants).await {
            running.pid()?;
            self.progress.keep(&format!("{name}: {participants} participants: {refusal:#}"));
            return Ok(Verdict::TooMuch);
        }
        let mut verdict = Verdict::TooMuch;
        for _ in 0..ATTEMPTS {
            tokio::time::sleep(SETTLE).await;
            let size = self.shape.size(participants);
            let run = measure(self.place, running, crowd, size, JUDGE, |_, _| ()).await?;
            verdict = self.bounds.judge(&run);
            self.progress.keep(&told(name, participants, &run, verdict));
            if verdict == Verdict::Carried {
                break;
            }
        }
        Ok(verdict)
    }
}

fn told(name: &str, participants: u32, run: &Measured, verdict: Verdict) -> String {
    let verdict = match verdict {
        Verdict::Carried => "carried",
        Verdict::TooMuch => "too much",
        Verdict::GeneratorIsFull => "the generator is full",
    };
    format!(
        "{name}: {participants} participants: {} packets/s, loss {}, P95 {}, server busy {}, generator busy {}: {verdict}",
        count(run.figures.packets_per_second()),
        percent(run.loss()),
        milliseconds(run.delay(0.95)),
        percent(run.server_busy()),
        percent(run.generator.busy_share()),
    )
}

#[cfg(test)]
mod tests {
    use super::super::measure::tests::measured;
    use super::*;

    const BOUNDS: Bounds = Bounds { loss: 0.001, delay: 0.005 };

    #[test]
    fn loss_and_delay_each_make_a_load_too_much() {
        assert_eq!(BOUNDS.judge(&measured(100_000, 50, 5.0)), Verdict::Carried);
        assert_eq!(BOUNDS.judge(&measured(100_000, 200, 5.0)), Verdict::TooMuch);
        let mut slow = measured(100_000, 0, 5.0);
        slow.figures.delay.saturating_record_n(6000, 10);
        assert_eq!(BOUNDS.judge(&slow), Verdict::TooMuch);
    }

    #[test]
    fn a_full_generator_is_blamed_before_the_server() {
        let mut run = measured(100_000, 200, 5.0);
        run.generator.busy = 9.5;
        assert_eq!(BOUNDS.judge(&run), Verdict::GeneratorIsFull);
        run.figures.video.missing = 0;
        assert_eq!(BOUNDS.judge(&run), Verdict::Carried);
    }
}
