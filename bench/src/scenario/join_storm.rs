//! `join-storm`: many join within a second, while others are in calls.

use super::contender::{Running, VolleyChoice, with_volley};
use super::crowd::Crowd;
use super::measure::Times;
use super::newcomers::{Arrival, Newcomers};
use super::shape::Shape;
use super::strays::Strays;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::load::Snapshot;
use crate::report::format::{count, milliseconds, percent};
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use crate::signal::Person;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// People in the rooms that are there before, and in those that come.
const PEOPLE: u32 = 5;
/// Rooms of the storm are told from those before by their numbers.
const FIRST_ROOM: u32 = 100_000;
/// All joins begin within this time.
const STORM: Duration = Duration::from_secs(1);
/// How long the calls before are watched besides: gaps show when their next packet comes.
const AFTERWARDS: Duration = Duration::from_secs(2);

struct Outcome {
    arrival: Arrival,
    before: Snapshot,
    /// Pairs of receiver and published stream in the calls before.
    expected: u64,
    /// Of both loads, up to the end.
    strays: Strays,
}

/// Lets them join, and looks at both sides.
///
/// # Errors
/// When the server does not start or ends.
pub(crate) async fn run(
    flags: &cli::JoinStorm,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let outcome = with_volley(volley, place, async |running| storm(flags, place, running, progress).await);
    Ok(report(flags, &outcome.await?, place))
}

async fn storm(
    flags: &cli::JoinStorm,
    place: &Place,
    running: &Running,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let calls = Shape::meeting(PEOPLE, flags.bitrate);
    let coming = Shape { publishers: flags.publishers, ..calls };
    // A load of their own each, so that the gaps of the calls before are told apart.
    let mut before = Crowd::new(place, calls, running.signaling(), flags.before)?;
    let crowd = Crowd::new(place, coming, running.signaling(), flags.joins)?;
    progress.say(&format!("{} people are in calls", flags.before));
    before.become_many(flags.before).await?;
    sleep(AFTERWARDS).await;
    before.load().restart_totals()?;
    progress.say(&format!("{} people join within a second", flags.joins));
    let people =
        coming.people(0, flags.joins).map(|person| Person { room: person.room + FIRST_ROOM, ..person });
    let newcomers = Newcomers { crowd: &crowd, running, within: STORM };
    let arrival = newcomers.arrive(people.collect(), place).await?;
    sleep(AFTERWARDS).await;
    let before = before.load().snapshot()?;
    let strays = Strays::of(&before.total) + Strays::of(&crowd.load().snapshot()?.total);
    Ok(Outcome { arrival, before, expected: calls.size(flags.before).streams, strays })
}

impl Outcome {
    /// What the calls before lost: packets, and streams that have stopped.
    fn loss_before(&self) -> f64 {
        let live = self.before.population.streams as f64 / self.expected.max(1) as f64;
        1.0 - (1.0 - self.before.total.loss()) * live.min(1.0)
    }

    /// The longest gap in them, one that has not ended included.
    fn longest_gap_before(&self) -> f64 {
        self.before.total.longest_gap().max(self.before.population.open_gap).as_secs_f64()
    }
}

fn report(flags: &cli::JoinStorm, outcome: &Outcome, place: &Place) -> Report {
    let Outcome { arrival, before, strays, .. } = outcome;
    let (storm, before) = (&arrival.snapshot.total, &before.total);
    let (gap_before, loss_before) = (outcome.longest_gap_before(), outcome.loss_before());
    let (connect, first_frame) = (Times::of(&storm.connect), Times::of(&storm.first_frame));
    let mut table = Table::new(&[
        "joins",
        "connected",
        "refused",
        "P50",
        "P95",
        "slowest",
        "first frame P95",
        "longest gap before",
        "loss before",
    ]);
    table.row([
        flags.joins.to_string(),
        arrival.connected().to_string(),
        arrival.refused().to_string(),
        milliseconds(connect.p50),
        milliseconds(connect.p95),
        milliseconds(connect.max),
        milliseconds(first_frame.p95),
        milliseconds(gap_before),
        percent(loss_before),
    ]);
    let mut notes = vec![format!(
        "{} people in calls of {PEOPLE} went on meanwhile, at {} packets/s; of {PEOPLE} newcomers {} published; \
         all was over after {:.1} s.",
        flags.before,
        count(before.packets_per_second()),
        flags.publishers,
        arrival.took.as_secs_f64(),
    )];
    let lateness = Times::of(&before.lateness);
    notes.push(format!(
        "The generator itself was late with the calls before by {} (P99), {} at most: so much of the gap is not \
         the server's.",
        milliseconds(lateness.p99),
        milliseconds(lateness.max)
    ));
    notes.extend(arrival.notes());
    let mut report = Report {
        name: String::from("join-storm"),
        machine: Machine::describe(place),
        sections: vec![Section { title: String::from("Many join at once"), table, notes }],
        figures: json!({
            "joins": flags.joins,
            "publishersOfFive": flags.publishers,
            "connected": arrival.connected(),
            "refused": arrival.refused(),
            "refusals": arrival.refusals,
            "seconds": arrival.took.as_secs_f64(),
            "connect": connect,
            "signaling": arrival.signaling,
            "firstFrame": first_frame,
            "longestGapOfCallsBefore": gap_before,
            "lossOfCallsBefore": loss_before,
            "before": flags.before,
            "generatorLatenessWithCallsBefore": lateness,
            "cores": arrival.cores,
            "problems": arrival.snapshot.problems,
        }),
        plots: Vec::new(),
    };
    strays.add_to(&mut report.figures);
    report
}
