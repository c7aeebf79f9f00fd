//! Recordings on their way into an object store that speaks S3, on a thread of their own.
//!
//! The [`Store`] is what the rest of the recorder knows of it: told what there is of each recording, it says
//! how far that has come. What is to be done for a file says [`plan`]; [`uploader`] does it, several files
//! at a time, and writes down each step ([`notes`]) before the next, so that it goes on after a restart and
//! nothing is left in the store that nobody knows of. Nobody waits for any of it.

mod client;
mod credentials;
mod http;
mod notes;
mod plan;
mod probe;
mod task;
mod telling;
#[cfg(test)]
mod tests;
mod uploader;
mod work;

pub use probe::{ProbeError, Probed, probe};
pub use task::kept_on_removal;

use crate::desk::{FromRecorder, StoreFigures, UploadProgress};
use crate::folder::{Folder, Name};
use crate::manifest::{Manifest, Upload, UploadState};
use crate::settings::StoreSettings;
use credentials::Credentials;
use plan::Known;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What has been said and not been taken; the recorder takes it fifty times a second.
const MOST_SAID: usize = 10_000;

/// Reading the notes of a thousand recordings takes a tenth of a second.
const RESUMED_SOON: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    board: Mutex<Board>,
    is_spool_full: AtomicBool,
    spool_bytes: u64,
    /// What was left by a recorder before this one is known.
    is_resumed: AtomicBool,
    is_over: AtomicBool,
}

#[derive(Debug, Default)]
struct Board {
    /// What the uploader has not looked at yet: of each recording the newest.
    news: BTreeMap<Name, News>,
    /// How far each has come.
    marks: HashMap<Name, Marks>,
    said: VecDeque<FromRecorder>,
    figures: StoreFigures,
}

/// What there is of a recording.
#[derive(Clone, Debug, Default)]
struct News {
    files: BTreeMap<String, Known>,
    /// It is over, and its manifest is complete.
    is_closed: bool,
}

/// How far a recording has come.
#[derive(Clone, Debug, Default)]
struct Marks {
    files: HashMap<String, (Upload, Option<String>)>,
    progress: UploadProgress,
}

impl Store {
    /// Starts the thread, which first goes on with what was left.
    pub fn start(folder: Folder, settings: StoreSettings) -> io::Result<Store> {
        Store::start_with(folder, settings, Credentials::of_process())
    }

    fn start_with(folder: Folder, settings: StoreSettings, credentials: Credentials) -> io::Result<Store> {
        let store = Store::idle(&settings);
        let own = store.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let uploader =
            uploader::Uploader::new(folder, settings, (own, credentials)).map_err(io::Error::other)?;
        thread::Builder::new().name(String::from("store")).spawn(move || runtime.block_on(uploader.run()))?;
        Ok(store)
    }

    /// Without anybody who uploads.
    fn idle(settings: &StoreSettings) -> Store {
        let shared = Shared {
            board: Mutex::default(),
            is_spool_full: AtomicBool::new(false),
            spool_bytes: settings.spool_bytes,
            is_resumed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        };
        Store { shared: Arc::new(shared) }
    }

    /// What there is of a recording that goes on.
    pub fn saw(&self, name: &Name, manifest: &Manifest) {
        self.publish(name, manifest, false);
    }

    /// A recording is over, and its manifest is complete and on the disk.
    pub fn closed(&self, name: &Name, manifest: &Manifest) {
        self.publish(name, manifest, true);
    }

    /// Puts into a manifest how far its files have come. Not for the thread that takes packets: at the start
    /// it takes a moment until that is known.
    pub fn mark(&self, name: &Name, manifest: &mut Manifest) {
        self.until_resumed();
        if let Some(marks) = self.board().marks.get(name) {
            marks.put_into(manifest);
        }
    }

    /// Returns when it is known what a recorder before this one left.
    pub(crate) fn until_resumed(&self) {
        while !self.shared.is_resumed.load(Ordering::Acquire) && !self.shared.is_over.load(Ordering::Relaxed)
        {
            thread::sleep(RESUMED_SOON);
        }
    }

    /// How far a recording has come.
    pub fn progress(&self, name: &Name) -> UploadProgress {
        self.board().marks.get(name).map(|marks| marks.progress.clone()).unwrap_or_default()
    }

    /// Why nothing may be written now, if nothing may.
    pub fn refusal(&self) -> Option<String> {
        self.shared.is_spool_full.load(Ordering::Relaxed).then(|| {
            let megabytes = self.shared.spool_bytes >> 20;
            format!(
                "{megabytes} MB of recordings wait for the store, and no more may (recording.s3_spool_megabytes)"
            )
        })
    }

    /// What is to be said next.
    pub fn next_said(&self) -> Option<FromRecorder> {
        self.board().said.pop_front()
    }

    /// How it goes on the whole.
    pub fn figures(&self) -> StoreFigures {
        self.board().figures.clone()
    }

    /// Nothing more is begun; what is under way is broken off, and goes on after the next start.
    pub fn end(&self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }

    fn publish(&self, name: &Name, manifest: &Manifest, is_closed: bool) {
        let known = |file: &crate::manifest::File| {
            // What could not be completed stays here: it is tried again at the next start.
            let is_finished = file.is_finished || (is_closed && file.failure.is_none());
            (file.name.clone(), Known { bytes: file.bytes, is_finished, sha256: file.sha256.clone() })
        };
        let files = manifest.files.iter().map(known).collect();
        self.board().news.insert(name.clone(), News { files, is_closed });
    }

    fn say(&self, message: FromRecorder) {
        let mut board = self.board();
        if board.said.len() == MOST_SAID {
            board.said.pop_front();
        }
        board.said.push_back(message);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.shared.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    fn put_into(&self, manifest: &mut Manifest) {
        manifest.upload = Some(self.progress.state);
        for file in &mut manifest.files {
            let Some((upload, sha256)) = self.files.get(&file.name) else { continue };
            if upload.state == UploadState::Done && file.sha256.is_none() {
                file.sha256.clone_from(sha256);
            }
            file.upload = Some(upload.clone());
        }
    }
}
