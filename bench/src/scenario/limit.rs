//! `limit`: the table of the floor.

use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::limit::{self, LimitPlan, LimitResult, LimitRow, Mix};
use crate::report::format::{count, factor, percent};
use crate::report::plot::Plot;
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};

/// Measures the floor.
///
/// # Errors
/// When it cannot be measured here.
pub(crate) fn run(flags: &cli::Limit, place: &Place, progress: &Progress) -> anyhow::Result<Report> {
    let plan = LimitPlan {
        trains: flags.train.clone(),
        mixes: flags.mix.clone(),
        destinations: flags.destinations,
        time: flags.seconds,
        rounds: flags.rounds,
        way: flags.way,
    };
    let result = limit::run(place, &plan, progress)?;
    Ok(Report {
        name: String::from("limit"),
        machine: Machine::describe(place),
        sections: vec![section(&result)],
        figures: serde_json::to_value(&result)?,
        plots: vec![plot(&result)],
    })
}

fn section(result: &LimitResult) -> Section {
    let mut table = Table::new(&[
        "sizes",
        "train",
        "sent as",
        "packets/CPU-s",
        "ns/packet",
        "gain",
        "by thread clock",
        "bytes",
        "user",
        "system",
        "softirq",
        "steal",
        "others",
        "delivered",
    ]);
    for row in &result.rows {
        table.row(cells(row, single(result, row.mix)));
    }
    Section {
        title: format!("The floor: AES-128-GCM and {} to {} receivers", result.via, result.destinations),
        table,
        notes: vec![
            format!("Sealing alone takes {:.0} ns a packet.", result.nanos_sealing),
            String::from("\"sent as\": packets per send as it came out; \"gain\": against single sends."),
            String::from(
                "\"others\": programs of lower priority on the same core; \"delivered\": what the receiving \
                 core had time for.",
            ),
        ],
    }
}

fn single(result: &LimitResult, mix: Mix) -> Option<f64> {
    result.rows.iter().find(|row| row.mix == mix && row.train == 1).map(|row| row.per_cpu_second)
}

fn cells(row: &LimitRow, single: Option<f64>) -> [String; 14] {
    let share = |seconds: f64| percent(seconds / row.cpu.elapsed.max(f64::MIN_POSITIVE));
    let split = &row.cpu.split;
    [
        row.mix.to_string(),
        row.train.to_string(),
        format!("{:.1}", row.mean_train),
        count(row.per_cpu_second),
        count(row.nanos_per_packet),
        single.map_or_else(|| String::from("–"), |single| factor(row.per_cpu_second / single)),
        count(row.per_thread_second),
        count(row.mean_bytes),
        share(split.user),
        share(split.system),
        share(split.softirq + split.irq),
        share(split.steal),
        share(split.nice),
        percent(row.delivered),
    ]
}

fn plot(result: &LimitResult) -> Plot {
    let mut mixes: Vec<Mix> = result.rows.iter().map(|row| row.mix).collect();
    mixes.dedup();
    let plot = Plot::line("trains", "The floor by train length", "packets per turn", "ns per packet");
    mixes.into_iter().fold(plot.log_x().log_y(), |plot, mix| {
        let rows = result.rows.iter().filter(|row| row.mix == mix);
        plot.with(&mix.to_string(), rows.map(|row| (f64::from(row.train), row.nanos_per_packet)).collect())
    })
}
