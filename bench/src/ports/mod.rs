//! What the kernel takes to find the socket of a datagram on a port that several workers share.
//!
//! Everything is on loopback, where a send does the receiver's part of the kernel's work, too: the time
//! of a send is that of sending, placing and queueing, and what it takes beyond a port with a single
//! socket is what placing costs. What it costs where it was placed wrong is the [`crossing`]. Knows nothing
//! of Volley but its sockets, its steering, and that.

mod crossing;
mod stage;

pub(crate) use crossing::Crossing;

use crate::report::progress::Progress;
use serde::Serialize;
use stage::Stage;
use std::time::{Duration, Instant};

/// Datagrams of one measurement: some ten milliseconds.
const BATCH: u32 = 4_096;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortsPlan {
    /// People whose addresses are known.
    pub(crate) people: u16,
    /// Workers that share the port.
    pub(crate) workers: u16,
    /// Junk datagrams a second to tell the cost of.
    pub(crate) junk_per_second: u32,
    /// How often all are measured, one after the other.
    pub(crate) rounds: u32,
}

/// How a datagram finds its worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Placement {
    /// There is one socket: what the others are compared with.
    Alone,
    /// By Volley's program in the kernel and its map of addresses.
    Steered,
    /// Each person has a connected socket; strangers come to the workers' own.
    Connected,
    /// By the kernel's hash: a room's people are on whatever worker it says.
    Hashed,
}

impl Placement {
    const ALL: [Placement; 4] =
        [Placement::Alone, Placement::Steered, Placement::Connected, Placement::Hashed];
}

/// What one datagram costs.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    /// Sending, placing and queueing, in the quickest round.
    pub(crate) nanos: f64,
    /// Beyond what it costs on a port with one socket.
    pub(crate) nanos_beyond_alone: f64,
}

/// One line of the result.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortsRow {
    /// How a datagram finds its worker.
    pub(crate) placement: Placement,
    /// From somebody unknown.
    pub(crate) stranger: Cost,
    /// From one of the people.
    pub(crate) known: Cost,
    /// Share of a core that the junk takes to be placed and queued, sending included.
    pub(crate) junk_share: f64,
    /// Of it, what a port with one socket would not take.
    pub(crate) junk_share_beyond_alone: f64,
}

/// All lines.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortsResult {
    /// People whose addresses are known.
    pub(crate) people: u16,
    /// Workers that share the port.
    pub(crate) workers: u16,
    /// Junk datagrams a second.
    pub(crate) junk_per_second: u32,
    /// One for each placement that can be had here.
    pub(crate) rows: Vec<PortsRow>,
    /// What it costs beyond that where it came to another worker than the one it is for.
    pub(crate) crossing: Crossing,
    /// Why there is no line for steering, when there is none.
    pub(crate) refused: Option<String>,
}

/// The quickest rounds of one placement.
struct Trial {
    stage: Stage,
    stranger: Duration,
    known: Duration,
}

/// Measures, on the calling thread.
///
/// # Errors
/// When sockets cannot be had.
pub(crate) fn run(plan: &PortsPlan, progress: &Progress) -> anyhow::Result<PortsResult> {
    let mut refused = None;
    let mut trials = Vec::new();
    for placement in Placement::ALL {
        progress.say(&format!("ports: opening {placement:?}"));
        match Stage::build(placement, plan)? {
            Ok(stage) => trials.push(Trial { stage, stranger: Duration::MAX, known: Duration::MAX }),
            Err(reason) => refused = Some(reason),
        }
    }
    for round in 0..plan.rounds {
        progress.at(f64::from(round) / f64::from(plan.rounds), "ports: sending");
        for trial in &mut trials {
            trial.stranger = trial.stranger.min(time(&trial.stage, trial.stage.strangers())?);
            trial.known = trial.known.min(time(&trial.stage, trial.stage.known())?);
        }
    }
    progress.say("ports: crossing");
    Ok(result(plan, &trials, crossing::measure(plan.rounds)?, refused))
}

/// How long a batch from these peers takes, in turn.
fn time(stage: &Stage, peers: &[std::net::UdpSocket]) -> anyhow::Result<Duration> {
    // Neither STUN nor any of the protocols on the port.
    let junk = [0xff; 100];
    let begin = Instant::now();
    for peer in peers.iter().cycle().take(BATCH as usize) {
        peer.send(&junk)?;
    }
    let took = begin.elapsed();
    stage.drain();
    Ok(took)
}

fn result(
    plan: &PortsPlan,
    trials: &[Trial],
    crossing: Crossing,
    refused: Option<String>,
) -> PortsResult {
    let alone = trials.iter().find(|trial| trial.stage.placement() == Placement::Alone);
    let alone = alone.map_or((Duration::ZERO, Duration::ZERO), |trial| (trial.stranger, trial.known));
    let rows = trials.iter().map(|trial| {
        let stranger = cost(trial.stranger, alone.0);
        let share = |nanos: f64| nanos * f64::from(plan.junk_per_second) / 1e9;
        PortsRow {
            placement: trial.stage.placement(),
            stranger,
            known: cost(trial.known, alone.1),
            junk_share: share(stranger.nanos),
            junk_share_beyond_alone: share(stranger.nanos_beyond_alone),
        }
    });
    PortsResult {
        people: plan.people,
        workers: plan.workers,
        junk_per_second: plan.junk_per_second,
        rows: rows.collect(),
        crossing,
        refused,
    }
}

fn cost(took: Duration, alone: Duration) -> Cost {
    let each = |took: f64| took * 1e9 / f64::from(BATCH);
    Cost {
        nanos: each(took.as_secs_f64()),
        nanos_beyond_alone: each(took.as_secs_f64() - alone.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placement_is_measured_and_reaches_somebody() {
        let plan = PortsPlan { people: 64, workers: 2, junk_per_second: 20_000, rounds: 1 };
        let result = run(&plan, &Progress::new()).expect("loopback has UDP");
        let expected = if result.refused.is_some() { 3 } else { 4 };
        assert_eq!(result.rows.len(), expected, "{result:?}");
        assert!(result.rows.iter().all(|row| row.stranger.nanos > 0.0 && row.known.nanos > 0.0));
        assert_eq!(result.rows[0].junk_share_beyond_alone, 0.0);
    }

    #[test]
    fn the_share_of_a_core_follows_from_the_cost_of_one() {
        let cost = cost(
            Duration::from_nanos(u64::from(BATCH) * 2_500),
            Duration::from_nanos(u64::from(BATCH) * 1_500),
        );
        assert_eq!((cost.nanos.round(), cost.nanos_beyond_alone.round()), (2_500.0, 1_000.0));
    }
}
