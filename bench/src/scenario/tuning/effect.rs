//! What came of a family's knobs: runs before and after, and whether they differ by more than runs do anyway.

use super::tool::Applied;
use crate::scenario::measure::Measured;
use crate::scenario::strays::Strays;
use serde::Serialize;
use serde_json::{Value, json};

/// The figures of one run that are compared.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) nanos_per_packet: f64,
    pub(super) delay_p95: f64,
    pub(super) loss: f64,
    pub(super) disturbed: bool,
    #[serde(flatten)]
    pub(super) strays: Strays,
}

impl Run {
    pub(super) fn of(run: &Measured) -> Run {
        Run {
            nanos_per_packet: run.seconds_per_packet() * 1e9,
            delay_p95: run.delay(0.95),
            loss: run.loss(),
            disturbed: run.disturbance().is_some(),
            strays: run.strays(),
        }
    }
}

/// One family.
pub(super) struct Effect {
    pub(super) family: &'static str,
    /// What the tool said; `None` before it was asked.
    pub(super) applied: Option<Applied>,
    pub(super) before: Vec<Run>,
    pub(super) after: Vec<Run>,
}

/// One figure, before and after.
pub(super) struct Change {
    pub(super) before: Option<Range>,
    pub(super) after: Option<Range>,
}

/// Of several runs.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Range {
    pub(super) least: f64,
    /// The median.
    pub(super) middle: f64,
    pub(super) most: f64,
}

impl Effect {
    pub(super) fn new(family: &'static str) -> Effect {
        Effect { family, applied: None, before: Vec::new(), after: Vec::new() }
    }

    /// Whether it is known that none of its knobs can be measured here.
    pub(super) fn is_empty(&self) -> bool {
        self.applied.as_ref().is_some_and(|applied| applied.set.is_empty())
    }

    pub(super) fn cost(&self) -> Change {
        self.change(|run| run.nanos_per_packet)
    }

    pub(super) fn delay(&self) -> Change {
        self.change(|run| run.delay_p95)
    }

    pub(super) fn loss(&self) -> Change {
        self.change(|run| run.loss)
    }

    fn change(&self, of: fn(&Run) -> f64) -> Change {
        let range = |runs: &[Run]| Range::of(runs.iter().map(of).collect());
        Change { before: range(&self.before), after: range(&self.after) }
    }

    /// In a few words.
    pub(super) fn verdict(&self) -> &'static str {
        match (self.is_empty() || self.applied.is_none(), self.cost().is_clear(), self.delay().is_clear()) {
            (true, ..) => "nothing to set here",
            (_, Some(true), _) => "cheaper packets",
            (_, Some(false), _) => "dearer packets",
            (_, None, Some(true)) => "less delay",
            (_, None, Some(false)) => "more delay",
            (_, None, None) => "nothing here",
        }
    }

    /// What was set and what was not, for who reads the table.
    pub(super) fn notes(&self) -> Vec<String> {
        let Applied { set, left } = self.applied.clone().unwrap_or_default();
        let told = |what: &str, lines: &[String]| {
            (!lines.is_empty()).then(|| format!("{}{what}: {}", self.family, lines.join("; ")))
        };
        told("", &set).into_iter().chain(told(", not measured here", &left)).collect()
    }

    pub(super) fn figures(&self) -> Value {
        json!({
            "family": self.family,
            "set": self.applied.as_ref().map(|applied| &applied.set),
            "notMeasured": self.applied.as_ref().map(|applied| &applied.left),
            "before": self.before,
            "after": self.after,
            "costBefore": self.cost().before,
            "costAfter": self.cost().after,
            "costChange": self.cost().change(),
            "delayChange": self.delay().change(),
            "brought": self.verdict(),
        })
    }
}

impl Change {
    /// Relative to before; below 0 is less.
    pub(super) fn change(&self) -> Option<f64> {
        let (before, after) = (self.before?.middle, self.after?.middle);
        (before > 0.0).then(|| after / before - 1.0)
    }

    /// Whether it became less (`true`) or more, if no run of one kind is among those of the other.
    fn is_clear(&self) -> Option<bool> {
        let (before, after) = (self.before?, self.after?);
        if after.most < before.least {
            Some(true)
        } else if after.least > before.most {
            Some(false)
        } else {
            None
        }
    }
}

impl Range {
    fn of(mut values: Vec<f64>) -> Option<Range> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Range { least, middle: (low + high) / 2.0, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(before: &[f64], after: &[f64]) -> Effect {
        let runs = |costs: &[f64]| {
            let run = |&nanos_per_packet: &f64| Run {
                nanos_per_packet,
                delay_p95: 0.01,
                loss: 0.0,
                disturbed: false,
                strays: Strays::default(),
            };
            costs.iter().map(run).collect()
        };
        Effect {
            family: "udp",
            applied: Some(Applied { set: vec![String::from("a = 1")], left: Vec::new() }),
            before: runs(before),
            after: runs(after),
        }
    }

    #[test]
    fn a_change_within_what_runs_differ_by_is_none() {
        assert_eq!(effect(&[100.0, 110.0], &[90.0, 101.0]).verdict(), "nothing here");
        assert_eq!(effect(&[100.0, 110.0], &[90.0, 99.0]).verdict(), "cheaper packets");
        assert_eq!(effect(&[100.0, 110.0], &[111.0, 120.0]).verdict(), "dearer packets");
    }

    #[test]
    fn what_has_nothing_to_set_says_so() {
        let left = vec![String::from("channels: none"), String::from("send-ring: none")];
        let applied = Some(Applied { set: Vec::new(), left });
        let nothing = Effect { applied, ..Effect::new("nic") };
        assert!(nothing.is_empty());
        assert_eq!(nothing.verdict(), "nothing to set here");
        assert_eq!(nothing.notes(), ["nic, not measured here: channels: none; send-ring: none"]);
        assert_eq!(effect(&[1.0], &[1.0]).notes(), ["udp: a = 1"]);
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        let range = Range::of(vec![4.0, 1.0, 2.0, 8.0]);
        assert_eq!(range, Some(Range { least: 1.0, middle: 3.0, most: 8.0 }));
        assert_eq!(Range::of(Vec::new()), None);
        assert_eq!(effect(&[200.0, 200.0], &[150.0]).cost().change(), Some(-0.25));
    }
}
