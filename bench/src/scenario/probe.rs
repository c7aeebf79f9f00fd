//! Short trials of a load: whether a server carries it.

use super::contender::{Contender, Running};
use super::crowd::Crowd;
use super::measure::{Measured, measure};
use super::search::{Found, Range, Verdict, highest};
use super::shape::Shape;
use super::strays::Strays;
use crate::host::place::Place;
use crate::report::format::{count, milliseconds, percent};
use crate::report::progress::Progress;
use serde::Serialize;
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
/// A server with less of its core left than this has no time for more, however busy the generator is.
const SERVER_FULL: f64 = 0.95;
/// Trials that fail before a load is too much: a hiccup of the machine is not the server's.
const ATTEMPTS: u32 = 2;
/// Trials in all. One that fails while something takes the core's time from the server does not tell.
const MOST_TRIALS: u32 = 5;

impl Bounds {
    /// Whether a run was within them, and if not, whose fault that is.
    pub(crate) fn judge(&self, run: &Measured) -> Verdict {
        if run.strays() != Strays::default() {
            // A fault of the server's, however little it has to do.
            Verdict::TooMuch
        } else if run.loss() <= self.loss && run.delay(0.95) <= self.delay {
            Verdict::Carried
        } else if run.generator_limited() && run.server_busy() < SERVER_FULL {
            Verdict::GeneratorIsFull
        } else {
            Verdict::TooMuch
        }
    }

    /// What of a run was outside of them, for people; `None` when all of it was within.
    pub(crate) fn broken_by(&self, run: &Measured) -> Option<String> {
        let loss = (run.loss() > self.loss)
            .then(|| format!("lost {}, at most {} is carried", percent(run.loss()), percent(self.loss)));
        let delay = (run.delay(0.95) > self.delay)
            .then(|| format!("P95 {}, at most {}", milliseconds(run.delay(0.95)), milliseconds(self.delay)));
        let broken: Vec<String> = run.strays().told().into_iter().chain(loss).chain(delay).collect();
        (!broken.is_empty()).then(|| broken.join("; "))
    }
}

/// A load that was tried, and what it came to in a short trial.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tried {
    /// Participants.
    pub(crate) participants: u32,
    /// Packets forwarded per second.
    pub(crate) forwarded_per_second: f64,
    /// Of the server's core, per packet.
    pub(crate) nanos_per_packet: f64,
    /// Packets per send.
    pub(crate) mean_train: f64,
    /// What did not arrive.
    pub(crate) loss: f64,
    /// One packet of twenty was later, in seconds.
    pub(crate) p95: f64,
    /// What nobody should have got.
    #[serde(flatten)]
    pub(crate) strays: Strays,
}

impl Tried {
    fn of(run: &Measured) -> Tried {
        Tried {
            participants: run.size.participants,
            forwarded_per_second: run.figures.packets_per_second(),
            nanos_per_packet: run.seconds_per_packet() * 1e9,
            mean_train: run.mean_train(),
            loss: run.loss(),
            p95: run.delay(0.95),
            strays: run.strays(),
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
    /// Searches. The result is in participants; with it come all loads that were tried.
    ///
    /// # Errors
    /// When the server does not start, or generator or counters fail.
    pub(crate) async fn search(&self, contender: &Contender) -> anyhow::Result<(Found, Vec<Tried>)> {
        let running = contender.start(self.place).await?;
        let outcome = self.search_on(contender, &running).await;
        running.stop().await;
        outcome
    }

    async fn search_on(
        &self,
        contender: &Contender,
        running: &Running,
    ) -> anyhow::Result<(Found, Vec<Tried>)> {
        let most = self.range.most * self.step;
        let mut crowd = Crowd::new(self.place, self.shape, running.signaling(), most)?;
        let mut tried = Vec::new();
        let found = highest(self.range, async |load| {
            self.attempt(contender, running, &mut crowd, load * self.step, &mut tried).await
        });
        let found = found.await?;
        Ok((Found { load: found.load * self.step, ..found }, tried))
    }

    async fn attempt(
        &self,
        contender: &Contender,
        running: &Running,
        crowd: &mut Crowd,
        participants: u32,
        tried: &mut Vec<Tried>,
    ) -> anyhow::Result<Verdict> {
        let name = &contender.label;
        self.progress.say(&format!("{name}: trying {participants} participants"));
        if let Err(refusal) = crowd.become_many(participants).await {
            running.pid()?;
            self.progress.keep(&format!("{name}: {participants} participants: {refusal:#}"));
            return Ok(Verdict::TooMuch);
        }
        let (mut verdict, mut failed) = (Verdict::TooMuch, 0);
        for _ in 0..MOST_TRIALS {
            tokio::time::sleep(SETTLE).await;
            let size = self.shape.size(participants);
            let run = measure(self.place, running, crowd, size, JUDGE, |_, _| ()).await?;
            verdict = self.bounds.judge(&run);
            tried.push(Tried::of(&run));
            self.progress.keep(&told(name, participants, &run, verdict));
            failed += u32::from(run.disturbance().is_none());
            if verdict == Verdict::Carried || failed == ATTEMPTS {
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
    let strays = run.strays().told();
    let disturbed = run.disturbance().filter(|_| verdict != "carried").map(|why| format!("disturbed: {why}"));
    let notes: String = strays.into_iter().chain(disturbed).map(|note| format!(" ({note})")).collect();
    format!(
        "{name}: {participants} participants: {} packets/s, loss {}, P95 {}, server busy {}, generator busy {}: {verdict}{notes}",
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
        assert!(
            BOUNDS.broken_by(&slow).is_some_and(|why| why.starts_with("P95 6.0") && why.contains("5.00 ms"))
        );
        let lossy = BOUNDS.broken_by(&measured(100_000, 200, 5.0));
        assert!(lossy.is_some_and(|why| why.starts_with("lost 0.2 %") && !why.contains("P95")));
        assert_eq!(BOUNDS.broken_by(&measured(100_000, 50, 5.0)), None);
    }

    #[test]
    fn a_load_at_which_one_packet_went_astray_is_not_carried() {
        let mut run = measured(100_000, 0, 5.0);
        run.figures.foreign_room = 1;
        run.generator.busy = 9.5;
        assert_eq!(BOUNDS.judge(&run), Verdict::TooMuch);
        assert_eq!(BOUNDS.broken_by(&run).as_deref(), Some("1 packets of another room"));
        assert_eq!(Tried::of(&run).strays, run.strays());
    }

    #[test]
    fn a_full_generator_is_blamed_before_a_server_that_is_not() {
        let mut run = measured(100_000, 200, 5.0);
        run.generator.busy = 9.5;
        assert_eq!(BOUNDS.judge(&run), Verdict::GeneratorIsFull);
        let mut both = measured(100_000, 200, 9.8);
        both.generator.busy = 9.5;
        assert_eq!(BOUNDS.judge(&both), Verdict::TooMuch, "the server has no time for more either");
        run.figures.video.missing = 0;
        assert_eq!(BOUNDS.judge(&run), Verdict::Carried);
    }
}
