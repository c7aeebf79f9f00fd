//! `overload`: half as much again as a server carries. Sound must hold, refusals must be quick, and
//! when the load goes, service must be whole at once.

use super::contender::{Contender, Name, Running, VolleyChoice};
use super::crowd::Crowd;
use super::measure::{Measured, measure};
use super::probe::{Bounds, Prober};
use super::search::Range;
use super::shape::Shape;
use super::strays::Strays;
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
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// People in a room.
const PEOPLE: u32 = 10;
/// Joins under way at a time.
const JOINS_AT_ONCE: usize = 16;
/// So many ask to join at a time when there is too much already, until somebody is refused: where pictures give way,
/// there may be room for more than half as much again.
const LATE: u32 = 20;
const MOST_LATE: u32 = 10 * LATE;
/// Between two such groups: what came of the first shows by then.
const BETWEEN_GROUPS: Duration = Duration::from_secs(1);
/// A search to a tenth is enough for "half as much again".
const PRECISION: f64 = 0.1;
/// When the load is gone, the next second but this one must be whole.
const RECOVERY: Duration = Duration::from_secs(1);

struct Outcome {
    carried: u32,
    offered: u32,
    admitted: u32,
    refusals: Vec<(Duration, String)>,
    /// Who came when there was too much already, and who of them was refused.
    late: u32,
    late_refusals: u32,
    during: Stretch,
    after: Stretch,
}

/// A measured stretch of time, and the copies that each published packet was wanted as.
struct Stretch {
    measured: Measured,
    copies: f64,
    /// Pairs of who hears and who is heard.
    pairs: f64,
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
    let (carried, searching) = match flags.carried {
        Some(carried) => (carried, Strays::default()),
        None => search(flags, shape, place, &contender, progress).await?,
    };
    let running = contender.start(place).await?;
    let outcome = overload(flags, shape, carried, place, &running, progress).await;
    running.stop().await;
    let outcome = outcome?;
    let mut report = report(&outcome, place)?;
    (searching + outcome.during.measured.strays() + outcome.after.measured.strays())
        .add_to(&mut report.figures);
    Ok(report)
}

async fn search(
    flags: &cli::Overload,
    shape: Shape,
    place: &Place,
    contender: &Contender,
    progress: &Progress,
) -> anyhow::Result<(u32, Strays)> {
    let bounds = Bounds { loss: 0.001, delay: 0.02 };
    let range = Range { start: PEOPLE, most: flags.most, precision: PRECISION };
    let prober = Prober { place, shape, bounds, step: 1, range, progress };
    let (found, tried) = prober.search(contender).await?;
    Ok((found.load, tried.iter().map(|tried| tried.strays).sum()))
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
    let crowd = Crowd::new(place, shape, running.signaling(), offered + MOST_LATE)?;
    progress.say(&format!("{offered} people want to join; {carried} can be carried"));
    let (mut admitted, mut refusals) = join(&crowd, shape.people(0, offered)).await;
    sleep(Duration::from_secs(2)).await;
    progress.say(&format!("{} people are in, the load is too much", admitted.len()));
    let during = stretch(place, shape, running, &crowd, &admitted, flags.seconds).await?;
    let (mut late, mut late_refusals) = (0, 0);
    while late < MOST_LATE && late_refusals == 0 {
        progress.say(&format!("{LATE} more want to join"));
        let (joined, refused) = join(&crowd, shape.people(offered + late, offered + late + LATE)).await;
        late += LATE;
        late_refusals = refused.len() as u32;
        admitted.extend(joined);
        refusals.extend(refused);
        sleep(BETWEEN_GROUPS).await;
    }
    progress.say("half of what can be carried stays");
    let stay = admitted.len().min(carried as usize / 2);
    for person in admitted[stay..].iter().rev() {
        crowd.leave(*person).await?;
    }
    sleep(RECOVERY).await;
    let after = stretch(place, shape, running, &crowd, &admitted[..stay], Duration::from_secs(3)).await?;
    let admitted = admitted.len() as u32;
    Ok(Outcome { carried, offered, admitted, refusals, late, late_refusals, during, after })
}

/// Measures what comes to the `people` who are in.
async fn stretch(
    place: &Place,
    shape: Shape,
    running: &Running,
    crowd: &Crowd,
    people: &[Person],
    time: Duration,
) -> anyhow::Result<Stretch> {
    let size = shape.size(people.len() as u32);
    let measured = measure(place, running, crowd, size, time, |_, _| ()).await?;
    let copies = copies(people);
    Ok(Stretch { measured, copies, pairs: copies * people.len() as f64 })
}

/// Who is to see what somebody publishes, on average: rooms are not full where some were refused, or left.
fn copies(people: &[Person]) -> f64 {
    let mut rooms = HashMap::<u32, f64>::new();
    people.iter().for_each(|person| *rooms.entry(person.room).or_default() += 1.0);
    let seen: f64 = rooms.values().map(|people| people * (people - 1.0)).sum();
    seen / (people.len() as f64).max(1.0)
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

/// What is missing of what the server meant to forward: what it let go leaves no hole in its own numbers.
fn loss(received: &Received) -> f64 {
    let lost = received.lost_on_the_way();
    lost as f64 / ((received.packets + lost) as f64).max(1.0)
}

impl Stretch {
    /// What is missing of the sound: packets, and whole streams of it that have stopped.
    fn sound_lost(&self) -> f64 {
        let live = self.measured.population.sounds as f64 / self.pairs.max(1.0);
        1.0 - (1.0 - loss(&self.figures().audio)) * live.min(1.0)
    }

    fn figures(&self) -> &Figures {
        &self.measured.figures
    }

    /// The share of the pictures' packets that come of those that are published, for all who are to see them:
    /// what a server lets go is no loss.
    fn shown(&self) -> f64 {
        let wanted = self.figures().video_sent.packets as f64 * self.copies;
        self.figures().video.packets as f64 / wanted.max(1.0)
    }

    fn row(&self, when: &str) -> [String; 6] {
        let figures = self.figures();
        [
            when.to_owned(),
            count(figures.packets_per_second()),
            percent(self.sound_lost()),
            percent(self.shown()),
            percent(loss(&figures.video)),
            milliseconds(self.measured.delay(0.95)),
        ]
    }

    /// What the cores did, and what was dropped where.
    fn note(&self, when: &str) -> String {
        let measured = &self.measured;
        let record = measured.record();
        let dropped = measured.own.iter().flat_map(|own| &own.dropped);
        let dropped: Vec<String> =
            dropped.map(|(cause, packets)| format!("{} {cause}", count(*packets as f64))).collect();
        format!(
            "{when}: the server's core was busy for {} of the time, other programs took {} of it, the generator's was \
             busy for {}; {} datagrams were dropped at the server's socket, {} at the generator's; {} packets were \
             sent again. By the server's own counters: {}.",
            percent(record.server_busy),
            percent(record.others),
            percent(record.generator_busy),
            count(record.server_drops as f64),
            count(record.generator_drops as f64),
            count(record.retransmissions as f64),
            dropped.join(", "),
        )
    }
}

fn report(outcome: &Outcome, place: &Place) -> anyhow::Result<Report> {
    let slowest = outcome.refusals.iter().map(|(took, _)| took.as_secs_f64()).max_by(f64::total_cmp);
    let mut table =
        Table::new(&["", "packets/s", "loss of sound", "pictures forwarded", "loss of pictures", "P95"]);
    let stretches = [("Overloaded", &outcome.during), ("A second after", &outcome.after)];
    stretches.iter().for_each(|(when, stretch)| table.row(stretch.row(when)));
    let mut notes = vec![format!(
        "{} people can be carried, {} wanted to join, {} more when there was too much; {} were admitted, {} refused, \
         {} of them late{}.",
        outcome.carried,
        outcome.offered,
        outcome.late,
        outcome.admitted,
        outcome.refusals.len(),
        outcome.late_refusals,
        slowest
            .map(|took| format!(" (the slowest refusal came after {})", milliseconds(took)))
            .unwrap_or_default(),
    )];
    notes.extend(outcome.refusals.first().map(|(_, refusal)| format!("The first refusal: {refusal}")));
    notes.extend(stretches.iter().map(|(when, stretch)| stretch.note(when)));
    notes.extend(stretches.iter().filter_map(|(when, stretch)| {
        stretch.measured.disturbance().map(|why| format!("{when}: disturbed: {why}."))
    }));
    Ok(Report {
        name: String::from("overload"),
        machine: Machine::describe(place),
        sections: vec![Section { title: String::from("More than can be carried"), table, notes }],
        figures: json!({
            "carried": outcome.carried,
            "offered": outcome.offered,
            "admitted": outcome.admitted,
            "late": outcome.late,
            "refused": outcome.refusals.len(),
            "lateRefused": outcome.late_refusals,
            "slowestRefusal": slowest,
            "audioLoss": outcome.during.sound_lost(),
            "videoLoss": loss(&outcome.during.figures().video),
            "audioLossAfter": outcome.after.sound_lost(),
            "videoLossAfter": loss(&outcome.after.figures().video),
            "videoShown": outcome.during.shown(),
            "videoShownAfter": outcome.after.shown(),
            "during": outcome.during.measured.record(),
            "after": outcome.after.measured.record(),
        }),
        plots: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sees_a_picture_follows_from_who_is_in_the_room() {
        let people: Vec<Person> = Shape::meeting(PEOPLE, 1_200_000).people(0, 47).collect();
        assert_eq!(copies(&people), (4.0 * 90.0 + 7.0 * 6.0) / 47.0);
        let alone = Person { room: 9, number: 0 };
        assert_eq!(copies(&[alone]), 0.0);
        assert_eq!(copies(&[]), 0.0);
    }
}
