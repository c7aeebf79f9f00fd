//! Logs: one line each, on standard error. Standard output carries the readiness line alone.

use anyhow::Context as _;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The variable that gives the level, to us and from us to the children.
pub(crate) const LEVEL_VARIABLE: &str = "LOG_LEVEL";
/// The same of the format.
pub(crate) const FORMAT_VARIABLE: &str = "LOG_FORMAT";
/// What the format may be: for people, or one JSON object each, for programs.
pub(crate) const FORMATS: &[&str] = &["text", "json"];

/// What of them is written: from one word on.
pub(crate) const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// Whether a level, or directives, say something. A filter takes any other word for a part of the program, and then
/// writes nothing at all.
pub(crate) fn is_level(text: &str) -> bool {
    let is_known = |one: &str| one.contains(['=', '[', ':']) || one.parse::<LevelFilter>().is_ok();
    text.split(',').all(|one| !one.trim().is_empty() && is_known(one.trim()))
        && EnvFilter::try_new(text).is_ok()
}

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
