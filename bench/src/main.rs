//! `volley-bench`: what a forwarded packet costs, here and on other servers.

mod cli;
mod host;
mod limit;
mod load;
mod report;
mod rivals;
mod scenario;
mod signal;
mod volley;

use clap::Parser as _;
use cli::{Cli, Command, Common};
use host::enclosure;
use host::place::Place;
use report::Report;
use report::progress::Progress;
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
    let volley =
        cli.command.needs_volley().then(|| host::volley::find_binary(cli.common.volley_bin.as_deref()));
    let volley = volley.transpose()?;
    let variables = volley.as_ref().map(|file| (host::volley::BINARY, file.as_os_str()));
    enclosure::run_inside(variables.as_slice())
}

/// Measures.
fn inside(cli: &Cli) -> anyhow::Result<ExitCode> {
    enclosure::end_with_outer();
    start_logging()?;
    let place = Place::build(cli.common.server_cores.clone(), cli.common.generator_core)?;
    let report = run(&cli.command, &cli.common, &place)?;
    report.deliver(cli.common.json, cli.common.out.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

fn run(command: &Command, _common: &Common, place: &Place) -> anyhow::Result<Report> {
    let progress = Progress::new();
    match command {
        Command::Limit(limit) => scenario::limit::run(limit, place, &progress),
    }
}

fn start_logging() -> anyhow::Result<()> {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| String::from("warn"));
    let filter = EnvFilter::try_new(&level)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
