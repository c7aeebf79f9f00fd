//! What is watched, against what there is: the dashboard and the alert rules in `deploy` ask for metrics and
//! label values that a scrape tells, and each alert has its runbook.

use super::table::families;
use prometheus::proto::MetricFamily;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DASHBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/grafana/volley.json");
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/prometheus");
const RUNBOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbooks");

const TEXTS: [&str; 2] =
    [concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"), concat!(env!("CARGO_MANIFEST_DIR"), "/../tuning")];
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// Added by whoever scrapes.
const SCRAPED: [&str; 2] = ["instance", "job"];

/// Every series' name, with its labels and their values.
type Told = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn told() -> Told {
    let mut told = Told::new();
    for family in families().into_iter().map(super::family::Family::done) {
        let ends: &[&str] = if format!("{:?}", family.get_field_type()) == "HISTOGRAM" {
            &["_bucket", "_count", "_sum"]
        } else {
            &[""]
        };
        for end in ends {
            told.insert(format!("{}{end}", family.name()), labels(&family, end));
        }
    }
    told
}

fn labels(family: &MetricFamily, end: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pair in family.get_metric().iter().flat_map(|metric| metric.get_label()) {
        labels.entry(pair.name().to_owned()).or_default().insert(pair.value().to_owned());
    }
    if end == "_bucket" {
        let metric = &family.get_metric()[0];
        let bounds =
            metric.get_histogram().get_bucket().iter().map(|bucket| bucket.upper_bound().to_string());
        labels.insert(String::from("le"), bounds.chain([String::from("+Inf")]).collect());
    }
    labels
}

/// Each selector of an expression: the name, and what stands in its braces.
fn selectors(expression: &str) -> Vec<(String, String)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = ["volley_", "webrtc_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        rest = &rest[at..];
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let matchers =
            behind.strip_prefix('{').and_then(|inner| inner.split_once('}')).map_or("", |(inner, _)| inner);
        found.push((name.to_owned(), matchers.to_owned()));
        rest = behind;
    }
    found
}

fn check(expression: &str, told: &Told) {
    let selectors = selectors(expression);
    for (name, matchers) in selectors {
        let labels = told
            .get(&name)
            .unwrap_or_else(|| panic!("no scrape tells {name}, which is asked for in {expression}"));
        for matcher in matchers.split(',').filter(|matcher| !matcher.is_empty()) {
            let (label, value) = matcher.split_once(['=', '!']).expect("a matcher has an operator");
            if SCRAPED.contains(&label) {
                continue;
            }
            let values =
                labels.get(label).unwrap_or_else(|| panic!("{name} has no label {label}: {expression}"));
            // What becomes of joins is as many words as there are refusals.
            let is_open = label == "result";
            let wanted = value.trim_start_matches(['=', '~']).trim_matches('"');
            for one in wanted.split('|').filter(|_| !is_open) {
                assert!(values.contains(one), "{name} has no {label} {one}: {expression}");
            }
        }
    }
}

fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let own = ["expr", "query"].iter().filter_map(|key| fields.get(*key)?.as_str());
            found.extend(own.map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn every_panel_asks_for_metrics_that_a_scrape_tells() {
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    let (mut found, told) = (Vec::new(), told());
    expressions(&dashboard, &mut found);
    assert!(found.len() > 30, "{found:?}");
    found.iter().for_each(|expression| check(expression, &told));
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each has a number of its own");
}

/// Every text of a folder, and of those in it.
fn texts(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            texts(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push((path, text));
        }
    }
}

/// Texts also name beginnings of names (`volley_recordings_…`), and a table of the packet filter.
#[test]
fn every_metric_that_texts_name_is_told_by_a_scrape() {
    let mut found = Vec::new();
    TEXTS.iter().for_each(|folder| texts(Path::new(folder), &mut found));
    found.push((PathBuf::from(README), fs::read_to_string(README).unwrap()));
    let (told, mut count) = (told(), 0);
    for (path, text) in &found {
        for (name, _) in selectors(text).into_iter().filter(|(name, _)| name != "volley_tune") {
            let is_told =
                told.keys().any(|series| *series == name || series.starts_with(&name) && name.ends_with('_'));
            let is_family =
                ["_bucket", "_count"].iter().any(|end| told.contains_key(&format!("{name}{end}")));
            assert!(is_told || is_family, "no scrape tells {name}, which {} names", path.display());
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
#[should_panic(expected = "volley_dropped_total has no cause nonsense")]
fn a_value_that_no_label_has_is_found() {
    check("rate(volley_dropped_total{instance=\"a\",cause=~\"shed|nonsense\"}[5m])", &told());
}

#[test]
fn every_alert_asks_for_metrics_that_a_scrape_tells_and_has_a_runbook_and_a_try() {
    let rules = fs::read_to_string(format!("{RULES}/alerts.yml")).unwrap();
    let tries = fs::read_to_string(format!("{RULES}/alerts.test.yml")).unwrap();
    let index = fs::read_to_string(format!("{RUNBOOKS}/README.md")).unwrap();
    check(&rules, &told());
    let names: BTreeSet<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in &names {
        let page = fs::read_to_string(format!("{RUNBOOKS}/{name}.md"))
            .unwrap_or_else(|_| panic!("{name} has no runbook"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}.md begins with its name");
        check_first_step(name, &page);
        for (text, what) in [
            (&rules, format!("docs/runbooks/{name}.md\n")),
            (&tries, format!("- alertname: {name}\n")),
            (&index, format!("[{name}]({name}.md)")),
        ] {
            assert!(text.contains(&what), "{what} is missing for {name}");
        }
    }
    let pages =
        fs::read_dir(RUNBOOKS).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let stray: Vec<String> =
        pages.filter(|page| page != "README.md" && !names.contains(page.trim_end_matches(".md"))).collect();
    assert_eq!(stray, [""; 0], "pages of alerts that are no more");
}

/// The first step is a command that shows whether the alert is true: on what the server itself tells of one of the
/// metrics that it is about, but where it is about the server's not answering, or about a process that is gone.
fn check_first_step(name: &str, page: &str) {
    let (_, step) = page.split_once("\n## Where to look\n\n1. Is it true? `").unwrap_or_else(|| {
        panic!("{name}.md does not begin where to look with \"1. Is it true? `COMMAND`\"")
    });
    let (command, _) = step.split_once('`').expect("the command ends");
    if matches!(name, "VolleyDown" | "VolleyMediaRestarted") {
        return;
    }
    assert!(command.contains("curl -s http://HOST:9090/metrics | grep"), "{name}: {command}");
    let expression = page.split("```").nth(1).expect("a page has the alert's expression");
    let asked = selectors(command);
    let is_about =
        |(of_alert, _): &(String, String)| asked.iter().any(|(of_step, _)| of_alert.starts_with(of_step));
    assert!(selectors(expression).iter().any(is_about), "{name}: {command} shows nothing of {expression}");
    let told = told();
    for (of_step, _) in &asked {
        let is_told = told.keys().any(|series| series.starts_with(of_step));
        assert!(is_told, "{name}: no scrape tells {of_step}, which {command} looks for");
    }
}

#[test]
fn promtool_takes_the_rules_and_each_fires_on_its_fault_alone() {
    let promtool = std::env::var("VOLLEY_PROMTOOL").unwrap_or_else(|_| String::from("promtool"));
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let output =
            Command::new(&promtool).args(arguments).current_dir(RULES).output().unwrap_or_else(|error| {
                panic!("{promtool} (./scripts/test gets it from Debian's prometheus): {error}")
            });
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}: {told}");
    }
}
