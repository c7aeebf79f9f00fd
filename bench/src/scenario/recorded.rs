//! `recorded`: what it costs the worker's core that every room is recorded.
//!
//! The same server records nothing and everything in turn. Its recorder is taken to the generator's core, where
//! it gives way to the generator: what is left on the server's core is what a worker pays.

use super::contender::{Contender, Name, Running, VolleyChoice, volley_address};
use super::crowd::Crowd;
use super::measure::{Measured, measure};
use super::shape::Shape;
use crate::cli;
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::host::process;
use crate::report::format::{count, milliseconds, percent};
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use anyhow::{Context as _, bail};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PEOPLE: u32 = 3;
/// How this bench names rooms, before their number.
const ROOMS: &str = "bench";
/// Joins are over, key frames sent and recordings under way after this time.
const SETTLE: Duration = Duration::from_secs(3);
/// What the recorder tells of itself is a second old at most.
const TELLS_WITHIN: Duration = Duration::from_millis(1500);
/// A server that does not answer within this time has stopped.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Most that a run writes to memory; rooms of the defaults write a third of it in a minute.
const SPACE: &str = "size=4g";
const RECORDER: &str = "volley recorder";

/// All runs of one kind.
struct Side {
    run: Measured,
    /// Processor seconds of the recorder, and how long all runs took.
    recorder: f64,
    seconds: f64,
    /// Packets that are missing in recordings, and the bytes of these.
    dropped: u64,
    bytes: u64,
}

/// What the recordings came to.
#[derive(Clone, Copy, Default)]
struct Kept {
    dropped: u64,
    bytes: u64,
}

/// Measures rooms without and with recording, in turn.
///
/// # Errors
/// When the server does not start, refuses somebody or does not record.
pub(crate) async fn run(
    flags: &cli::Recorded,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let folder = Folder::make()?;
    let mut choice = volley.clone();
    let path = folder.path.to_str().context("the folder for temporary files has a name that is no UTF-8")?;
    choice.variables.extend([
        (String::from("VOLLEY_RECORDING__ENABLED"), String::from("true")),
        (String::from("VOLLEY_RECORDING__PATH"), path.to_owned()),
    ]);
    let contender = Contender::find(Name::Volley, &choice).await?;
    let rooms = Rooms { flags, place, progress, folder: &folder };
    let mut all: Option<(Side, Side)> = None;
    let mut costs = Vec::new();
    for _ in 0..flags.rounds {
        let plain = rooms.side(&contender, false).await?;
        let recorded = rooms.side(&contender, true).await?;
        costs.push(recorded.cost_over(&plain));
        match &mut all {
            Some((all_plain, all_recorded)) => {
                all_plain.add(&plain);
                all_recorded.add(&recorded);
            }
            none => *none = Some((plain, recorded)),
        }
    }
    let Some((plain, recorded)) = all else { bail!("nothing was measured") };
    Ok(rooms.report(&plain, &recorded, &costs))
}

struct Rooms<'a> {
    flags: &'a cli::Recorded,
    place: &'a Place,
    progress: &'a Progress,
    folder: &'a Folder,
}

impl Rooms<'_> {
    async fn side(&self, contender: &Contender, is_recorded: bool) -> anyhow::Result<Side> {
        let running = contender.start(self.place).await?;
        let outcome = self.side_on(&running, is_recorded).await;
        running.stop().await;
        self.folder.empty()?;
        let side = outcome?;
        self.progress.keep(&format!(
            "{}: {:.0} ns per packet, loss {}, {} packets missing in recordings",
            label(is_recorded),
            side.run.seconds_per_packet() * 1e9,
            percent(side.run.loss()),
            side.dropped,
        ));
        Ok(side)
    }

    async fn side_on(&self, running: &Running, is_recorded: bool) -> anyhow::Result<Side> {
        let people = self.flags.rooms * PEOPLE;
        let recorder = process::find(&running.pids(), RECORDER).context("volley has no recorder process")?;
        process::move_away(recorder, self.place.generator_core)?;
        let shape = Shape::meeting(PEOPLE, self.flags.bitrate);
        let mut crowd = Crowd::new(self.place, shape, running.signaling(), people)?;
        self.progress.say(&format!("{}: {people} people join", label(is_recorded)));
        crowd.become_many(people).await?;
        if is_recorded {
            self.record().await?;
        }
        tokio::time::sleep(SETTLE).await;
        let time = self.flags.seconds;
        let before = process::cpu_of(recorder);
        let mut run = measure(self.place, running, &crowd, shape.size(people), time, |figures, elapsed| {
            let text = format!("{}: {} packets/s", label(is_recorded), count(figures.packets_per_second()));
            self.progress.at(elapsed.as_secs_f64() / time.as_secs_f64(), &text);
        })
        .await?;
        let used = process::cpu_of(recorder).zip(before).map(|(after, before)| after - before);
        let used = used.context("the recorder ended")?;
        // It ran on another core.
        run.server_cpu -= used;
        let kept = if is_recorded { self.kept().await? } else { Kept::default() };
        let Kept { dropped, bytes } = kept;
        Ok(Side { run, recorder: used, seconds: time.as_secs_f64(), dropped, bytes })
    }

    async fn record(&self) -> anyhow::Result<()> {
        for room in 0..self.flags.rooms {
            ask(Method::POST, &format!("{ROOMS}-{room}/recording/start")).await?;
        }
        Ok(())
    }

    async fn kept(&self) -> anyhow::Result<Kept> {
        tokio::time::sleep(TELLS_WITHIN).await;
        let mut kept = Kept::default();
        for room in 0..self.flags.rooms {
            let told = ask(Method::GET, &format!("{ROOMS}-{room}/recording")).await?;
            let number = |name: &str| told[name].as_u64().unwrap_or(0);
            if number("bytes") == 0 || !told["failure"].is_null() {
                bail!("room {room} is not recorded as it should be: {told}");
            }
            // What a tap had no room for is counted by every recording that goes on.
            kept.dropped = kept.dropped.max(number("droppedPackets"));
            kept.bytes += number("bytes");
        }
        Ok(kept)
    }

    fn streams(&self) -> u32 {
        // Sound and picture of everybody.
        self.flags.rooms * PEOPLE * 2
    }

    /// `costs`: of each round, how far they lie apart says what the figure is worth.
    fn report(&self, plain: &Side, recorded: &Side, costs: &[f64]) -> Report {
        let cost = recorded.cost_over(plain);
        let per_core = f64::from(self.streams()) / recorded.recorder_share();
        let mut table = Table::new(&[
            "rooms",
            "packets/s",
            "packets/CPU-s",
            "ns/packet",
            "train",
            "loss",
            "P95",
            "server busy",
            "generator busy",
            "recorder busy",
            "written",
            "missing in recordings",
        ]);
        for (side, is_recorded) in [(plain, false), (recorded, true)] {
            table.row(side.row(is_recorded));
        }
        let mut notes = vec![
            format!(
                "A packet costs {} more where it is recorded; in each round: {}.",
                percent(cost),
                spread(costs)
            ),
            format!("One core of the recorder would carry {} streams.", count(per_core)),
        ];
        if [plain, recorded].iter().any(|side| side.run.generator_limited()) {
            notes.push(String::from("Generator-limited: its core was full."));
        }
        notes.extend([(plain, false), (recorded, true)].iter().filter_map(|(side, is_recorded)| {
            side.run.disturbance().map(|why| format!("Disturbed while {}: {why}.", label(*is_recorded)))
        }));
        let title = format!("{} rooms of three, all of whom send and watch", self.flags.rooms);
        let mut report = Report {
            name: String::from("recorded"),
            machine: Machine::describe(self.place),
            sections: vec![Section { title, table, notes }],
            figures: json!({
                "rooms": self.flags.rooms,
                "videoBitsPerSecond": self.flags.bitrate,
                "costOfRecording": cost,
                "costOfRecordingInRounds": costs,
                "droppedFromRecordings": recorded.dropped,
                "recordedStreams": self.streams(),
                "recorderBusy": recorded.recorder_share(),
                "recordedStreamsPerCore": per_core,
                "recordedBytes": recorded.bytes,
                "plain": plain.run.record(),
                "recorded": recorded.run.record(),
            }),
            plots: Vec::new(),
        };
        (plain.run.strays() + recorded.run.strays()).add_to(&mut report.figures);
        report
    }
}

impl Side {
    fn add(&mut self, other: &Side) {
        self.run.add(&other.run);
        self.recorder += other.recorder;
        self.seconds += other.seconds;
        self.dropped += other.dropped;
        self.bytes += other.bytes;
    }

    /// What a packet costs more than on the other side, as a share of what it costs there.
    fn cost_over(&self, other: &Side) -> f64 {
        self.run.seconds_per_packet() / other.run.seconds_per_packet() - 1.0
    }

    /// Of a core.
    fn recorder_share(&self) -> f64 {
        self.recorder / self.seconds.max(f64::MIN_POSITIVE)
    }

    fn row(&self, is_recorded: bool) -> [String; 12] {
        let run = &self.run;
        [
            label(is_recorded).to_owned(),
            count(run.figures.packets_per_second()),
            count(run.per_cpu_second()),
            count(run.seconds_per_packet() * 1e9),
            format!("{:.1}", run.mean_train()),
            percent(run.loss()),
            milliseconds(run.delay(0.95)),
            percent(run.server_busy()),
            percent(run.generator.busy_share()),
            percent(self.recorder_share()),
            format!("{:.1} MB", self.bytes as f64 / 1e6),
            self.dropped.to_string(),
        ]
    }
}

fn spread(costs: &[f64]) -> String {
    costs.iter().map(|&cost| percent(cost)).collect::<Vec<_>>().join(", ")
}

fn label(is_recorded: bool) -> &'static str {
    if is_recorded { "recorded" } else { "not recorded" }
}

/// What the server's REST interface answers of a room.
async fn ask(method: Method, path: &str) -> anyhow::Result<Value> {
    let address = format!("http://{}/api/rooms/{path}", volley_address());
    let answer = Client::new().request(method, &address).timeout(ANSWERS_WITHIN).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    if !status.is_success() {
        bail!("{address} was answered with {status}: {text}");
    }
    Ok(serde_json::from_str(&text)?)
}

/// Where recordings go: memory, which only the namespaces of this bench see.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make() -> anyhow::Result<Folder> {
        let path = std::env::temp_dir().join(format!("volley-bench-recordings-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        let folder = Folder { path };
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", SPACE, "tmpfs"]).arg(&folder.path).status();
        if !mounted.is_ok_and(|status| status.success()) {
            bail!("{} cannot be put into memory", folder.path.display());
        }
        Ok(folder)
    }

    /// What one run has written is of no use to the next one.
    fn empty(&self) -> anyhow::Result<()> {
        remove_all(&self.path).with_context(|| format!("{} cannot be emptied", self.path.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).status();
        let _ = std::fs::remove_dir(&self.path);
    }
}

fn remove_all(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        std::fs::remove_dir_all(entry?.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::measure::tests::measured;
    use super::*;

    #[test]
    fn runs_of_one_side_count_together() {
        let side = |dropped| Side {
            run: measured(1_000_000, 0, 5.0),
            recorder: 2.0,
            seconds: 10.0,
            dropped,
            bytes: 7,
        };
        let mut both = side(0);
        both.add(&side(3));
        assert_eq!((both.dropped, both.bytes, both.recorder_share()), (3, 14, 0.2));
        assert_eq!(both.run.seconds_per_packet(), 5e-6);
    }

    #[test]
    fn what_recording_costs_is_told_of_each_round() {
        let side = |server_cpu| Side {
            run: measured(1_000_000, 0, server_cpu),
            recorder: 2.0,
            seconds: 10.0,
            dropped: 0,
            bytes: 7,
        };
        assert!((side(5.5).cost_over(&side(5.0)) - 0.1).abs() < 1e-9);
        assert_eq!(spread(&[0.1, -0.05]), "10.0 %, -5.0 %");
    }
}
