//! What a comparison came to, and how it is told.

use crate::cli::Scenario;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::limit::{LimitResult, Mix};
use crate::report::format::{count, factor, mebibytes, milliseconds, percent};
use crate::report::plot::Plot;
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use crate::scenario::contender::{Absent, Contender, Name};
use crate::scenario::measure::{Measured, Record};
use crate::scenario::probe::{Bounds, Tried};
use crate::scenario::search::{Found, Verdict};
use crate::scenario::shape::Shape;
use serde_json::{Value, json};

/// One server and what was measured of it.
pub(super) struct Entry {
    pub(super) contender: Contender,
    pub(super) found: Found,
    /// The short trials of the search.
    pub(super) tried: Vec<Tried>,
    /// Per load in per cent of the highest, all rounds together.
    pub(super) points: Vec<Point>,
    failure: Option<String>,
}

/// All rounds at one load.
pub(super) struct Point {
    pub(super) load: u32,
    pub(super) run: Measured,
}

impl Entry {
    pub(super) fn new(contender: Contender) -> Entry {
        let found = Found { load: 0, bound: Verdict::TooMuch };
        Entry { contender, found, tried: Vec::new(), points: Vec::new(), failure: None }
    }

    /// Whether it can be measured.
    pub(super) fn runs(&self) -> bool {
        self.failure.is_none() && self.found.load > 0
    }

    pub(super) fn fail(&mut self, progress: &Progress, error: &anyhow::Error) {
        progress.keep(&format!("{}: {error:#}", self.contender.label));
        self.failure = Some(format!("{error:#}"));
    }

    pub(super) fn add(&mut self, load: u32, run: Measured) {
        match self.points.iter_mut().find(|point| point.load == load) {
            Some(point) => point.run.add(&run),
            None => self.points.push(Point { load, run }),
        }
    }

    /// At the highest load that was measured.
    fn best(&self) -> Option<&Point> {
        self.points.iter().max_by_key(|point| point.load)
    }

    fn per_cpu_second(&self) -> f64 {
        self.best().map_or(0.0, |point| point.run.per_cpu_second())
    }
}

/// All of it.
pub(super) struct Comparison {
    pub(super) scenario: Scenario,
    pub(super) shape: Shape,
    pub(super) bounds: Bounds,
    pub(super) rounds: u32,
    pub(super) entries: Vec<Entry>,
    pub(super) absent: Vec<Absent>,
    pub(super) limit: Option<LimitResult>,
    pub(super) mix: Mix,
}

impl Comparison {
    pub(super) fn report(&self, place: &Place) -> anyhow::Result<Report> {
        let name = match self.scenario {
            Scenario::Meeting => "compare-meeting",
            Scenario::Webinar => "compare-webinar",
            Scenario::Audio => "compare-audio",
        };
        Ok(Report {
            name: String::from(name),
            machine: Machine::describe(place),
            sections: vec![self.cost_section(), self.quality_section()],
            figures: self.figures()?,
            plots: vec![
                self.cost_plot(),
                self.train_plot(),
                self.train_lengths_plot(),
                self.delay_plot(),
                self.ratio_plot(),
            ],
        })
    }

    /// The best of the other servers.
    fn best_other(&self) -> Option<f64> {
        let others = self.entries.iter().filter(|entry| entry.contender.name != Name::Volley);
        others.map(Entry::per_cpu_second).filter(|&value| value > 0.0).max_by(f64::total_cmp)
    }

    /// The floor with trains as long as a run's.
    fn of_limit(&self, run: &Measured) -> Option<f64> {
        let limit = self.limit.as_ref()?.at_train(self.mix, run.mean_train())?;
        Some(run.per_cpu_second() / limit)
    }

    /// The one the headline is about: within the least delay that was asked for, the cheapest.
    fn volley(&self) -> Option<&Entry> {
        let delay = |entry: &Entry| entry.contender.delay.unwrap_or(self.bounds.delay);
        let volleys = self.entries.iter().filter(|entry| entry.contender.name == Name::Volley);
        volleys.filter(|entry| entry.per_cpu_second() > 0.0).min_by(|a, b| {
            delay(a).total_cmp(&delay(b)).then(b.per_cpu_second().total_cmp(&a.per_cpu_second()))
        })
    }

    /// How many times cheaper than the best other, for each P95 delay in seconds that bought it.
    fn ratios(&self) -> Vec<[f64; 2]> {
        let Some(other) = self.best_other() else { return Vec::new() };
        let volleys = self.entries.iter().filter(|entry| entry.contender.name == Name::Volley);
        let mut points: Vec<[f64; 2]> = volleys
            .filter_map(Entry::best)
            .map(|point| [point.run.delay(0.95), point.run.per_cpu_second() / other])
            .collect();
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        points
    }

    fn figures(&self) -> anyhow::Result<Value> {
        let volley = self.volley();
        let ratio = volley.zip(self.best_other()).map(|(volley, other)| volley.per_cpu_second() / other);
        let of_limit = volley.and_then(Entry::best).and_then(|point| self.of_limit(&point.run));
        Ok(json!({
            "scenario": self.scenario,
            "people": self.shape.people,
            "videoBitsPerSecond": self.shape.pictures.then_some(self.shape.media.video.bits_per_second),
            "maxLoss": self.bounds.loss,
            "maxDelay": self.bounds.delay,
            "rounds": self.rounds,
            "perCpuSecond": volley.map(Entry::per_cpu_second),
            "ratioToBestOther": ratio,
            "ofLimit": of_limit,
            "ratios": self.ratios(),
            "servers": self.entries.iter().map(|entry| self.entry_figures(entry)).collect::<Result<Vec<_>, _>>()?,
            "absent": self.absent,
            "limit": self.limit,
        }))
    }

    fn entry_figures(&self, entry: &Entry) -> anyhow::Result<Value> {
        let points: Vec<Value> = entry
            .points
            .iter()
            .map(|point| {
                let mut value = serde_json::to_value(self.record(point))?;
                value["loadPercent"] = point.load.into();
                value["ofLimit"] = json!(self.of_limit(&point.run));
                value["delayHistogram"] = json!(quantiles(&point.run));
                anyhow::Ok(value)
            })
            .collect::<Result<_, _>>()?;
        Ok(json!({
            "server": entry.contender.name,
            "label": entry.contender.label,
            "version": entry.contender.version,
            "note": entry.contender.note,
            "gathering": entry.contender.gathering,
            "maxDelay": entry.contender.delay.unwrap_or(self.bounds.delay),
            "highestParticipants": entry.found.load,
            "boundBy": bound(entry.found.bound),
            "failure": entry.failure,
            "perCpuSecond": entry.best().map(|point| point.run.per_cpu_second()),
            "loads": points,
            "trials": entry.tried,
        }))
    }

    fn record(&self, point: &Point) -> Record {
        point.run.record()
    }

    fn cost_section(&self) -> Section {
        let mut table = Table::new(&[
            "server",
            "load",
            "people",
            "packets/s",
            "packets/CPU-s",
            "ns/packet",
            "to best other",
            "of limit",
            "train",
            "server busy",
            "user",
            "system",
            "softirq",
            "steal",
            "others",
            "SRTP",
        ]);
        for entry in &self.entries {
            for point in &entry.points {
                table.row(self.cost_cells(entry, point));
            }
        }
        Section {
            title: format!("What a forwarded packet costs ({}, {} rounds)", self.title(), self.rounds),
            table,
            notes: self.notes(),
        }
    }

    fn title(&self) -> String {
        let mbit = f64::from(self.shape.media.video.bits_per_second) / 1e6;
        match self.scenario {
            Scenario::Meeting => format!("meetings of {}, VP8 at {mbit} Mbit/s and Opus", self.shape.people),
            Scenario::Webinar => format!("one to {}, VP8 at {mbit} Mbit/s and Opus", self.shape.people - 1),
            Scenario::Audio => {
                format!("{} speakers, {} in the room, Opus", self.shape.publishers, self.shape.people)
            }
        }
    }

    fn cost_cells(&self, entry: &Entry, point: &Point) -> [String; 16] {
        let record = self.record(point);
        let other = self.best_other().filter(|_| entry.contender.name == Name::Volley);
        let dash = || String::from("–");
        let cpu = &record.server_cpu;
        let share = |seconds: f64| percent(seconds / cpu.elapsed.max(f64::MIN_POSITIVE));
        [
            entry.contender.label.clone(),
            format!("{} %", point.load),
            record.size.participants.to_string(),
            count(record.forwarded_per_second),
            count(record.per_cpu_second),
            count(record.nanos_per_packet),
            other.map_or_else(dash, |other| factor(record.per_cpu_second / other)),
            self.of_limit(&point.run).map_or_else(dash, percent),
            format!("{:.1}", record.mean_train),
            percent(record.server_busy),
            share(cpu.split.user),
            share(cpu.split.system),
            share(cpu.split.softirq + cpu.split.irq),
            share(cpu.split.steal),
            percent(record.others),
            record.profiles.join(" "),
        ]
    }

    fn quality_section(&self) -> Section {
        let mut table = Table::new(&[
            "server",
            "load",
            "loss",
            "P50",
            "P95",
            "P99",
            "added P99",
            "longest gap",
            "memory",
            "streams missing",
            "server drops",
            "generator drops",
            "generator busy",
            "foreign",
            "unauthentic",
        ]);
        for entry in &self.entries {
            for point in &entry.points {
                let record = self.record(point);
                table.row([
                    entry.contender.label.clone(),
                    format!("{} %", point.load),
                    percent(record.loss),
                    milliseconds(record.delay.p50),
                    milliseconds(record.delay.p95),
                    milliseconds(record.delay.p99),
                    record.added_delay.map_or_else(|| String::from("–"), |[_, _, p99]| milliseconds(p99)),
                    milliseconds(record.longest_gap),
                    mebibytes(record.memory as f64),
                    percent(record.missing_streams),
                    count(record.server_drops as f64),
                    count(record.generator_drops as f64),
                    percent(record.generator_busy),
                    record.foreign_room.to_string(),
                    record.not_authentic.to_string(),
                ]);
            }
        }
        Section { title: String::from("How it arrives"), table, notes: Vec::new() }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for entry in &self.entries {
            let label = &entry.contender.label;
            if let Some(failure) = &entry.failure {
                notes.push(format!("{label} failed: {failure}"));
            } else if entry.found.load == 0 {
                notes.push(format!("{label} carried no load at all within the bounds."));
            }
            if entry.points.iter().any(|point| point.run.generator_limited())
                || entry.found.bound == Verdict::GeneratorIsFull
            {
                notes.push(format!("{label}: generator-limited; the server could do more."));
            }
            if entry.points.iter().any(|point| self.record(point).disturbed) {
                notes.push(format!(
                    "{label}: other programs ran on the server's core; its figures look worse than they are."
                ));
            }
            if let Some(note) = &entry.contender.note {
                notes.push(format!("{label} {}: {note}", entry.contender.version));
            }
        }
        notes.extend(self.absent.iter().map(Absent::note));
        notes
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

/// Shares of all packets and the delay, in seconds, that so many had at most.
fn quantiles(run: &Measured) -> Vec<[f64; 2]> {
    let shares = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.999];
    shares.iter().map(|&share| [share, run.delay(share)]).collect()
}

fn bound(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Carried => "nothing",
        Verdict::TooMuch => "server",
        Verdict::GeneratorIsFull => "generator",
    }
}
