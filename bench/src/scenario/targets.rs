//! What Volley wants its own figures to be on two cores, and what holds back those that are not there.
//!
//! Reads finished figures; takes no part in measuring. What is said of a figure that falls short was found
//! by profiling the server (`perf record -C CORE`) on the machine of `bench/results`.

mod wanted;

use crate::report::table::Table;
use crate::report::{Report, Section};
use serde_json::{Value, json};
use wanted::TARGETS;

/// One figure of one command.
struct Target {
    /// The command, as a report names it, or [`EVERY`].
    command: &'static str,
    /// As people call it.
    name: &'static str,
    /// The figure, where this run has it.
    figure: fn(&Value) -> Option<Figure>,
    /// What it is to be.
    bound: Bound,
    unit: fn(f64) -> String,
    /// Said when it falls short.
    held_back: &'static str,
}

/// A figure, and whether it counts: not that of a run that was outside the bounds of its load, nor a ratio to
/// a server from whose run time was taken, or that the generator could not feed.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Figure {
    value: f64,
    counts: bool,
}

/// Stands for every command that has the figure.
const EVERY: &str = "*";

/// Said of a figure that does not count.
const OUTSIDE: &str = "the run was outside the bounds of its load or disturbed, or that of the best other server was \
                       disturbed or limited by the generator, so the figure does not count";

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Adds to a report which of its figures are where they are to be.
pub(crate) fn judge(mut report: Report) -> Report {
    let judged: Vec<(&Target, Figure)> = TARGETS
        .iter()
        .filter(|target| target.command == report.name || target.command == EVERY)
        .filter_map(|target| Some((target, (target.figure)(&report.figures)?)))
        .collect();
    if judged.is_empty() {
        return report;
    }
    report.figures["targets"] = judged.iter().map(|(target, figure)| target.figures(*figure)).collect();
    report.sections.push(section(&judged));
    report
}

fn section(judged: &[(&Target, Figure)]) -> Section {
    let mut table = Table::new(&["figure", "is", "wanted", ""]);
    let mut notes = Vec::new();
    for (target, figure) in judged {
        let shortcoming = target.shortcoming(*figure);
        let (word, bound) = target.bound.parts();
        table.row([
            target.name.to_owned(),
            (target.unit)(figure.value),
            format!("{word} {}", (target.unit)(bound)),
            String::from(if shortcoming.is_none() { "met" } else { "short" }),
        ]);
        notes.extend(shortcoming.map(|why| format!("{}: {why}.", target.name)));
    }
    Section { title: String::from("What is wanted, on two cores"), table, notes }
}

impl Target {
    /// Why it is not met.
    fn shortcoming(&self, figure: Figure) -> Option<&'static str> {
        match (figure.counts, self.bound.holds(figure.value)) {
            (false, _) => Some(OUTSIDE),
            (true, false) => Some(self.held_back),
            (true, true) => None,
        }
    }

    fn figures(&self, figure: Figure) -> Value {
        let shortcoming = self.shortcoming(figure);
        let (word, bound) = match self.bound {
            Bound::AtLeast(bound) => ("atLeast", bound),
            Bound::AtMost(bound) => ("atMost", bound),
        };
        json!({
            "figure": self.name,
            "value": figure.value,
            word: bound,
            "met": shortcoming.is_none(),
            "heldBackBy": shortcoming,
        })
    }
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Bound::AtLeast(bound) => value >= bound,
            Bound::AtMost(bound) => value <= bound,
        }
    }

    fn parts(self) -> (&'static str, f64) {
        match self {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::AtMost(bound) => ("at most", bound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::wanted::{added_at_half_load, ratio_within_five_milliseconds};
    use super::*;
    use crate::host::machine::Machine;
    use crate::host::place::Place;

    fn judged(name: &str, figures: Value) -> Report {
        judge(Report {
            name: name.to_owned(),
            machine: Machine::describe(&Place { server_cores: vec![0], generator_core: 1 }),
            sections: Vec::new(),
            figures,
            plots: Vec::new(),
        })
    }

    fn load(percent: u64, per_cpu_second: f64, delay: f64) -> Value {
        json!({ "loadPercent": percent, "perCpuSecond": per_cpu_second, "delay": { "p95": delay },
                "addedDelay": [0.0001, 0.0005, 0.0008] })
    }

    #[test]
    fn a_figure_that_falls_short_is_told_with_what_holds_it_back() {
        let report = judged("rooms", json!({ "rooms": 378, "ratioToBestOther": 1.31 }));
        let targets = report.figures["targets"].as_array().unwrap();
        assert_eq!(targets.len(), 2);
        assert_eq!((&targets[0]["met"], &targets[0]["atLeast"]), (&json!(false), &json!(800.0)));
        assert!(targets[0]["heldBackBy"].as_str().unwrap().contains("trains of one"));
        assert_eq!((&targets[1]["met"], &targets[1]["heldBackBy"]), (&json!(true), &Value::Null));
        assert_eq!(report.sections[0].notes.len(), 1);
    }

    #[test]
    fn a_ratio_that_was_bought_with_delay_does_not_count_as_one_within_five_milliseconds() {
        let server = |name: &str, loads: Vec<Value>| json!({ "server": name, "loads": loads });
        let figures = json!({ "servers": [
            server("volley", vec![load(50, 700.0, 0.001), load(100, 400.0, 0.004)]),
            server("volley", vec![load(100, 900.0, 0.012)]),
            server("janus", vec![load(100, 50.0, 0.002)]),
            server("mediasoup", vec![load(100, 100.0, 0.015)]),
        ]});
        assert_eq!(ratio_within_five_milliseconds(&figures), Some(Figure { value: 4.0, counts: true }));
    }

    #[test]
    fn what_is_added_at_half_load_is_asked_where_nobody_says_how_long_to_gather() {
        let volley = |gathering: &str, loads: Vec<Value>| json!({ "server": "volley", "gathering": gathering, "loads": loads });
        let fixed = volley("3", vec![load(50, 700.0, 0.001), load(100, 400.0, 0.004)]);
        let auto = volley("auto", vec![load(50, 700.0, 0.001)]);
        let of = |servers: &[&Value]| added_at_half_load(&json!({ "servers": servers }));
        assert_eq!(of(&[&fixed]), None);
        assert_eq!(of(&[&fixed, &auto]), Some(Figure { value: 0.0008, counts: true }));
        assert_eq!(of(&[&volley("auto", vec![load(100, 400.0, 0.004)])]), None);
    }

    #[test]
    fn a_run_outside_its_bounds_is_told_and_never_met() {
        let outside = |delay: f64, per_cpu_second: f64| {
            let mut load = load(100, per_cpu_second, delay);
            load["withinBounds"] = json!(false);
            load
        };
        let volley =
            |most: f64, load: Value| json!({ "server": "volley", "maxDelay": most, "loads": [load] });
        let other = json!({ "server": "mediasoup", "loads": [load(100, 100.0, 0.015)] });
        let of = |volley: Value| {
            let servers = json!([volley, volley, other]);
            ratio_within_five_milliseconds(&json!({ "servers": servers }))
        };
        let short = Some(Figure { value: 9.0, counts: false });
        assert_eq!(of(volley(0.005, outside(0.0051, 900.0))), short, "it took longer");
        assert_eq!(of(volley(0.005, outside(0.004, 900.0))), short, "it lost too much");
        assert_eq!(of(volley(0.02, load(100, 900.0, 0.012))), None, "that was not asked");

        let ratios = json!({ "ratioToBestOther": 6.0, "ofLimit": 0.7 });
        let report = judged("compare-meeting", json!({ "outsideBounds": ratios }));
        let targets = report.figures["targets"].as_array().unwrap();
        assert_eq!((&targets[0]["value"], &targets[0]["met"]), (&json!(0.7), &json!(false)));
        assert!(report.sections[0].notes[0].contains("does not count"));
        let report = judged("rooms", json!({ "rooms": 900, "withinBounds": false }));
        assert_eq!(report.figures["targets"][0]["met"], json!(false));
    }

    #[test]
    fn a_ratio_of_a_run_that_was_disturbed_is_told_and_never_met() {
        let counts = |disturbed: bool| {
            let figures = json!({ "ratioToBestOther": 6.0, "ofLimit": 0.7, "disturbed": disturbed });
            let report = judged("compare-meeting", figures.clone());
            let audio = judged("compare-audio", figures);
            [&report, &audio].map(|report| report.figures["targets"][0]["met"].clone())
        };
        assert_eq!(counts(false), [json!(true), json!(true)]);
        assert_eq!(counts(true), [json!(false), json!(false)]);

        let servers = |disturbed: bool| {
            let mut volley = load(100, 900.0, 0.004);
            volley["disturbed"] = json!(disturbed);
            json!({ "servers": [
                { "server": "volley", "loads": [volley] },
                { "server": "mediasoup", "loads": [load(100, 100.0, 0.015)] },
            ]})
        };
        for disturbed in [false, true] {
            let figure = ratio_within_five_milliseconds(&servers(disturbed));
            assert_eq!(figure, Some(Figure { value: 9.0, counts: !disturbed }));
        }
    }

    #[test]
    fn packets_astray_are_asked_of_every_command_with_people() {
        let strays = json!({ "foreignRoom": 1, "echoes": 0, "notAuthentic": 0 });
        for command in ["join-storm", "arrivals", "swarm", "compare-audio", "tuning"] {
            let report = judged(command, strays.clone());
            let met: Vec<_> =
                report.figures["targets"].as_array().unwrap().iter().map(|target| &target["met"]).collect();
            assert_eq!(met, [&json!(false), &json!(true), &json!(true)], "{command}");
        }
    }

    #[test]
    fn what_is_measured_without_feedback_tells_the_cost_of_adaptation_and_nothing_else() {
        let adaptation = |cost: f64, is_within: bool| {
            let report = judged(
                "compare-meeting",
                json!({ "costOfAdaptation": cost, "adaptationWithinBounds": is_within }),
            );
            report.figures["targets"][0]["met"].clone()
        };
        assert_eq!(
            [adaptation(0.08, true), adaptation(0.12, true), adaptation(0.08, false)],
            [true, false, false]
        );
        let without = json!({ "server": "volley", "adapts": false, "loads": [load(100, 900.0, 0.004)] });
        let other = json!({ "server": "mediasoup", "loads": [load(100, 100.0, 0.015)] });
        assert_eq!(ratio_within_five_milliseconds(&json!({ "servers": [without, other] })), None);
    }

    #[test]
    fn a_promise_for_one_bitrate_is_not_asked_of_another() {
        let report =
            judged("compare-webinar", json!({ "ratioToBestOther": 2.6, "videoBitsPerSecond": 1_200_000 }));
        let targets = report.figures["targets"].as_array().unwrap();
        assert_eq!(targets.len(), 1);
        assert_eq!(targets[0]["atLeast"], 2.5);
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let report = judged("growth", json!({ "costGrowth": null }));
        assert!(report.sections.is_empty());
        assert!(report.figures.get("targets").is_none());
        assert!(judged("limit", json!({})).sections.is_empty());
    }
}
