//! One measured stretch of time: what the server forwarded, what its core did for it, how late and
//! how whole everything arrived.

mod record;

pub(crate) use record::{Record, disturbance};

use super::contender::Running;
use super::crowd::Crowd;
use super::shape::Size;
use super::strays::Strays;
use crate::host::cpu::{CpuMeter, CpuUse};
use crate::host::own::Own;
use crate::host::place::Place;
use crate::host::process::Usage;
use crate::host::traffic::{Udp, backlog_drops};
use crate::load::{Figures, Population};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// Above this share of its core the generator may be what limits the figures.
pub(crate) const GENERATOR_FULL: f64 = 0.9;

/// Packets under way at both ends of a run, and frames of chance sizes in rooms of unequal sizes,
/// make what was sent and what came differ by less than this.
const CERTAIN: f64 = 0.02;

/// What one stretch of time came to.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) figures: Figures,
    pub(crate) population: Population,
    pub(crate) problems: Vec<String>,
    pub(crate) size: Size,
    pub(crate) server: CpuUse,
    pub(crate) generator: CpuUse,
    pub(crate) server_cpu: f64,
    pub(crate) usage: Usage,
    pub(crate) udp: Udp,
    pub(crate) generator_udp: Udp,
    pub(crate) generator_backlog_drops: u64,
    pub(crate) server_backlog_drops: u64,
    /// What the server itself counted, if it is one that tells.
    pub(crate) own: Option<Own>,
}

/// Measures for `time`; `each_second` is told how it goes.
///
/// # Errors
/// When server or generator have ended.
pub(crate) async fn measure(
    place: &Place,
    running: &Running,
    crowd: &Crowd,
    size: Size,
    time: Duration,
    mut each_second: impl FnMut(&Figures, Duration),
) -> anyhow::Result<Measured> {
    let pid = running.pid()?;
    let own_before = running.own_figures().await?;
    let before = Counters::read(place, pid, running)?;
    crowd.load().restart_totals()?;
    let (server, generator) =
        (CpuMeter::start(&place.server_cores)?, CpuMeter::start(&[place.generator_core])?);
    let mut left = time;
    while !left.is_zero() {
        let step = left.min(Duration::from_secs(1));
        tokio::time::sleep(step).await;
        left -= step;
        if !left.is_zero() {
            each_second(&crowd.load().snapshot()?.interval, time - left);
        }
    }
    let (server, generator) = (server.so_far()?, generator.so_far()?);
    let snapshot = crowd.load().snapshot()?;
    let after = Counters::read(place, pid, running)?;
    let own = running.own_figures().await?;
    Ok(Measured {
        figures: snapshot.total,
        population: snapshot.population,
        problems: snapshot.problems,
        size,
        server,
        generator,
        server_cpu: after.usage.cpu - before.usage.cpu,
        usage: after.usage,
        udp: after.udp.since(&before.udp),
        generator_udp: after.generator_udp.since(&before.generator_udp),
        generator_backlog_drops: after.generator_backlog - before.generator_backlog,
        server_backlog_drops: after.server_backlog - before.server_backlog,
        own: own.zip(own_before).map(|(own, before)| own.since(&before)),
    })
}

struct Counters {
    usage: Usage,
    udp: Udp,
    generator_udp: Udp,
    generator_backlog: u64,
    server_backlog: u64,
}

impl Counters {
    fn read(place: &Place, pid: u32, running: &Running) -> anyhow::Result<Counters> {
        Ok(Counters {
            usage: Usage::of(&running.pids()),
            udp: Udp::of(pid)?,
            generator_udp: Udp::of(std::process::id())?,
            generator_backlog: backlog_drops(place.generator_core),
            server_backlog: place.server_cores.iter().map(|&core| backlog_drops(core)).sum(),
        })
    }
}

impl Measured {
    /// Seconds that the server's cores worked for it, receive work and interrupts included.
    ///
    /// On a quiet machine that is all the time the cores were busy. Where other programs run on
    /// them, it is at most the time of the server's processes and that of all interrupts.
    pub(crate) fn server_seconds(&self) -> f64 {
        let split = &self.server.split;
        self.server.busy.min(self.server_cpu + split.irq + split.softirq)
    }

    /// Packets forwarded per second of the server's cores.
    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.figures.packets() as f64 / self.server_seconds().max(f64::MIN_POSITIVE)
    }

    /// Seconds of the server's cores per forwarded packet.
    pub(crate) fn seconds_per_packet(&self) -> f64 {
        self.server_seconds() / (self.figures.packets() as f64).max(1.0)
    }

    /// Share of the time that could be had in which the cores worked for the server.
    pub(crate) fn server_busy(&self) -> f64 {
        let available = self.server.elapsed - self.server.split.steal;
        self.server_seconds() / available.max(f64::MIN_POSITIVE)
    }

    /// Share of the streams that should be there and are not.
    pub(crate) fn missing_streams(&self) -> f64 {
        let expected = self.size.streams.max(1) as f64;
        (1.0 - self.population.streams as f64 / expected).max(0.0)
    }

    /// Share of what should have come, by what was sent, that did not: streams that have stopped
    /// show no hole in their sequence.
    fn shortfall(&self) -> f64 {
        let Figures { audio, audio_sent, video_sent, layers, .. } = &self.figures;
        let copies = self.size.copies;
        let Some(shown) = layers.shown() else {
            let sent = (audio_sent.packets + video_sent.packets) as f64;
            return missing(self.figures.packets() as f64, sent * copies);
        };
        // Of several layers each seat shows one, whichever: it shows something all the time. Each comes
        // with a seat for sound.
        let seats = self.size.streams as f64 / 2.0;
        let pictures = missing(shown.as_secs_f64(), seats * self.figures.wall.as_secs_f64());
        pictures.max(missing(audio.packets as f64, audio_sent.packets as f64 * copies))
    }

    /// What did not arrive: packets known to be missing, streams that never came or stopped.
    pub(crate) fn loss(&self) -> f64 {
        let known = 1.0 - (1.0 - self.figures.loss()) * (1.0 - self.missing_streams());
        let shortfall = self.shortfall();
        if shortfall > CERTAIN { known.max(shortfall) } else { known }
    }

    /// Packets that nobody should have got.
    pub(crate) fn strays(&self) -> Strays {
        Strays::of(&self.figures)
    }

    /// A quantile of the one-way delay, in seconds.
    pub(crate) fn delay(&self, quantile: f64) -> f64 {
        seconds_at(&self.figures.delay, quantile)
    }

    /// Whether the generator had so little time left that it may be the limit.
    pub(crate) fn generator_limited(&self) -> bool {
        self.generator.busy_share() > GENERATOR_FULL
    }

    /// Whether the server may do better than this says: time was taken from it, or the generator was full.
    pub(crate) fn is_understated(&self) -> bool {
        self.generator_limited() || self.disturbance().is_some()
    }

    /// Packets that the generator's side dropped, not the server.
    pub(crate) fn generator_drops(&self) -> u64 {
        self.generator_backlog_drops + self.generator_udp.receive_drops + self.figures.io_losses
    }

    /// Packets per send of the server, as the kernel counted its sends.
    pub(crate) fn mean_train(&self) -> f64 {
        self.figures.packets() as f64 / (self.udp.sends as f64).max(1.0)
    }

    /// A quantile of the delay the server itself says it added, in seconds.
    pub(crate) fn added_delay(&self, quantile: f64) -> Option<f64> {
        self.own.as_ref()?.added_delay.quantile(quantile)
    }

    /// Share of the time of the server's cores that went to other programs.
    pub(crate) fn others(&self) -> f64 {
        let split = &self.server.split;
        let of_programs = split.user + split.system + split.nice;
        (of_programs - self.server_cpu).max(0.0) / self.server.elapsed.max(f64::MIN_POSITIVE)
    }

    /// Adds another run of the same server at the same load.
    pub(crate) fn add(&mut self, other: &Measured) {
        self.figures.add(&other.figures);
        self.server = self.server + other.server;
        self.generator = self.generator + other.generator;
        self.server_cpu += other.server_cpu;
        self.usage.resident = self.usage.resident.max(other.usage.resident);
        self.udp.sends += other.udp.sends;
        self.udp.receive_drops += other.udp.receive_drops;
        self.generator_udp.receive_drops += other.generator_udp.receive_drops;
        self.generator_backlog_drops += other.generator_backlog_drops;
        self.server_backlog_drops += other.server_backlog_drops;
        if let (Some(own), Some(other)) = (&mut self.own, &other.own) {
            own.add(other);
        }
        self.population.streams = self.population.streams.min(other.population.streams);
        self.problems.extend(other.problems.iter().cloned());
    }
}

/// Share of what was expected that did not come.
fn missing(came: f64, expected: f64) -> f64 {
    if expected > 0.0 { (1.0 - came / expected).max(0.0) } else { 0.0 }
}

/// Quantiles, in seconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Times {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Times {
    /// Of a histogram of microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Times {
        Times {
            p50: seconds_at(histogram, 0.5),
            p95: seconds_at(histogram, 0.95),
            p99: seconds_at(histogram, 0.99),
            max: seconds_at(histogram, 1.0),
        }
    }
}

/// A quantile of a histogram of microseconds; 0 when it is empty.
pub(crate) fn seconds_at(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    if histogram.is_empty() { 0.0 } else { histogram.value_at_quantile(quantile) as f64 * 1e-6 }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::host::cpu::CpuSplit;

    /// A run of 10 s in which the server's core was busy for `busy` of them.
    pub(in crate::scenario) fn measured(packets: u64, missing: u64, busy: f64) -> Measured {
        let mut figures = Figures { wall: Duration::from_secs(10), ..Figures::default() };
        figures.video.packets = packets;
        figures.video.missing = missing;
        figures.video_sent.packets = packets + missing;
        figures.delay.saturating_record(2000);
        let server = CpuUse { elapsed: 10.0, busy, split: CpuSplit { user: busy, ..CpuSplit::default() } };
        Measured {
            figures,
            population: Population { streams: 100, ..Population::default() },
            problems: Vec::new(),
            size: Size { participants: 1, rooms: 1.0, streams: 100, copies: 1.0 },
            server,
            generator: CpuUse { elapsed: 10.0, busy: 5.0, ..CpuUse::default() },
            server_cpu: busy,
            usage: Usage::default(),
            udp: Udp { sends: packets / 4, ..Udp::default() },
            generator_udp: Udp::default(),
            generator_backlog_drops: 0,
            server_backlog_drops: 0,
            own: None,
        }
    }

    #[test]
    fn the_cost_counts_everything_the_core_did() {
        let run = measured(1_000_000, 0, 5.0);
        assert_eq!(run.per_cpu_second(), 200_000.0);
        assert_eq!(run.mean_train(), 4.0);
        assert_eq!(run.delay(0.95), 0.002);
    }

    #[test]
    fn other_programs_on_the_core_are_not_the_servers_cost() {
        let mut run = measured(1_000_000, 0, 9.0);
        run.server_cpu = 3.0;
        run.server.split.softirq = 1.0;
        assert_eq!(run.per_cpu_second(), 250_000.0);
        assert_eq!(run.server_busy(), 0.4);
    }

    #[test]
    fn a_stream_that_never_came_is_loss() {
        let mut run = measured(900, 100, 1.0);
        assert!((run.loss() - 0.1).abs() < 1e-9);
        run.size.streams = 200;
        assert!((run.loss() - 0.55).abs() < 1e-9);
    }

    #[test]
    fn a_stream_that_stops_is_loss_though_no_sequence_shows_it() {
        let mut run = measured(990, 0, 1.0);
        run.figures.video_sent.packets = 1000;
        assert_eq!(run.loss(), 0.0);
        run.figures.video_sent.packets = 1980;
        assert!((run.loss() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn of_layers_that_are_sent_only_the_one_that_is_shown_is_expected() {
        let mut run = measured(1000, 0, 1.0);
        run.figures.video_sent.packets = 20_000;
        run.figures.layers.each[0].sent = 20_000;
        run.figures.layers.each[2].shown = Duration::from_secs(500);
        assert_eq!(run.loss(), 0.0, "fifty seats for ten seconds");
        run.figures.layers.each[2].shown = Duration::from_secs(400);
        assert!((run.loss() - 0.2).abs() < 1e-9, "a fifth of them have stopped");
        run.figures.layers.each[0].shown = Duration::from_secs(100);
        run.figures.audio_sent.packets = 100;
        run.figures.audio.packets = 60;
        assert!((run.loss() - 0.4).abs() < 1e-9, "sound as well");
    }

    #[test]
    fn a_generator_above_nine_tenths_is_told() {
        let mut run = measured(1, 0, 1.0);
        assert!(!run.generator_limited());
        run.generator.busy = 9.1;
        assert!(run.generator_limited());
    }

    #[test]
    fn what_other_programs_used_is_told() {
        let mut run = measured(1, 0, 4.0);
        assert_eq!(run.others(), 0.0);
        run.server.split.nice = 1.0;
        assert!((run.others() - 0.1).abs() < 1e-9);
        assert!(run.record().disturbed);
    }

    #[test]
    fn time_that_the_hypervisor_took_disturbs_a_run_as_other_programs_do() {
        let mut run = measured(1, 0, 4.0);
        run.server.split.steal = 0.2;
        assert_eq!((run.disturbance(), run.record().disturbed), (None, false));
        run.server.split.steal = 1.5;
        assert!(run.disturbance().is_some_and(|why| why.contains("15.0 % of the time (steal)")));
        run.server.split.nice = 1.0;
        assert!(
            run.disturbance()
                .is_some_and(|why| why.contains("10.0 % of the server's core and the hypervisor"))
        );
    }

    #[test]
    fn runs_are_added_before_they_are_divided() {
        let mut run = measured(1_000_000, 0, 5.0);
        run.add(&measured(3_000_000, 0, 5.0));
        assert_eq!(run.per_cpu_second(), 400_000.0);
        assert_eq!(run.figures.delay.len(), 2);
    }
}
