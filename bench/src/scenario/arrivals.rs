//! `arrivals`: many come within seconds to watch one publisher. Each needs a key frame to begin with,
//! and the publisher must not be asked for one each.

use super::contender::{Running, VolleyChoice, with_volley};
use super::crowd::Crowd;
use super::layers;
use super::measure::Times;
use super::newcomers::{Arrival, Newcomers};
use super::shape::Shape;
use super::strays::Strays;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::load::{Figures, Snapshot};
use crate::report::format::milliseconds;
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The publisher is there for so long before anybody comes: its first key frame is history then.
const ALONE: Duration = Duration::from_secs(3);
/// Who has connected and has no picture by now never gets one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often one looks whether all have.
const LOOK_EVERY: Duration = Duration::from_millis(100);

struct Outcome {
    arrival: Arrival,
    /// Of the receivers, when all had their first picture.
    watching: Snapshot,
    /// Of the publisher, from the first receiver on.
    publisher: Figures,
}

/// Lets them come, and looks at both sides.
///
/// # Errors
/// When the server does not start or ends.
pub(crate) async fn run(
    flags: &cli::Arrivals,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let outcome = with_volley(volley, place, async |running| arrive(flags, place, running, progress).await);
    Ok(report(flags, &outcome.await?, place))
}

async fn arrive(
    flags: &cli::Arrivals,
    place: &Place,
    running: &Running,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let shape = Shape { layered: flags.layers > 1, ..Shape::webinar(flags.receivers, flags.bitrate) };
    // A load of its own, so that what it is asked for is told apart from what is received.
    let mut publisher = Crowd::new(place, shape, running.signaling(), 1)?;
    let crowd = Crowd::new(place, shape, running.signaling(), flags.receivers)?;
    publisher.become_many(1).await?;
    sleep(ALONE).await;
    publisher.load().restart_totals()?;
    progress.say(&format!("{} people come within {:?}", flags.receivers, flags.seconds));
    let people = shape.people(1, flags.receivers + 1).collect();
    let arrival = Newcomers { crowd: &crowd, running, within: flags.seconds }.arrive(people, place).await?;
    let watching = all_watch(&crowd, arrival.connected() as u64).await?;
    Ok(Outcome { arrival, watching, publisher: publisher.load().snapshot()?.total })
}

/// Waits until everybody who has connected has a picture.
async fn all_watch(crowd: &Crowd, people: u64) -> anyhow::Result<Snapshot> {
    let begin = Instant::now();
    loop {
        let snapshot = crowd.load().snapshot()?;
        if snapshot.total.first_frame.len() >= people || begin.elapsed() > PATIENCE {
            return Ok(snapshot);
        }
        sleep(LOOK_EVERY).await;
    }
}

fn report(flags: &cli::Arrivals, outcome: &Outcome, place: &Place) -> Report {
    let Outcome { arrival, watching, publisher } = outcome;
    let watching = &watching.total;
    let mut all_layers = publisher.layers;
    all_layers.add(&watching.layers);
    let (connect, first_frame) = (Times::of(&watching.connect), Times::of(&watching.first_frame));
    let mut table = Table::new(&[
        "receivers",
        "connected",
        "with a picture",
        "key frames asked for",
        "most in a second",
        "connect P95",
        "first frame P50",
        "P95",
        "slowest",
    ]);
    table.row([
        flags.receivers.to_string(),
        arrival.connected().to_string(),
        watching.first_frame.len().to_string(),
        publisher.key_frame_requests.to_string(),
        publisher.most_key_frame_requests.to_string(),
        milliseconds(connect.p95),
        milliseconds(first_frame.p50),
        milliseconds(first_frame.p95),
        milliseconds(first_frame.max),
    ]);
    let mut report = Report {
        name: String::from("arrivals"),
        machine: Machine::describe(place),
        sections: vec![Section {
            title: format!("Receivers come to one publisher within {:?}", flags.seconds),
            table,
            notes: arrival.notes(),
        }],
        figures: json!({
            "receivers": flags.receivers,
            "within": flags.seconds.as_secs_f64(),
            "connected": arrival.connected(),
            "watching": watching.first_frame.len(),
            "refused": arrival.refused(),
            "refusals": arrival.refusals,
            "keyFrameRequests": publisher.key_frame_requests,
            "keyFrameRequestsPerSecond": publisher.most_key_frame_requests,
            "connect": connect,
            "signaling": arrival.signaling,
            "firstFrame": first_frame,
            "longestGap": watching.longest_gap().as_secs_f64(),
            "loss": watching.loss(),
            "cores": arrival.cores,
            "problems": arrival.snapshot.problems,
        }),
        plots: Vec::new(),
    };
    (Strays::of(publisher) + Strays::of(watching)).add_to(&mut report.figures);
    layers::add_to(&mut report, &all_layers);
    report
}
