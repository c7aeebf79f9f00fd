//! `rooms`: how many small rooms, in which one speaks and two watch, a server carries.

use super::contender::{Absent, Contender, Name, VolleyChoice, find_all};
use super::marks::Marks;
use super::measure::{Measured, Record};
use super::probe::{Bounds, Prober};
use super::search::{Found, Range, Verdict};
use super::shape::Shape;
use super::strays::Strays;
use super::trial::Trial;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::report::format::{count, factor, mebibytes, milliseconds, percent};
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use serde_json::{Value, json};

/// People in a room.
const PEOPLE: u32 = 3;
/// A search goes no finer than this.
const PRECISION: f64 = 0.01;
/// A measured run that is not carried is repeated with this share of the rooms.
const STEP_BACK: f64 = 0.97;
/// So often; then it is reported as it is, and marked as outside its bounds.
const STEPS_BACK: u32 = 4;

struct Outcome {
    contender: Contender,
    rooms: u32,
    bound: Verdict,
    run: Option<Measured>,
    failure: Option<String>,
    /// Of all runs, those that were repeated among them.
    strays: Strays,
}

/// Measures a number of rooms, or searches the largest.
///
/// # Errors
/// When the bench itself fails.
pub(crate) async fn run(
    flags: &cli::SmallRooms,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let (contenders, absent) = find_all(&flags.servers.servers, &[], volley, progress).await;
    let rooms = Rooms { flags, place, progress, shape: Shape::rooms_of_three() };
    let mut outcomes = Vec::new();
    for contender in contenders {
        outcomes.push(rooms.outcome(contender).await);
    }
    rooms.report(&outcomes, &absent)
}

struct Rooms<'a> {
    flags: &'a cli::SmallRooms,
    place: &'a Place,
    progress: &'a Progress,
    shape: Shape,
}

impl Rooms<'_> {
    fn bounds(&self) -> Bounds {
        Bounds { loss: self.flags.max_loss / 100.0, delay: self.flags.max_delay.as_secs_f64() }
    }

    async fn outcome(&self, contender: Contender) -> Outcome {
        let mut strays = Strays::default();
        let (found, run, failure) = match self.find_and_measure(&contender, &mut strays).await {
            Ok((found, run)) => (found, run, None),
            Err(error) => {
                self.progress.keep(&format!("{}: {error:#}", contender.label));
                (Found { load: 0, bound: Verdict::TooMuch }, None, Some(format!("{error:#}")))
            }
        };
        Outcome { contender, rooms: found.load / PEOPLE, bound: found.bound, run, failure, strays }
    }

    async fn find_and_measure(
        &self,
        contender: &Contender,
        strays: &mut Strays,
    ) -> anyhow::Result<(Found, Option<Measured>)> {
        let mut found = match self.flags.rooms {
            Some(rooms) => Found { load: rooms * PEOPLE, bound: Verdict::Carried },
            None => self.search(contender, strays).await?,
        };
        if found.load == 0 {
            return Ok((found, None));
        }
        let trial = Trial { place: self.place, shape: self.shape, progress: self.progress };
        for steps in 0.. {
            let run = trial.run(contender, found.load, self.flags.seconds).await?;
            *strays += run.strays();
            let fixed = self.flags.rooms.is_some() || steps == STEPS_BACK;
            if fixed || self.bounds().judge(&run) == Verdict::Carried {
                return Ok((found, Some(run)));
            }
            let rooms = f64::from(found.load / PEOPLE) * STEP_BACK;
            found.load = (rooms as u32).max(1) * PEOPLE;
        }
        Ok((found, None))
    }

    async fn search(&self, contender: &Contender, strays: &mut Strays) -> anyhow::Result<Found> {
        let range = Range { start: self.flags.start, most: self.flags.most, precision: PRECISION };
        let prober = Prober {
            place: self.place,
            shape: self.shape,
            bounds: self.bounds(),
            step: PEOPLE,
            range,
            progress: self.progress,
        };
        let (found, tried) = prober.search(contender).await?;
        *strays += tried.iter().map(|tried| tried.strays).sum();
        Ok(found)
    }

    fn report(&self, outcomes: &[Outcome], absent: &[Absent]) -> anyhow::Result<Report> {
        let volley = outcomes.iter().find(|outcome| outcome.contender.name == Name::Volley);
        let others = outcomes.iter().filter(|outcome| outcome.contender.name != Name::Volley);
        let carried = others.filter(|outcome| self.marks(outcome).is_within());
        let best = carried.max_by_key(|outcome| outcome.rooms).filter(|outcome| outcome.rooms > 0);
        let best_other = best.map(|outcome| outcome.rooms);
        let is_within = volley.map(|volley| self.marks(volley).is_within());
        let ratio = volley.zip(best_other).map(|(volley, other)| f64::from(volley.rooms) / f64::from(other));
        let servers = outcomes.iter().map(|outcome| self.figures(outcome)).collect::<Result<Vec<_>, _>>()?;
        let limited = volley.is_some_and(Outcome::generator_limited);
        let mut report = Report {
            name: String::from("rooms"),
            machine: Machine::describe(self.place),
            sections: vec![self.section(outcomes, absent, best_other)],
            figures: json!({
                "rooms": volley.map(|volley| volley.rooms),
                "withinBounds": is_within,
                "ratioToBestOther": ratio.filter(|_| is_within == Some(true)),
                "outsideBounds": (is_within == Some(false)).then(|| json!({ "ratioToBestOther": ratio })),
                "bestOtherUnderstated": best.map(Outcome::is_understated),
                "generatorLimited": limited,
                "generatorBusy": volley.and_then(|volley| Some(volley.run.as_ref()?.generator.busy_share())),
                "maxLoss": self.bounds().loss,
                "maxDelay": self.bounds().delay,
                "servers": servers,
                "absent": absent,
            }),
            plots: Vec::new(),
        };
        outcomes.iter().map(|outcome| outcome.strays).sum::<Strays>().add_to(&mut report.figures);
        Ok(report)
    }

    /// Of its run, if there was one.
    fn marks(&self, outcome: &Outcome) -> Marks {
        outcome.run.as_ref().map(|run| Marks::of(run, &self.bounds())).unwrap_or_default()
    }

    fn record(&self, outcome: &Outcome) -> Option<Record> {
        outcome.run.as_ref().map(Measured::record)
    }

    fn figures(&self, outcome: &Outcome) -> anyhow::Result<Value> {
        Ok(json!({
            "server": outcome.contender.name,
            "version": outcome.contender.version,
            "rooms": outcome.rooms,
            "failure": outcome.failure,
            "withinBounds": self.marks(outcome).is_within(),
            "generatorLimited": outcome.generator_limited(),
            "measured": self.record(outcome).map(serde_json::to_value).transpose()?,
        }))
    }

    fn section(&self, outcomes: &[Outcome], absent: &[Absent], best_other: Option<u32>) -> Section {
        let mut table = Table::new(&[
            "server",
            "rooms",
            "to best other",
            "packets/s",
            "packets/CPU-s",
            "loss",
            "P50",
            "P95",
            "P99",
            "server busy",
            "generator busy",
            "memory",
            "steal",
            "SRTP",
        ]);
        let mut notes = Vec::new();
        for outcome in outcomes {
            let label = &outcome.contender.label;
            if let Some(failure) = &outcome.failure {
                notes.push(format!("{label} failed: {failure}"));
            }
            notes.extend(outcome.strays.told().map(|told| format!("{label}: people got {told}.")));
            if outcome.generator_limited() {
                notes.push(format!("{label}: generator-limited; the server could do more."));
            }
            let marks = self.marks(outcome);
            notes.extend(marks.notes(label));
            if let Some(record) = self.record(outcome) {
                let other =
                    best_other.filter(|_| outcome.contender.name == Name::Volley && marks.is_within());
                let ratio = other.map(|other| factor(f64::from(outcome.rooms) / f64::from(other)));
                table.row([
                    label.clone(),
                    format!("{}{}", outcome.rooms, marks.signs()),
                    ratio.unwrap_or_else(|| String::from("–")),
                    count(record.forwarded_per_second),
                    count(record.per_cpu_second),
                    percent(record.loss),
                    milliseconds(record.delay.p50),
                    milliseconds(record.delay.p95),
                    milliseconds(record.delay.p99),
                    percent(record.server_busy),
                    percent(record.generator_busy),
                    mebibytes(record.memory as f64),
                    percent(record.steal),
                    record.profiles.join(" "),
                ]);
            }
        }
        notes.extend(absent.iter().map(Absent::note));
        Section { title: String::from("Rooms of three: one speaks, two watch"), table, notes }
    }
}

impl Outcome {
    /// Whether the server may carry more than this says.
    fn is_understated(&self) -> bool {
        self.generator_limited() || self.run.as_ref().is_some_and(Measured::is_understated)
    }

    fn generator_limited(&self) -> bool {
        self.bound == Verdict::GeneratorIsFull || self.run.as_ref().is_some_and(Measured::generator_limited)
    }
}
