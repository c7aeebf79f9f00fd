//! Logs: one line each, on standard error. Standard output carries the readiness line alone.

use anyhow::Context as _;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// The variable that gives the level, to us and from us to the children.
pub(crate) const VARIABLE: &str = "LOG_LEVEL";

/// Logs from here on what `level` asks for: `info`, or directives as in `info,volley::worker=debug`.
pub(crate) fn start(level: &str) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(level).with_context(|| format!("--log-level {level:?} is not understood"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}
