//! Recordings of rooms that are encrypted end to end: their files hold frames as pages sealed them, and nobody
//! without the passphrase can make anything of them. Who has it makes files of them that play.
//!
//! The recorder knows nothing of this. All that a key holder needs stands in the frames (whose key, of which
//! epoch, and the counter) and in the manifest (the room's id, which is the salt of the passphrase).

mod sframe;
#[cfg(test)]
mod tests;
mod undress;

use crate::folder::{Folder, Name};
use crate::manifest::{File, Manifest, State};
use crate::mux::{self, Muxer, Role};
use matroska_demuxer::{Frame, MatroskaFile, TrackType};
use sframe::Opener;
use std::fs;
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use volley::control::types::Codec;

/// A packet of sound and the last picture last so long, as far as is known.
const SOUND_LASTS_MS: i64 = 20;
const PICTURE_LASTS_MS: i64 = 33;

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Opened {
    /// Frames that were opened.
    pub opened: u64,
    /// Frames that could not be: they are missing in the files.
    pub closed: u64,
}

/// Why nothing was opened.
#[derive(thiserror::Error, Debug)]
pub enum Failure {
    /// It needs no key.
    #[error("this recording is not encrypted: its files play as they are")]
    NotSealed,
    /// It goes on.
    #[error("this recording is not complete yet; end it first, then wait a moment")]
    GoesOn,
    /// All its files failed.
    #[error("no file of this recording could be completed, which is tried again when Volley starts: {0}")]
    Failed(String),
    /// Nothing could be opened.
    #[error("this passphrase opens nothing: it is another one, or that of another room than {0}")]
    Wrong(String),
    /// Something stands where it is to go.
    #[error("{0} is there already; name another folder with --output")]
    Exists(PathBuf),
    /// A file is none of the recorder's.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, String),
    /// Somebody asked for that.
    #[error("it was stopped, and nothing was kept")]
    Stopped,
    /// Something could not be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// Makes a folder with files that play, and with a manifest, of a recording that is sealed; files of it that could not be
/// completed are left out.
pub fn decrypt(
    folder: &Folder,
    manifest: &Manifest,
    passphrase: &str,
    to: &Path,
    is_stopped: &AtomicBool,
) -> Result<Opened, Failure> {
    if !manifest.room.e2ee {
        return Err(Failure::NotSealed);
    }
    if manifest.state == State::Recording {
        return Err(Failure::GoesOn);
    }
    decrypt_with(Opener::new(passphrase, &manifest.room.id), folder, manifest, to, is_stopped)
}

fn decrypt_with(
    mut opener: Opener,
    folder: &Folder,
    manifest: &Manifest,
    to: &Path,
    is_stopped: &AtomicBool,
) -> Result<Opened, Failure> {
    let (mut plain, failed) = manifest.without_failed();
    if let (Some(first), true) = (failed.first(), plain.files.is_empty()) {
        return Err(Failure::Failed(first.named_failure()));
    }
    let part = Part::make(to)?;
    let mut opened = Opened::default();
    // What could not be completed is not in there.
    plain.state = State::Complete;
    for file in &mut plain.files {
        let source = open(folder, &manifest.recording_id, &file.name)?;
        let path = part.path.join(&file.name);
        let came = Copy { opener: &mut opener, file, path: &path, is_stopped }.run(source)?;
        opened.opened += came.opened;
        opened.closed += came.closed;
    }
    if opened.opened == 0 && opened.closed > 0 {
        return Err(Failure::Wrong(manifest.room.id.clone()));
    }
    plain.room.e2ee = false;
    // What was opened is in no store.
    plain.upload = None;
    plain.files.iter_mut().for_each(|file| file.upload = None);
    plain.recording_id = to.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    part.keep(&plain, to)?;
    Ok(opened)
}

fn open(folder: &Folder, recording: &str, name: &str) -> Result<fs::File, Failure> {
    let path = folder.path().join(recording).join(name);
    let no_name = || Failure::Io(path.clone(), io::ErrorKind::InvalidInput.into());
    let (recording, name) = (Name::new(recording).ok_or_else(no_name)?, Name::new(name).ok_or_else(no_name)?);
    let opened = folder.open(&recording).and_then(|recording| recording.read(&name));
    opened.map_err(|error| Failure::Io(path, error))
}

/// One file on its way.
struct Copy<'a> {
    opener: &'a mut Opener,
    file: &'a mut File,
    path: &'a Path,
    is_stopped: &'a AtomicBool,
}

impl Copy<'_> {
    fn run(self, source: fs::File) -> Result<Opened, Failure> {
        let path = self.path;
        let unreadable =
            |error: matroska_demuxer::DemuxError| Failure::Unreadable(path.to_owned(), error.to_string());
        let cannot = |error| Failure::Io(path.to_owned(), error);
        let mut source = MatroskaFile::open(BufReader::new(source)).map_err(unreadable)?;
        let tracks = tracks(&source);
        let codec = self.file.video.as_ref().and_then(|video| codec_of(&video.codec));
        let (muxer, header) = tracks.muxer(codec);
        let output = fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(cannot)?;
        let mut writer = Writer { muxer, output };
        writer.output.write_all(&header).map_err(cannot)?;
        let (mut frame, mut came) = (Frame::default(), Opened::default());
        while source.next_frame(&mut frame).map_err(unreadable)? {
            if self.is_stopped.load(Ordering::Relaxed) {
                return Err(Failure::Stopped);
            }
            let is_sound = Some(frame.track) == tracks.audio;
            let Some(codec) = (if is_sound { Some(Codec::Opus) } else { codec }) else { continue };
            match undress::open(self.opener, codec, &frame.data) {
                Ok(plain) => {
                    came.opened += 1;
                    writer.push(is_sound, &frame, &plain).map_err(cannot)?;
                }
                Err(_) => came.closed += 1,
            }
        }
        writer.finish(self.file).map_err(cannot)?;
        Ok(came)
    }
}

/// The file that is made.
struct Writer {
    muxer: Muxer,
    output: fs::File,
}

impl Writer {
    fn push(&mut self, is_sound: bool, frame: &Frame, plain: &[u8]) -> io::Result<()> {
        let (role, lasts) =
            if is_sound { (Role::Audio, SOUND_LASTS_MS) } else { (Role::Video, PICTURE_LASTS_MS) };
        let is_key = is_sound || frame.is_keyframe.unwrap_or(false);
        match self.muxer.push(role, frame.timestamp as i64, lasts, is_key, plain) {
            Some(bytes) => self.output.write_all(&bytes),
            None => Ok(()),
        }
    }

    fn finish(mut self, file: &mut File) -> io::Result<()> {
        if let Some(bytes) = self.muxer.flush() {
            self.output.write_all(&bytes)?;
        }
        for patch in self.muxer.finish() {
            self.output.write_all_at(&patch.bytes, patch.at)?;
        }
        self.output.sync_data()?;
        file.bytes = self.output.metadata()?.len();
        file.duration_ms = self.muxer.duration_ms();
        file.sha256 = None;
        Ok(())
    }
}

/// What a file holds.
struct Tracks {
    audio: Option<u64>,
    video: Option<Picture>,
}

struct Picture {
    size: (u16, u16),
    parameters: Vec<u8>,
}

impl Tracks {
    /// Of a file that holds the same.
    fn muxer(&self, codec: Option<Codec>) -> (Muxer, Vec<u8>) {
        let video = self.video.as_ref().zip(codec).map(|(track, codec)| mux::Video {
            codec,
            size: track.size,
            parameters: track.parameters.clone(),
        });
        let audio = self.audio.map(|_| mux::Audio { channels: 2 });
        Muxer::new(audio.as_ref(), video.as_ref())
    }
}

fn tracks<R: io::Read + io::Seek>(file: &MatroskaFile<R>) -> Tracks {
    let of = |kind| file.tracks().iter().find(|track| track.track_type() == kind);
    let side = |value: u64| u16::try_from(value).unwrap_or(u16::MAX);
    let video = of(TrackType::Video).map(|track| Picture {
        size: track
            .video()
            .map_or((1, 1), |video| (side(video.pixel_width().get()), side(video.pixel_height().get()))),
        parameters: track.codec_private().unwrap_or_default().to_vec(),
    });
    Tracks { audio: of(TrackType::Audio).map(|track| track.track_number().get()), video }
}

/// As the manifest calls it.
fn codec_of(name: &str) -> Option<Codec> {
    match name {
        "VP8" => Some(Codec::Vp8),
        "VP9" => Some(Codec::Vp9),
        "H264" => Some(Codec::H264),
        "AV1" => Some(Codec::Av1),
        _ => None,
    }
}

/// The folder while it is filled, beside its place; gone unless it is kept.
struct Part {
    path: PathBuf,
    is_kept: bool,
}

impl Part {
    fn make(to: &Path) -> Result<Part, Failure> {
        if to.symlink_metadata().is_ok() {
            return Err(Failure::Exists(to.to_owned()));
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        // What was sealed is for whoever has the passphrase, not for everybody on this machine.
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| Failure::Io(path.clone(), error))?;
        Ok(Part { path, is_kept: false })
    }

    fn keep(mut self, manifest: &Manifest, to: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(manifest).unwrap_or_default();
        let path = self.path.join(crate::manifest::FILE);
        fs::write(&path, text).map_err(|error| Failure::Io(path, error))?;
        fs::rename(&self.path, to).map_err(|error| Failure::Io(to.to_owned(), error))?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
