//! `volley recording`: what an operator does with recordings, beside the server and without it.

pub(crate) mod command;
mod progress;

use crate::config::Config;
use anyhow::{Context as _, bail};
use command::{ComposeWish, DecryptWish, Deed};
use progress::Progress;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};
use volley_recorder::compose::{self, Failure, Ffmpeg, Watch, Wish};
use volley_recorder::folder::{Folder, Name};
use volley_recorder::manifest::{Manifest, State};
use volley_recorder::sealed;

/// What a shell takes for "stopped by Ctrl-C".
const STOPPED: u8 = 130;

/// Does it; what went wrong is told by the exit code and on standard error.
pub(crate) fn run(config: &Config, deed: &Deed) -> anyhow::Result<ExitCode> {
    let folder = Folder::new(config.get::<PathBuf>("recording.path"));
    match deed {
        Deed::List { room } => list(&folder, room.as_deref()),
        Deed::Compose(wish) => compose(&folder, wish),
        Deed::Decrypt(wish) => decrypt(&folder, wish),
    }
}

fn list(folder: &Folder, room: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut text = format!(
        "{:<22} {:<20} {:<20} {:>9} {:>5} {:>9}  {}\n",
        "RECORDING", "ROOM", "STARTED (UTC)", "LENGTH", "FILES", "SIZE", "STATE"
    );
    let all = all(folder)?;
    for manifest in all.iter().filter(|manifest| room.is_none_or(|room| manifest.room.id == room)) {
        text += &line(manifest);
    }
    // Who reads only the first lines closes the pipe; that is no mistake.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn line(manifest: &Manifest) -> String {
    let seconds = manifest.ended_at.map(|end| end.saturating_sub(manifest.started_at) / 1_000);
    let length = seconds.map_or_else(
        || "–".to_owned(),
        |seconds| format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    );
    let state = match manifest.state {
        State::Recording => "recording",
        State::Complete => "complete",
        State::Failed => "failed",
    };
    format!(
        "{:<22} {:<20} {:<20} {length:>9} {:>5} {:>6} MB  {state}\n",
        manifest.recording_id,
        manifest.room.id,
        moment(manifest.started_at),
        manifest.files.len(),
        manifest.bytes().div_ceil(1_000_000),
    )
}

/// `2026-01-15 12:30:05`.
fn moment(unix_ms: u64) -> String {
    let Ok(at) = time::OffsetDateTime::from_unix_timestamp((unix_ms / 1_000) as i64) else {
        return String::new();
    };
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    let (year, month, day) = date.to_calendar_date();
    format!("{year}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}", u8::from(month))
}

/// Every recording that can be read, the newest last.
fn all(folder: &Folder) -> anyhow::Result<Vec<Manifest>> {
    let unreadable =
        || format!("{} cannot be read; recording.path names another folder", folder.path().display());
    let names = folder.list().with_context(unreadable)?;
    let load = |name: &Name| Manifest::load(&folder.open(name).ok()?).ok();
    let mut all: Vec<Manifest> = names.iter().filter_map(load).collect();
    all.sort_by_key(|manifest| manifest.started_at);
    Ok(all)
}

/// The recording of that name, or of that room the newest that is over.
fn find(folder: &Folder, which: &str) -> anyhow::Result<Manifest> {
    let mut all = all(folder)?;
    let place = folder.path().display();
    if let Some(found) = all.iter().position(|manifest| manifest.recording_id == which) {
        return Ok(all.swap_remove(found));
    }
    all.retain(|manifest| manifest.room.id == which);
    if all.is_empty() {
        bail!(
            "in {place} there is no recording {which} and none of a room {which}; `volley recording list` shows all"
        );
    }
    let over = all.into_iter().rev().find(|manifest| manifest.state != State::Recording);
    over.with_context(|| format!("the recording of {which} goes on; end it first, then wait a moment"))
}

/// Says which files cannot be used, and why.
fn tell_of_failed(manifest: &Manifest) {
    for file in manifest.without_failed().1 {
        eprintln!("volley: left out, since it could not be completed: {}", file.named_failure());
    }
}

fn compose(folder: &Folder, asked: &ComposeWish) -> anyhow::Result<ExitCode> {
    let ffmpeg = Ffmpeg::find("ffmpeg")?;
    let manifest = find(folder, &asked.which)?;
    let container = asked.container();
    let usual = || PathBuf::from(format!("{}.{}", manifest.recording_id, container.extension()));
    let output = asked.output.clone().unwrap_or_else(usual);
    let wish = Wish {
        view: asked.view,
        container,
        size: asked.size,
        output: output.clone(),
        replaces: asked.replaces,
    };
    let is_stopped = stopped_by_signals()?;
    let mut progress = Progress::new(&manifest.recording_id);
    let mut tell = |done| progress.tell(done);
    let mut watch = Watch { progress: &mut tell, is_stopped: &is_stopped };
    let outcome = compose::compose(&ffmpeg, folder, &manifest, &wish, &mut watch);
    progress.end();
    match outcome {
        Ok(()) => {
            tell_of_failed(&manifest);
            writeln!(std::io::stdout(), "{}", output.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(stopped @ Failure::Stopped) => {
            eprintln!("volley: {stopped}");
            Ok(ExitCode::from(STOPPED))
        }
        Err(failure) => Err(failure.into()),
    }
}

fn decrypt(folder: &Folder, asked: &DecryptWish) -> anyhow::Result<ExitCode> {
    let manifest = find(folder, &asked.which)?;
    let usual = || PathBuf::from(format!("{}-open", manifest.recording_id));
    let output = asked.output.clone().unwrap_or_else(usual);
    let is_stopped = stopped_by_signals()?;
    match sealed::decrypt(folder, &manifest, &asked.passphrase, &output, &is_stopped) {
        Ok(opened) => {
            tell_of_failed(&manifest);
            if opened.closed > 0 {
                eprintln!(
                    "volley: {} of {} frames stay closed",
                    opened.closed,
                    opened.closed + opened.opened
                );
            }
            writeln!(std::io::stdout(), "{}", output.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(stopped @ sealed::Failure::Stopped) => {
            eprintln!("volley: {stopped}");
            Ok(ExitCode::from(STOPPED))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Ctrl-C and SIGTERM end what is under way in an orderly manner.
fn stopped_by_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let is_stopped = Arc::new(AtomicBool::new(false));
    let seen = is_stopped.clone();
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        seen.store(true, Ordering::Relaxed);
    });
    Ok(is_stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_to_the_second() {
        assert_eq!(moment(1_767_225_600_999), "2026-01-01 00:00:00");
        assert_eq!(moment(951_827_696_000), "2000-02-29 12:34:56");
    }
}
