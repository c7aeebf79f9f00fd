use super::*;
use crate::scenario::contender::Contender;
use crate::scenario::measure::tests::measured;

const BOUNDS: Bounds = Bounds { loss: 0.001, delay: 0.02 };

/// An entry whose one run lost so many of its packets, in five seconds of a core.
fn entry(name: Name, packets: u64, missing: u64, adapts: bool) -> Entry {
    let delay = (name == Name::Volley).then_some(0.005);
    let mut contender = Contender::unstarted(name);
    (contender.delay, contender.adapts) = (delay, adapts);
    let mut entry = Entry::new(contender);
    entry.add(100, measured(packets, missing, 5.0));
    entry
}

fn comparison(entries: Vec<Entry>) -> Comparison {
    Comparison {
        scenario: Scenario::Meeting,
        shape: Shape::meeting(20, 1_200_000),
        bounds: BOUNDS,
        rounds: 1,
        entries,
        absent: Vec::new(),
        limit: None,
        mix: Mix::MeetingEqualised,
    }
}

fn notes(comparison: &Comparison) -> String {
    comparison.notes().join("\n")
}

#[test]
fn a_run_within_its_bounds_has_a_ratio() {
    let comparison = comparison(vec![
        entry(Name::Volley, 900_000, 0, true),
        entry(Name::Janus, 300_000, 0, true),
        entry(Name::Mediasoup, 800_000, 100_000, true),
    ]);
    let figures = comparison.figures().unwrap();
    assert_eq!((&figures["ratioToBestOther"], &figures["withinBounds"]), (&json!(3.0), &json!(true)));
    assert_eq!(figures["outsideBounds"], Value::Null);
    assert_eq!(figures["ratios"].as_array().map(Vec::len), Some(1));
    assert_eq!(figures["servers"][2]["loads"][0]["withinBounds"], false);
    assert!(notes(&comparison).contains("† mediasoup at 100 %"), "{}", notes(&comparison));
}

#[test]
fn a_run_outside_its_bounds_is_marked_and_in_no_ratio() {
    let comparison =
        comparison(vec![entry(Name::Volley, 900_000, 15_000, true), entry(Name::Janus, 300_000, 0, true)]);
    let figures = comparison.figures().unwrap();
    assert_eq!((&figures["ratioToBestOther"], &figures["withinBounds"]), (&Value::Null, &json!(false)));
    assert_eq!(figures["outsideBounds"]["ratioToBestOther"], 3.0);
    assert_eq!(figures["ratios"], json!([]));
    let table = comparison.cost_section().table.markdown();
    assert!(table.contains("100 % †") && !table.contains('×'), "{table}");
}

#[test]
fn without_feedback_volley_is_no_contender_of_its_own() {
    let comparison = comparison(vec![
        entry(Name::Volley, 800_000, 0, true),
        entry(Name::Volley, 1_000_000, 0, false),
        entry(Name::Janus, 400_000, 0, true),
    ]);
    let figures = comparison.figures().unwrap();
    assert_eq!(figures["ratioToBestOther"], 2.0);
    assert_eq!(figures["ratios"].as_array().map(Vec::len), Some(1));
    assert!((figures["costOfAdaptation"].as_f64().unwrap() - 0.25).abs() < 1e-9);
    assert_eq!(figures["adaptationWithinBounds"], true);
    assert!(notes(&comparison).contains("costs 25.0 % more"), "{}", notes(&comparison));
}

#[test]
fn what_went_astray_in_a_trial_is_told_though_its_run_is_not() {
    let mut volley = entry(Name::Volley, 800_000, 0, true);
    volley.strays = Strays { foreign_room: 2, ..Strays::default() };
    let comparison = comparison(vec![volley]);
    assert_eq!(comparison.figures().unwrap()["foreignRoom"], 2);
    assert!(notes(&comparison).contains("people got 2 packets of another room"));
}
