//! One step, done: what it asks of the store, and what came of it. Remembers nothing.

use super::client::{Client, StoreError};
use super::notes::{self, FileNotes, Notes};
use super::plan::range_in;
use crate::folder::{Folder, Name, Recording};
use crate::manifest;
use aws_lc_rs::digest::{Context, SHA256};
use rusty_s3::Credentials;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// Bytes that are summed at once.
const CHUNK: u64 = 256 << 10;

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// To give up uploads of a recording that nobody noted: their beginning was not heard of.
    Clear {
        noted: HashSet<String>,
    },
    /// To compare what was noted before a restart with what there is.
    Check {
        file: String,
        notes: FileNotes,
    },
    Put {
        file: String,
        bytes: u64,
    },
    Begin {
        file: String,
    },
    Part {
        file: String,
        upload_id: String,
        number: u16,
        range: Range<u64>,
    },
    Finish {
        file: String,
        upload_id: String,
        etags: Vec<String>,
        bytes: u64,
    },
    /// To put the manifest beside the files.
    Manifest {
        content: Vec<u8>,
    },
    /// To remove a recording that was deleted from the store and, at last, from this machine.
    Remove,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Did {
    Cleared,
    Checked {
        stale: Vec<u16>,
    },
    Begun {
        upload_id: String,
    },
    Part {
        number: u16,
        etag: String,
        sha256: String,
        bytes: u64,
    },
    /// The file is in the store.
    Done {
        sha256: String,
        bytes: u64,
    },
    /// The upload that had begun is there no longer.
    Lost,
    Manifest,
    Removed,
}

impl Task {
    /// Which file it is about; nothing else is done for that file meanwhile. Empty: the whole recording.
    pub(super) fn subject(&self) -> &str {
        match self {
            Task::Clear { .. } | Task::Remove => "",
            Task::Manifest { .. } => manifest::FILE,
            Task::Check { file, .. }
            | Task::Put { file, .. }
            | Task::Begin { file }
            | Task::Part { file, .. }
            | Task::Finish { file, .. } => file,
        }
    }
}

/// Where it is done.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) folder: Folder,
    pub(super) client: Arc<Client>,
    pub(super) keys: Credentials,
    pub(super) recording: Name,
}

impl Place {
    /// Does it.
    pub(super) async fn perform(&self, task: Task) -> Result<Did, StoreError> {
        let (client, keys) = (&self.client, &self.keys);
        match task {
            Task::Clear { noted } => self.clear(&noted).await.map(|()| Did::Cleared),
            Task::Check { file, notes } => self.check(&file, notes).await,
            Task::Put { file, bytes } => {
                let content = self.open(&file)?;
                let sha256 = sum(&content, 0..bytes).await?;
                client.put(keys, &self.key(&file), &content, bytes).await?;
                Ok(Did::Done { sha256, bytes })
            }
            Task::Begin { file } => {
                let upload_id = client.begin(keys, &self.key(&file)).await?;
                Ok(Did::Begun { upload_id })
            }
            Task::Part { file, upload_id, number, range } => {
                let content = self.open(&file)?;
                let sha256 = sum(&content, range.clone()).await?;
                let bytes = range.end - range.start;
                let part = (&*self.key(&file), &*upload_id, number);
                match client.part(keys, part, (&content, range)).await {
                    Err(StoreError::NoUpload) => Ok(Did::Lost),
                    etag => Ok(Did::Part { number, etag: etag?, sha256, bytes }),
                }
            }
            Task::Finish { file, upload_id, etags, bytes } => {
                self.finish(&file, &upload_id, &etags, bytes).await
            }
            Task::Manifest { content } => {
                client.put_bytes(keys, &self.key(manifest::FILE), content).await.map(|()| Did::Manifest)
            }
            Task::Remove => self.remove().await.map(|()| Did::Removed),
        }
    }

    async fn finish(
        &self,
        file: &str,
        upload_id: &str,
        etags: &[String],
        bytes: u64,
    ) -> Result<Did, StoreError> {
        let (client, keys, key) = (&self.client, &self.keys, self.key(file));
        let sha256 = sum(&self.open(file)?, 0..bytes).await?;
        match client.finish(keys, (&key, upload_id), etags).await {
            Ok(()) => Ok(Did::Done { sha256, bytes }),
            // It is finished and the answer was lost, or somebody gave it up.
            Err(StoreError::NoUpload) => match client.length(keys, &key).await {
                Ok(Some(length)) if length == bytes => Ok(Did::Done { sha256, bytes }),
                Err(error @ StoreError::Away(_)) => Err(error),
                _ => Ok(Did::Lost),
            },
            Err(error) => Err(error),
        }
    }

    async fn clear(&self, noted: &HashSet<String>) -> Result<(), StoreError> {
        for (key, upload_id) in self.uploads().await? {
            if !noted.contains(&upload_id) {
                self.client.abort(&self.keys, &key, &upload_id).await?;
            }
        }
        Ok(())
    }

    async fn check(&self, file: &str, notes: FileNotes) -> Result<Did, StoreError> {
        let content = self.open(file)?;
        let length = content.metadata().map_err(|error| here(&error))?.len();
        let mut stale = Vec::new();
        for (number, part) in notes.parts {
            let start = range_in(number, u64::MAX).start;
            let range = start..start + part.bytes;
            if range.end > length || sum(&content, range).await? != part.sha256 {
                stale.push(number);
            }
        }
        Ok(Did::Checked { stale })
    }

    async fn remove(&self) -> Result<(), StoreError> {
        let (client, keys) = (&self.client, &self.keys);
        let recording = self.folder.open_removed(&self.recording).map_err(|error| here(&error))?;
        if Notes::are_in(&recording) {
            let notes = Notes::open(&recording).map_err(|error| here(&error))?;
            for (file, notes) in &notes.files {
                let key = self.key(file);
                if let Some(upload_id) = &notes.upload_id {
                    client.abort(keys, &key, upload_id).await?;
                }
                client.delete(keys, &key).await?;
            }
            self.clear(&HashSet::new()).await?;
            client.delete(keys, &self.key(manifest::FILE)).await?;
        }
        self.folder.purge(&self.recording, None).map_err(|error| here(&error))
    }

    /// The uploads of this recording that have begun and not ended, as far as we may know.
    async fn uploads(&self) -> Result<Vec<(String, String)>, StoreError> {
        match self.client.uploads(&self.keys, &self.key("")).await {
            Err(StoreError::Locked(reason) | StoreError::Refused(reason)) => {
                tracing::warn!(
                    recording = %self.recording,
                    reason,
                    "the store does not list uploads: parts that nobody noted may stay there, which a rule of the \
                     bucket (AbortIncompleteMultipartUpload) removes"
                );
                Ok(Vec::new())
            }
            uploads => uploads,
        }
    }

    fn key(&self, file: &str) -> String {
        self.client.key(self.recording.as_str(), file)
    }

    fn open(&self, file: &str) -> Result<Arc<File>, StoreError> {
        let name = Name::new(file).ok_or_else(|| StoreError::Here(format!("{file} is no name")))?;
        let opened = self.folder.open(&self.recording).and_then(|recording: Recording| recording.read(&name));
        opened.map(Arc::new).map_err(|error| StoreError::Here(format!("{file}: {error}")))
    }
}

/// The sum of a part of a file, made where nobody waits.
async fn sum(file: &Arc<File>, range: Range<u64>) -> Result<String, StoreError> {
    let file = Arc::clone(file);
    let summed = tokio::task::spawn_blocking(move || digest(&file, range)).await;
    let summed = summed.map_err(|error| StoreError::Here(error.to_string()))?;
    summed.map_err(|error| here(&error))
}

fn digest(file: &File, range: Range<u64>) -> io::Result<String> {
    let (mut context, mut chunk) = (Context::new(&SHA256), vec![0; CHUNK as usize]);
    let mut at = range.start;
    while at < range.end {
        let length = (range.end - at).min(CHUNK);
        let chunk = &mut chunk[..length as usize];
        file.read_exact_at(chunk, at)?;
        context.update(chunk);
        at += length;
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn here(error: &io::Error) -> StoreError {
    StoreError::Here(error.to_string())
}

/// What is kept of a recording that is deleted until it is gone from the store as well.
pub fn kept_on_removal() -> Name {
    notes::file_name()
}
