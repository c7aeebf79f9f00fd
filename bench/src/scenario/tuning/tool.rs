//! `tuning/tune`, in the server's network.

use crate::cli;
use crate::host::place::Place;
use crate::host::{enclosure, wire};
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The tool, and a place for its notes of this run alone.
pub(super) struct Tool<'a> {
    place: &'a Place,
    tune: PathBuf,
    profile: String,
    notes: PathBuf,
}

/// What became of a family's knobs.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Applied {
    /// Those that were set, as the tool says it.
    pub(super) set: Vec<String>,
    /// Those that were not and may want it, with why.
    pub(super) left: Vec<String>,
}

/// Decides on this wire which core works off what comes to the server, and so whose time it counts as: the bench has
/// steered that to the server's, as a card would.
const STEERING: &str = "receive-steering:";

/// Whatever asks for the state of connections has all of them tracked, as most firewalls do.
const TRACK: &str = "add table inet firewall
add chain inet firewall in { type filter hook input priority 0 ; }
add rule inet firewall in ct state established accept";
const UNTRACK: &str = "delete table inet firewall";

/// One tune is at work at a time: what is being set can be put back when it is set, and not before …
static TURN: Mutex<()> = Mutex::new(());
/// … and when this program ends from outside, nothing is set any more.
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// How often a revert at the end is tried, and what is between.
const TRIES: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(200);

impl Tool<'_> {
    /// # Errors
    /// When it is not where it should be.
    pub(super) fn find<'a>(flags: &cli::Tuning, place: &'a Place) -> anyhow::Result<Tool<'a>> {
        let of_source_tree = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../tuning/tune");
        let tune = flags.tune.clone().unwrap_or_else(of_source_tree);
        let tune = tune.canonicalize().with_context(|| format!("{}; name it with --tune", tune.display()))?;
        // Where the whole machine is changed, whoever comes after a crash must find what was there. What is the
        // network's goes with it, and /run is of the bench alone.
        let notes = if flags.whole_machine { "/var/lib/volley-tune" } else { "/run/volley-tune" };
        let notes = PathBuf::from(notes);
        if notes.join("journal").exists() {
            bail!("this machine is tuned already, so there is no before: `{} revert` first", tune.display());
        }
        let tool = Tool { place, tune, profile: flags.profile.clone(), notes };
        if flags.whole_machine {
            tool.revert_at_the_end();
        }
        Ok(tool)
    }

    /// Sets the knobs of a family.
    ///
    /// # Errors
    /// When the tool cannot be started, or sets less than it wants to.
    pub(super) fn apply(&self, family: &str) -> anyhow::Result<Applied> {
        let cores: Vec<String> = self.place.server_cores.iter().map(ToString::to_string).collect();
        let mut command = self.command("apply");
        command.args(["--profile", &self.profile, "--only", family, "--device", wire::DEVICE]);
        command.args(["--workers", &cores.join(",")]);
        let output = self.run(command)?;
        if !output.status.success() {
            // Half of a family is no family.
            self.revert()?;
            bail!("{family} could not be set: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let applied = Applied::read(&String::from_utf8_lossy(&output.stdout));
        if applied.left.iter().any(|line| line.starts_with(STEERING)) {
            wire::steer_server(self.place)?;
        }
        Ok(applied)
    }

    /// Puts back what was there.
    ///
    /// # Errors
    /// When something could not be.
    pub(super) fn revert(&self) -> anyhow::Result<()> {
        let output = self.run(self.command("revert"))?;
        if !output.status.success() {
            bail!("what was there could not be put back: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Has all connections of the server's network tracked from now on, or none.
    ///
    /// # Errors
    /// When the kernel or `nft` cannot.
    pub(super) fn track(&self, is_tracked: bool) -> anyhow::Result<()> {
        let mut command = self.place.command("nft");
        command.arg(if is_tracked { TRACK } else { UNTRACK });
        let output = command.output().context("nft (Debian package nftables) cannot be started")?;
        if !output.status.success() {
            bail!("nft: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// Also where this ends by Ctrl-C.
    fn revert_at_the_end(&self) {
        let (place, tune, notes) = (self.place.clone(), self.tune.clone(), self.notes.clone());
        enclosure::at_the_end(move || {
            IS_OVER.store(true, Ordering::SeqCst);
            let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            let is_well = |_: &u32| {
                let mut command = place.command(&tune);
                command.arg("revert").env("VOLLEY_TUNE_STATE", &notes);
                let is_well = command.status().is_ok_and(|status| status.success());
                if !is_well {
                    std::thread::sleep(BETWEEN);
                }
                is_well
            };
            if (0..TRIES).find(is_well).is_none() {
                eprintln!("volley-bench: put back what was there with: {} revert", tune.display());
            }
        });
    }

    fn command(&self, deed: &str) -> Command {
        let mut command = self.place.command(&self.tune);
        command.arg(deed).env("VOLLEY_TUNE_STATE", &self.notes);
        command
    }

    fn run(&self, mut command: Command) -> anyhow::Result<Output> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if IS_OVER.load(Ordering::SeqCst) {
            drop(turn);
            loop {
                std::thread::park();
            }
        }
        command.output().with_context(|| format!("{} cannot be started", self.tune.display()))
    }
}

impl Drop for Tool<'_> {
    /// However the measuring ends, by an error too.
    fn drop(&mut self) {
        if let Err(error) = self.revert() {
            eprintln!("volley-bench: {error:#}");
        }
    }
}

impl Applied {
    fn read(text: &str) -> Applied {
        let mut applied = Applied::default();
        for (word, rest) in text.lines().filter_map(|line| line.split_once(' ')) {
            let line = rest.trim().to_owned();
            match word {
                "set" if line.starts_with(STEERING) => {
                    applied
                        .left
                        .push(format!("{STEERING} on this wire it decides whose core pays for a packet"));
                }
                "set" => applied.set.push(line),
                "skipped" | "left" => applied.left.push(line),
                _ => {}
            }
        }
        applied.left.dedup();
        applied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tool_says_is_told_apart() {
        let said = "set      send-buffer: net.core.wmem_max = 8 (was 4)\n\
                    skipped  channels: wire does not have it\n\
                    left     no-tracking: udp 50000 = off, wants =on; set only with --only conntrack\n\
                    set      receive-steering: /sys/class/net/wire/queues/rx-0/rps_cpus = 0 (was 1)\n\
                    \n2 values were set; tune revert puts back what was there.\n";
        let Applied { set, left } = Applied::read(said);
        assert_eq!(set, ["send-buffer: net.core.wmem_max = 8 (was 4)"]);
        assert_eq!(left.len(), 3);
        assert_eq!(left[0], "channels: wire does not have it");
        assert!(left[2].starts_with("receive-steering: on this wire"));
    }
}
