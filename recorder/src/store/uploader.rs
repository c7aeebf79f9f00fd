//! Does what is to be done for all recordings, a few steps at a time, and each again until it succeeds.

use super::client::{Client, StoreError};
use super::credentials::Credentials;
use super::http::Http;
use super::notes::Notes;
use super::task::{Did, Place, Task};
use super::telling::{manifest_task, mark_manifest};
use super::work::{Retry, Work};
use super::{News, Store};
use crate::desk::{FromRecorder, Tiding};
use crate::folder::{Folder, Name};
use crate::manifest::{Manifest, State};
use crate::settings::StoreSettings;
use crate::untold;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Steps under way at once: enough for a line of some hundred milliseconds, and few enough for its peers.
const AT_ONCE: usize = 4;

/// How often it is looked for what is to be done when nothing ends.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often manifests, figures and what was deleted are looked at.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Without credentials nothing is tried for so long.
const LOCKED_FOR: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Uploader {
    pub(super) folder: Folder,
    pub(super) settings: StoreSettings,
    client: Arc<Client>,
    credentials: Credentials,
    pub(super) store: Store,
    pub(super) works: BTreeMap<Name, Work>,
    /// What was deleted, and is not gone yet.
    pub(super) removals: BTreeMap<Name, Option<Retry>>,
    removing: HashSet<Name>,
    steps: JoinSet<Outcome>,
    /// Whose turn it was last.
    turn: Option<Name>,
    next_tell: Instant,
    /// Nobody has found credentials since; nothing is tried before this.
    pub(super) locked_until: Option<Instant>,
    /// Why the last step failed that failed.
    pub(super) failing: Option<String>,
    pub(super) uploaded_bytes: u64,
    pub(super) failures: u64,
}

struct Outcome {
    recording: Name,
    subject: String,
    kind: Kind,
    result: Result<Did, StoreError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Begin,
    Removal,
    Other,
}

impl Uploader {
    pub(super) fn new(
        folder: Folder,
        settings: StoreSettings,
        (store, credentials): (Store, Credentials),
    ) -> Result<Uploader, String> {
        let http = Http::new().map_err(|error| format!("no certificates to trust: {error}"))?;
        Ok(Uploader {
            client: Arc::new(Client::new(http, &settings)?),
            folder,
            settings,
            credentials,
            store,
            works: BTreeMap::new(),
            removals: BTreeMap::new(),
            removing: HashSet::new(),
            steps: JoinSet::new(),
            turn: None,
            next_tell: Instant::now(),
            locked_until: None,
            failing: None,
            uploaded_bytes: 0,
            failures: 0,
        })
    }

    /// Runs until the recorder ends.
    pub(super) async fn run(mut self) {
        self.resume();
        self.tell();
        self.store.shared.is_resumed.store(true, Ordering::Release);
        while !self.store.shared.is_over.load(Ordering::Relaxed) {
            self.take_news();
            if Instant::now() >= self.next_tell {
                self.next_tell = Instant::now() + TELL_EVERY;
                self.look_for_removed();
                self.tell();
            }
            self.begin_steps().await;
            if let Ok(Some(ended)) = tokio::time::timeout(LOOK_EVERY, self.next_ended()).await {
                self.on_outcome(ended);
            }
        }
    }

    async fn next_ended(&mut self) -> Option<Outcome> {
        match self.steps.join_next().await {
            Some(Ok(outcome)) => Some(outcome),
            Some(Err(error)) => {
                tracing::error!(%error, "a step of an upload broke; it is taken again at the next start");
                None
            }
            None => std::future::pending().await,
        }
    }

    /// Takes up what a recorder before this one left. What is still open there is told by those who close it.
    fn resume(&mut self) {
        let names = self.folder.list().unwrap_or_else(|error| {
            tracing::error!(%error, "the recordings' folder cannot be read: nothing that was left there is uploaded");
            Vec::new()
        });
        for name in names {
            let opened = self.folder.open(&name).and_then(|recording| {
                let work = Notes::are_in(&recording).then(|| Work::open(&recording)).transpose()?;
                Ok((work, recording))
            });
            match opened {
                Ok((Some(work), recording)) if !work.is_all() => {
                    let complete = Manifest::load(&recording).ok().filter(|one| one.state == State::Complete);
                    self.works.insert(name.clone(), work);
                    if let Some(manifest) = complete {
                        self.store.closed(&name, &manifest);
                    }
                }
                // It died before its manifest said so, or before that was told.
                Ok((Some(mut work), recording)) if untold::is_untold(&recording, Tiding::Uploaded) => {
                    work.marks.progress = work.progress();
                    mark_manifest(&self.folder, &name, &work);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(recording = %name, %error, "the recording's upload cannot go on");
                }
            }
        }
    }

    fn take_news(&mut self) {
        let news = std::mem::take(&mut self.store.board().news);
        for (name, news) in news {
            if let Err(error) = self.on_news(&name, &news) {
                // Gone, mostly; of one that goes on there is more news soon.
                tracing::debug!(recording = %name, %error, "a recording is not uploaded now");
                if news.is_closed && error.kind() != io::ErrorKind::NotFound {
                    self.store.board().news.entry(name).or_insert(news);
                }
            }
        }
    }

    fn on_news(&mut self, name: &Name, news: &News) -> io::Result<()> {
        if !self.works.contains_key(name) {
            let work = Work::open(&self.folder.open(name)?)?;
            self.works.insert(name.clone(), work);
        }
        if let Some(work) = self.works.get_mut(name) {
            work.on_news(news.clone(), self.settings.keeps_local);
            if work.is_all() {
                self.works.remove(name);
            }
        }
        Ok(())
    }

    async fn begin_steps(&mut self) {
        if self.locked_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        while self.steps.len() < AT_ONCE {
            let Some((recording, task)) = self.next_removal().or_else(|| self.next_task()) else { return };
            let keys = match self.credentials.get(self.client.http()).await {
                Ok(keys) => keys,
                Err(error) => return self.on_locked(&error),
            };
            self.locked_until = None;
            let subject = task.subject().to_owned();
            let kind = match task {
                Task::Begin { .. } => Kind::Begin,
                Task::Remove => Kind::Removal,
                _ => Kind::Other,
            };
            match kind {
                Kind::Removal => drop(self.removing.insert(recording.clone())),
                _ => self.works.get_mut(&recording).into_iter().for_each(|work| work.on_begun(&subject)),
            }
            let (folder, client) = (self.folder.clone(), Arc::clone(&self.client));
            let place = Place { folder, client, keys, recording: recording.clone() };
            self.steps.spawn(async move {
                let result = place.perform(task).await;
                Outcome { recording, subject, kind, result }
            });
        }
    }

    fn next_removal(&self) -> Option<(Name, Task)> {
        let now = Instant::now();
        let is_due = |(name, retry): &(&Name, &Option<Retry>)| {
            let is_free = self.works.get(*name).is_none_or(Work::is_idle) && !self.removing.contains(*name);
            is_free && retry.as_ref().is_none_or(|retry| retry.is_due(now))
        };
        self.removals.iter().find(is_due).map(|(name, _)| (name.clone(), Task::Remove))
    }

    /// Recordings take turns.
    fn next_task(&mut self) -> Option<(Name, Task)> {
        let now = Instant::now();
        let names: Vec<Name> = match &self.turn {
            Some(turn) => {
                let behind = self.works.range((Excluded(turn.clone()), Unbounded));
                behind.chain(self.works.range(..=turn.clone())).map(|(name, _)| name.clone()).collect()
            }
            None => self.works.keys().cloned().collect(),
        };
        for name in names {
            let Some(work) = self.works.get_mut(&name).filter(|_| !self.removals.contains_key(&name)) else {
                continue;
            };
            let folder = &self.folder;
            let remove_here = |file: &str| {
                let file = Name::new(file).ok_or(io::ErrorKind::InvalidInput)?;
                folder.open(&name)?.remove(&file)
            };
            let task = work.next(now, self.settings.keeps_local, remove_here);
            let task = task.or_else(|| manifest_task(folder, &name, work, now));
            if let Some(task) = task {
                self.turn = Some(name.clone());
                return Some((name, task));
            }
        }
        None
    }

    fn on_outcome(&mut self, Outcome { recording, subject, kind, result }: Outcome) {
        let now = Instant::now();
        match &result {
            Ok(Did::Part { bytes, .. }) => self.uploaded_bytes += bytes,
            Ok(Did::Done { bytes, .. }) => self.uploaded_bytes += bytes,
            Ok(_) => {}
            Err(error) => {
                self.failures += 1;
                self.failing = Some(error.to_string());
                if matches!(error, StoreError::Locked(_)) {
                    self.credentials.forget();
                }
            }
        }
        if kind == Kind::Removal {
            return self.on_removal(&recording, result, now);
        }
        let Some(work) = self.works.get_mut(&recording) else { return };
        match result {
            Ok(did) => work.on_done(&subject, did, now, self.settings.keeps_local),
            Err(error) => {
                if work.on_failed(&subject, kind == Kind::Begin, &error, now) {
                    tracing::warn!(%recording, file = subject, %error, "not uploaded; it is tried again until it is");
                }
            }
        }
        if work.is_all() {
            self.on_all(&recording);
        }
    }

    fn on_removal(&mut self, recording: &Name, result: Result<Did, StoreError>, now: Instant) {
        self.removing.remove(recording);
        match result {
            Ok(_) => {
                tracing::info!(%recording, "the recording is deleted, in the store too");
                self.removals.remove(recording);
                self.forget(recording);
            }
            Err(error) => {
                let retry = Retry::after(self.removals.get(recording).and_then(Option::as_ref), now);
                if retry.is_first() {
                    tracing::warn!(%recording, %error, "not removed from the store; it is tried again until it is");
                }
                self.removals.insert(recording.clone(), Some(retry));
            }
        }
    }

    /// Everything of a recording is in the store.
    fn on_all(&mut self, recording: &Name) {
        let Some(work) = self.works.get_mut(recording) else { return };
        work.marks.progress = work.progress();
        let marked = self.folder.open(recording).and_then(|folder| {
            let mut manifest = Manifest::load(&folder)?;
            work.marks.put_into(&mut manifest);
            manifest.save(&folder)?;
            Ok(manifest)
        });
        match marked {
            Ok(manifest) => {
                tracing::info!(%recording, room = manifest.room.id, "the recording is in the store");
                self.store.say(FromRecorder::uploaded(&manifest));
            }
            Err(error) => {
                tracing::warn!(%recording, %error, "its manifest does not say that it is in the store")
            }
        }
        self.forget(recording);
    }

    fn forget(&mut self, recording: &Name) {
        self.works.remove(recording);
        self.store.board().marks.remove(recording);
    }

    fn look_for_removed(&mut self) {
        match self.folder.removed() {
            Ok(names) => names.into_iter().for_each(|name| {
                self.removals.entry(name).or_insert(None);
            }),
            Err(error) => tracing::error!(%error, "the recordings' folder cannot be read"),
        }
    }

    fn on_locked(&mut self, error: &str) {
        if self.failing.as_deref() != Some(error) {
            tracing::error!(error, "recordings are not uploaded");
        }
        self.failing = Some(error.to_owned());
        self.failures += 1;
        self.locked_until = Some(Instant::now() + LOCKED_FOR);
    }
}
