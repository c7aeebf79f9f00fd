//! What others are told of uploads: figures, marks in manifests, and whether the spool is full.

use super::client::StoreError;
use super::task::Task;
use super::uploader::Uploader;
use super::work::Work;
use crate::desk::{StoreFigures, Tiding};
use crate::folder::{Folder, Name};
use crate::manifest::{self, Manifest, UploadState};
use crate::untold;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// A spool that was full takes more when a tenth of it is free again.
const FREE_AGAIN: u64 = 10;

impl Uploader {
    /// What others know of it.
    pub(super) fn tell(&mut self) {
        let mut held = 0;
        for (name, work) in &mut self.works {
            held += work.held();
            if std::mem::take(&mut work.is_changed) {
                work.marks.progress = work.progress();
                if work.is_closed {
                    mark_manifest(&self.folder, name, work);
                }
                self.store.board().marks.insert(name.clone(), work.marks.clone());
            }
        }
        self.watch_spool(held);
        // Without keys nothing goes up, between two looks for them as well.
        let has_any = !self.works.is_empty() || !self.removals.is_empty();
        let is_failing = self.locked_until.is_some() && has_any
            || self.works.values().any(|work| work.failure().is_some())
            || self.removals.values().any(Option::is_some);
        if !is_failing {
            self.failing = None;
        }
        self.store.board().figures = StoreFigures {
            waiting_bytes: self.works.values().map(Work::waiting).sum(),
            uploaded_bytes: self.uploaded_bytes,
            failures: self.failures,
            failing: self.failing.clone(),
        };
    }

    fn watch_spool(&self, held: u64) {
        let (is_full, most) = (&self.store.shared.is_spool_full, self.settings.spool_bytes);
        if self.settings.keeps_local {
            return;
        }
        let was_full = is_full.load(Ordering::Relaxed);
        let bound = if was_full { most - most / FREE_AGAIN } else { most };
        is_full.store(held >= bound, Ordering::Relaxed);
    }
}

/// The last step of a recording, when all others are done.
pub(super) fn manifest_task(folder: &Folder, name: &Name, work: &mut Work, now: Instant) -> Option<Task> {
    if !work.lacks_manifest(now) {
        return None;
    }
    let content = folder.open(name).and_then(|recording| {
        let mut manifest = Manifest::load(&recording)?;
        work.marks.progress = work.progress();
        work.marks.put_into(&mut manifest);
        manifest.upload = Some(UploadState::Done);
        untold::note(&recording, Tiding::Uploaded);
        manifest.to_bytes()
    });
    match content {
        Ok(content) => Some(Task::Manifest { content }),
        Err(error) => {
            let error = StoreError::Here(error.to_string());
            if work.on_failed(manifest::FILE, false, &error, now) {
                tracing::warn!(recording = %name, %error, "the manifest is not uploaded; it is tried again until it is");
            }
            None
        }
    }
}

/// Nobody else writes the manifest of a recording that is closed.
pub(super) fn mark_manifest(folder: &Folder, name: &Name, work: &Work) {
    let marked = folder.open(name).and_then(|recording| {
        let mut manifest = Manifest::load(&recording)?;
        work.marks.put_into(&mut manifest);
        manifest.save(&recording)
    });
    if let Err(error) = marked {
        tracing::debug!(recording = %name, %error, "a manifest does not say how far its upload is");
    }
}
