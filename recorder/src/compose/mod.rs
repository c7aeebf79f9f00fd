//! One picture and one sound of a whole recording, made afterwards from its files.
//!
//! ffmpeg decodes and encodes; what stands where, when, and how loud is decided here: [`timeline`] says who is
//! there and who shows what, [`scene`] who stands where, [`sound`] mixes and hears who speaks, [`pictures`]
//! paints frame by frame. Both passes go once through the recording and hold one frame of each source. What is
//! made has its name only when it is complete.

mod canvas;
mod ffmpeg;
mod label;
mod pictures;
mod scene;
mod sound;
mod speakers;
#[cfg(test)]
mod tests;
mod timeline;

pub use ffmpeg::Ffmpeg;

use crate::folder::{Folder, Name};
use crate::manifest::{Manifest, State};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use timeline::Timeline;

/// Pictures a second: what cameras send at most in calls.
const FRAMES_PER_SECOND: i64 = 30;

/// The part of the work that the sound is.
const SOUND_IS: f64 = 0.1;

/// How people are arranged where no screen is shared; that stands large beside them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// All in one size.
    Grid,
    /// Who speaks, and the others small beside.
    Speaker,
}

/// What comes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// VP9 and Opus.
    WebM,
    /// H.264 and AAC.
    Mp4,
}

impl Container {
    /// What a file of it is called after its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Container::WebM => "webm",
            Container::Mp4 => "mp4",
        }
    }
}

/// What is to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// How people are arranged.
    pub view: View,
    /// What comes out.
    pub container: Container,
    /// Columns and lines, both even.
    pub size: (usize, usize),
    /// Where to.
    pub output: PathBuf,
    /// Whether something that stands there is replaced.
    pub replaces: bool,
}

/// Why nothing was made.
#[derive(thiserror::Error, Debug)]
pub enum Failure {
    /// The program is not there.
    #[error("composing takes ffmpeg, and {0} cannot be started ({1}); on Debian: apt-get install ffmpeg")]
    NoFfmpeg(PathBuf, io::Error),
    /// It goes on.
    #[error("this recording is not complete yet; end it first, then wait a moment")]
    GoesOn,
    /// All its files failed.
    #[error("no file of this recording could be completed, which is tried again when Volley starts: {0}")]
    Failed(String),
    /// Nobody here can see what is in it.
    #[error("this recording is encrypted end to end; open it first: volley recording decrypt {0}")]
    Sealed(String),
    /// Nobody sent anything.
    #[error("there is nothing in this recording: it has no files")]
    Empty,
    /// A file that the manifest names.
    #[error("{0} is not in the recording's folder ({1})")]
    NoFile(PathBuf, io::Error),
    /// Something stands where it is to go.
    #[error("{0} is there already; name another file with --output, or say --force")]
    Exists(PathBuf),
    /// Somebody asked for that.
    #[error("it was stopped, and nothing was kept")]
    Stopped,
    /// It failed.
    #[error("ffmpeg failed: {0}")]
    Ffmpeg(String),
    /// Something could not be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// Whoever waits for it.
pub struct Watch<'a> {
    /// Told the part that is done, from 0 to 1.
    pub progress: &'a mut dyn FnMut(f64),
    /// Set by whoever wants it no longer.
    pub is_stopped: &'a AtomicBool,
}

impl Watch<'_> {
    fn tell(&mut self, done: f64) -> Result<(), Failure> {
        (self.progress)(done);
        if self.is_stopped.load(Ordering::Relaxed) { Err(Failure::Stopped) } else { Ok(()) }
    }
}

/// Makes one file of a recording; files of it that could not be completed are left out.
pub fn compose(
    ffmpeg: &Ffmpeg,
    folder: &Folder,
    manifest: &Manifest,
    wish: &Wish,
    watch: &mut Watch<'_>,
) -> Result<(), Failure> {
    if manifest.state == State::Recording {
        return Err(Failure::GoesOn);
    }
    if manifest.room.e2ee {
        return Err(Failure::Sealed(manifest.recording_id.clone()));
    }
    let (manifest, failed) = manifest.without_failed();
    let timeline = Timeline::of(&manifest);
    if timeline.sources.is_empty() {
        return Err(failed.first().map_or(Failure::Empty, |first| Failure::Failed(first.named_failure())));
    }
    let files = locate(folder, &manifest)?;
    let part = Part::make(&wish.output, wish.replaces)?;
    let aside = tempfile::tempdir().map_err(|error| Failure::Io(std::env::temp_dir(), error))?;
    let track = aside.path().join("sound.mka");
    let speakers = sound::mix(ffmpeg, &timeline, &files, wish.container, &track, watch)?;
    let scenes = scene::plan(&timeline, &speakers, wish.view, wish.size);
    let names: Vec<&str> = timeline.people.iter().map(|person| person.name.as_str()).collect();
    let labels = label::make(ffmpeg, &names, aside.path());
    let painter =
        pictures::Painter { ffmpeg, timeline: &timeline, files: &files, scenes: &scenes, labels: &labels };
    painter.paint(wish, &track, &part.path, watch)?;
    part.keep(&wish.output)
}

/// Where the files are, each of them there.
fn locate(folder: &Folder, manifest: &Manifest) -> Result<Vec<PathBuf>, Failure> {
    let path = folder.path().join(&manifest.recording_id);
    let open = |name: &str| {
        let recording = Name::new(&manifest.recording_id).ok_or(io::ErrorKind::InvalidInput)?;
        let name = Name::new(name).ok_or(io::ErrorKind::InvalidInput)?;
        folder.open(&recording)?.read(&name)
    };
    let found = manifest.files.iter().map(|file| {
        let path = path.join(&file.name);
        match open(&file.name) {
            Ok(_) => Ok(path),
            Err(error) => Err(Failure::NoFile(path, error)),
        }
    });
    found.collect()
}

/// The file while it is made, beside its place; gone unless it is kept.
struct Part {
    path: PathBuf,
    is_kept: bool,
}

impl Part {
    fn make(output: &Path, replaces: bool) -> Result<Part, Failure> {
        if !replaces && output.symlink_metadata().is_ok() {
            return Err(Failure::Exists(output.to_owned()));
        }
        let mut name = output.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        // One that was left by a kill is of no use to anybody.
        let opened = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        opened.map_err(|error| Failure::Io(path.clone(), error))?;
        Ok(Part { path, is_kept: false })
    }

    fn keep(mut self, output: &Path) -> Result<(), Failure> {
        let moved = std::fs::rename(&self.path, output);
        moved.map_err(|error| Failure::Io(output.to_owned(), error))?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
