//! What the server's processes use: memory, descriptors, processor time.

use anyhow::{Context as _, bail};
use procfs::process::Process;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::process::{Command, Stdio};

/// What a server's processes use, all together.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    /// Processes.
    pub(crate) processes: usize,
    /// Resident bytes; what processes share is counted once (PSS).
    pub(crate) resident: u64,
    /// Open descriptors.
    pub(crate) descriptors: usize,
    /// Processor seconds since they began.
    pub(crate) cpu: f64,
}

impl Usage {
    /// Of the processes `roots` and all that descend from them. One that ended counts as nothing.
    pub(crate) fn of(roots: &[u32]) -> Usage {
        family(roots).iter().fold(Usage::default(), |sum, process| {
            let Some(own) = of_one(process) else { return sum };
            Usage {
                processes: sum.processes + own.processes,
                resident: sum.resident + own.resident,
                descriptors: sum.descriptors + own.descriptors,
                cpu: sum.cpu + own.cpu,
            }
        })
    }
}

/// Resident bytes of the processes `roots` and all that descend from them, by what they call
/// themselves.
pub(crate) fn memory_by_program(roots: &[u32]) -> BTreeMap<String, u64> {
    let mut programs = BTreeMap::new();
    for process in family(roots) {
        let Some(usage) = of_one(&process) else { continue };
        *programs.entry(name(&process)).or_insert(0) += usage.resident;
    }
    programs
}

/// That of the processes `roots` and their descendants which calls itself so.
pub(crate) fn find(roots: &[u32], called: &str) -> Option<u32> {
    let found = family(roots).into_iter().find(|process| name(process) == called)?;
    u32::try_from(found.pid).ok()
}

/// Takes a process, with all its threads, to a core of its own, where it gives way to whatever else runs.
///
/// # Errors
/// When the system refuses.
pub(crate) fn move_away(pid: u32, core: usize) -> anyhow::Result<()> {
    let all = ["--all-tasks", "--pid", "--cpu-list", &core.to_string(), &pid.to_string()].map(str::to_owned);
    let threads = Process::new(pid as i32)?.tasks()?.flatten().map(|task| task.tid.to_string());
    let nice = ["-n".to_owned(), "19".to_owned(), "-p".to_owned()].into_iter().chain(threads);
    for (program, words) in [("taskset", all.to_vec()), ("renice", nice.collect())] {
        let moved = Command::new(program).args(&words).stdout(Stdio::null()).status();
        let moved =
            moved.with_context(|| format!("`{program}` (Debian package util-linux) cannot be started"))?;
        if !moved.success() {
            bail!("{program} cannot move process {pid} to core {core}: {moved}");
        }
    }
    Ok(())
}

/// Processor seconds of one process since it began.
pub(crate) fn cpu_of(pid: u32) -> Option<f64> {
    Some(of_one(&Process::new(i32::try_from(pid).ok()?).ok()?)?.cpu)
}

/// The name of its program and, where it has one, of the part of it that runs: `volley media`.
fn name(process: &Process) -> String {
    let words = process.cmdline().unwrap_or_default();
    let program = words.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
    let part = words.get(1).filter(|word| word.chars().all(|letter| letter.is_ascii_alphabetic()));
    [program.trim(), part.map_or("", |part| part)].join(" ").trim().to_owned()
}

fn of_one(process: &Process) -> Option<Usage> {
    let stat = process.stat().ok()?;
    let ticks = procfs::ticks_per_second() as f64;
    Some(Usage {
        processes: 1,
        resident: proportional_bytes(process).unwrap_or(stat.rss * procfs::page_size()),
        descriptors: process.fd_count().unwrap_or(0),
        cpu: (stat.utime + stat.stime) as f64 / ticks,
    })
}

fn proportional_bytes(process: &Process) -> Option<u64> {
    let rollup = process.smaps_rollup().ok()?;
    rollup.memory_map_rollup.0.first()?.extension.map.get("Pss").copied()
}

fn family(roots: &[u32]) -> Vec<Process> {
    let Ok(all) = procfs::process::all_processes() else { return Vec::new() };
    let mut others: Vec<(i32, Process)> =
        all.flatten().filter_map(|process| Some((process.stat().ok()?.ppid, process))).collect();
    let mut known: HashSet<i32> = roots.iter().filter_map(|&pid| i32::try_from(pid).ok()).collect();
    let mut family = Vec::new();
    loop {
        let (more, rest): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|(parent, process)| known.contains(&process.pid) || known.contains(parent));
        if more.is_empty() {
            return family;
        }
        known.extend(more.iter().map(|(_, process)| process.pid));
        family.extend(more.into_iter().map(|(_, process)| process));
        others = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_descriptors() {
        let usage = Usage::of(&[std::process::id()]);
        assert!(usage.resident > 1 << 20 && usage.descriptors >= 3, "{usage:?}");
    }

    #[test]
    fn children_are_counted_and_strangers_are_not() {
        let mut child = Command::new("sh").args(["-c", "sleep 5 & wait"]).spawn().unwrap();
        let grown = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            Usage::of(&[child.id()]).processes == 2
        });
        for process in family(&[child.id()]) {
            let _ = Command::new("kill").arg(process.pid.to_string()).status();
        }
        child.wait().unwrap();
        assert!(grown, "the shell and its sleep");
    }

    #[test]
    fn memory_is_told_by_the_names_of_programs() {
        let own = std::process::id();
        let programs = memory_by_program(&[own]);
        assert!(programs.keys().any(|name| name.starts_with("volley_bench")), "{programs:?}");
        assert!(programs.values().sum::<u64>() > 1 << 20, "{programs:?}");
    }

    #[test]
    fn a_process_is_found_by_its_name_and_moved_with_all_its_threads() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let found = (0..200).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            find(&[std::process::id()], "sleep")
        });
        let core = core_affinity::get_core_ids().unwrap()[0].id;
        let moved = move_away(child.id(), core);
        let stat = Process::new(child.id() as i32).unwrap().stat().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((found, moved.is_ok(), stat.nice), (Some(child.id()), true, 19));
    }

    #[test]
    fn what_has_ended_counts_as_nothing() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(Usage::of(&[pid]), Usage::default());
    }
}
