//! The pictures of a comparison.

use super::result::{Comparison, quantiles};
use crate::report::plot::Plot;
use crate::scenario::measure::Measured;
use crate::scenario::probe::Tried;

impl Comparison {
    /// All of them.
    pub(super) fn plots(&self) -> Vec<Plot> {
        vec![
            self.cost_plot(),
            self.train_plot(),
            self.train_lengths_plot(),
            self.delay_plot(),
            self.ratio_plot(),
        ]
    }

    fn cost_plot(&self) -> Plot {
        let title = "Cost of a forwarded packet against load";
        let plot = Plot::line("cost", title, "packets forwarded per second", "ns per packet").log_y();
        self.curves(plot, |tried| tried.nanos_per_packet, |run| run.seconds_per_packet() * 1e9)
    }

    fn train_plot(&self) -> Plot {
        let title = "Train length against load";
        let plot = Plot::line("trains", title, "packets forwarded per second", "packets per send");
        self.curves(plot, |tried| tried.mean_train, Measured::mean_train)
    }

    /// Volley's own histogram: which share of its sends carried how many packets.
    fn train_lengths_plot(&self) -> Plot {
        let title = "Train lengths at the highest load";
        let plot =
            Plot::line("train-lengths", title, "packets in a train, at most", "share of the sends").log_x();
        self.entries.iter().fold(plot, |plot, entry| {
            let trains = entry.best().and_then(|point| Some(&point.run.own.as_ref()?.trains));
            let Some(trains) = trains else { return plot };
            let all = trains.counts.iter().sum::<u64>().max(1) as f64;
            let shares =
                trains.bounds.iter().zip(&trains.counts).map(|(&bound, &count)| (bound, count as f64 / all));
            plot.with(&entry.contender.label, shares.collect())
        })
    }

    fn delay_plot(&self) -> Plot {
        let plot = Plot::line("delay", "One-way delay at the highest load", "share of packets", "ms").log_y();
        self.entries.iter().filter_map(|entry| Some((entry, entry.best()?))).fold(
            plot,
            |plot, (entry, point)| {
                plot.with(
                    &entry.contender.label,
                    quantiles(&point.run).iter().map(|&[share, delay]| (share, delay * 1e3)).collect(),
                )
            },
        )
    }

    /// How many times cheaper than the best other, against the delay that buys it.
    fn ratio_plot(&self) -> Plot {
        let plot = Plot::line("ratio", "Times cheaper than the best other", "P95 delay, ms", "ratio");
        let points = self.ratios().iter().map(|&[delay, ratio]| (delay * 1e3, ratio)).collect();
        plot.with("volley", points)
    }

    /// A curve per server over its load, through the short trials and the measured runs.
    fn curves(&self, plot: Plot, of_trial: fn(&Tried) -> f64, of_run: fn(&Measured) -> f64) -> Plot {
        self.entries.iter().filter(|entry| !entry.points.is_empty()).fold(plot, |plot, entry| {
            let trials = entry.tried.iter().map(|tried| (tried.forwarded_per_second, of_trial(tried)));
            let runs =
                entry.points.iter().map(|point| (point.run.figures.packets_per_second(), of_run(&point.run)));
            let mut points: Vec<(f64, f64)> = trials.chain(runs).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            plot.with(&entry.contender.label, points)
        })
    }
}
