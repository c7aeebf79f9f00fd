//! The simulator's command line: `sim scoreboard [part of a row's name] [seed]` prints how rate control
//! does, `sim course <part of a row's name> [seed]` prints one row's course, to see why.

use std::process::ExitCode;
use volley::sim::rate::call::{self, CallPlan};
use volley::sim::rate::plan::Plan;
use volley::sim::rate::score::HEAD;
use volley::sim::rate::{run, run_watched};

/// The committed table's seed: one seed is one run.
const SEED: u64 = 1;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let part = arguments.next().unwrap_or_default();
    let seed = arguments.next().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let plans = Plan::all();
    let mut plans = plans.iter().filter(|plan| plan.name.contains(&part));
    match command.as_str() {
        "scoreboard" => {
            println!("{HEAD}");
            plans.for_each(|plan| println!("{}", run(plan, seed)));
            return calls(&part, seed);
        }
        "course" => match plans.next() {
            Some(plan) => course(plan, seed),
            None => {
                eprintln!("no row of the scoreboard has \"{part}\" in its name");
                return ExitCode::from(2);
            }
        },
        _ => {
            eprintln!(
                "usage: sim scoreboard [part of a row's name] [seed] | sim course <part of a row's name> [seed]"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// The second table. What the oracles find wrong is told as well, and makes the run a failure.
fn calls(part: &str, seed: u64) -> ExitCode {
    println!("\n# The same of whole calls: a publisher of three layers, a real shard, receivers.\n\n{HEAD}");
    let mut wrong = 0;
    for plan in CallPlan::all().iter().filter(|plan| plan.down.name.contains(part)) {
        let (score, violations) = call::run(plan, seed);
        println!("{score}");
        violations.iter().for_each(|violation| eprintln!("{violation:?}"));
        wrong += violations.len();
    }
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn course(plan: &Plan, seed: u64) {
    println!("{}: rates in kbit/s, waits in ms", plan.name);
    let kbps = |rate: volley::base::Bitrate| rate.bps() / 1_000;
    let score = run_watched(plan, seed, |now, estimators, wait| {
        print!(
            "{:6.1} s  link {:5} waits {:3}",
            now.as_millis() as f64 / 1e3,
            kbps(plan.capacity_at(now)),
            wait.as_millis()
        );
        for estimator in estimators {
            let why = estimator.explain();
            print!("  | target {:5} delay {:5}", kbps(estimator.target(now)), kbps(why.delay_based));
            print!(" loss {:5}", why.loss_based.map_or("-".to_owned(), |rate| kbps(rate).to_string()));
            print!(" arrives {:5}", why.arriving.map_or("-".to_owned(), |rate| kbps(rate).to_string()));
            print!(" {:?} {:.1}/{:.1} waits {}", why.usage, why.trend.0, why.trend.1, why.waits.as_millis());
            print!(
                "{}{}",
                if why.app_limited { " limited" } else { "" },
                if estimator.probe_rate().is_some() { " probing" } else { "" }
            );
        }
        println!();
    });
    println!("{HEAD}\n{score}");
}
