//! `volley-bench`: what a forwarded packet costs, here and on other servers.

mod load;
mod rivals;
mod signal;
mod swarm;
mod volley;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load on a Volley that runs already.
#[derive(Parser, Debug)]
struct Cli {
    #[command(flatten)]
    swarm: swarm::Swarm,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| String::from("warn"));
    tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr).init();
    if std::env::args().nth(1).as_deref() == Some("dev") { return rivals::dev::run().await; }
    swarm::run(&Cli::parse().swarm).await
}
