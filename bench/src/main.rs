//! `volley-bench`: what a forwarded packet costs, here and on other servers.

mod cli;
mod host;
mod limit;
mod load;
mod ports;
mod report;
mod rivals;
mod scenario;
mod signal;
mod volley;

use anyhow::bail;
use clap::Parser as _;
use cli::{Cli, Command, Common};
use host::enclosure;
use host::place::Place;
use report::Report;
use report::progress::Progress;
use scenario::contender::VolleyChoice;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = if enclosure::is_inside() { inside(&cli) } else { outside(&cli) };
    outcome.unwrap_or_else(|error| {
        eprintln!("volley-bench: {error:#}");
        ExitCode::FAILURE
    })
}

/// Does what needs the machine as it is, and starts the rest in namespaces.
fn outside(cli: &Cli) -> anyhow::Result<ExitCode> {
    if let Command::Swarm(swarm) = &cli.command {
        swarm.check()?;
    }
    if let Some(report) = beside(cli)? {
        return finish(report, &cli.common);
    }
    let volley =
        cli.command.needs_volley().then(|| host::volley::find_binary(cli.common.volley_bin.as_deref()));
    let volley = volley.transpose()?;
    let variables = volley.as_ref().map(|file| (host::volley::BINARY, file.as_os_str()));
    enclosure::run_inside(variables.as_slice())
}

/// What is done on this machine as it is, mostly to a server that runs already; `None` for commands that
/// start their own.
fn beside(cli: &Cli) -> anyhow::Result<Option<Report>> {
    if let Command::Ports(ports) = &cli.command {
        start_logging()?;
        return scenario::ports::run(ports, cli.common.generator_core, &Progress::new()).map(Some);
    }
    let server = match &cli.command {
        Command::Swarm(swarm) => swarm.server,
        Command::People(people) => Some(people.server),
        _ => None,
    };
    let Some(server) = server else { return Ok(None) };
    start_logging()?;
    let (progress, core) = (Progress::new(), cli.common.generator_core);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &cli.command {
        Command::Swarm(swarm) => {
            runtime.block_on(scenario::swarm::run_on(swarm, server, core, &progress)).map(Some)
        }
        Command::People(people) => runtime.block_on(scenario::people::run(people, &progress)).map(Some),
        _ => Ok(None),
    }
}

/// Measures.
fn inside(cli: &Cli) -> anyhow::Result<ExitCode> {
    enclosure::end_with_outer();
    start_logging()?;
    let place = Place::build(cli.common.server_cores.clone(), cli.common.generator_core)?;
    finish(run(&cli.command, &cli.common, &place)?, &cli.common)
}

/// Delivers what was measured, and says so when packets went where they must not.
fn finish(report: Report, common: &Common) -> anyhow::Result<ExitCode> {
    let report = scenario::targets::judge(report);
    report.deliver(common.json, common.out.as_deref())?;
    let Some(failure) = scenario::strays::failure(&report.figures) else { return Ok(ExitCode::SUCCESS) };
    eprintln!("volley-bench: {failure}");
    Ok(ExitCode::FAILURE)
}

fn run(command: &Command, common: &Common, place: &Place) -> anyhow::Result<Report> {
    let progress = Progress::new();
    let (binary, flags) = (common.volley_bin.clone(), common.volley_flag.clone());
    let volley = VolleyChoice { binary, flags, variables: Vec::new() };
    // One thread: it shares the generator's core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        Command::Ports(_) => bail!("ports are measured outside of namespaces"),
        Command::People(_) => bail!("people join a server that runs already, outside of namespaces"),
        Command::Limit(limit) => scenario::limit::run(limit, place, &progress),
        Command::Compare(compare) => {
            runtime.block_on(scenario::compare::run(compare, &volley, place, &progress))
        }
        Command::Swarm(swarm) => runtime.block_on(scenario::swarm::run(swarm, &volley, place, &progress)),
        Command::Rooms(rooms) => runtime.block_on(scenario::rooms::run(rooms, &volley, place, &progress)),
        Command::Recorded(recorded) => {
            runtime.block_on(scenario::recorded::run(recorded, &volley, place, &progress))
        }
        Command::Growth(growth) => runtime.block_on(scenario::growth::run(growth, &volley, place, &progress)),
        Command::JoinStorm(storm) => {
            runtime.block_on(scenario::join_storm::run(storm, &volley, place, &progress))
        }
        Command::Arrivals(arrivals) => {
            runtime.block_on(scenario::arrivals::run(arrivals, &volley, place, &progress))
        }
        Command::Churn(churn) => runtime.block_on(scenario::churn::run(churn, &volley, place, &progress)),
        Command::Tuning(tuning) => runtime.block_on(scenario::tuning::run(tuning, &volley, place, &progress)),
        Command::Overload(overload) => {
            runtime.block_on(scenario::overload::run(overload, &volley, place, &progress))
        }
    }
}

fn start_logging() -> anyhow::Result<()> {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| String::from("warn"));
    let filter = EnvFilter::try_new(&level)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
