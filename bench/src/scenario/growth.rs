//! `growth`: whether a packet stays as cheap, and a subscriber as small, when there are many.

use super::contender::{Contender, Name, VolleyChoice};
use super::marks::Marks;
use super::measure::Measured;
use super::probe::Bounds;
use super::shape::Shape;
use super::strays::Strays;
use super::trial::Trial;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::report::format::{count, kibibytes, mebibytes, milliseconds, percent};
use crate::report::plot::Plot;
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use serde::Serialize;
use serde_json::{Value, json};

/// A step that loses more is not carried, and in no figure; turns are as long as they are told to be.
const BOUNDS: Bounds = Bounds { loss: 0.001, delay: f64::INFINITY };

/// All runs with one number of subscribers.
struct Step {
    subscribers: u32,
    run: Measured,
}

/// So many that the server could not have them all.
#[derive(Serialize)]
struct NotCarried {
    subscribers: u32,
    reason: String,
}

/// Measures a webinar of several sizes, in turn; sizes beyond one that is not carried are left out.
///
/// # Errors
/// When the first run fails.
pub(crate) async fn run(
    flags: &cli::Growth,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let mut choice = volley.clone();
    // The length of the turn is what makes trains long, and so packets cheap: it must be the same.
    choice.flags.extend([String::from("--gathering"), flags.gathering.clone()]);
    let contender = Contender::find(Name::Volley, &choice).await?;
    let (mut steps, mut not_carried): (Vec<Step>, Vec<NotCarried>) = (Vec::new(), Vec::new());
    for _ in 0..flags.rounds {
        for &subscribers in &flags.subscribers {
            if not_carried.iter().any(|gone| gone.subscribers <= subscribers) {
                continue;
            }
            let trial = Trial { place, shape: Shape::webinar(subscribers, flags.bitrate), progress };
            let run = match trial.run(&contender, subscribers + 1, flags.seconds).await {
                Ok(run) => run,
                // What fewer cost is worth telling though so many are refused.
                Err(error) if !steps.is_empty() => {
                    not_carried.push(NotCarried { subscribers, reason: format!("{error:#}") });
                    continue;
                }
                Err(error) => return Err(error),
            };
            match steps.iter_mut().find(|step| step.subscribers == subscribers) {
                Some(step) => step.run.add(&run),
                None => steps.push(Step { subscribers, run }),
            }
        }
    }
    steps.sort_by_key(|step| step.subscribers);
    report(flags, &steps, &not_carried, place)
}

impl Step {
    fn marks(&self) -> Marks {
        Marks::of(&self.run, &BOUNDS)
    }

    fn nanos_per_packet(&self) -> f64 {
        self.run.seconds_per_packet() * 1e9
    }

    fn figures(&self) -> anyhow::Result<Value> {
        let mut value = serde_json::to_value(self.run.record())?;
        value["subscribers"] = self.subscribers.into();
        value["withinBounds"] = self.marks().is_within().into();
        Ok(value)
    }
}

/// The steps of fewest and of most subscribers that were carried.
fn ends(steps: &[Step]) -> Option<(&Step, &Step)> {
    let mut carried = steps.iter().filter(|step| step.marks().is_within());
    let few = carried.next()?;
    Some((few, carried.next_back().unwrap_or(few)))
}

/// Cost at the most subscribers against that at the fewest.
fn cost_growth(steps: &[Step]) -> Option<f64> {
    let (few, many) = ends(steps)?;
    Some(many.nanos_per_packet() / few.nanos_per_packet())
}

/// Bytes that each subscriber more took.
fn memory_per_subscriber(steps: &[Step]) -> Option<f64> {
    let (few, many) = ends(steps)?;
    let more = many.subscribers.checked_sub(few.subscribers).filter(|&more| more > 0)?;
    Some((many.run.usage.resident as f64 - few.run.usage.resident as f64) / f64::from(more))
}

fn report(
    flags: &cli::Growth,
    steps: &[Step],
    not_carried: &[NotCarried],
    place: &Place,
) -> anyhow::Result<Report> {
    let curve =
        |of: fn(&Step) -> f64| steps.iter().map(|step| (f64::from(step.subscribers), of(step))).collect();
    let mut report = Report {
        name: String::from("growth"),
        machine: Machine::describe(place),
        sections: vec![section(flags, steps, not_carried)],
        figures: json!({
            "gathering": flags.gathering,
            "videoBitsPerSecond": flags.bitrate,
            "costGrowth": cost_growth(steps),
            "memoryPerSubscriber": memory_per_subscriber(steps),
            "mostSubscribers": ends(steps).map(|(_, most)| most.subscribers),
            "notCarried": not_carried,
            "steps": steps.iter().map(Step::figures).collect::<Result<Vec<_>, _>>()?,
        }),
        plots: vec![
            Plot::line("cost", "Cost of a forwarded packet", "subscribers", "ns per packet")
                .log_x()
                .with("volley", curve(Step::nanos_per_packet)),
            Plot::line("memory", "Memory against participants", "subscribers", "MiB")
                .with("volley", curve(|step| step.run.usage.resident as f64 / f64::from(1 << 20))),
        ],
    };
    steps.iter().map(|step| step.run.strays()).sum::<Strays>().add_to(&mut report.figures);
    Ok(report)
}

fn section(flags: &cli::Growth, steps: &[Step], not_carried: &[NotCarried]) -> Section {
    let mut table = Table::new(&[
        "subscribers",
        "packets/s",
        "packets/CPU-s",
        "ns/packet",
        "train",
        "loss",
        "P50",
        "P95",
        "server busy",
        "generator busy",
        "memory",
    ]);
    for step in steps {
        let run = &step.run;
        table.row([
            format!("{}{}", step.subscribers, step.marks().signs()),
            count(run.figures.packets_per_second()),
            count(run.per_cpu_second()),
            count(step.nanos_per_packet()),
            format!("{:.1}", run.mean_train()),
            percent(run.loss()),
            milliseconds(run.delay(0.5)),
            milliseconds(run.delay(0.95)),
            percent(run.server_busy()),
            percent(run.generator.busy_share()),
            mebibytes(run.usage.resident as f64),
        ]);
    }
    let mut notes: Vec<String> = not_carried
        .iter()
        .map(|gone| format!("{} subscribers were not carried: {}", gone.subscribers, gone.reason))
        .collect();
    notes.extend(steps.iter().flat_map(|step| {
        step.marks().notes(&format!("{} subscribers", step.subscribers)).collect::<Vec<_>>()
    }));
    if let Some(growth) = cost_growth(steps) {
        notes.push(format!(
            "A packet costs {} at the most subscribers of what it costs at the fewest.",
            percent(growth)
        ));
    }
    if let Some(bytes) = memory_per_subscriber(steps) {
        notes.push(format!("Each subscriber more takes {}.", kibibytes(bytes)));
    }
    Section { title: format!("One to many, packets gathered for {} ms", flags.gathering), table, notes }
}

#[cfg(test)]
mod tests {
    use super::super::measure::tests::measured;
    use super::*;

    #[test]
    fn growth_compares_the_most_with_the_fewest() {
        let step = |subscribers, packets, resident| {
            let mut run = measured(packets, 0, 5.0);
            run.usage.resident = resident;
            Step { subscribers, run }
        };
        let steps = [step(50, 1_000_000, 10 << 20), step(2050, 800_000, 110 << 20)];
        assert_eq!(cost_growth(&steps), Some(1.25));
        assert_eq!(memory_per_subscriber(&steps), Some(52428.8));
        assert_eq!(memory_per_subscriber(&steps[..1]), None);
    }

    #[test]
    fn what_lost_too_much_was_not_carried_and_is_in_no_figure() {
        let step = |subscribers, lost| Step { subscribers, run: measured(1_000_000, lost, 5.0) };
        let steps = [step(50, 0), step(1000, 10), step(2000, 100_000)];
        assert_eq!(ends(&steps).map(|(few, many)| (few.subscribers, many.subscribers)), Some((50, 1000)));
        let flags = cli::Growth {
            subscribers: vec![50, 1000, 2000],
            bitrate: 400_000,
            gathering: String::from("10"),
            seconds: std::time::Duration::from_secs(20),
            rounds: 1,
        };
        let section = section(&flags, &steps, &[]);
        assert!(
            section.notes.iter().any(|note| note.starts_with("† 2000 subscribers: outside")),
            "{:?}",
            section.notes
        );
    }
}
