//! Both cores while something happens: how busy they were, and what the generator's side dropped.
//! A load that fails because of the generator is so told from one that fails because of the server.

use super::contender::Running;
use super::measure::{GENERATOR_FULL, Times, disturbance};
use crate::host::cpu::{CpuMeter, CpuUse};
use crate::host::place::Place;
use crate::host::process::Usage;
use crate::host::traffic::{Udp, backlog_drops};
use crate::load::Figures;
use crate::report::format::{milliseconds, percent};
use serde::Serialize;

/// Counters as they were when the watch began.
pub(crate) struct Watch {
    pids: Vec<u32>,
    server_cpu: f64,
    generator_core: usize,
    server: CpuMeter,
    generator: CpuMeter,
    udp: Udp,
    backlog: u64,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Watched {
    /// Share of the time that could be had in which the server's cores worked, for whomever.
    pub(crate) server_core_busy: f64,
    /// Share of the time of the server's cores that went to other programs.
    pub(crate) others: f64,
    /// Other programs, or the hypervisor, took so much that the figures say little.
    pub(crate) disturbed: bool,
    /// As `server_core_busy`, of the generator's core.
    pub(crate) generator_busy: f64,
    /// Above [`GENERATOR_FULL`] the generator may be what limits the figures.
    pub(crate) generator_limited: bool,
    /// Datagrams dropped on the generator's side: by its core's queue, its sockets, itself.
    pub(crate) generator_drops: u64,
    /// How late the generator was with what it had to do, in seconds.
    pub(crate) generator_lateness: Times,
    /// Share of the time that the hypervisor took from both.
    pub(crate) steal: f64,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the kernel's counters cannot be read.
    pub(crate) fn start(place: &Place, running: &Running) -> anyhow::Result<Watch> {
        let pids = running.pids();
        Ok(Watch {
            server_cpu: Usage::of(&pids).cpu,
            pids,
            generator_core: place.generator_core,
            server: CpuMeter::start(&place.server_cores)?,
            generator: CpuMeter::start(&[place.generator_core])?,
            udp: Udp::of(std::process::id())?,
            backlog: backlog_drops(place.generator_core),
        })
    }

    /// What the kernel has counted since.
    ///
    /// # Errors
    /// When the kernel's counters cannot be read.
    pub(crate) fn so_far(&self) -> anyhow::Result<Watched> {
        let udp = Udp::of(std::process::id())?.since(&self.udp);
        let drops = udp.receive_drops + backlog_drops(self.generator_core).saturating_sub(self.backlog);
        let server_cpu = Usage::of(&self.pids).cpu - self.server_cpu;
        Ok(Watched::of(self.server.so_far()?, server_cpu, self.generator.so_far()?, drops))
    }
}

impl Watched {
    fn of(server: CpuUse, server_cpu: f64, generator: CpuUse, drops: u64) -> Watched {
        let of_programs = server.split.user + server.split.system + server.split.nice;
        let others = (of_programs - server_cpu).max(0.0) / server.elapsed.max(f64::MIN_POSITIVE);
        let steal = (server + generator).steal_share();
        Watched {
            server_core_busy: server.busy_share(),
            others,
            disturbed: disturbance(others, steal).is_some(),
            generator_busy: generator.busy_share(),
            generator_limited: generator.busy_share() > GENERATOR_FULL,
            generator_drops: drops,
            generator_lateness: Times::default(),
            steal,
        }
    }

    /// With what the load says of itself: `figures` of the same stretch of time.
    pub(crate) fn with(mut self, figures: &Figures) -> Watched {
        self.generator_drops += figures.io_losses;
        self.generator_lateness = Times::of(&figures.lateness);
        self
    }

    /// For people.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "The server's core was busy for {} of the time, the generator's for {}, steal {}; the generator \
             dropped {} datagrams and was late by {} (P99), {} at most.",
            percent(self.server_core_busy),
            percent(self.generator_busy),
            percent(self.steal),
            self.generator_drops,
            milliseconds(self.generator_lateness.p99),
            milliseconds(self.generator_lateness.max),
        )];
        if self.generator_limited {
            notes.push(String::from("Generator-limited: these figures say little of the server."));
        }
        notes.extend(disturbance(self.others, self.steal).map(|why| format!("Disturbed: {why}.")));
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::cpu::CpuSplit;

    fn core(busy: f64) -> CpuUse {
        CpuUse { elapsed: 10.0, busy, ..CpuUse::default() }
    }

    #[test]
    fn a_full_generator_is_told_from_a_full_server() {
        let server_is_full = Watched::of(core(9.9), 9.9, core(5.0), 0);
        assert!(!server_is_full.generator_limited);
        assert_eq!(server_is_full.notes().len(), 1);
        let generator_is_full = Watched::of(core(5.0), 5.0, core(9.1), 0);
        assert!(generator_is_full.generator_limited);
        assert!(generator_is_full.notes()[1].starts_with("Generator-limited"));
    }

    #[test]
    fn other_programs_on_the_servers_core_are_told() {
        let split = CpuSplit { user: 6.0, ..CpuSplit::default() };
        let server = CpuUse { elapsed: 10.0, busy: 6.0, split };
        assert!(!Watched::of(server, 5.9, core(1.0), 0).disturbed);
        let shared = Watched::of(server, 4.0, core(1.0), 0);
        assert!((shared.others - 0.2).abs() < 1e-9);
        assert!(shared.notes()[1].starts_with("Disturbed"));
        let split = CpuSplit { steal: 1.0, ..CpuSplit::default() };
        let stolen = Watched::of(CpuUse { split, ..core(1.0) }, 1.0, core(1.0), 0);
        assert!(stolen.disturbed && stolen.notes()[1].contains("hypervisor"));
    }

    #[test]
    fn what_kernel_and_load_dropped_is_one_figure() {
        let mut figures = Figures { io_losses: 3, ..Figures::default() };
        figures.lateness.saturating_record(2_000);
        let watched = Watched::of(core(1.0), 1.0, core(1.0), 4).with(&figures);
        assert_eq!(watched.generator_drops, 7);
        assert!((watched.generator_lateness.max - 0.002).abs() < 1e-4);
    }
}
