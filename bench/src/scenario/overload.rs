//! `overload`: half as much again as a server carries. Sound must hold, refusals must be quick, and
//! when the load goes, service must be whole at once.

use super::contender::{Contender, Name, Running, VolleyChoice};
use super::crowd::Crowd;
use super::measure::measure;
use super::probe::{Bounds, Prober};
use super::search::Range;
use super::shape::Shape;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::load::{Figures, Received};
use crate::report::format::{count, milliseconds, percent};
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use crate::signal::Person;
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// People in a room.
const PEOPLE: u32 = 10;
/// Joins under way at a time.
const JOINS_AT_ONCE: usize = 16;
/// So many ask to join while there is too much already.
const LATE: u32 = 20;
/// A search to a tenth is enough for "half as much again".
const PRECISION: f64 = 0.1;
/// When the load is gone, the next second but this one must be whole.
const RECOVERY: Duration = Duration::from_secs(1);

struct Outcome {
    carried: u32,
    offered: u32,
    admitted: u32,
    refusals: Vec<(Duration, String)>,
    /// Of those who came when there was too much already.
    late_refusals: u32,
    during: Figures,
    after: Figures,
}

/// Overloads a server and looks what becomes of those who are admitted.
///
/// # Errors
/// When the server does not start or ends.
pub(crate) async fn run(
    flags: &cli::Overload,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let contender = Contender::find(Name::Volley, volley).await?;
    let shape = Shape::meeting(PEOPLE, flags.bitrate);
    let carried = match flags.carried {
        Some(carried) => carried,
        None => search(flags, shape, place, &contender, progress).await?,
    };
    let running = contender.start(place).await?;
    let outcome = overload(flags, shape, carried, place, &running, progress).await;
    running.stop().await;
    report(&outcome?, place)
}

async fn search(
    flags: &cli::Overload,
    shape: Shape,
    place: &Place,
    contender: &Contender,
    progress: &Progress,
) -> anyhow::Result<u32> {
    let bounds = Bounds { loss: 0.001, delay: 0.02 };
    let range = Range { start: PEOPLE, most: flags.most, precision: PRECISION };
    let prober = Prober { place, shape, bounds, step: 1, range, progress };
    Ok(prober.search(contender).await?.0.load)
}

async fn overload(
    flags: &cli::Overload,
    shape: Shape,
    carried: u32,
    place: &Place,
    running: &Running,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let offered = carried * flags.percent / 100;
    let crowd = Crowd::new(place, shape, running.signaling(), offered + LATE)?;
    progress.say(&format!("{offered} people want to join; {carried} can be carried"));
    let (mut admitted, mut refusals) = join(&crowd, shape.people(0, offered)).await;
    sleep(Duration::from_secs(2)).await;
    progress.say(&format!("{} people are in, the load is too much", admitted.len()));
    let size = shape.size(admitted.len() as u32);
    let during = measure(place, running, &crowd, size, flags.seconds, |_, _| ()).await?;
    progress.say(&format!("{LATE} more want to join"));
    let (late, refused) = join(&crowd, shape.people(offered, offered + LATE)).await;
    let late_refusals = refused.len() as u32;
    admitted.extend(late);
    refusals.extend(refused);
    progress.say("half of what can be carried stays");
    let leave = admitted.len().saturating_sub(carried as usize / 2);
    for person in admitted.iter().rev().take(leave) {
        crowd.leave(*person).await?;
    }
    sleep(RECOVERY).await;
    let size = shape.size((admitted.len() - leave) as u32);
    let after = measure(place, running, &crowd, size, Duration::from_secs(3), |_, _| ()).await?;
    Ok(Outcome {
        carried,
        offered,
        admitted: admitted.len() as u32,
        refusals,
        late_refusals,
        during: during.figures,
        after: after.figures,
    })
}

/// Lets `people` join, once each: who is in, and how long it took to refuse the others, and why.
async fn join(crowd: &Crowd, people: impl Iterator<Item = Person>) -> (Vec<Person>, Vec<(Duration, String)>) {
    let joins = people.map(|person| {
        let join = crowd.join(person);
        async move {
            let begin = Instant::now();
            join.await.map(|()| person).map_err(|error| (begin.elapsed(), format!("{error:#}")))
        }
    });
    let joins: Vec<_> = joins.collect();
    let outcomes: Vec<_> = stream::iter(joins).buffer_unordered(JOINS_AT_ONCE).collect().await;
    let (mut joined, mut refused) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(person) => joined.push(person),
            Err(refusal) => refused.push(refusal),
        }
    }
    (joined, refused)
}

fn loss(received: &Received) -> f64 {
    let expected = received.packets + received.lost();
    received.lost() as f64 / (expected as f64).max(1.0)
}

/// The share of the pictures' packets that come of those that are published, for all who are to see them: what
/// a server lets go leaves no hole in its own numbers, so loss does not tell of it.
fn shown(figures: &Figures) -> f64 {
    let wanted = figures.video_sent.packets * u64::from(PEOPLE - 1);
    figures.video.packets as f64 / (wanted as f64).max(1.0)
}

fn report(outcome: &Outcome, place: &Place) -> anyhow::Result<Report> {
    let slowest = outcome.refusals.iter().map(|(took, _)| took.as_secs_f64()).fold(0.0, f64::max);
    let mut table =
        Table::new(&["", "packets/s", "loss of sound", "pictures forwarded", "loss of pictures", "P95"]);
    for (when, figures) in [("overloaded", &outcome.during), ("a second after", &outcome.after)] {
        table.row([
            when.to_owned(),
            count(figures.packets_per_second()),
            percent(loss(&figures.audio)),
            percent(shown(figures)),
            percent(loss(&figures.video)),
            milliseconds(super::measure::seconds_at(&figures.delay, 0.95)),
        ]);
    }
    let mut notes = vec![format!(
        "{} people can be carried, {} wanted to join, {LATE} more when there was too much; {} were admitted, {} refused, \
         {} of them late (the slowest refusal came after {}).",
        outcome.carried,
        outcome.offered,
        outcome.admitted,
        outcome.refusals.len(),
        outcome.late_refusals,
        milliseconds(slowest),
    )];
    notes.extend(outcome.refusals.first().map(|(_, refusal)| format!("The first refusal: {refusal}")));
    Ok(Report {
        name: String::from("overload"),
        machine: Machine::describe(place),
        sections: vec![Section { title: String::from("More than can be carried"), table, notes }],
        figures: json!({
            "carried": outcome.carried,
            "offered": outcome.offered,
            "admitted": outcome.admitted,
            "late": LATE,
            "refused": outcome.refusals.len(),
            "lateRefused": outcome.late_refusals,
            "slowestRefusal": slowest,
            "audioLoss": loss(&outcome.during.audio),
            "videoLoss": loss(&outcome.during.video),
            "audioLossAfter": loss(&outcome.after.audio),
            "videoLossAfter": loss(&outcome.after.video),
            "videoShown": shown(&outcome.during),
            "videoShownAfter": shown(&outcome.after),
        }),
        plots: Vec::new(),
    })
}
