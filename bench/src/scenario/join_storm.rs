//! `join-storm`: many join within a second, while others are in calls.

use super::contender::{Contender, Name, Running, VolleyChoice};
use super::crowd::Crowd;
use super::measure::Times;
use super::shape::Shape;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::load::Snapshot;
use crate::report::format::{count, milliseconds, percent};
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use crate::signal::Person;
use futures_util::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// People in the rooms that are there before, and in those that come.
const PEOPLE: u32 = 5;
/// Rooms of the storm are told from those before by their numbers.
const FIRST_ROOM: u32 = 100_000;
/// All joins begin within this time.
const STORM: Duration = Duration::from_secs(1);
/// A transport that has not connected by now never will.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the calls before are watched besides: gaps show when their next packet comes.
const AFTERWARDS: Duration = Duration::from_secs(2);

struct Outcome {
    refusals: Vec<String>,
    took: Duration,
    storm: Snapshot,
    before: Snapshot,
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
    let contender = Contender::find(Name::Volley, volley).await?;
    let running = contender.start(place).await?;
    let outcome = storm(flags, place, &running, progress).await;
    running.stop().await;
    report(flags, &outcome?, place)
}

async fn storm(
    flags: &cli::JoinStorm,
    place: &Place,
    running: &Running,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let shape = Shape::meeting(PEOPLE, flags.bitrate);
    // A load of their own each, so that the gaps of the calls before are told apart.
    let mut before = Crowd::new(place, shape, running.signaling(), flags.before)?;
    let newcomers = Crowd::new(place, shape, running.signaling(), flags.joins)?;
    progress.say(&format!("{} people are in calls", flags.before));
    before.become_many(flags.before).await?;
    sleep(AFTERWARDS).await;
    before.load().restart_totals()?;
    progress.say(&format!("{} people join within a second", flags.joins));
    let begin = Instant::now();
    let people = shape.people(0, flags.joins).enumerate();
    let joins = people.map(|(index, person)| {
        let person = Person { room: person.room + FIRST_ROOM, ..person };
        let join = newcomers.join(person);
        let wait = STORM.mul_f64(index as f64 / f64::from(flags.joins));
        async move {
            sleep(wait).await;
            join.await
        }
    });
    let refusals = join_all(joins).await.into_iter().filter_map(Result::err);
    let refusals: Vec<String> = refusals.map(|error| format!("{error:#}")).collect();
    let storm = all_connected(&newcomers, begin).await?;
    let took = begin.elapsed();
    sleep(AFTERWARDS).await;
    Ok(Outcome { refusals, took, storm, before: before.load().snapshot()? })
}

/// Waits until nobody is connecting any more, one way or the other.
async fn all_connected(crowd: &Crowd, begin: Instant) -> anyhow::Result<Snapshot> {
    loop {
        let snapshot = crowd.load().snapshot()?;
        if snapshot.population.connecting == 0 || begin.elapsed() > PATIENCE {
            return Ok(snapshot);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn report(flags: &cli::JoinStorm, outcome: &Outcome, place: &Place) -> anyhow::Result<Report> {
    let (storm, before) = (&outcome.storm.total, &outcome.before.total);
    let connect = Times::of(&storm.connect);
    let first_frame = Times::of(&storm.first_frame);
    let connected = outcome.storm.population.connected;
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
        "generator busy",
    ]);
    table.row([
        flags.joins.to_string(),
        connected.to_string(),
        outcome.refusals.len().to_string(),
        milliseconds(connect.p50),
        milliseconds(connect.p95),
        milliseconds(connect.max),
        milliseconds(first_frame.p95),
        milliseconds(before.longest_gap().as_secs_f64()),
        percent(before.loss()),
        percent(storm.busy_share() + before.busy_share()),
    ]);
    let mut notes = vec![format!(
        "{} people in calls of {PEOPLE} went on meanwhile, at {} packets/s; all was over after {:.1} s.",
        flags.before,
        count(before.packets_per_second()),
        outcome.took.as_secs_f64(),
    )];
    notes.extend(outcome.refusals.first().map(|refusal| format!("The first refusal: {refusal}")));
    Ok(Report {
        name: String::from("join-storm"),
        machine: Machine::describe(place),
        sections: vec![Section { title: String::from("Many join at once"), table, notes }],
        figures: json!({
            "joins": flags.joins,
            "connected": connected,
            "refused": outcome.refusals.len(),
            "connect": connect,
            "firstFrame": first_frame,
            "longestGapOfCallsBefore": before.longest_gap().as_secs_f64(),
            "lossOfCallsBefore": before.loss(),
            "before": flags.before,
            "problems": outcome.storm.problems,
        }),
        plots: Vec::new(),
    })
}
