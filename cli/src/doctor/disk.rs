//! Folders that Volley writes to: whether it may, and how much room is left.

use super::Case;
use super::finding::{Finding, Level};
use super::host::Space;
use rustix::fs::{Access, access};
use std::fs;
use std::path::{Path, PathBuf};

/// Less, and a recording ends before anybody has read this.
const NONE_LEFT: u64 = 64 << 20;
/// Of one person who is recorded.
const FEW_HOURS: f64 = 5.0;

/// What is wrong with them.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let config = case.config;
    let spool: String = config.get("webhooks.spool");
    let folders = [
        ("recording.path", config.recorder().map(|recorder| recorder.path)),
        ("tls.acme.folder", config.acme().map(|acme| PathBuf::from(acme.folder))),
        ("webhooks.spool", Path::new(&spool).parent().map(Path::to_owned)),
    ];
    let mut findings = Vec::new();
    for (key, folder) in folders {
        let Some(folder) = folder else { continue };
        let Some(path) = placed(case, &folder) else {
            findings.push(unseen(key, &folder));
            continue;
        };
        let room = (key == "recording.path").then(|| room(case, &path)).flatten();
        let is_unused = key == "recording.path" && config.is_usual(key) && !path.exists();
        let found = writable(&path, key).into_iter().chain(room);
        findings.extend(found.map(|finding| if is_unused { milder(finding) } else { finding }));
    }
    findings
}

/// Where nobody has recorded anything yet or named the folder, perhaps nobody will: recording is on without
/// configuration.
fn milder(finding: Finding) -> Finding {
    let level = match finding.level {
        Level::Error => Level::Warning,
        Level::Warning => Level::Notice,
        Level::Notice | Level::Skipped => finding.level,
    };
    Finding { level, ..finding }
}

/// Where a path of the configuration leads: from the folder that the running server stands in, or from ours, as for
/// a server that is started here. `None` where that of the running one cannot be seen.
fn placed(case: &Case<'_>, path: &Path) -> Option<PathBuf> {
    if path.is_absolute() || case.running.is_none() {
        return Some(path.to_owned());
    }
    let folder = fs::read_link(case.host.root.join(format!("proc/{}/cwd", case.pid()?))).ok()?;
    Some(folder.join(path))
}

fn unseen(key: &str, path: &Path) -> Finding {
    let what = format!(
        "{key}: {} is below the folder that the running server was started in, which was not seen",
        path.display()
    );
    Finding::skipped("folder-unseen", what, "sudo volley doctor")
}

/// What is there of the path: itself, or the nearest above it. Volley makes what is missing.
fn existing(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|path| path.exists()).filter(|path| !path.as_os_str().is_empty());
    found.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn writable(path: &Path, key: &str) -> Option<Finding> {
    let there = existing(path);
    let why = if there.is_dir() {
        access(&there, Access::WRITE_OK | Access::EXEC_OK).err()?.to_string()
    } else {
        String::from("it is no folder")
    };
    let what = format!("{key}: nothing can be kept in {} ({}: {why})", path.display(), there.display());
    let mend = format!("chown USER {}, or name another folder: {key}", there.display());
    Some(Finding::error("folder-closed", what, mend))
}

fn room(case: &Case<'_>, path: &Path) -> Option<Finding> {
    let folder = existing(path);
    let Space { bytes, files } = match (case.host.space)(&folder) {
        Ok(space) => space,
        Err(error) => {
            let what = format!("How much room {} has was not seen: {error}", folder.display());
            return Some(Finding::skipped("disk-unseen", what, format!("df {}", folder.display())));
        }
    };
    let mend = format!("make room on the disk of {}, or record elsewhere: recording.path", folder.display());
    if bytes < NONE_LEFT || files == Some(0) {
        let left = if files == Some(0) { String::from("no file") } else { format!("{} MiB", bytes >> 20) };
        let what = format!(
            "The disk of recording.path ({}) is full, {left} more fits: recordings fail",
            path.display()
        );
        return Some(Finding::error("disk-full", what, mend));
    }
    let bitrate: u64 = case.config.get("recording.video_bitrate");
    let hours = bytes as f64 * 8.0 / bitrate as f64 / 3_600.0;
    (hours < FEW_HOURS).then(|| {
        let what = format!(
            "The disk of recording.path ({}) has {} MiB left: {hours:.1} hours of one person at recording.video_bitrate",
            path.display(),
            bytes >> 20
        );
        Finding::warning("disk-low", what, mend)
    })
}

#[cfg(test)]
mod tests {
    use super::super::holders::Holder;
    use super::super::running::Running;
    use super::super::testing::Patient;
    use super::*;

    fn recording() -> Patient {
        let mut patient = Patient::sound();
        let path = std::env::temp_dir().join("not/there/yet").display().to_string();
        patient.set("VOLLEY_RECORDING__PATH", &path);
        patient
    }

    fn found(patient: &Patient) -> Option<(Level, &'static str)> {
        check(&patient.case()).first().map(|finding| (finding.level, finding.check))
    }

    #[test]
    fn a_full_disk_and_one_that_is_soon_full_are_told_apart() {
        let mut patient = recording();
        assert_eq!(found(&patient), None);
        patient.host().space = |_| Ok(Space { bytes: 2 << 30, files: None });
        assert_eq!(found(&patient), Some((Level::Warning, "disk-low")));
        patient.host().space = |_| Ok(Space { bytes: 4096, files: None });
        assert_eq!(found(&patient), Some((Level::Error, "disk-full")));
        patient.host().space = |_| Ok(Space { bytes: 500 << 30, files: Some(0) });
        assert_eq!(found(&patient), Some((Level::Error, "disk-full")));
        patient.set("VOLLEY_RECORDING__ENABLED", "false");
        assert_eq!(found(&patient), None, "nothing is written there");
    }

    #[test]
    fn where_nobody_has_recorded_or_named_a_folder_it_is_a_level_milder() {
        let mut patient = Patient::sound();
        let holder = Some(Holder { pid: 77, name: String::from("volley") });
        patient.running = Some(Running { holder, metrics: None });
        patient.write("srv/volley.log", "");
        let folder = patient.host().root.join("srv");
        patient.link("proc/77/cwd", &folder.display().to_string());
        assert_eq!(found(&patient), None);
        patient.host().space = |_| Ok(Space { bytes: 2 << 30, files: None });
        assert_eq!(found(&patient), Some((Level::Notice, "disk-low")));
        patient.host().space = |_| Ok(Space { bytes: 4096, files: None });
        assert_eq!(found(&patient), Some((Level::Warning, "disk-full")));
        patient.write("srv/recordings/one/manifest.json", "{}");
        assert_eq!(found(&patient), Some((Level::Error, "disk-full")), "somebody records here");
    }

    #[test]
    fn a_relative_folder_is_below_that_of_the_server_that_runs() {
        let mut patient = recording();
        patient.set("VOLLEY_RECORDING__PATH", "recordings");
        patient.running = Some(Running::default());
        assert_eq!(found(&patient), Some((Level::Skipped, "folder-unseen")), "whose process is not seen");
        let holder = Some(Holder { pid: 77, name: String::from("volley") });
        patient.running = Some(Running { holder, metrics: None });
        // A file is in the way there, and nothing is here.
        patient.write("srv/recordings", "");
        let folder = patient.host().root.join("srv");
        patient.link("proc/77/cwd", &folder.display().to_string());
        let finding = check(&patient.case()).remove(0);
        assert_eq!(finding.check, "folder-closed");
        assert!(finding.what.contains(&folder.join("recordings").display().to_string()), "{finding:?}");
        patient.running = None;
        assert_eq!(found(&patient), None, "a server that is started here");
    }

    #[test]
    fn a_folder_that_nothing_can_be_made_in_is_found_by_its_key() {
        let mut patient = recording();
        patient.write("file", "in the way");
        let path = patient.host().root.join("file/recordings");
        patient.set("VOLLEY_RECORDING__PATH", &path.display().to_string());
        let finding = check(&patient.case()).remove(0);
        assert_eq!((finding.level, finding.check), (Level::Error, "folder-closed"));
        assert!(finding.what.starts_with("recording.path: nothing can be kept in"), "{finding:?}");
        assert!(finding.mend.ends_with("name another folder: recording.path"), "{finding:?}");
    }
}
