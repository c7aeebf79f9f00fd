//! What is known of a recording's way into the store, as `upload.log` in its folder keeps it: a line for
//! each step, on the disk before the next one is taken. A recorder that comes back goes on from there.

use crate::folder::{Name, Recording};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};

/// What the notes are called.
pub(crate) const FILE: &str = "upload.log";

/// A line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Note {
    /// The recording is to go into the store.
    Meant,
    /// An upload in parts has begun.
    Begun { file: String, upload_id: String },
    /// A file goes up in one piece.
    Put { file: String },
    /// A part is there.
    Part { file: String, number: u16, etag: String, sha256: String, bytes: u64 },
    /// A part is of no use.
    Stale { file: String, number: u16 },
    /// What there was of a file is of no use.
    Forgotten { file: String },
    /// A file is there.
    Done { file: String, sha256: String, bytes: u64 },
    /// It is on this machine no longer.
    Removed { file: String },
    /// The manifest is there too: that was all.
    All,
}

/// All that is known of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FileNotes {
    pub(crate) upload_id: Option<String>,
    pub(crate) parts: BTreeMap<u16, PartNote>,
    pub(crate) done: Option<Done>,
    pub(crate) is_removed: bool,
}

/// A part that is in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PartNote {
    pub(crate) etag: String,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

/// A file that is in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Done {
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

impl FileNotes {
    /// How much of it is in the store.
    pub(crate) fn uploaded(&self) -> u64 {
        let parts = || self.parts.values().map(|part| part.bytes).sum();
        self.done.as_ref().map_or_else(parts, |done| done.bytes)
    }
}

/// All notes of a recording.
#[derive(Debug)]
pub(crate) struct Notes {
    pub(crate) files: BTreeMap<String, FileNotes>,
    /// Nothing is left to be done.
    pub(crate) is_all: bool,
    log: File,
    /// A line was perhaps written in part.
    is_torn: bool,
}

impl Notes {
    /// What stands in a recording's folder; begun there when it is not yet.
    pub(crate) fn open(recording: &Recording) -> io::Result<Notes> {
        let name = file_name();
        let before = match recording.read_small(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes?,
        };
        let mut notes =
            Notes { files: BTreeMap::new(), is_all: false, log: recording.append(&name)?, is_torn: false };
        for line in before.split(|byte| *byte == b'\n') {
            // The last line may have been cut off.
            if let Ok(note) = serde_json::from_slice(line) {
                notes.apply(note);
            }
        }
        match before.last() {
            None => notes.write(Note::Meant)?,
            Some(b'\n') => {}
            Some(_) => notes.log.write_all(b"\n")?,
        }
        Ok(notes)
    }

    /// Whether a recording has notes.
    pub(crate) fn are_in(recording: &Recording) -> bool {
        recording.read(&file_name()).is_ok()
    }

    /// Of a file.
    pub(crate) fn of(&self, file: &str) -> FileNotes {
        self.files.get(file).cloned().unwrap_or_default()
    }

    /// Takes note, on the disk first.
    pub(crate) fn write(&mut self, note: Note) -> io::Result<()> {
        let mut line = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut line, &note)?;
        line.push(b'\n');
        self.is_torn = true;
        self.log.write_all(&line)?;
        self.log.sync_data()?;
        self.is_torn = false;
        self.apply(note);
        Ok(())
    }

    fn apply(&mut self, note: Note) {
        match note {
            Note::Meant => {}
            Note::Begun { file, upload_id } => {
                let notes = FileNotes { upload_id: Some(upload_id), ..FileNotes::default() };
                self.files.insert(file, notes);
            }
            Note::Part { file, number, etag, sha256, bytes } => {
                let part = PartNote { etag, sha256, bytes };
                self.files.entry(file).or_default().parts.insert(number, part);
            }
            Note::Stale { file, number } => {
                self.files.entry(file).or_default().parts.remove(&number);
            }
            Note::Put { file } => {
                self.files.entry(file).or_default();
            }
            // That there may be something in the store is not forgotten, for its deletion.
            Note::Forgotten { file } => {
                self.files.insert(file, FileNotes::default());
                self.is_all = false;
            }
            Note::Done { file, sha256, bytes } => {
                let done = Some(Done { sha256, bytes });
                self.files.insert(file, FileNotes { done, ..FileNotes::default() });
            }
            Note::Removed { file } => self.files.entry(file).or_default().is_removed = true,
            Note::All => self.is_all = true,
        }
        self.is_all &= self.files.values().all(|file| file.done.is_some());
    }
}

/// The name of the notes.
pub(crate) fn file_name() -> Name {
    Name::new(FILE).expect("it is a name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    #[test]
    fn what_was_noted_is_known_again_also_behind_a_line_that_was_cut_off() {
        let root = tempfile::tempdir().unwrap();
        let recording = Folder::new(root.path()).make(&Name::new("one").unwrap()).unwrap();
        assert!(!Notes::are_in(&recording));
        let mut notes = Notes::open(&recording).unwrap();
        let file = || "a.webm".to_owned();
        notes.write(Note::Begun { file: file(), upload_id: "id".to_owned() }).unwrap();
        let part = |number| Note::Part {
            file: file(),
            number,
            etag: "e".to_owned(),
            sha256: "s".to_owned(),
            bytes: 5,
        };
        notes.write(part(2)).unwrap();
        recording.append(&file_name()).unwrap().write_all(b"{\"step\":\"par").unwrap();
        let mut again = Notes::open(&recording).unwrap();
        assert!(Notes::are_in(&recording));
        assert_eq!(again.files, notes.files);
        assert_eq!(again.of("a.webm").uploaded(), 5);
        again.write(part(3)).unwrap();
        again.write(Note::Stale { file: file(), number: 2 }).unwrap();
        let numbers: Vec<u16> = Notes::open(&recording).unwrap().of("a.webm").parts.keys().copied().collect();
        assert_eq!(numbers, [3]);
    }

    #[test]
    fn all_is_not_all_when_a_file_goes_up_again() {
        let root = tempfile::tempdir().unwrap();
        let recording = Folder::new(root.path()).make(&Name::new("one").unwrap()).unwrap();
        let mut notes = Notes::open(&recording).unwrap();
        let file = || "a.webm".to_owned();
        notes.write(Note::Done { file: file(), sha256: "s".to_owned(), bytes: 1 }).unwrap();
        notes.write(Note::All).unwrap();
        assert!(Notes::open(&recording).unwrap().is_all);
        notes.write(Note::Forgotten { file: file() }).unwrap();
        notes.write(Note::Begun { file: file(), upload_id: "id".to_owned() }).unwrap();
        assert!(!Notes::open(&recording).unwrap().is_all);
    }
}
