//! Logs: one line each, on standard error. Standard output carries the readiness line alone.

use anyhow::Context as _;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// The variable that gives the level, to us and from us to the children.
pub(crate) const LEVEL_VARIABLE: &str = "LOG_LEVEL";
/// The same of the format.
pub(crate) const FORMAT_VARIABLE: &str = "LOG_FORMAT";
/// What the format may be: for people, or one JSON object each, for programs.
pub(crate) const FORMATS: &[&str] = &["text", "json"];

/// How logs are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Logging {
    /// `info`, or directives as in `info,volley::worker=debug`.
    pub(crate) level: String,
    /// One of [`FORMATS`].
    pub(crate) format: String,
}

impl Logging {
    /// As the supervisor told a child.
    pub(crate) fn inherited() -> Logging {
        let variable = |name, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
        Logging { level: variable(LEVEL_VARIABLE, "info"), format: variable(FORMAT_VARIABLE, FORMATS[0]) }
    }

    /// Logs from here on.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        let Logging { level, format } = self;
        let filter =
            EnvFilter::try_new(level).with_context(|| format!("--log-level {level:?} is not understood"))?;
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        if format == "json" {
            logs.json().flatten_event(true).init();
        } else {
            logs.with_ansi(std::io::stderr().is_terminal()).init();
        }
        Ok(())
    }
}
