//! Many who join in a short time: when each begins, who is refused and why, how long it takes, and
//! whether the generator could keep up.

use super::contender::Running;
use super::crowd::Crowd;
use super::measure::Times;
use super::watch::{Watch, Watched};
use crate::host::place::Place;
use crate::load::Snapshot;
use crate::report::format::milliseconds;
use crate::signal::Person;
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A transport that has not connected by now never will.
const PATIENCE: Duration = Duration::from_secs(15);
/// A minute: nobody waits so long for an answer.
const LONGEST_MICROS: u64 = 60_000_000;
/// How often one looks whether all have.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// People who come to a crowd, evenly spread over a time.
pub(super) struct Newcomers<'a> {
    pub(super) crowd: &'a Crowd,
    pub(super) running: &'a Running,
    pub(super) within: Duration,
}

/// How they came.
pub(super) struct Arrival {
    /// From the first join until nobody was connecting any more.
    pub(super) took: Duration,
    /// Of the newcomers' load at that moment; its totals begin with the first join.
    pub(super) snapshot: Snapshot,
    /// From a join to its answer, seconds: WebSocket, offer, answer.
    pub(super) signaling: Times,
    /// Reasons of refusal and their numbers.
    pub(super) refusals: BTreeMap<String, u32>,
    /// Both cores meanwhile.
    pub(super) cores: Watched,
}

impl Newcomers<'_> {
    /// Lets `people` join, once each, and waits until nobody is connecting any more.
    ///
    /// # Errors
    /// When the generator is gone.
    pub(super) async fn arrive(&self, people: Vec<Person>, place: &Place) -> anyhow::Result<Arrival> {
        self.crowd.load().restart_totals()?;
        let (watch, begin) = (Watch::start(place, self.running)?, Instant::now());
        let pause = self.within.div_f64(people.len().max(1) as f64);
        let joins = people.into_iter().enumerate().map(|(index, person)| {
            let (join, wait) = (self.crowd.join(person), pause.mul_f64(index as f64));
            async move {
                sleep(wait.saturating_sub(begin.elapsed())).await;
                let asked = Instant::now();
                join.await.map(|()| asked.elapsed())
            }
        });
        let mut signaling = Histogram::new_with_bounds(1, LONGEST_MICROS, 2)?;
        let mut refusals = BTreeMap::new();
        for outcome in join_all(joins).await {
            match outcome {
                Ok(took) => signaling.saturating_record(took.as_micros() as u64),
                // The cause alone: the text around it names the person.
                Err(error) => *refusals.entry(error.root_cause().to_string()).or_insert(0) += 1,
            }
        }
        let snapshot = self.all_connected(begin).await?;
        let cores = watch.so_far()?.with(&snapshot.total);
        Ok(Arrival { took: begin.elapsed(), snapshot, signaling: Times::of(&signaling), refusals, cores })
    }

    /// Waits until nobody is connecting any more, one way or the other.
    async fn all_connected(&self, begin: Instant) -> anyhow::Result<Snapshot> {
        loop {
            let snapshot = self.crowd.load().snapshot()?;
            if snapshot.population.connecting == 0 || begin.elapsed() > PATIENCE {
                return Ok(snapshot);
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

impl Arrival {
    /// Transports that came to their keys.
    pub(super) fn connected(&self) -> usize {
        self.snapshot.population.connected
    }

    /// How many were refused.
    pub(super) fn refused(&self) -> u32 {
        self.refusals.values().sum()
    }

    /// For people.
    pub(super) fn notes(&self) -> Vec<String> {
        let Times { p50, p95, .. } = self.signaling;
        let mut notes = vec![format!(
            "Of joining, signaling took {} (P50), {} (P95).",
            milliseconds(p50),
            milliseconds(p95)
        )];
        notes.extend(self.refusals.iter().map(|(why, times)| format!("Refused {times} times: {why}.")));
        notes.extend(self.cores.notes());
        notes
    }
}
