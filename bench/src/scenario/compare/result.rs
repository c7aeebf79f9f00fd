//! What a comparison came to, and how it is told.

use super::entry::{Entry, Point};
use crate::cli::Scenario;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::limit::{LimitResult, Mix};
use crate::report::format::{count, factor, mebibytes, milliseconds, percent};
use crate::report::table::Table;
use crate::report::{Report, Section};
use crate::scenario::contender::{Absent, Name};
use crate::scenario::marks::Marks;
use crate::scenario::measure::{Measured, Record};
use crate::scenario::probe::Bounds;
use crate::scenario::search::Verdict;
use crate::scenario::shape::Shape;
use crate::scenario::strays::Strays;
use serde_json::{Value, json};

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
            plots: self.plots(),
        })
    }

    fn bounds_of(&self, entry: &Entry) -> Bounds {
        Bounds { delay: entry.contender.delay.unwrap_or(self.bounds.delay), ..self.bounds }
    }

    fn marks(&self, entry: &Entry, point: &Point) -> Marks {
        Marks::of(&point.run, &self.bounds_of(entry))
    }

    fn is_within(&self, entry: &Entry, point: &Point) -> bool {
        self.marks(entry, point).is_within()
    }

    /// What an entry came to at its highest load, if that was carried: else it has no part in a ratio.
    fn carried<'a>(&self, entry: &'a Entry) -> Option<&'a Point> {
        entry.best().filter(|point| self.is_within(entry, point))
    }

    /// The best of the other servers.
    fn best_other(&self) -> Option<f64> {
        self.best_of_others().map(|(_, point)| point.run.per_cpu_second())
    }

    fn best_of_others(&self) -> Option<(&Entry, &Point)> {
        let others = self.entries.iter().filter(|entry| entry.contender.name != Name::Volley);
        let others = others.filter_map(|entry| Some((entry, self.carried(entry)?)));
        let others = others.filter(|(_, point)| point.run.per_cpu_second() > 0.0);
        others.max_by(|(_, a), (_, b)| a.run.per_cpu_second().total_cmp(&b.run.per_cpu_second()))
    }

    /// Whether a server may do better than a run of it says.
    fn is_understated(entry: &Entry, point: &Point) -> bool {
        entry.found.bound == Verdict::GeneratorIsFull || point.run.is_understated()
    }

    /// The floor with trains as long as a run's.
    fn of_limit(&self, run: &Measured) -> Option<f64> {
        let limit = self.limit.as_ref()?.at_train(self.mix, run.mean_train())?;
        Some(run.per_cpu_second() / limit)
    }

    /// Volley as it is: not where it is measured without feedback, to tell what that costs.
    fn volleys(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_volley())
    }

    /// The one the headline is about: within the least delay that was asked for, the cheapest.
    fn volley(&self) -> Option<&Entry> {
        let delay = |entry: &Entry| entry.contender.delay.unwrap_or(self.bounds.delay);
        self.volleys().filter(|entry| entry.per_cpu_second() > 0.0).min_by(|a, b| {
            delay(a).total_cmp(&delay(b)).then(b.per_cpu_second().total_cmp(&a.per_cpu_second()))
        })
    }

    /// How many times cheaper than the best other, for each P95 delay in seconds that bought it.
    pub(super) fn ratios(&self) -> Vec<[f64; 2]> {
        let Some(other) = self.best_other() else { return Vec::new() };
        let mut points: Vec<[f64; 2]> = self
            .volleys()
            .filter_map(|entry| self.carried(entry))
            .map(|point| [point.run.delay(0.95), point.run.per_cpu_second() / other])
            .collect();
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        points
    }

    /// How much more a packet costs with the feedback by which Volley adapts to links than without, at the same
    /// load, and whether both runs were within their bounds.
    fn cost_of_adaptation(&self, with: &Entry) -> Option<(f64, bool)> {
        let same = |other: &&Entry| {
            let (other, with) = (&other.contender, &with.contender);
            !other.adapts && other.gathering == with.gathering && other.delay == with.delay
        };
        let without = self.entries.iter().find(same)?;
        let (of_with, of_without) = (with.best()?, without.best()?);
        let cost = of_with.run.seconds_per_packet() / of_without.run.seconds_per_packet() - 1.0;
        Some((cost, self.is_within(with, of_with) && self.is_within(without, of_without)))
    }

    fn figures(&self) -> anyhow::Result<Value> {
        let volley = self.volley();
        let ratio = volley.zip(self.best_other()).map(|(volley, other)| volley.per_cpu_second() / other);
        let of_limit = volley.and_then(Entry::best).and_then(|point| self.of_limit(&point.run));
        let is_within = volley.map(|volley| self.carried(volley).is_some());
        let adaptation = volley.and_then(|volley| self.cost_of_adaptation(volley));
        let ratios = json!({ "ratioToBestOther": ratio, "ofLimit": of_limit });
        let mut figures = json!({
            "scenario": self.scenario,
            "people": self.shape.people,
            "videoBitsPerSecond": self.shape.pictures.then_some(self.shape.media.video.bits_per_second),
            "maxLoss": self.bounds.loss,
            "maxDelay": self.bounds.delay,
            "rounds": self.rounds,
            "perCpuSecond": volley.map(Entry::per_cpu_second),
            "withinBounds": is_within,
            "disturbed": volley.and_then(Entry::best).map(|point| point.run.disturbance().is_some()),
            "ratioToBestOther": ratio.filter(|_| is_within == Some(true)),
            "ofLimit": of_limit.filter(|_| is_within == Some(true)),
            "bestOtherUnderstated": self.best_of_others().map(|(entry, point)| Comparison::is_understated(entry, point)),
            "costOfAdaptation": adaptation.map(|(cost, _)| cost),
            "adaptationWithinBounds": adaptation.map(|(_, is_within)| is_within),
            "outsideBounds": (is_within == Some(false)).then_some(ratios),
            "ratios": self.ratios(),
            "servers": self.entries.iter().map(|entry| self.entry_figures(entry)).collect::<Result<Vec<_>, _>>()?,
            "absent": self.absent,
            "limit": self.limit,
        });
        self.entries.iter().map(|entry| entry.strays).sum::<Strays>().add_to(&mut figures);
        Ok(figures)
    }

    fn entry_figures(&self, entry: &Entry) -> anyhow::Result<Value> {
        let points: Vec<Value> = entry
            .points
            .iter()
            .map(|point| {
                let mut value = serde_json::to_value(self.record(point))?;
                value["loadPercent"] = point.load.into();
                let is_within = self.is_within(entry, point);
                value["withinBounds"] = is_within.into();
                value["understated"] = Comparison::is_understated(entry, point).into();
                value["ofLimit"] = json!(self.of_limit(&point.run).filter(|_| is_within));
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
            "adapts": (entry.contender.name == Name::Volley).then_some(entry.contender.adapts),
            "maxDelay": self.bounds_of(entry).delay,
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
        let is_within = self.is_within(entry, point);
        let other = self.best_other().filter(|_| is_within && entry.is_volley());
        let dash = || String::from("–");
        let cpu = &record.server_cpu;
        let share = |seconds: f64| percent(seconds / cpu.elapsed.max(f64::MIN_POSITIVE));
        [
            entry.contender.label.clone(),
            self.load_cell(entry, point),
            record.size.participants.to_string(),
            count(record.forwarded_per_second),
            count(record.per_cpu_second),
            count(record.nanos_per_packet),
            other.map_or_else(dash, |other| factor(record.per_cpu_second / other)),
            self.of_limit(&point.run).filter(|_| is_within).map_or_else(dash, percent),
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

    fn load_cell(&self, entry: &Entry, point: &Point) -> String {
        format!("{} %{}", point.load, self.marks(entry, point).signs())
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
            "echoes",
            "unauthentic",
        ]);
        for entry in &self.entries {
            for point in &entry.points {
                let record = self.record(point);
                table.row([
                    entry.contender.label.clone(),
                    self.load_cell(entry, point),
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
                    record.strays.foreign_room.to_string(),
                    record.strays.echoes.to_string(),
                    record.strays.not_authentic.to_string(),
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
            notes.extend(entry.strays.told().map(|told| format!("{label}: people got {told}.")));
            if entry.points.iter().any(|point| point.run.generator_limited())
                || entry.found.bound == Verdict::GeneratorIsFull
            {
                notes.push(format!("{label}: generator-limited; the server could do more."));
            }
            for point in &entry.points {
                notes.extend(self.marks(entry, point).notes(&format!("{label} at {} %", point.load)));
            }
            if let Some(note) = &entry.contender.note {
                notes.push(format!("{label} {}: {note}", entry.contender.version));
            }
        }
        notes.extend(self.volleys().filter_map(|volley| {
            let (cost, _) = self.cost_of_adaptation(volley)?;
            let label = &volley.contender.label;
            Some(format!(
                "{label}: with transport-cc feedback a packet costs {} more than without.",
                percent(cost)
            ))
        }));
        notes.extend(self.absent.iter().map(Absent::note));
        notes
    }
}

/// Shares of all packets and the delay, in seconds, that so many had at most.
pub(super) fn quantiles(run: &Measured) -> Vec<[f64; 2]> {
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

#[cfg(test)]
mod tests;
