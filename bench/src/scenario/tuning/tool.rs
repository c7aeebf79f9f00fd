//! `tuning/tune`, in the server's network.

use crate::cli;
use crate::host::place::Place;
use crate::host::wire;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::Output;

/// The tool, and a place for its notes of this run alone.
pub(super) struct Tool<'a> {
    place: &'a Place,
    tune: PathBuf,
    profile: String,
    notes: PathBuf,
}

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
        Ok(Tool { place, tune, profile: flags.profile.clone(), notes })
    }

    /// Sets the knobs of a family: each as the tool says it.
    ///
    /// # Errors
    /// When the tool cannot be started, or sets less than it wants to.
    pub(super) fn apply(&self, family: &str) -> anyhow::Result<Vec<String>> {
        let output =
            self.run(&["apply", "--profile", &self.profile, "--only", family, "--device", wire::DEVICE])?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            // Half of a family is no family.
            self.revert()?;
            bail!("{family} could not be set: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(text
            .lines()
            .filter_map(|line| line.strip_prefix("set "))
            .map(|line| line.trim().to_owned())
            .collect())
    }

    /// Puts back what was there.
    ///
    /// # Errors
    /// When something could not be.
    pub(super) fn revert(&self) -> anyhow::Result<()> {
        let output = self.run(&["revert"])?;
        if !output.status.success() {
            bail!("what was there could not be put back: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.place.command(&self.tune);
        command.args(arguments).env("VOLLEY_TUNE_STATE", &self.notes);
        command.output().with_context(|| format!("{} cannot be started", self.tune.display()))
    }
}
