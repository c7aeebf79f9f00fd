//! What a check found: how bad it is, what it is, and what mends it.

use serde::Serialize;
use std::fmt;

/// How bad it is, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Volley does not start, or people cannot call.
    Error,
    /// It works, and will hurt.
    Warning,
    /// Good to know.
    Notice,
    /// It could not be looked at.
    Skipped,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
            Level::Skipped => "skipped",
        })
    }
}

/// One thing that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// Its name, which stays the same from version to version.
    pub(super) check: &'static str,
    /// A sentence for a person, with the thing and its value.
    pub(super) what: String,
    /// The command or the line of the configuration that mends it.
    pub(super) mend: String,
}

impl Finding {
    pub(super) fn error(check: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { level: Level::Error, check, what: what.into(), mend: mend.into() }
    }

    pub(super) fn warning(check: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { level: Level::Warning, ..Finding::error(check, what, mend) }
    }

    pub(super) fn notice(check: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { level: Level::Notice, ..Finding::error(check, what, mend) }
    }

    pub(super) fn skipped(check: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { level: Level::Skipped, ..Finding::error(check, what, mend) }
    }
}
