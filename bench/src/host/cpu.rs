//! What a core's time went to, from the kernel's own counters.
//!
//! `idle`, `iowait` and `steal` are exact. `user`, `nice`, `system`, `irq` and `softirq` are sampled
//! by the tick on most kernels: they tell how the busy time is split. The busy time itself is
//! therefore what is left of the wall clock's.

use anyhow::Context as _;
use procfs::{CpuTime, CurrentSI as _, KernelStats};
use serde::Serialize;
use std::time::Instant;

/// Seconds of one or several cores, by what they went to.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CpuSplit {
    /// Programs.
    pub(crate) user: f64,
    /// Programs of lower priority: never ours, so never the server's.
    pub(crate) nice: f64,
    /// The kernel on behalf of programs.
    pub(crate) system: f64,
    /// Interrupts.
    pub(crate) irq: f64,
    /// What interrupts left to do: the network's receive work.
    pub(crate) softirq: f64,
    /// The hypervisor ran something else although there was work.
    pub(crate) steal: f64,
    /// Nothing to do.
    pub(crate) idle: f64,
}

/// What a core's time went to between two moments.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CpuUse {
    /// Wall clock, times the number of cores.
    pub(crate) elapsed: f64,
    /// Time the cores worked on anything but programs of lower priority.
    pub(crate) busy: f64,
    /// The sampled split.
    pub(crate) split: CpuSplit,
}

impl CpuUse {
    fn between(elapsed: f64, before: &CpuSplit, after: &CpuSplit) -> CpuUse {
        let split = after.minus(before);
        let busy = (elapsed - split.idle - split.steal - split.nice).max(0.0);
        CpuUse { elapsed, busy, split }
    }

    /// Share of the time that could be had in which the cores worked, programs of lower priority
    /// left aside: they give way.
    pub(crate) fn busy_share(&self) -> f64 {
        let available = self.elapsed - self.split.steal;
        if available > 0.0 { self.busy / available } else { 0.0 }
    }

    /// Share of the time that the hypervisor took.
    pub(crate) fn steal_share(&self) -> f64 {
        if self.elapsed > 0.0 { self.split.steal / self.elapsed } else { 0.0 }
    }
}

impl std::ops::Add for CpuUse {
    type Output = CpuUse;

    fn add(self, other: CpuUse) -> CpuUse {
        CpuUse {
            elapsed: self.elapsed + other.elapsed,
            busy: self.busy + other.busy,
            split: self.split.plus(&other.split),
        }
    }
}

impl CpuSplit {
    fn of(time: &CpuTime, ticks_per_second: f64) -> CpuSplit {
        let seconds = |ticks: u64| ticks as f64 / ticks_per_second;
        CpuSplit {
            user: seconds(time.user),
            nice: seconds(time.nice),
            system: seconds(time.system),
            irq: seconds(time.irq.unwrap_or(0)),
            softirq: seconds(time.softirq.unwrap_or(0)),
            steal: seconds(time.steal.unwrap_or(0)),
            idle: seconds(time.idle + time.iowait.unwrap_or(0)),
        }
    }

    fn zip(&self, other: &CpuSplit, f: impl Fn(f64, f64) -> f64) -> CpuSplit {
        CpuSplit {
            user: f(self.user, other.user),
            nice: f(self.nice, other.nice),
            system: f(self.system, other.system),
            irq: f(self.irq, other.irq),
            softirq: f(self.softirq, other.softirq),
            steal: f(self.steal, other.steal),
            idle: f(self.idle, other.idle),
        }
    }

    fn plus(&self, other: &CpuSplit) -> CpuSplit {
        self.zip(other, |a, b| a + b)
    }

    // Idle and iowait may run backwards by a tick.
    fn minus(&self, other: &CpuSplit) -> CpuSplit {
        self.zip(other, |a, b| (a - b).max(0.0))
    }
}

/// Watches some cores.
#[derive(Clone, Debug)]
pub(crate) struct CpuMeter {
    cores: Vec<usize>,
    at: Instant,
    split: CpuSplit,
}

impl CpuMeter {
    /// Begins to count.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    pub(crate) fn start(cores: &[usize]) -> anyhow::Result<CpuMeter> {
        Ok(CpuMeter { cores: cores.to_vec(), at: Instant::now(), split: read(cores)? })
    }

    /// What the cores' time went to since the start.
    ///
    /// # Errors
    /// When `/proc/stat` cannot be read.
    pub(crate) fn so_far(&self) -> anyhow::Result<CpuUse> {
        let now = read(&self.cores)?;
        let elapsed = self.at.elapsed().as_secs_f64() * self.cores.len() as f64;
        Ok(CpuUse::between(elapsed, &self.split, &now))
    }
}

fn read(cores: &[usize]) -> anyhow::Result<CpuSplit> {
    sum(&KernelStats::current().context("/proc/stat cannot be read")?, cores)
}

fn sum(stats: &KernelStats, cores: &[usize]) -> anyhow::Result<CpuSplit> {
    let ticks_per_second = procfs::ticks_per_second() as f64;
    cores.iter().try_fold(CpuSplit::default(), |sum, &core| {
        let time = stats.cpu_time.get(core).with_context(|| format!("/proc/stat has no core {core}"))?;
        Ok(sum.plus(&CpuSplit::of(time, ticks_per_second)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::FromReadSI as _;

    const STAT: &str = "cpu  300 20 30 4000 50 6 70 8 0 0\n\
                        cpu0 200 10 20 3000 40 5 60 7 0 0\n\
                        cpu1 100 10 10 1000 10 1 10 1 0 0\n\
                        intr 1 2 3\nctxt 5\nbtime 1700000000\nprocesses 9\nprocs_running 1\nprocs_blocked 0\n";

    fn stats() -> KernelStats {
        KernelStats::from_read(STAT.as_bytes(), &procfs::LocalSystemInfo).unwrap()
    }

    fn hundredths(split: &CpuSplit) -> [f64; 7] {
        let ticks = procfs::ticks_per_second() as f64;
        [split.user, split.nice, split.system, split.irq, split.softirq, split.steal, split.idle]
            .map(|seconds| (seconds * ticks).round())
    }

    #[test]
    fn one_core_is_read_by_itself_and_waiting_for_disks_is_idle() {
        let core = sum(&stats(), &[0]).unwrap();
        assert_eq!(hundredths(&core), [200.0, 10.0, 20.0, 5.0, 60.0, 7.0, 3040.0]);
    }

    #[test]
    fn several_cores_are_added() {
        let cores = sum(&stats(), &[0, 1]).unwrap();
        assert_eq!(hundredths(&cores), [300.0, 20.0, 30.0, 6.0, 70.0, 8.0, 4050.0]);
    }

    #[test]
    fn a_core_that_is_not_there_is_an_error() {
        assert_eq!(sum(&stats(), &[2]).unwrap_err().to_string(), "/proc/stat has no core 2");
    }

    #[test]
    fn busy_is_what_idle_steal_and_lower_priority_leave_of_the_wall_clock() {
        let before = CpuSplit { idle: 100.0, steal: 5.0, nice: 1.0, ..CpuSplit::default() };
        let after = CpuSplit { idle: 104.0, steal: 6.0, nice: 2.0, user: 3.0, ..CpuSplit::default() };
        let used = CpuUse::between(10.0, &before, &after);
        assert_eq!(used.busy, 4.0);
        assert_eq!(used.busy_share(), 4.0 / 9.0);
        assert_eq!(used.steal_share(), 0.1);
    }

    #[test]
    fn counters_that_step_back_count_as_nothing() {
        let before = CpuSplit { idle: 100.0, ..CpuSplit::default() };
        let after = CpuSplit { idle: 99.99, ..CpuSplit::default() };
        assert_eq!(CpuUse::between(1.0, &before, &after).busy, 1.0);
    }

    #[test]
    fn a_busy_thread_shows_on_some_core() {
        let cores: Vec<usize> = (0..KernelStats::current().unwrap().cpu_time.len()).collect();
        let meter = CpuMeter::start(&cores).unwrap();
        let begin = Instant::now();
        while begin.elapsed().as_millis() < 200 {
            std::hint::spin_loop();
        }
        let used = meter.so_far().unwrap();
        assert!(used.busy + used.split.nice + used.split.steal >= 0.1, "{used:?}");
    }
}
