//! Writes manifests, and brings them to the disk, beside the thread that takes packets: a disk that is slow
//! keeps a manifest waiting and nothing else.
//!
//! Of each recording the newest manifest waits at most, so what waits is bounded by what is recorded.

use crate::folder::{Name, Recording};
use crate::manifest::{Heading, Manifest};
use crate::store::Store;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Whom to give manifests; the thread ends with the last of those who hold one.
#[derive(Clone, Debug)]
pub struct Scribe {
    desk: Arc<Desk>,
    _end: Arc<End>,
}

#[derive(Debug, Default)]
struct Desk {
    papers: Mutex<Papers>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Papers {
    waiting: HashMap<Name, Sheet>,
    /// In whose turn; names whose sheet is gone are passed over.
    turns: VecDeque<Name>,
    /// What is being written.
    writing: Option<Name>,
    /// Why the last one of a recording could not be.
    failed: HashMap<Name, String>,
    is_over: bool,
}

#[derive(Debug)]
struct Sheet {
    folder: Arc<Recording>,
    manifest: Manifest,
}

#[derive(Debug)]
struct End(Arc<Desk>);

impl Scribe {
    /// Starts the thread. The store is told what was written, and what it tells is written.
    pub fn start(store: Option<Store>) -> io::Result<Scribe> {
        let desk = Arc::new(Desk::default());
        let own = Arc::clone(&desk);
        thread::Builder::new().name(String::from("manifests")).spawn(move || own.work(store.as_ref()))?;
        Ok(Scribe { _end: Arc::new(End(Arc::clone(&desk))), desk })
    }

    /// Has a manifest written, in place of one that waits.
    pub fn give(&self, name: &Name, folder: &Arc<Recording>, manifest: Manifest) {
        let sheet = Sheet { folder: Arc::clone(folder), manifest };
        let mut papers = self.desk.papers();
        if papers.waiting.insert(name.clone(), sheet).is_none() {
            papers.turns.push_back(name.clone());
        }
        drop(papers);
        self.desk.changed.notify_all();
    }

    /// Why the last manifest of a recording could not be written, if it could not.
    pub fn failure(&self, name: &Name) -> Option<String> {
        self.desk.papers().failed.get(name).cloned()
    }

    /// Nothing of a recording is written any more once this returns. Not for the thread that takes packets.
    pub fn retire(&self, name: &Name) {
        let mut papers = self.desk.papers();
        papers.waiting.remove(name);
        papers.turns.retain(|turn| turn != name);
        while papers.writing.as_ref() == Some(name) {
            papers = self.desk.changed.wait(papers).unwrap_or_else(PoisonError::into_inner);
        }
        papers.failed.remove(name);
    }

    /// Returns when all that was given is written.
    pub fn flush(&self) {
        let mut papers = self.desk.papers();
        while papers.writing.is_some() || !papers.waiting.is_empty() {
            papers = self.desk.changed.wait(papers).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.papers().is_over = true;
        self.0.changed.notify_all();
    }
}

impl Desk {
    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, store: Option<&Store>) {
        while let Some((name, mut sheet)) = self.next() {
            if let Some(store) = store {
                store.mark(&name, &mut sheet.manifest);
                store.saw(&name, &sheet.manifest);
            }
            let outcome = write(&sheet);
            // Whoever waits for this may want the folder to be held by nobody.
            drop(sheet);
            let mut papers = self.papers();
            papers.writing = None;
            match outcome {
                Ok(()) => drop(papers.failed.remove(&name)),
                Err(error) => drop(papers.failed.insert(name, error.to_string())),
            }
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Option<(Name, Sheet)> {
        let mut papers = self.papers();
        loop {
            while let Some(name) = papers.turns.pop_front() {
                if let Some(sheet) = papers.waiting.remove(&name) {
                    papers.writing = Some(name.clone());
                    return Some((name, sheet));
                }
            }
            if papers.is_over {
                return None;
            }
            papers = self.changed.wait(papers).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn write(Sheet { folder, manifest }: &Sheet) -> io::Result<()> {
    if !Heading::is_in(folder) {
        manifest.heading().save(folder)?;
    }
    manifest.save(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, name};
    use crate::folder::Folder;

    fn manifest(dropped_packets: u64) -> Manifest {
        Manifest { dropped_packets, ..fixture::manifest() }
    }

    #[test]
    fn the_newest_manifest_is_what_stands_in_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::new(root.path()).make(&name("rec-1")).unwrap());
        let scribe = Scribe::start(None).unwrap();
        (0..100).for_each(|number| scribe.give(&name("rec-1"), &folder, manifest(number)));
        scribe.flush();
        assert_eq!(Manifest::load(&folder).unwrap().dropped_packets, 99);
        assert_eq!(Heading::load(&folder).unwrap().room.id, "room");
    }

    #[test]
    fn after_it_is_retired_nothing_of_a_recording_is_written() {
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::new(root.path()).make(&name("rec-1")).unwrap());
        let scribe = Scribe::start(None).unwrap();
        scribe.give(&name("rec-1"), &folder, manifest(1));
        scribe.retire(&name("rec-1"));
        manifest(7).save(&folder).unwrap();
        scribe.flush();
        assert_eq!(Manifest::load(&folder).unwrap().dropped_packets, 7);
    }

    #[test]
    fn why_a_manifest_cannot_be_written_is_told_until_one_can() {
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::new(root.path()).make(&name("rec-1")).unwrap());
        let scribe = Scribe::start(None).unwrap();
        // A folder where the file should be.
        let blocked = root.path().join("rec-1/manifest.json");
        std::fs::create_dir(&blocked).unwrap();
        scribe.give(&name("rec-1"), &folder, manifest(1));
        scribe.flush();
        assert!(scribe.failure(&name("rec-1")).is_some());
        std::fs::remove_dir(&blocked).unwrap();
        scribe.give(&name("rec-1"), &folder, manifest(2));
        scribe.flush();
        assert_eq!(scribe.failure(&name("rec-1")), None);
    }
}
