//! `swarm`: load on a server, and what comes of it; on one that runs already, or one started for it.

use super::contender::{Contender, Name, VolleyChoice, volley_address};
use super::crowd::Crowd;
use super::layers;
use super::measure::{Times, measure, seconds_at};
use super::shape::Shape;
use super::strays::Strays;
use crate::cli::{self, Over};
use crate::host::machine::Machine;
use crate::host::place::Place;
use crate::load::{AudioModel, Figures, LoadConfig, MediaModel, Received, Snapshot, VideoModel};
use crate::report::format::{count, milliseconds, percent};
use crate::report::progress::Progress;
use crate::report::table::Table;
use crate::report::{Report, Section};
use crate::signal::Signaling;
use crate::volley::{Volley, Whip};
use anyhow::bail;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use volley::io::IoChoice;

/// A tile has its size for so long: more than a switch takes, and less than the server's patience with a
/// layer that nobody watches.
const NEXT_TILE: Duration = Duration::from_secs(3);

/// Puts load on a server that is started for it, in namespaces.
///
/// # Errors
/// When the server does not start or refuses somebody.
pub(crate) async fn run(
    flags: &cli::Swarm,
    volley: &VolleyChoice,
    place: &Place,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let contender = Contender::find(flags.start, volley).await?;
    let running = contender.start(place).await?;
    let outcome = async {
        let signaling = match (flags.over, flags.start) {
            (Over::Websocket, _) => running.signaling(),
            (Over::Whip, Name::Volley) => Arc::new(Whip::new(volley_address(), "bench")),
            (Over::Whip, other) => bail!("WHIP is spoken to volley only, not to {}", other.text()),
        };
        let mut crowd = Crowd::new(place, shape(flags), signaling, flags.participants())?;
        crowd.become_many(flags.participants()).await?;
        let joining = crowd.load().snapshot()?.total;
        let size = shape(flags).size(flags.participants());
        let run = measure(place, &running, &crowd, size, flags.seconds, |figures, _| {
            progress.keep(&line(figures));
        });
        tokio::select! {
            run = run => Ok((joining, run?)),
            error = change_tiles(flags, &crowd) => Err(error),
        }
    };
    let outcome: anyhow::Result<_> = outcome.await;
    running.stop().await;
    let (joining, run) = outcome?;
    let came = Came { joining, figures: &run.figures };
    let mut report = report(flags, &contender.label, &came, Machine::describe(place));
    report.figures["server"] = serde_json::to_value(run.record())?;
    report.sections[0].notes.push(format!(
        "Its core was busy for {} of the time; {} packets per CPU-second.",
        percent(run.server_busy()),
        count(run.per_cpu_second())
    ));
    Ok(report)
}

/// Puts load on a Volley that runs already, from this machine as it is.
///
/// # Errors
/// When the server refuses somebody.
pub(crate) async fn run_on(
    flags: &cli::Swarm,
    server: SocketAddr,
    core: usize,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let from = flags.from.unwrap_or_else(|| source_address(server));
    let prefix = format!("swarm-{}", std::process::id());
    let signaling: Arc<dyn Signaling> = match flags.over {
        Over::Websocket => Arc::new(Volley::new(server, prefix)),
        Over::Whip => Arc::new(Whip::new(server, prefix)),
    };
    let config = LoadConfig {
        core: Some(core),
        addresses: vec![from],
        transports: shape(flags).transports(flags.participants()),
        media: shape(flags).media,
        io: IoChoice::Auto,
        seed: 1,
    };
    let mut crowd = Crowd::over(config, shape(flags), signaling)?;
    crowd.become_many(flags.participants()).await?;
    let joining = crowd.load().snapshot()?.total;
    tokio::select! {
        watched = watch(flags, &crowd, progress) => watched?,
        error = change_tiles(flags, &crowd) => return Err(error),
    }
    let Snapshot { total, .. } = crowd.load().snapshot()?;
    crowd.become_many(0).await?;
    let machine = Machine::describe(&Place { server_cores: Vec::new(), generator_core: core });
    Ok(report(flags, &server.to_string(), &Came { joining, figures: &total }, machine))
}

/// Tells each second how it goes.
async fn watch(flags: &cli::Swarm, crowd: &Crowd, progress: &Progress) -> anyhow::Result<()> {
    crowd.load().restart_totals()?;
    let mut left = flags.seconds;
    while !left.is_zero() {
        let step = left.min(Duration::from_secs(1));
        sleep(step).await;
        left -= step;
        progress.keep(&line(&crowd.load().snapshot()?.interval));
    }
    Ok(())
}

/// Lets everybody's tiles have the next of the sizes, again and again. Only an error ends it.
async fn change_tiles(flags: &cli::Swarm, crowd: &Crowd) -> anyhow::Error {
    if flags.tiles.is_empty() {
        return std::future::pending().await;
    }
    let mut turn = 0;
    loop {
        for (index, person) in shape(flags).people(0, flags.participants()).enumerate() {
            if let Err(error) = crowd.need(person, flags.tiles[(index + turn) % flags.tiles.len()]) {
                return error;
            }
        }
        turn += 1;
        sleep(NEXT_TILE).await;
    }
}

fn shape(flags: &cli::Swarm) -> Shape {
    Shape {
        people: flags.people,
        publishers: flags.publishers.unwrap_or(flags.people).min(flags.people),
        pictures: !flags.no_video,
        layered: flags.layers > 1,
        watches: true,
        tells_loudness: false,
        media: MediaModel {
            audio: AudioModel { speaks: flags.speaks, turns: None },
            video: VideoModel { bits_per_second: flags.bitrate, frames_per_second: flags.frames },
        },
    }
}

/// The address of this machine that the kernel sends from to reach `server`.
pub(super) fn source_address(server: SocketAddr) -> IpAddr {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let address = std::net::UdpSocket::bind(any).and_then(|socket| {
        socket.connect(server)?;
        socket.local_addr()
    });
    address.map_or(server.ip(), |address| address.ip())
}

fn line(figures: &Figures) -> String {
    format!(
        "{} packets/s, {} lost, {} foreign; delay P50 {} P95 {} P99 {}; longest gap {}; generator busy {}",
        count(figures.packets_per_second()),
        figures.lost(),
        figures.foreign_room,
        milliseconds(seconds_at(&figures.delay, 0.5)),
        milliseconds(seconds_at(&figures.delay, 0.95)),
        milliseconds(seconds_at(&figures.delay, 0.99)),
        milliseconds(figures.longest_gap().as_secs_f64()),
        percent(figures.busy_share()),
    )
}

/// What came of the load.
struct Came<'a> {
    /// While people joined: totals begin anew then.
    joining: Figures,
    /// From then on.
    figures: &'a Figures,
}

impl Came<'_> {
    /// Of joining and of what followed: a first frame may come later.
    fn times(&self, of: fn(&Figures) -> &Histogram<u64>) -> (u64, Times) {
        let mut both = of(&self.joining).clone();
        both.add(of(self.figures)).expect("histograms of one kind have the same bounds");
        (both.len(), Times::of(&both))
    }

    fn connect(&self) -> (u64, Times) {
        self.times(|figures| &figures.connect)
    }

    fn first_frame(&self) -> (u64, Times) {
        self.times(|figures| &figures.first_frame)
    }

    /// How soon people were there, and saw something.
    fn section(&self) -> Section {
        let mut table = Table::new(&["", "transports", "P50", "P95", "P99", "slowest"]);
        for (what, (count, times)) in [("connected", self.connect()), ("first frame", self.first_frame())] {
            let Times { p50, p95, p99, max } = times;
            let [p50, p95, p99, max] = [p50, p95, p99, max].map(milliseconds);
            table.row([what.to_owned(), count.to_string(), p50, p95, p99, max]);
        }
        Section { title: String::from("How soon after joining"), table, notes: Vec::new() }
    }
}

fn report(flags: &cli::Swarm, server: &str, came: &Came<'_>, machine: Machine) -> Report {
    let figures = came.figures;
    let mut table = Table::new(&[
        "",
        "sent",
        "received",
        "packets/s",
        "lost",
        "late",
        "reordered",
        "twice",
        "resent",
        "key frames",
    ]);
    let seconds = figures.wall.as_secs_f64().max(f64::MIN_POSITIVE);
    for (kind, sent, received) in
        [("sound", &figures.audio_sent, &figures.audio), ("pictures", &figures.video_sent, &figures.video)]
    {
        table.row([
            kind.to_owned(),
            count(sent.packets as f64),
            count(received.packets as f64),
            count(received.packets as f64 / seconds),
            received.lost().to_string(),
            received.late.to_string(),
            received.reordered.to_string(),
            received.duplicates.to_string(),
            received.retransmissions.to_string(),
            received.key_frames.to_string(),
        ]);
    }
    let delay = Times::of(&figures.delay);
    let mut report = Report {
        name: String::from("swarm"),
        machine,
        sections: vec![Section {
            title: format!("{} people in rooms of {} on {server}", flags.participants(), flags.people),
            table,
            notes: vec![
                format!(
                    "One-way delay: P50 {}, P95 {}, P99 {}; longest gap of a stream {}.",
                    milliseconds(delay.p50),
                    milliseconds(delay.p95),
                    milliseconds(delay.p99),
                    milliseconds(figures.longest_gap().as_secs_f64())
                ),
                format!(
                    "{} packets of another room, {} back at their sender, {} not authentic, {} used twice, {} not what they \
                     seemed.",
                    figures.foreign_room,
                    figures.echoes,
                    figures.not_authentic,
                    figures.replayed,
                    figures.malformed
                ),
            ],
        }],
        figures: json!({
            "participants": flags.participants(),
            "people": flags.people,
            "seconds": figures.wall.as_secs_f64(),
            "packetsPerSecond": figures.packets_per_second(),
            "loss": figures.loss(),
            "delay": delay,
            "connect": came.connect().1,
            "firstFrame": came.first_frame().1,
            "longestGap": figures.longest_gap().as_secs_f64(),
            "audio": received(&figures.audio),
            "video": received(&figures.video),
            "replayed": figures.replayed,
            "malformed": figures.malformed,
            "generatorBusy": figures.busy_share(),
        }),
        plots: Vec::new(),
    };
    report.sections.push(came.section());
    (Strays::of(&came.joining) + Strays::of(figures)).add_to(&mut report.figures);
    layers::add_to(&mut report, &figures.layers);
    report
}

fn received(received: &Received) -> Value {
    json!({
        "packets": received.packets,
        "bytes": received.bytes,
        "lost": received.lost(),
        "late": received.late,
        "reordered": received.reordered,
        "duplicates": received.duplicates,
        "retransmissions": received.retransmissions,
        "keyFrames": received.key_frames,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_connected_before_totals_began_anew_is_told() {
        let mut joining = Figures::default();
        joining.connect.saturating_record(2_000);
        joining.first_frame.saturating_record(30_000);
        let mut figures = Figures::default();
        figures.first_frame.saturating_record(90_000);
        let came = Came { joining, figures: &figures };
        let (connected, (seeing, first)) = (came.connect().0, came.first_frame());
        assert_eq!((connected, seeing), (1, 2));
        assert!((first.max - 0.09).abs() < 0.002, "{first:?}");
        let table = came.section().table.markdown();
        assert!(table.contains("connected") && table.contains("first frame"), "{table}");
    }
}
