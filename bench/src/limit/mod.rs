//! The floor: what sealing packets and sending them as trains costs on this machine, nothing else.
//!
//! A sender on the server's core seals packets with AES-128-GCM, one key per destination, and sends
//! them over the wire; receivers on the generator's core take them. What is counted is what the
//! server's core did. Knows nothing of rooms, and parses nothing.

mod receiver;
mod sender;
mod sizes;

pub(crate) use sizes::Mix;

use crate::host::cpu::{CpuMeter, CpuUse};
use crate::host::place::Place;
use crate::report::progress::Progress;
use receiver::Receivers;
use sender::Sender;
pub(crate) use sender::Way;
use serde::Serialize;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct LimitPlan {
    /// Packets per destination and turn.
    pub(crate) trains: Vec<u16>,
    /// Mixes of packet sizes.
    pub(crate) mixes: Vec<Mix>,
    /// Receivers that packets are sent to in turn.
    pub(crate) destinations: u16,
    /// How long each measurement lasts.
    pub(crate) time: Duration,
    /// How often all are measured, one after the other.
    pub(crate) rounds: u32,
    /// How packets are sent.
    pub(crate) way: Way,
}

/// One line of the result.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitRow {
    /// The mix of sizes.
    pub(crate) mix: Mix,
    /// Packets per destination and turn.
    pub(crate) train: u16,
    /// Packets per send, as it came out: unequal sizes break trains.
    pub(crate) mean_train: f64,
    /// Packets sent per second of the core, everything counted.
    pub(crate) per_cpu_second: f64,
    /// The same by the sending thread's own clock: a check that no other program was counted.
    pub(crate) per_thread_second: f64,
    /// Nanoseconds of the core per packet.
    pub(crate) nanos_per_packet: f64,
    /// Mean payload of UDP.
    pub(crate) mean_bytes: f64,
    /// Share of the packets that arrived; the rest were too much for the receiving core.
    pub(crate) delivered: f64,
    /// What the core's time went to.
    pub(crate) cpu: CpuUse,
}

/// All lines, and what sealing alone costs.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitResult {
    /// `io_uring`, `epoll` or `sendmsg`.
    pub(crate) via: String,
    /// Receivers that packets were sent to in turn.
    pub(crate) destinations: u16,
    /// Nanoseconds of sealing one packet of the first mix, without sending it.
    pub(crate) nanos_sealing: f64,
    /// In the order of mixes and trains.
    pub(crate) rows: Vec<LimitRow>,
}

impl LimitResult {
    /// Packets per second of the core for trains of any length, between the measured ones.
    pub(crate) fn at_train(&self, mix: Mix, mean_train: f64) -> Option<f64> {
        let mut known: Vec<(f64, f64)> = self
            .rows
            .iter()
            .filter(|row| row.mix == mix && row.per_cpu_second > 0.0)
            .map(|row| (row.mean_train.ln(), row.per_cpu_second.ln()))
            .collect();
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (first, last) = (*known.first()?, *known.last()?);
        let at = mean_train.max(1.0).ln().clamp(first.0, last.0);
        let upper = known.iter().position(|&(train, _)| train >= at)?;
        let (low, high) = (known[upper.saturating_sub(1)], known[upper]);
        let share = if high.0 > low.0 { (at - low.0) / (high.0 - low.0) } else { 0.0 };
        Some((low.1 + share * (high.1 - low.1)).exp())
    }
}

/// Measures.
///
/// # Errors
/// When sockets or counters cannot be had.
pub(crate) fn run(place: &Place, plan: &LimitPlan, progress: &Progress) -> anyhow::Result<LimitResult> {
    let receivers = Receivers::start(place, plan.destinations)?;
    place.as_server(|| measure_all(place, plan, &receivers, progress))?
}

/// Runs on the server's core, in its network.
fn measure_all(
    place: &Place,
    plan: &LimitPlan,
    receivers: &Receivers,
    progress: &Progress,
) -> anyhow::Result<LimitResult> {
    let mut sender = Sender::new(plan.way, receivers.addresses())?;
    let combinations: Vec<(Mix, u16)> =
        plan.mixes.iter().flat_map(|&mix| plan.trains.iter().map(move |&train| (mix, train))).collect();
    let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); combinations.len()];
    let steps = f64::from(plan.rounds) * combinations.len() as f64;
    for round in 0..plan.rounds {
        for (index, &(mix, train)) in combinations.iter().enumerate() {
            let step = f64::from(round) * combinations.len() as f64 + index as f64;
            progress.at(step / steps, &format!("limit: {mix}, trains of {train}"));
            runs[index].push(measure(place, plan.time, &mut sender, receivers, mix, train)?);
        }
    }
    let rows = combinations.iter().zip(&runs).map(|(&(mix, train), runs)| row(mix, train, runs)).collect();
    Ok(LimitResult {
        via: sender.name().to_owned(),
        destinations: plan.destinations,
        nanos_sealing: sender.nanos_sealing(plan.mixes.first().copied().unwrap_or(Mix::Equal)),
        rows,
    })
}

/// What one run counted.
#[derive(Clone, Copy, Debug)]
struct Measured {
    sent: sender::Sent,
    arrived: u64,
    cpu: CpuUse,
    thread: f64,
}

fn measure(
    place: &Place,
    time: Duration,
    sender: &mut Sender,
    receivers: &Receivers,
    mix: Mix,
    train: u16,
) -> anyhow::Result<Measured> {
    /// Sockets' and cores' caches are warm after a few thousand packets.
    const WARM_UP: Duration = Duration::from_millis(100);
    let windows = sizes::windows(mix, train);
    let until = Instant::now() + WARM_UP;
    sender.run(&windows, until)?;
    let (sent, arrived, thread) = (sender.sent(), receivers.arrived(), thread_seconds());
    let meter = CpuMeter::start(&place.server_cores[..1])?;
    sender.run(&windows, Instant::now() + time)?;
    let (cpu, thread) = (meter.so_far()?, thread_seconds() - thread);
    std::thread::sleep(WARM_UP);
    let (sent, arrived) = (sender.sent() - sent, receivers.arrived() - arrived);
    Ok(Measured { sent, arrived, cpu, thread })
}

fn thread_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn row(mix: Mix, train: u16, runs: &[Measured]) -> LimitRow {
    let mut cpu = CpuUse::default();
    let (mut packets, mut sends, mut bytes, mut arrived, mut thread) = (0, 0, 0, 0, 0.0);
    for run in runs {
        cpu = cpu + run.cpu;
        packets += run.sent.packets;
        sends += run.sent.sends;
        bytes += run.sent.bytes;
        arrived += run.arrived;
        thread += run.thread;
    }
    let packets = packets as f64;
    // Other programs on the core are not counted: at most this thread and all interrupts.
    let seconds = cpu.busy.min(thread + cpu.split.irq + cpu.split.softirq);
    LimitRow {
        mix,
        train,
        mean_train: packets / (sends as f64).max(1.0),
        per_cpu_second: packets / seconds.max(f64::MIN_POSITIVE),
        per_thread_second: packets / thread.max(f64::MIN_POSITIVE),
        nanos_per_packet: seconds * 1e9 / packets.max(1.0),
        mean_bytes: bytes as f64 / packets.max(1.0),
        delivered: arrived as f64 / packets.max(1.0),
        cpu,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(packets: u64, busy: f64) -> Measured {
        let sent = sender::Sent { packets, sends: packets / 4, bytes: packets * 1000 };
        let cpu = CpuUse { elapsed: busy, busy, ..CpuUse::default() };
        Measured { sent, arrived: packets / 2, cpu, thread: busy }
    }

    #[test]
    fn rounds_are_added_before_they_are_divided() {
        let row = row(Mix::Equal, 4, &[measured(1000, 1.0), measured(3000, 1.0)]);
        assert_eq!(row.per_cpu_second, 2000.0);
        assert_eq!(row.per_thread_second, 2000.0);
        assert_eq!(row.nanos_per_packet, 500_000.0);
        assert_eq!((row.mean_train, row.mean_bytes, row.delivered), (4.0, 1000.0, 0.5));
    }

    #[test]
    fn another_program_on_the_core_is_not_counted() {
        let mut run = measured(1000, 3.0);
        run.thread = 1.0;
        run.cpu.split.softirq = 1.0;
        assert_eq!(row(Mix::Equal, 4, &[run]).per_cpu_second, 500.0);
    }

    #[test]
    fn the_floor_is_known_between_the_trains_that_were_measured() {
        let rows = [(1, 100.0), (4, 200.0), (16, 400.0)].map(|(train, per_cpu_second)| LimitRow {
            mean_train: f64::from(train),
            per_cpu_second,
            ..row(Mix::Equal, train, &[measured(1000, 1.0)])
        });
        let result =
            LimitResult { via: String::new(), destinations: 1, nanos_sealing: 0.0, rows: rows.to_vec() };
        let at = |train| result.at_train(Mix::Equal, train).map(|value| value.round());
        assert_eq!([at(0.5), at(1.0), at(4.0), at(100.0)], [100.0, 100.0, 200.0, 400.0].map(Some));
        assert_eq!(at(8.0), Some(283.0));
        assert_eq!(result.at_train(Mix::Meeting, 5.0), None);
    }
}
