//! `churn`: people come and go for minutes; what they took must be given back.

use super::contender::{Running, VolleyChoice, with_volley};
use super::crowd::Crowd;
use super::shape::Shape;
use super::strays::Strays;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::host::process::{Usage, memory_by_program};
use crate::load::Snapshot;
use crate::report::format::{count, mebibytes, percent};
use crate::report::plot::Plot;
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// People in a room.
const PEOPLE: u32 = 4;
/// What has ended is forgotten by now: a transport nobody hears of lives for 30 s.
const FORGET: Duration = Duration::from_secs(35);
/// How often memory and descriptors are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Memory and descriptors at a moment.
struct Look {
    at: f64,
    usage: Usage,
}

/// What the server holds when nobody is there.
struct Memory {
    usage: Usage,
    by_program: BTreeMap<String, u64>,
}

struct Outcome {
    /// After a first full house has come and gone: what pools keep, they keep from then on.
    before: Memory,
    after: Memory,
    looks: Vec<Look>,
    joins: u64,
    total: Snapshot,
}

impl Memory {
    fn of(running: &Running) -> Memory {
        let pids = running.pids();
        Memory { usage: Usage::of(&pids), by_program: memory_by_program(&pids) }
    }
}

/// Lets people come and go.
///
/// # Errors
/// When somebody is refused, or the server ends.
pub(crate) async fn run(
    flags: &cli::Churn,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let outcome = with_volley(volley, place, async |running| churn(flags, place, running, progress).await);
    Ok(report(flags, &outcome.await?, place))
}

async fn churn(
    flags: &cli::Churn,
    place: &Place,
    running: &Running,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let shape = Shape::meeting(PEOPLE, flags.bitrate);
    let mut crowd = Crowd::new(place, shape, running.signaling(), flags.people)?;
    progress.say("a first full house comes and goes");
    crowd.become_many(flags.people).await?;
    sleep(LOOK_EVERY).await;
    crowd.become_many(0).await?;
    sleep(FORGET).await;
    let before = Memory::of(running);
    let (looks, joins) = come_and_go(flags, running, &mut crowd, progress).await?;
    let total = crowd.load().snapshot()?;
    crowd.become_many(0).await?;
    progress.say("everybody has left; the server forgets");
    sleep(FORGET).await;
    Ok(Outcome { before, after: Memory::of(running), looks, joins, total })
}

/// In waves: a part of the house leaves, as many come. Those who came last leave first, so rooms
/// end and begin anew.
async fn come_and_go(
    flags: &cli::Churn,
    running: &Running,
    crowd: &mut Crowd,
    progress: &Progress,
) -> anyhow::Result<(Vec<Look>, u64)> {
    let (begin, time) = (Instant::now(), flags.time());
    let (mut looks, mut joins, mut next_look) = (Vec::new(), 0, Duration::ZERO);
    for wave in 0_u32.. {
        let elapsed = begin.elapsed();
        if elapsed >= time {
            break;
        }
        if elapsed >= next_look {
            let usage = Usage::of(&running.pids());
            looks.push(Look { at: elapsed.as_secs_f64(), usage });
            next_look = elapsed + LOOK_EVERY;
            let share = elapsed.as_secs_f64() / time.as_secs_f64();
            progress.at(share, &format!("{joins} joins, {}", mebibytes(usage.resident as f64)));
        }
        joins += u64::from(flags.people - crowd.joined());
        crowd.become_many(flags.people).await?;
        sleep(Duration::from_millis(500)).await;
        // A quarter, a half, three quarters, then all of them.
        let leave = flags.people * (wave % 4 + 1) / 4;
        crowd.become_many(flags.people - leave).await?;
        sleep(Duration::from_millis(200)).await;
    }
    Ok((looks, joins))
}

fn report(flags: &cli::Churn, outcome: &Outcome, place: &Place) -> Report {
    let Outcome { before, after, looks, joins, total } = outcome;
    let growth = after.usage.resident as f64 / (before.usage.resident as f64).max(1.0) - 1.0;
    let most = looks.iter().map(|look| look.usage.resident).max().unwrap_or(0);
    let mut table = Table::new(&["", "before", "most", "after"]);
    let most_descriptors = looks.iter().map(|look| look.usage.descriptors).max().unwrap_or(0);
    table.row([
        "memory".into(),
        mebibytes(before.usage.resident as f64),
        mebibytes(most as f64),
        mebibytes(after.usage.resident as f64),
    ]);
    for (program, bytes) in &after.by_program {
        let before = before.by_program.get(program).copied().unwrap_or(0);
        table.row([
            format!("  {program}"),
            mebibytes(before as f64),
            String::from("–"),
            mebibytes(*bytes as f64),
        ]);
    }
    table.row([
        "descriptors".into(),
        before.usage.descriptors.to_string(),
        most_descriptors.to_string(),
        after.usage.descriptors.to_string(),
    ]);
    let figures = &total.total;
    let curve = |of: fn(&Usage) -> f64| looks.iter().map(|look| (look.at, of(&look.usage))).collect();
    let mut report = Report {
        name: String::from("churn"),
        machine: Machine::describe(place),
        sections: vec![Section {
            title: format!("People come and go for {} minutes", flags.minutes),
            table,
            notes: [
                format!("{} joins; memory changed by {}.", count(*joins as f64), percent(growth)),
                format!(
                    "{} packets of another room, {} not authentic, {} transports failed.",
                    figures.foreign_room, figures.not_authentic, figures.failures
                ),
            ]
            .into_iter()
            .chain(total.problems.iter().cloned())
            .collect(),
        }],
        figures: json!({
            "minutes": flags.minutes,
            "joins": joins,
            "memoryBefore": before.usage.resident,
            "memoryMost": most,
            "memoryAfter": after.usage.resident,
            "memoryBeforeByProgram": before.by_program,
            "memoryAfterByProgram": after.by_program,
            "memoryGrowth": growth,
            "descriptorsBefore": before.usage.descriptors,
            "descriptorsAfter": after.usage.descriptors,
            "problems": total.problems,
            "failures": figures.failures,
        }),
        plots: vec![
            Plot::line("memory", "Memory while people come and go", "seconds", "MiB")
                .with("volley", curve(|usage| usage.resident as f64 / f64::from(1 << 20))),
        ],
    };
    Strays::of(figures).add_to(&mut report.figures);
    report
}
