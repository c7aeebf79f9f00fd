//! All findings, worst first, as a person or a program reads them.

use super::finding::{Finding, Level};
use serde::Serialize;
use std::fmt::Write as _;

/// What was found in all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Report {
    /// The worst level, where anything was found that is not just skipped.
    worst: Option<Level>,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(mut findings: Vec<Finding>) -> Report {
        findings.sort_by_key(|finding| finding.level);
        let worst = findings.first().map(|first| first.level).filter(|&level| level != Level::Skipped);
        Report { worst, findings }
    }

    /// What monitoring systems expect of a check: 0 is well, 1 a warning, 2 an error.
    pub(super) fn exit_code(&self) -> u8 {
        match self.worst {
            Some(Level::Error) => 2,
            Some(Level::Warning) => 1,
            Some(Level::Notice | Level::Skipped) | None => 0,
        }
    }

    pub(super) fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("words and lists are JSON");
        text.push('\n');
        text
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Finding { level, check, what, mend } in &self.findings {
            let _ = writeln!(text, "{level:<8} {what} [{check}]");
            for line in mend.lines() {
                let _ = writeln!(text, "         → {line}");
            }
        }
        text + &self.summary()
    }

    fn summary(&self) -> String {
        let count = |level| self.findings.iter().filter(|finding| finding.level == level).count();
        let counted = |level, one: &str, many: &str| match count(level) {
            0 => None,
            1 => Some(format!("1 {one}")),
            several => Some(format!("{several} {many}")),
        };
        let all = [
            counted(Level::Error, "error", "errors"),
            counted(Level::Warning, "warning", "warnings"),
            counted(Level::Notice, "notice", "notices"),
            counted(
                Level::Skipped,
                "thing that could not be looked at",
                "things that could not be looked at",
            ),
        ];
        let told: Vec<String> = all.into_iter().flatten().collect();
        let head = if self.exit_code() == 0 { "Nothing was found that will hurt" } else { "This will hurt" };
        if told.is_empty() { format!("{head}.\n") } else { format!("{head}: {}.\n", told.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(findings: &[Finding]) -> Report {
        Report::new(findings.to_vec())
    }

    #[test]
    fn the_worst_stands_first_and_is_the_exit_code() {
        let report = of(&[
            Finding::skipped("d", "D", "d"),
            Finding::notice("c", "C", "c"),
            Finding::error("a", "A", "a"),
            Finding::warning("b", "B", "b"),
        ]);
        let names: Vec<&str> = report.findings.iter().map(|finding| finding.check).collect();
        assert_eq!((names, report.exit_code()), (vec!["a", "b", "c", "d"], 2));
        assert_eq!(of(&[Finding::warning("b", "B", "b")]).exit_code(), 1);
        assert_eq!(of(&[Finding::notice("c", "C", "c")]).exit_code(), 0);
        assert_eq!(of(&[Finding::skipped("d", "D", "d")]).exit_code(), 0);
    }

    #[test]
    fn people_read_what_it_is_and_what_mends_it() {
        let text =
            of(&[Finding::warning("clock", "The clock is 9 s late", "chronyc makestep\nor so")]).text();
        assert_eq!(
            text,
            "warning  The clock is 9 s late [clock]\n         → chronyc makestep\n         → or so\n\
             This will hurt: 1 warning.\n"
        );
        assert_eq!(of(&[]).text(), "Nothing was found that will hurt.\n");
    }

    #[test]
    fn programs_read_the_same_as_json() {
        let json: serde_json::Value =
            serde_json::from_str(&of(&[Finding::error("a", "A", "b")]).json()).unwrap();
        let finding = serde_json::json!({ "level": "error", "check": "a", "what": "A", "mend": "b" });
        assert_eq!(json, serde_json::json!({ "worst": "error", "findings": [finding] }));
    }
}
