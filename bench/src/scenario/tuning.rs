//! `tuning`: what each family of the tuning tool's knobs brings, by the same load before and after.
//!
//! Runs with and without take turns, and so does which of them is first: what drifts on the machine drifts for both.
//! An effect that is smaller than what runs of one kind differ by is called none.

mod effect;
mod tool;

use super::contender::{Contender, Name, VolleyChoice};
use super::shape::Shape;
use super::strays::Strays;
use super::trial::Trial;
use crate::cli::{self, Family};
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::report::format::{count, milliseconds, percent};
use crate::report::plot::Plot;
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use anyhow::bail;
use clap::ValueEnum as _;
use effect::{Effect, Run};
use serde_json::json;
use tool::{Applied, Tool};

/// Families that nothing here could measure, with why.
const NEVER: [&str; 2] = [
    "irq, not measured here: the wire is a veth, which has no interrupts",
    "limits, not measured here: they say whether Volley runs and not how fast, and nothing is limited in here",
];

/// Measures each family in turn, round after round.
///
/// # Errors
/// When the tool is not found or something cannot be put back, or the server does not start.
pub(crate) async fn run(
    flags: &cli::Tuning,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    if let Some(family) =
        flags.families.iter().find(|family| family.is_of_whole_machine() && !flags.whole_machine)
    {
        bail!("{} is set for the whole machine; --whole-machine allows that", family.name());
    }
    let tool = Tool::find(flags, place)?;
    let contender = Contender::find(Name::Volley, volley).await?;
    let trial = Trial { place, shape: Shape::meeting(flags.people, flags.bitrate), progress };
    let mut effects: Vec<Effect> = flags.families.iter().map(|family| Effect::new(family.name())).collect();
    for round in 0..flags.rounds {
        for effect in &mut effects {
            let tuned_first = round % 2 == 1;
            for tuned in [tuned_first, !tuned_first] {
                measure(effect, tuned, &tool, &trial, &contender, flags).await?;
            }
        }
    }
    Ok(report(flags, &effects, place))
}

/// One run, with the family's knobs set or as they were. Nothing is run where there is nothing to set.
async fn measure(
    effect: &mut Effect,
    tuned: bool,
    tool: &Tool<'_>,
    trial: &Trial<'_>,
    contender: &Contender,
    flags: &cli::Tuning,
) -> anyhow::Result<()> {
    if effect.applied.is_none() {
        effect.applied = Some(try_out(effect.family, tool)?);
    }
    if effect.is_empty() {
        return Ok(());
    }
    // Only where connections are tracked it can bring anything not to.
    let is_tracked = effect.family == Family::Conntrack.name();
    if is_tracked {
        tool.track(true)?;
    }
    if tuned {
        tool.apply(effect.family)?;
    }
    let outcome = trial.run(contender, flags.people, flags.seconds).await;
    if tuned {
        tool.revert()?;
    }
    if is_tracked {
        tool.track(false)?;
    }
    let run = Run::of(&outcome?);
    if tuned {
        effect.after.push(run)
    } else {
        effect.before.push(run)
    }
    Ok(())
}

/// What of a family can be set here.
fn try_out(family: &str, tool: &Tool<'_>) -> anyhow::Result<Applied> {
    let is_tracked = family == Family::Conntrack.name();
    if is_tracked && let Err(error) = tool.track(true) {
        return Ok(Applied {
            set: Vec::new(),
            left: vec![format!("connections cannot be tracked ({error:#})")],
        });
    }
    let applied = tool.apply(family);
    tool.revert()?;
    if is_tracked {
        tool.track(false)?;
    }
    applied
}

fn report(flags: &cli::Tuning, effects: &[Effect], place: &Place) -> Report {
    let mut report = Report {
        name: String::from("tuning"),
        machine: Machine::describe(place),
        sections: vec![section(flags, effects)],
        figures: json!({
            "profile": flags.profile,
            "people": flags.people,
            "videoBitsPerSecond": flags.bitrate,
            "rounds": flags.rounds,
            "families": effects.iter().map(Effect::figures).collect::<Vec<_>>(),
        }),
        plots: vec![
            plot("cost", "Cost of a forwarded packet, after against before", "%", effects, |run| {
                run.nanos_per_packet
            }),
            plot("delay", "P95 of the delay, after against before", "%", effects, |run| run.delay_p95),
        ],
    };
    let runs = effects.iter().flat_map(|effect| effect.before.iter().chain(&effect.after));
    runs.map(|run| run.strays).sum::<Strays>().add_to(&mut report.figures);
    report
}

/// Round by round: above 0 is dearer or later.
fn plot(name: &str, title: &str, unit: &str, effects: &[Effect], of: fn(&Run) -> f64) -> Plot {
    let start = Plot::line(name, title, "round", unit);
    effects.iter().filter(|effect| !effect.after.is_empty()).fold(start, |plot, effect| {
        let pairs = effect.before.iter().zip(&effect.after).enumerate();
        let points = pairs
            .map(|(round, (before, after))| ((round + 1) as f64, (of(after) / of(before) - 1.0) * 100.0));
        plot.with(effect.family, points.collect())
    })
}

fn section(flags: &cli::Tuning, effects: &[Effect]) -> Section {
    let mut table = Table::new(&[
        "family",
        "knobs set",
        "ns/packet before",
        "spread",
        "after",
        "spread",
        "change",
        "P95 before",
        "after",
        "loss before",
        "after",
        "brought",
    ]);
    for effect in effects {
        table.row(row(effect));
    }
    let mut notes = vec![format!(
        "one meeting of {} people, {} of a picture, profile {}; medians of {} runs each, before and after in turn. Spread is \
         from the least to the most; a change is called one when the two do not overlap",
        flags.people,
        count(f64::from(flags.bitrate)),
        flags.profile,
        flags.rounds,
    )];
    notes.extend(effects.iter().flat_map(Effect::notes));
    notes.extend(left_out(flags));
    let disturbed = effects.iter().flat_map(|effect| effect.before.iter().chain(&effect.after));
    let disturbed = disturbed.filter(|run| run.disturbed).count();
    if disturbed > 0 {
        notes.push(format!(
            "{disturbed} runs were disturbed by other programs on the server's core, or by the hypervisor"
        ));
    }
    Section { title: String::from("What tuning brings"), table, notes }
}

/// Families that were not asked for, or cannot be.
fn left_out(flags: &cli::Tuning) -> impl Iterator<Item = String> {
    let asked = |family: &Family| flags.families.contains(family);
    let others: Vec<&str> =
        Family::value_variants().iter().filter(|family| !asked(family)).map(|family| family.name()).collect();
    let others = (!others.is_empty()).then(|| {
        let how = "a family of the whole machine takes --whole-machine, which sets it there for each run";
        format!("{}, not measured: --families names them; {how}", others.join(", "))
    });
    NEVER.into_iter().map(str::to_owned).chain(others)
}

fn row(effect: &Effect) -> [String; 12] {
    let (cost, delay, loss) = (effect.cost(), effect.delay(), effect.loss());
    let of = |value: Option<f64>, show: fn(f64) -> String| value.map_or_else(|| String::from("–"), show);
    let spread = |values: &Option<effect::Range>| {
        values.map_or_else(
            || String::from("–"),
            |range| format!("{}–{}", count(range.least), count(range.most)),
        )
    };
    [
        effect.family.to_owned(),
        effect.applied.as_ref().map_or(0, |applied| applied.set.len()).to_string(),
        of(cost.before.map(|range| range.middle), count),
        spread(&cost.before),
        of(cost.after.map(|range| range.middle), count),
        spread(&cost.after),
        of(cost.change(), percent),
        of(delay.before.map(|range| range.middle), milliseconds),
        of(delay.after.map(|range| range.middle), milliseconds),
        of(loss.before.map(|range| range.middle), percent),
        of(loss.after.map(|range| range.middle), percent),
        effect.verdict().to_owned(),
    ]
}
