//! The table of all metrics in `METRICS.md`, made from what a scrape tells, so that it cannot be older.

use super::family::Family;
use super::workers::tests::page;
use super::{Census, Recent, all};
use prometheus::TextEncoder;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The families of a server on which everything has happened.
pub(super) fn families() -> Vec<Family> {
    let mut census = Census { udp_drops: Some(0), ..Census::default() };
    census.joins.results.insert("joined", 1);
    all(&[page(&[])], &census, &Recent::default())
}

/// What values are counted in, which the name ends with, but for what is only counted.
fn unit(name: &str) -> &'static str {
    let units = [
        ("_seconds", "seconds"),
        ("_bytes", "bytes"),
        ("_packets", "packets"),
        ("_datagrams", "datagrams"),
        ("_bytes_total", "bytes"),
        ("_ms", "milliseconds"),
        ("_rate", "ratio"),
    ];
    units.iter().find(|(end, _)| name.ends_with(end)).map_or("", |(_, unit)| unit)
}

fn table() -> String {
    let mut table = String::from("| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
    for family in families().into_iter().map(Family::done) {
        let kind = format!("{:?}", family.get_field_type()).to_ascii_lowercase();
        let labels: Vec<String> =
            family.get_metric()[0].get_label().iter().map(|label| format!("`{}`", label.name())).collect();
        let name = family.name();
        table +=
            &format!("| `{name}` | {kind} | {} | {} | {} |\n", unit(name), labels.join(", "), family.help());
    }
    table
}

/// `VOLLEY_WRITE=1` writes the table anew.
#[test]
fn every_metric_of_a_scrape_stands_in_the_table_with_its_meaning() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (head, _) = text.split_once("| name |").expect("the file has a table");
    let made = format!("{head}{}", table());
    if std::env::var_os("VOLLEY_WRITE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert_eq!(text, made, "run it once more with VOLLEY_WRITE=1");
}

/// The promised names are older than Prometheus' advice; ours follow it.
#[test]
fn promtool_complains_about_promised_names_only() {
    let promtool = std::env::var("VOLLEY_PROMTOOL").unwrap_or_else(|_| String::from("promtool"));
    let mut check = Command::new(&promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{promtool} (./scripts/test gets it from Debian's prometheus): {error}")
        });
    let families: Vec<_> = families().into_iter().map(Family::done).collect();
    let text = TextEncoder::new().encode_to_string(&families).unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8(told).unwrap();
    let mut disliked: Vec<&str> = told.lines().filter_map(|line| line.split_whitespace().next()).collect();
    disliked.dedup();
    assert_eq!(disliked, PROMISED, "{told}");
}

/// `_total` of what can fall, no `_total` of what cannot, and milliseconds.
const PROMISED: [&str; 6] = [
    "webrtc_audio_tracks_total",
    "webrtc_bandwidth_usage_bytes",
    "webrtc_jitter_ms",
    "webrtc_participants_total",
    "webrtc_rooms_total",
    "webrtc_video_tracks_total",
];
