//! Pictures in several layers, as reports tell of them.

use crate::load::{LayerFigures, Layers, size};
use crate::report::format::{count, milliseconds, percent};
use crate::report::table::Table;
use crate::report::{Report, Section};
use crate::signal::Layer;
use serde_json::{Value, json};
use std::time::Duration;

/// Adds what happened of layers to a report; nothing where no picture had any.
pub(super) fn add_to(report: &mut Report, layers: &Layers) {
    let Some(shown) = layers.shown() else { return };
    let mut table = Table::new(&["layer", "size", "sent", "received", "shown", "pauses"]);
    for (layer, figures) in Layer::ALL.into_iter().zip(&layers.each) {
        let (width, height) = size(Some(layer));
        table.row([
            layer.rid().to_owned(),
            format!("{width}×{height}"),
            count(figures.sent as f64),
            count(figures.received as f64),
            percent(share(figures.shown, shown)),
            figures.pauses.to_string(),
        ]);
    }
    let mut notes = vec![format!(
        "Seats went over to another layer {} times; the longest that one had no packet meanwhile was {}.",
        layers.switches,
        milliseconds(layers.longest_switch.as_secs_f64())
    )];
    if layers.broken > 0 {
        notes.push(format!("{} times it did not begin with a key frame.", layers.broken));
    }
    report.sections.push(Section { title: String::from("Layers of pictures"), table, notes });
    let each = Layer::ALL.into_iter().zip(&layers.each);
    let each: Vec<Value> = each.map(|(layer, figures)| one(layer, figures, shown)).collect();
    report.figures["layers"] = json!({
        "each": each,
        "switches": layers.switches,
        "switchesWithoutKeyFrame": layers.broken,
        "longestSwitchGap": layers.longest_switch.as_secs_f64(),
    });
}

fn one(layer: Layer, figures: &LayerFigures, shown: Duration) -> Value {
    let (width, height) = size(Some(layer));
    json!({
        "rid": layer.rid(),
        "width": width,
        "height": height,
        "sent": figures.sent,
        "received": figures.received,
        "shown": figures.shown.as_secs_f64(),
        "shownShare": share(figures.shown, shown),
        "pauses": figures.pauses,
    })
}

fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::machine::Machine;
    use crate::host::place::Place;

    fn report_of(layers: &Layers) -> Report {
        let mut report = Report {
            name: String::from("swarm"),
            machine: Machine::describe(&Place { server_cores: vec![0], generator_core: 1 }),
            sections: Vec::new(),
            figures: json!({}),
            plots: Vec::new(),
        };
        add_to(&mut report, layers);
        report
    }

    #[test]
    fn each_layer_is_told_with_its_size_and_how_long_it_was_shown() {
        let mut layers =
            Layers { switches: 4, longest_switch: Duration::from_millis(50), ..Layers::default() };
        for (layer, seconds) in layers.each.iter_mut().zip([1, 0, 3]) {
            *layer = LayerFigures { sent: 10, pauses: 1, received: 7, shown: Duration::from_secs(seconds) };
        }
        let report = report_of(&layers);
        let told = &report.figures["layers"];
        assert_eq!(told["each"][0]["width"], 320);
        assert_eq!(told["each"][2]["shownShare"], 0.75);
        assert_eq!((&told["switches"], &told["switchesWithoutKeyFrame"]), (&json!(4), &json!(0)));
        let shown = report.sections[0].table.terminal();
        assert!(shown.contains("1280×720") && shown.contains("75.0 %"), "{shown}");
        assert_eq!(report.sections[0].notes.len(), 1);
        assert_eq!(report_of(&Layers { broken: 1, ..layers }).sections[0].notes.len(), 2);
    }

    #[test]
    fn where_there_are_none_nothing_is_told() {
        let report = report_of(&Layers::default());
        assert!(report.sections.is_empty() && report.figures.get("layers").is_none());
    }
}
