//! The machine, as a reader of results must know it.

use super::place::Place;
use procfs::{CpuInfo, Current as _, Meminfo};
use serde::Serialize;
use std::fs;

/// What the figures depend on.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    /// The processor as it calls itself.
    pub(crate) cpu: String,
    /// Cores in all.
    pub(crate) cores: usize,
    /// Whether a hypervisor stands below.
    pub(crate) virtual_machine: bool,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// Processor flaws and what the kernel does about them, where it does or should do something.
    pub(crate) mitigations: Vec<String>,
    /// Cores of the server under test.
    pub(crate) server_cores: Vec<usize>,
    /// Core of the generator.
    pub(crate) generator_core: usize,
}

impl Machine {
    /// This machine.
    pub(crate) fn describe(place: &Place) -> Machine {
        let info = CpuInfo::current().ok();
        let model = info.as_ref().and_then(|info| info.model_name(0)).unwrap_or("unknown");
        let flags = info.as_ref().and_then(|info| info.flags(0)).unwrap_or_default();
        Machine {
            cpu: model.to_owned(),
            cores: info.as_ref().map_or(0, CpuInfo::num_cores),
            virtual_machine: flags.contains(&"hypervisor"),
            memory: Meminfo::current().map_or(0, |memory| memory.mem_total),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            mitigations: mitigations(),
            server_cores: place.server_cores.clone(),
            generator_core: place.generator_core,
        }
    }

    /// In one line, for people.
    pub(crate) fn line(&self) -> String {
        let kind = if self.virtual_machine { ", virtual" } else { "" };
        let gib = self.memory as f64 / f64::from(1 << 30);
        format!(
            "{} ({} cores{kind}), {gib:.0} GiB, Linux {}; server on core {}, generator on core {}",
            self.cpu,
            self.cores,
            self.kernel,
            self.server_cores.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"),
            self.generator_core
        )
    }
}

fn mitigations() -> Vec<String> {
    let Ok(folder) = fs::read_dir("/sys/devices/system/cpu/vulnerabilities") else { return Vec::new() };
    let mut lines: Vec<String> = folder
        .flatten()
        .filter_map(|file| {
            let state = fs::read_to_string(file.path()).ok()?;
            let state = state.trim();
            (state != "Not affected").then(|| format!("{}: {state}", file.file_name().display()))
        })
        .collect();
    lines.sort();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::describe(&Place { server_cores: vec![0, 2], generator_core: 1 });
        assert!(machine.cores >= 1 && machine.memory > 0 && !machine.kernel.is_empty(), "{machine:?}");
        let line = machine.line();
        assert!(line.ends_with("server on core 0+2, generator on core 1"), "{line}");
    }
}
