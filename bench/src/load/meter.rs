//! Where everything is counted while it happens.

use super::snapshot::{Figures, Population, Snapshot};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use volley::base::Time;

/// A hundred transports that fail for one reason are told apart by nobody.
const MAX_PROBLEMS: usize = 8;

/// The figures of the interval that runs, and of all before it.
pub(super) struct Meter {
    pub(super) now: Figures,
    total: Figures,
    problems: Vec<String>,
    since: Time,
    busy_since: Duration,
    io_losses: u64,
}

impl Meter {
    pub(super) fn new(now: Time) -> Meter {
        Meter {
            now: Figures::default(),
            total: Figures::default(),
            problems: Vec::new(),
            since: now,
            busy_since: thread_time(),
            io_losses: 0,
        }
    }

    /// Something went wrong that a person should know.
    pub(super) fn problem(&mut self, text: String) {
        tracing::debug!(problem = text, "the load noticed a failure");
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(text);
        }
    }

    /// Ends the interval. `io_losses` is counted since the start.
    pub(super) fn snapshot(&mut self, now: Time, io_losses: u64, population: Population) -> Snapshot {
        let busy = thread_time();
        let mut interval = std::mem::take(&mut self.now);
        interval.wall = now.since(self.since);
        interval.busy = busy.saturating_sub(self.busy_since);
        interval.io_losses = io_losses - self.io_losses;
        (self.since, self.busy_since, self.io_losses) = (now, busy, io_losses);
        self.total.add(&interval);
        Snapshot { interval, total: self.total.clone(), population, problems: self.problems.clone() }
    }

    /// Forgets what was counted; what went wrong is kept.
    pub(super) fn restart(&mut self, now: Time, io_losses: u64) {
        let problems = std::mem::take(&mut self.problems);
        *self = Meter { problems, io_losses, ..Meter::new(now) };
    }
}

/// CPU time of this thread so far.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_told_once_and_totals_begin_where_they_are_told_to() {
        let mut meter = Meter::new(Time::ZERO);
        meter.now.audio.packets = 5;
        let snapshot = meter.snapshot(Time::from_millis(1_000), 3, Population::default());
        assert_eq!((snapshot.interval.packets(), snapshot.total.packets()), (5, 5));
        assert_eq!((snapshot.interval.io_losses, snapshot.interval.wall.as_secs()), (3, 1));
        meter.now.audio.packets = 2;
        let snapshot = meter.snapshot(Time::from_millis(2_000), 3, Population::default());
        assert_eq!((snapshot.interval.packets(), snapshot.total.packets()), (2, 7));
        assert_eq!(snapshot.interval.io_losses, 0);
        meter.restart(Time::from_millis(2_500), 4);
        let snapshot = meter.snapshot(Time::from_millis(3_000), 4, Population::default());
        assert_eq!((snapshot.total.packets(), snapshot.total.io_losses), (0, 0));
        assert_eq!(snapshot.total.wall, Duration::from_millis(500));
    }

    #[test]
    fn the_first_problems_are_kept() {
        let mut meter = Meter::new(Time::ZERO);
        (0..100).for_each(|number| meter.problem(format!("problem {number}")));
        let snapshot = meter.snapshot(Time::ZERO, 0, Population::default());
        assert_eq!(snapshot.problems.len(), MAX_PROBLEMS);
        assert_eq!(snapshot.problems[0], "problem 0");
    }
}
