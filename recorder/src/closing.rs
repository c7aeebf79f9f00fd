//! Completes recordings that are over, beside those that go on: files that were cut off are mended, each
//! gets its checksum, and the manifest says that this is all.

use crate::desk::{FromRecorder, Tiding};
use crate::folder::{Folder, Name, Recording};
use crate::manifest::{File, Manifest, State, UploadState};
use crate::mux::mend;
use crate::scribe::Scribe;
use crate::session::Over;
use crate::store::Store;
use crate::untold::{self, Clerk};
use aws_lc_rs::digest::{Context, SHA256};
use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Bytes that are summed at once.
const CHUNK: usize = 256 << 10;

/// What is to be completed.
#[derive(Debug)]
pub(crate) enum Job {
    /// A recording that has just ended.
    Close(Box<Over>),
    /// One whose recorder died, or of which something is untold.
    Recover(Name),
    /// What is left of recordings that were deleted.
    Sweep,
}

/// Whom to give it, and what is to be told of what was done.
#[derive(Debug)]
pub(crate) struct Closer {
    jobs: Sender<Job>,
    done: Receiver<FromRecorder>,
}

/// What the thread works with.
struct Desk {
    folder: Folder,
    scribe: Scribe,
    clerk: Clerk,
    store: Option<Store>,
}

impl Closer {
    pub(crate) fn start(
        folder: Folder,
        (scribe, clerk): (Scribe, Clerk),
        store: Option<Store>,
    ) -> io::Result<Closer> {
        let (jobs, waiting) = channel::<Job>();
        let (tell, done) = channel();
        let desk = Desk { folder, scribe, clerk, store };
        thread::Builder::new().name(String::from("closing")).spawn(move || {
            for job in waiting {
                if desk.complete(job).into_iter().any(|told| tell.send(told).is_err()) {
                    return;
                }
            }
        })?;
        Ok(Closer { jobs, done })
    }

    pub(crate) fn give(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            tracing::error!("nobody completes recordings; it is done at the next start");
        }
    }

    pub(crate) fn next_done(&self) -> Option<FromRecorder> {
        self.done.try_recv().ok()
    }
}

impl Desk {
    /// What is to be told of a recording then.
    fn complete(&self, job: Job) -> Vec<FromRecorder> {
        let (name, over) = match job {
            Job::Close(over) => (over.name.clone(), Some(over)),
            Job::Recover(name) => (name, None),
            Job::Sweep => {
                sweep(&self.folder);
                return Vec::new();
            }
        };
        let is_recovered = over.is_none();
        self.scribe.retire(&name);
        let outcome = match over {
            Some(over) => self.close(*over),
            None => self.recover(&name),
        };
        outcome.unwrap_or_else(|error| {
            // What is no recording has no manifest, and is nobody's business here.
            if !is_recovered || error.kind() != io::ErrorKind::NotFound {
                tracing::error!(recording = %name, %error, "the recording is not completed; it is tried again at the next start");
            }
            let recording_id = name.as_str().to_owned();
            if is_recovered { Vec::new() } else { vec![FromRecorder::Unclosed { recording_id }] }
        })
    }

    /// One that has just ended.
    fn close(&self, Over { name, manifest, folder }: Over) -> io::Result<Vec<FromRecorder>> {
        let recording = folder.map_or_else(|| self.folder.open_held(&name).map(Arc::new), Ok)?;
        // Summing takes minutes, and what ends meanwhile must find how the recording ended.
        manifest.save(&recording)?;
        self.finish(&name, &recording, manifest, false)
    }

    fn recover(&self, name: &Name) -> io::Result<Vec<FromRecorder>> {
        let Some(recording) = self.folder.open_left(name)? else {
            tracing::info!(recording = %name, "a recorder of another server is at it, in the same folder: left to that");
            return Ok(Vec::new());
        };
        let manifest = Manifest::load(&recording)?;
        self.clerk.settle();
        match manifest.state {
            State::Complete => self.untold(&recording, &manifest),
            State::Recording | State::Failed => self.finish(name, &recording, manifest, true),
        }
    }

    /// What is left to be told of one that is complete.
    fn untold(&self, recording: &Recording, manifest: &Manifest) -> io::Result<Vec<FromRecorder>> {
        let mut told = Vec::new();
        if untold::is_untold(recording, Tiding::Ended) {
            told.push(FromRecorder::ended(manifest));
        }
        if untold::is_untold(recording, Tiding::Uploaded) {
            self.store.iter().for_each(Store::until_resumed);
            let manifest = Manifest::load(recording)?;
            let is_done = manifest.upload == Some(UploadState::Done);
            told.extend(is_done.then(|| FromRecorder::uploaded(&manifest)));
        }
        Ok(told)
    }

    fn finish(
        &self,
        name: &Name,
        recording: &Recording,
        mut manifest: Manifest,
        is_recovered: bool,
    ) -> io::Result<Vec<FromRecorder>> {
        let before = manifest.state;
        // What is in the store may be here no longer, and more goes there while files are summed.
        let mark = |manifest: &mut Manifest| self.store.iter().for_each(|store| store.mark(name, manifest));
        mark(&mut manifest);
        close(recording, &mut manifest, is_recovered, mark)?;
        let is_news = before != State::Failed || manifest.state != State::Failed;
        if is_news {
            untold::note(recording, Tiding::Ended);
        }
        manifest.save(recording)?;
        self.store.iter().for_each(|store| store.closed(name, &manifest));
        let is_told = is_news || untold::is_untold(recording, Tiding::Ended);
        Ok(is_told.then(|| FromRecorder::ended(&manifest)).into_iter().collect())
    }
}

fn sweep(folder: &Folder) {
    let removed = folder.removed().unwrap_or_default();
    for name in removed {
        if let Err(error) = folder.purge(&name, None) {
            tracing::warn!(recording = %name, %error, "something of a recording that was deleted is left");
        }
    }
}

fn close(
    recording: &Recording,
    manifest: &mut Manifest,
    is_recovered: bool,
    mark: impl Fn(&mut Manifest),
) -> io::Result<()> {
    // One whose process was stopped in order has said when.
    manifest.interrupted |= is_recovered && manifest.ended_at.is_none();
    if is_recovered {
        leave_out_empty(recording, manifest)?;
    }
    let (had_failed, mut failed) = (manifest.state == State::Failed, Vec::new());
    for place in 0..manifest.files.len() {
        let mut outcome = close_file(recording, &mut manifest.files[place], is_recovered);
        if outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            mark(manifest);
            outcome = close_file(recording, &mut manifest.files[place], is_recovered);
        }
        let file = &mut manifest.files[place];
        file.failure = outcome.err().map(|error| error.to_string());
        if let Some(failure) = &file.failure {
            tracing::error!(
                file = file.name,
                failure,
                "a file of a recording cannot be completed; it is tried again at the next start"
            );
            failed.push(format!("{}: {failure}", file.name));
        }
    }
    let last = manifest.files.iter().map(|file| file.offset_ms + file.duration_ms).max().unwrap_or(0);
    manifest.ended_at = manifest.ended_at.or(Some(manifest.started_at + last.max(0) as u64));
    manifest.state = if failed.is_empty() { State::Complete } else { State::Failed };
    let at_ms = manifest.ended_at.unwrap_or(manifest.started_at).saturating_sub(manifest.started_at);
    if !had_failed {
        failed.iter().for_each(|reason| manifest.add_failure(at_ms, reason));
    }
    Ok(())
}

/// A file that had just begun when power was lost is there with nothing in it: neither it nor a word of it is
/// kept, but why.
fn leave_out_empty(recording: &Recording, manifest: &mut Manifest) -> io::Result<()> {
    let mut empty = Vec::new();
    manifest.files.retain(|file| {
        let name = Name::new(&file.name).filter(|name| file.sha256.is_none() && is_empty(recording, name));
        let stays = name.is_none();
        empty.extend(name.map(|name| (name, file.offset_ms.max(0).unsigned_abs())));
        stays
    });
    for (name, at_ms) in &empty {
        manifest.add_failure(*at_ms, &format!("{name}: nothing of it had reached the disk"));
    }
    if !empty.is_empty() {
        // What the manifest names must be there: an empty file that it does not name does no harm.
        manifest.save(recording)?;
    }
    for (name, _) in &empty {
        if let Err(error) = recording.remove(name) {
            tracing::warn!(file = %name, %error, "an empty file is left");
        }
    }
    Ok(())
}

fn is_empty(recording: &Recording, name: &Name) -> bool {
    recording.read(name).and_then(|file| Ok(file.metadata()?.len())).is_ok_and(|length| length == 0)
}

fn close_file(recording: &Recording, file: &mut File, is_recovered: bool) -> io::Result<()> {
    if file.is_finished && file.sha256.is_some() {
        return Ok(());
    }
    let name = Name::new(&file.name).ok_or(io::ErrorKind::InvalidInput)?;
    // What was finished a moment before power was lost may have reached the disk in part, and the manifest whole.
    if !file.is_finished || is_recovered {
        let mended = mend(&recording.change(&name)?)?;
        (file.duration_ms, file.bytes, file.is_finished) = (mended.duration_ms, mended.bytes, true);
        file.audio.iter_mut().for_each(|audio| audio.frames = mended.audio_frames);
        file.video.iter_mut().for_each(|video| video.frames = mended.video_frames);
    }
    file.sha256 = Some(sum(recording.read(&name)?)?);
    Ok(())
}

fn sum(mut file: std::fs::File) -> io::Result<String> {
    let (mut context, mut chunk) = (Context::new(&SHA256), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            length => context.update(&chunk[..length]),
        }
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}
