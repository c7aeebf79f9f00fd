//! A file that is being written, and its way to the disk.
//!
//! What is written is asked to be on the disk soon after, twice a second, by a thread that nobody waits for: a disk that
//! is slow to say so delays nothing but itself.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

/// Files that wait to be on the disk; one more is asked for again with what comes next.
const QUEUED: usize = 1024;

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Syncer {
    files: SyncSender<File>,
}

impl Syncer {
    /// Starts the thread; it ends with the last of those who ask.
    pub fn start() -> io::Result<Syncer> {
        let (files, waiting) = sync_channel::<File>(QUEUED);
        thread::Builder::new().name(String::from("sync")).spawn(move || {
            for file in waiting {
                if let Err(error) = file.sync_data() {
                    tracing::warn!(%error, "a recording is written, but perhaps not on the disk");
                }
            }
        })?;
        Ok(Syncer { files })
    }

    fn ask(&self, file: File) {
        match self.files.try_send(file) {
            // It is asked for again with what comes next.
            Ok(()) | Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => tracing::warn!("nobody brings recordings to the disk"),
        }
    }
}

/// A file that grows.
#[derive(Debug)]
pub struct Output {
    file: File,
    length: u64,
    /// Whether something was written since it was last asked for.
    is_fresh: bool,
}

impl Output {
    /// An empty file.
    pub fn new(file: File) -> Output {
        Output { file, length: 0, is_fresh: false }
    }

    /// Writes all of it behind what is there, or nothing.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all_at(bytes, self.length) {
            Ok(()) => {
                self.length += bytes.len() as u64;
                self.is_fresh = true;
                Ok(())
            }
            Err(error) => {
                // Half a cluster is of no use, and its room is.
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }

    /// Writes over what is there.
    pub fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)?;
        self.length = self.length.max(at + bytes.len() as u64);
        self.is_fresh = true;
        Ok(())
    }

    /// How long it is.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Asks for it to be on the disk. False: nothing was written since it was asked for last.
    pub fn sync(&mut self, by: &Syncer) -> bool {
        let is_fresh = std::mem::take(&mut self.is_fresh);
        if is_fresh && let Ok(file) = self.file.try_clone() {
            by.ask(file);
        }
        is_fresh
    }
}
