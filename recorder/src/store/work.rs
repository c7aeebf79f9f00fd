//! A recording on its way: what there is of it, what is noted, and what is to be done next.

use super::client::StoreError;
use super::notes::{FileNotes, Note, Notes};
use super::plan::{self, Known, Step};
use super::task::{Did, Task};
use super::{Marks, News};
use crate::desk::UploadProgress;
use crate::folder::Recording;
use crate::manifest::{Upload, UploadState};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

/// After a failure something is tried again after so long, then twice that …
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// … and so on up to this, so that a store that is back is found soon.
const RETRY_AT_MOST: Duration = Duration::from_secs(15);

/// When to try again what has failed.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    failures: u32,
    at: Instant,
}

impl Retry {
    /// It has failed, perhaps before too.
    pub(super) fn after(before: Option<&Retry>, now: Instant) -> Retry {
        let failures = before.map_or(0, |before| before.failures) + 1;
        let pause = RETRY_AFTER.saturating_mul(1 << (failures - 1).min(8)).min(RETRY_AT_MOST);
        Retry { failures, at: now + pause }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.at
    }

    pub(super) fn is_first(&self) -> bool {
        self.failures == 1
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Work {
    notes: Notes,
    /// What something is still to be done for, now or later.
    files: BTreeMap<String, Known>,
    pub(super) is_closed: bool,
    busy: HashSet<String>,
    retries: HashMap<String, Retry>,
    failure: Option<String>,
    /// Files that may differ from what has gone up of them, and are to be compared …
    unchecked: BTreeSet<String>,
    /// … and those that are being compared: they may change meanwhile.
    checking: BTreeSet<String>,
    /// There may be uploads that nobody noted.
    needs_clearing: bool,
    pub(super) marks: Marks,
    /// Whether something has changed that a manifest tells.
    pub(super) is_changed: bool,
}

impl Work {
    /// Begins, or goes on with what a recorder before this one noted.
    pub(super) fn open(recording: &Recording) -> io::Result<Work> {
        let is_resumed = Notes::are_in(recording);
        let notes = Notes::open(recording)?;
        let has_parts =
            |(file, notes): (&String, &FileNotes)| (!notes.parts.is_empty()).then(|| file.clone());
        let mut work = Work {
            files: BTreeMap::new(),
            is_closed: false,
            busy: HashSet::new(),
            retries: HashMap::new(),
            failure: None,
            unchecked: notes.files.iter().filter_map(has_parts).collect(),
            checking: BTreeSet::new(),
            needs_clearing: is_resumed,
            marks: Marks::default(),
            is_changed: true,
            notes,
        };
        let noted: Vec<String> = work.notes.files.keys().cloned().collect();
        noted.iter().for_each(|file| work.mark(file));
        Ok(work)
    }

    /// Whether nothing is left to be done.
    pub(super) fn is_all(&self) -> bool {
        self.notes.is_all && self.files.is_empty()
    }

    /// There is more of it.
    pub(super) fn on_news(&mut self, news: News, keeps_local: bool) {
        self.is_closed |= news.is_closed;
        // A file that was begun and taken back is no file.
        self.files.retain(|file, _| news.files.contains_key(file));
        for (file, known) in news.files {
            let was_open = self.files.get(&file).is_some_and(|before| !before.is_finished);
            if was_open && known.sha256.is_some() && self.notes.of(&file).upload_id.is_some() {
                // It was mended, perhaps in the middle of a part that has gone up, or is on its way.
                self.unchecked.insert(file.clone());
            }
            let is_over =
                |notes: &FileNotes| notes.done.is_some() && plan::next(&known, notes, keeps_local).is_none();
            if self.notes.files.get(&file).is_some_and(is_over) {
                self.files.remove(&file);
            } else {
                self.files.insert(file.clone(), known);
            }
            self.mark(&file);
        }
    }

    /// What is to be done now; of files that are removed here by `remove_here` nothing is.
    pub(super) fn next(
        &mut self,
        now: Instant,
        keeps_local: bool,
        remove_here: impl Fn(&str) -> io::Result<()>,
    ) -> Option<Task> {
        if self.needs_clearing {
            let may = self.busy.is_empty() && self.is_due("", now);
            let noted = self.notes.files.values().filter_map(|notes| notes.upload_id.clone());
            return may.then(|| Task::Clear { noted: noted.collect() });
        }
        let files: Vec<String> = self.files.keys().cloned().collect();
        for file in files {
            if self.busy.contains(&file) || !self.is_due(&file, now) {
                continue;
            }
            let notes = self.notes.of(&file);
            if self.unchecked.contains(&file) && notes.done.is_none() {
                return Some(Task::Check { file, notes });
            }
            match self.files.get(&file).and_then(|known| plan::next(known, &notes, keeps_local)) {
                // Only once others know that it is in the store.
                Some(Step::RemoveHere) if self.is_changed => {}
                Some(Step::RemoveHere) => self.remove_here(&file, now, &remove_here),
                Some(Step::Forget) => self.note(&file, now, Note::Forgotten { file: file.clone() }),
                Some(Step::Put) if !self.notes.files.contains_key(&file) => {
                    self.note(&file, now, Note::Put { file: file.clone() });
                }
                Some(step) => return self.task(file, step, &notes),
                None => {}
            }
        }
        None
    }

    /// Whether all files are in the store, and the manifest is not.
    pub(super) fn lacks_manifest(&self, now: Instant) -> bool {
        self.is_closed
            && self.files.is_empty()
            && self.busy.is_empty()
            && !self.needs_clearing
            && !self.notes.is_all
            && self.is_due(crate::manifest::FILE, now)
    }

    /// Something is under way.
    pub(super) fn on_begun(&mut self, subject: &str) {
        self.busy.insert(subject.to_owned());
        // Nothing else is begun for a file that is to be compared.
        if self.unchecked.remove(subject) {
            self.checking.insert(subject.to_owned());
        }
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.busy.is_empty()
    }

    /// Something was done.
    pub(super) fn on_done(&mut self, file: &str, did: Did, now: Instant, keeps_local: bool) {
        self.on_ended(file);
        self.retries.remove(file);
        if self.retries.is_empty() {
            self.failure = None;
        }
        let owned = || file.to_owned();
        match did {
            Did::Cleared => self.needs_clearing = false,
            Did::Checked { stale } => {
                self.checking.remove(file);
                stale
                    .into_iter()
                    .for_each(|number| self.note(file, now, Note::Stale { file: owned(), number }));
            }
            Did::Begun { upload_id } => self.note(file, now, Note::Begun { file: owned(), upload_id }),
            Did::Part { number, etag, sha256, bytes } => {
                self.note(file, now, Note::Part { file: owned(), number, etag, sha256, bytes });
            }
            Did::Done { sha256, bytes } => {
                self.note(file, now, Note::Done { file: owned(), sha256, bytes });
                self.settle(file, keeps_local);
            }
            Did::Lost => self.note(file, now, Note::Forgotten { file: owned() }),
            Did::Manifest => self.note(file, now, Note::All),
            Did::Removed => {}
        }
        self.mark(file);
    }

    /// Something was not done. True: it had not failed before.
    pub(super) fn on_failed(
        &mut self,
        file: &str,
        was_begin: bool,
        error: &StoreError,
        now: Instant,
    ) -> bool {
        self.on_ended(file);
        if self.checking.remove(file) {
            self.unchecked.insert(file.to_owned());
        }
        // It may have begun nevertheless.
        self.needs_clearing |= was_begin;
        self.fail(file, error.to_string(), now)
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> UploadProgress {
        let uploaded = self.marks.files.values().map(|(upload, _)| upload.bytes).sum();
        let state = match uploaded {
            _ if self.notes.is_all => UploadState::Done,
            0 => UploadState::Waiting,
            _ => UploadState::Uploading,
        };
        let failure = self.failure.clone();
        UploadProgress { state, uploaded_bytes: uploaded, waiting_bytes: self.waiting(), failure }
    }

    /// Bytes that are not in the store yet.
    pub(super) fn waiting(&self) -> u64 {
        let left = |(file, known): (&String, &Known)| {
            known.bytes.saturating_sub(self.notes.files.get(file).map_or(0, FileNotes::uploaded))
        };
        self.files.iter().map(left).sum()
    }

    /// Bytes of files that are on this machine and to leave it.
    pub(super) fn held(&self) -> u64 {
        self.files.values().map(|known| known.bytes).sum()
    }

    pub(super) fn failure(&self) -> Option<&String> {
        self.failure.as_ref()
    }

    fn task(&self, file: String, step: Step, notes: &FileNotes) -> Option<Task> {
        let bytes = self.files.get(&file)?.bytes;
        Some(match (step, notes.upload_id.clone()) {
            (Step::Put, _) => Task::Put { file, bytes },
            (Step::Begin, _) => Task::Begin { file },
            (Step::Part { number, range }, Some(upload_id)) => Task::Part { file, upload_id, number, range },
            (Step::Finish { parts }, Some(upload_id)) => {
                let etag = |number| notes.parts.get(&number).map(|part| part.etag.clone());
                let etags = (1..=parts).filter_map(etag).collect();
                Task::Finish { file, upload_id, etags, bytes }
            }
            _ => return None,
        })
    }

    fn remove_here(&mut self, file: &str, now: Instant, remove: impl Fn(&str) -> io::Result<()>) {
        match remove(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.fail(file, format!("{file} is in the store and cannot be removed here: {error}"), now);
            }
            _ => {
                self.note(file, now, Note::Removed { file: file.to_owned() });
                self.settle(file, false);
            }
        }
    }

    /// Forgets a file for which nothing is left to be done.
    fn settle(&mut self, file: &str, keeps_local: bool) {
        let notes = self.notes.of(file);
        let is_over =
            |known: &Known| notes.done.is_some() && plan::next(known, &notes, keeps_local).is_none();
        if self.files.get(file).is_some_and(is_over) {
            self.files.remove(file);
        }
        self.mark(file);
    }

    fn note(&mut self, file: &str, now: Instant, note: Note) {
        if let Err(error) = self.notes.write(note) {
            // The step is taken again: what is in the store is then put there twice, or cleared away.
            self.needs_clearing = true;
            self.fail(file, format!("upload.log cannot be written: {error}"), now);
        }
        self.is_changed = true;
    }

    fn on_ended(&mut self, subject: &str) {
        self.busy.remove(subject);
    }

    fn fail(&mut self, file: &str, reason: String, now: Instant) -> bool {
        let retry = Retry::after(self.retries.get(file), now);
        let is_first = retry.is_first();
        self.retries.insert(file.to_owned(), retry);
        self.failure = Some(reason);
        is_first
    }

    fn is_due(&self, file: &str, now: Instant) -> bool {
        self.retries.get(file).is_none_or(|retry| retry.is_due(now))
    }

    fn mark(&mut self, file: &str) {
        let (notes, known) = (self.notes.files.get(file), self.files.contains_key(file));
        if notes.is_none() && !known {
            return;
        }
        let (bytes, is_local) =
            (notes.map_or(0, FileNotes::uploaded), notes.is_none_or(|notes| !notes.is_removed));
        let state = match notes {
            Some(FileNotes { done: Some(_), .. }) => UploadState::Done,
            Some(FileNotes { upload_id: Some(_), .. }) => UploadState::Uploading,
            _ => UploadState::Waiting,
        };
        let sha256 = notes.and_then(|notes| Some(notes.done.as_ref()?.sha256.clone()));
        self.marks.files.insert(file.to_owned(), (Upload { state, bytes, is_local }, sha256));
        self.is_changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::name;
    use crate::folder::Folder;

    const FILE: &str = "41-camera-1.webm";

    fn news(is_finished: bool) -> News {
        let known = Known { bytes: 12 << 20, is_finished, sha256: is_finished.then(|| "sum".to_owned()) };
        News { files: BTreeMap::from([(FILE.to_owned(), known)]), is_closed: is_finished }
    }

    /// What is done next, and that it has begun.
    fn begun(work: &mut Work, now: Instant) -> Task {
        let task = work.next(now, true, |_| Ok(())).unwrap();
        work.on_begun(task.subject());
        task
    }

    #[test]
    fn a_file_that_is_mended_while_it_is_compared_is_compared_again() {
        let root = tempfile::tempdir().unwrap();
        let recording = Folder::new(root.path()).make(&name("rec-1")).unwrap();
        let mut notes = Notes::open(&recording).unwrap();
        notes.write(Note::Begun { file: FILE.to_owned(), upload_id: "id".to_owned() }).unwrap();
        let (etag, sha256) = ("e".to_owned(), "s".to_owned());
        notes.write(Note::Part { file: FILE.to_owned(), number: 2, etag, sha256, bytes: 5 << 20 }).unwrap();
        let (mut work, now) = (Work::open(&recording).unwrap(), Instant::now());
        assert!(matches!(begun(&mut work, now), Task::Clear { .. }));
        work.on_done("", Did::Cleared, now, true);
        work.on_news(news(false), true);
        assert!(matches!(begun(&mut work, now), Task::Check { .. }));
        work.on_news(news(true), true);
        work.on_done(FILE, Did::Checked { stale: vec![] }, now, true);
        assert!(matches!(begun(&mut work, now), Task::Check { .. }));
        work.on_done(FILE, Did::Checked { stale: vec![2] }, now, true);
        assert!(matches!(begun(&mut work, now), Task::Part { number: 2, .. }));
    }
}
