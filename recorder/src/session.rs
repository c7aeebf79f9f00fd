//! One recording: who is there, what they show, and what has come of it.

#[cfg(test)]
mod tests;

use crate::desk::{Person, Progress, Published, Source};
use crate::folder::{Folder, Name, Recording};
use crate::manifest::{self, Manifest, Participant, Shows, State};
use crate::mux::Role;
use crate::output::Syncer;
use crate::reel::{Reel, Studio};
use crate::scribe::Scribe;
use crate::settings::Segments;
use crate::store::Store;
use crate::track::Track;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use volley::base::{Time, TrackId};
use volley::control::tap::{TapWish, Tapped};
use volley::control::types::Kind;

/// How often the manifest is written anew while things change.
pub(crate) const SAVE_EVERY: Duration = Duration::from_millis(500);

/// … and while nothing does, for what it says of bytes and lengths.
const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// What a session is given by its process.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where recordings go.
    pub folder: Folder,
    /// Who brings files to the disk.
    pub syncer: Syncer,
    /// Who writes manifests.
    pub scribe: Scribe,
    /// Where recordings go besides.
    pub store: Option<Store>,
    /// How long a missing packet is waited for.
    pub patience: Duration,
    /// What the wall clock showed at the monotonic clock's zero.
    pub unix_nanos_at_zero: u64,
}

/// What a recording is begun with.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Its name, which is that of its folder.
    pub recording_id: Name,
    /// Which room.
    pub room: manifest::Room,
    /// Milliseconds since 1970.
    pub started_at: u64,
    /// How its files are cut.
    pub segments: Segments,
}

/// A recording that is over, but for its completion.
#[derive(Debug)]
pub struct Over {
    /// Its name.
    pub name: Name,
    /// What there is of it.
    pub manifest: Manifest,
    /// Held until it is complete.
    pub folder: Option<Arc<Recording>>,
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    around: Surroundings,
    name: Name,
    /// `None` while it cannot be made.
    folder: Option<Arc<Recording>>,
    manifest: Manifest,
    segments: Segments,
    /// By numbers that are not used again.
    reels: BTreeMap<u32, Reel>,
    next_reel: u32,
    /// Of which reel the tracks are.
    tracks: HashMap<TrackId, u32>,
    /// What keeps files from being written now …
    failure: Option<String>,
    /// … and the manifest.
    unsaved: Option<String>,
    is_changed: bool,
    next_save: Time,
    next_refresh: Time,
}

impl Session {
    /// Begins a recording, or goes on with one that a recorder before this one began.
    pub fn begin(now: Time, around: Surroundings, begin: Begin) -> Session {
        let Begin { recording_id, room, started_at, segments } = begin;
        let on_clock = around.unix_nanos_at_zero.saturating_add(now.as_nanos()) as i64;
        let mut session = Session {
            around,
            manifest: Manifest::begin(&recording_id, room, started_at, on_clock),
            name: recording_id,
            folder: None,
            segments,
            reels: BTreeMap::new(),
            next_reel: 0,
            tracks: HashMap::new(),
            failure: None,
            unsaved: None,
            is_changed: true,
            next_save: Time::ZERO,
            next_refresh: Time::ZERO,
        };
        session.make_folder();
        session
    }

    /// Somebody is there with these tracks, and no others.
    pub fn on_person(&mut self, now: Time, person: &Person) {
        let from_ms = self.elapsed_ms(now);
        let is_known = self.is_known(&person.participant_id);
        let known =
            self.manifest.participants.iter_mut().find(|one| one.participant_id == person.participant_id);
        match known {
            Some(known) => known.to_ms = None,
            None if !is_known => self.manifest.add_participant(Participant {
                participant_id: person.participant_id.clone(),
                participant_name: person.participant_name.clone(),
                identity: person.identity.clone(),
                from_ms,
                to_ms: None,
            }),
            None => {}
        }
        self.is_changed = true;
        let is_kept = |id: &TrackId| person.tracks.iter().any(|track| track.track_id == id.0);
        let owner = person.participant_id.as_str();
        let gone: Vec<TrackId> = self
            .tracks
            .iter()
            .filter(|(id, reel)| self.reels[*reel].is_owned_by(owner) && !is_kept(id))
            .map(|(id, _)| *id)
            .collect();
        gone.into_iter().for_each(|id| self.end_track(now, id));
        for published in &person.tracks {
            self.attach(owner, published);
        }
    }

    /// Somebody has left: their files are complete.
    pub fn on_gone(&mut self, now: Time, participant_id: &str) {
        let to_ms = self.elapsed_ms(now);
        let of = |one: &&mut Participant| one.participant_id == participant_id;
        self.manifest.participants.iter_mut().filter(of).for_each(|one| one.to_ms = Some(to_ms));
        self.is_changed = true;
        let theirs = |(place, reel): (&u32, &Reel)| reel.is_owned_by(participant_id).then_some(*place);
        let places: Vec<u32> = self.reels.iter().filter_map(theirs).collect();
        places.into_iter().for_each(|place| self.end_reel(now, place));
    }

    /// A worker tells something of a track of this recording.
    pub fn on_value(&mut self, now: Time, value: &Tapped, bytes: &[u8]) {
        let Some(id) = value.track() else { return };
        let Some(reel) = self.tracks.get(&id).and_then(|place| self.reels.get_mut(place)) else { return };
        match *value {
            Tapped::Muted { muted, .. } => return reel.on_muted(id, muted),
            Tapped::Ended { .. } => return self.end_track(now, id),
            _ => {}
        }
        let Some(track) = reel.track_mut(id) else { return };
        match value {
            Tapped::Packet(packet) => track.on_packet(packet, bytes),
            Tapped::Report { layer, timestamp, unix_nanos, .. } => {
                track.on_report(*layer, *timestamp, *unix_nanos);
            }
            Tapped::Restarted { layer, .. } => track.on_restart(*layer),
            _ => {}
        }
    }

    /// So many packets of some recordings found no room.
    pub fn on_dropped(&mut self, packets: u64) {
        // Saved with the next refresh: who is behind is not to write more.
        self.manifest.dropped_packets += packets;
    }

    /// Something happened that is missed in all files from here on.
    pub fn note(&mut self, now: Time, reason: &str) {
        let at_ms = self.elapsed_ms(now);
        self.manifest.add_failure(at_ms, reason);
    }

    /// Nothing comes of these tracks any more.
    pub fn on_worker_gone(&mut self, now: Time, tracks: &[TrackId]) {
        tracks.iter().for_each(|&id| self.end_track(now, id));
    }

    /// Whether a track is this recording's.
    pub fn has(&self, track: TrackId) -> bool {
        self.tracks.contains_key(&track)
    }

    /// All tracks of this recording.
    pub fn tracks(&self) -> impl Iterator<Item = TrackId> {
        self.tracks.keys().copied()
    }

    /// Writes what is due at `now`, and says what is to be asked for.
    pub fn advance(&mut self, now: Time) -> Vec<TapWish> {
        let mut wishes = Vec::new();
        if self.folder.is_none() {
            self.reels.values_mut().for_each(|reel| reel.discard(now));
        }
        self.with_reels(|reel, studio| wishes.extend(reel.advance(now, studio)));
        let over = |(place, reel): (&u32, &mut Reel)| reel.is_over(now).then_some(*place);
        let over: Vec<u32> = self.reels.iter_mut().filter_map(over).collect();
        over.into_iter().for_each(|place| self.end_reel(now, place));
        self.note_failure(now);
        self.save_if_due(now);
        wishes
    }

    /// How it goes.
    pub fn progress(&self, now: Time) -> Progress {
        Progress {
            recording_id: self.manifest.recording_id.clone(),
            bytes: self.manifest.bytes(),
            seconds: self.elapsed_ms(now) / 1_000,
            files: self.manifest.files.len() as u64,
            dropped_packets: self.manifest.dropped_packets,
            failure: self.failure.as_ref().or(self.unsaved.as_ref()).cloned(),
            upload: self.around.store.as_ref().map(|store| store.progress(&self.name)),
        }
    }

    /// Writes everything; what is left is to complete the recording.
    pub fn finish(mut self, now: Time) -> Over {
        self.with_reels(|reel, studio| reel.finish(now, studio));
        self.manifest.ended_at = Some(self.manifest.started_at + self.elapsed_ms(now));
        self.save();
        Over { name: self.name, manifest: self.manifest, folder: self.folder }
    }

    /// How many packets and frames wait to be written.
    pub fn waiting(&self) -> usize {
        self.reels.values().map(Reel::waiting).sum()
    }

    /// Everybody is in the manifest once, also those for whom it had no room.
    fn is_known(&self, participant_id: &str) -> bool {
        self.reels.values().any(|reel| reel.is_owned_by(participant_id))
    }

    fn attach(&mut self, owner: &str, published: &Published) {
        let id = TrackId(published.track_id);
        if self.tracks.contains_key(&id) {
            return;
        }
        let (shows, role, kind) = match published.source {
            Source::Microphone => (Shows::Camera, Role::Audio, Kind::Audio),
            Source::Camera => (Shows::Camera, Role::Video, Kind::Video),
            Source::ScreenAudio => (Shows::Screen, Role::Audio, Kind::Audio),
            Source::Screen => (Shows::Screen, Role::Video, Kind::Video),
        };
        let place = self.place_for(owner, shows, role);
        let Some(reel) = self.reels.get_mut(&place) else { return };
        let mut track = Track::new(id, kind, self.around.patience, self.around.unix_nanos_at_zero);
        track.muted = published.muted;
        reel.attach(role, track);
        self.tracks.insert(id, place);
    }

    /// What follows another goes on in its reel; what comes beside another has one of its own.
    fn place_for(&mut self, owner: &str, shows: Shows, role: Role) -> u32 {
        let theirs = || self.reels.iter().filter(|(_, reel)| reel.is_of(owner, shows));
        let free = theirs().filter(|(_, reel)| reel.lacks(role)).min_by_key(|(_, reel)| reel.number());
        if let Some((place, _)) = free {
            return *place;
        }
        let is_free = |number: &u32| theirs().all(|(_, reel)| reel.number() != *number);
        let number = (1..).find(is_free).unwrap_or(u32::MAX);
        let place = self.next_reel;
        self.next_reel += 1;
        self.reels.insert(place, Reel::new(owner.to_owned(), (shows, number), self.around.patience));
        place
    }

    fn end_track(&mut self, now: Time, id: TrackId) {
        if let Some(reel) = self.tracks.remove(&id).and_then(|place| self.reels.get_mut(&place)) {
            reel.detach(id, now);
        }
    }

    /// Its files are complete, and nothing is left of it.
    fn end_reel(&mut self, now: Time, place: u32) {
        self.tracks.retain(|_, reel| *reel != place);
        if let Some(reel) = self.reels.remove(&place) {
            let others = std::mem::replace(&mut self.reels, BTreeMap::from([(place, reel)]));
            self.with_reels(|reel, studio| reel.finish(now, studio));
            self.reels = others;
        }
    }

    fn with_reels(&mut self, mut then: impl FnMut(&mut Reel, &mut Studio<'_>)) {
        let Some(folder) = &self.folder else { return };
        let refusal = self.around.store.as_ref().and_then(Store::refusal);
        let mut studio = Studio {
            folder,
            manifest: &mut self.manifest,
            syncer: &self.around.syncer,
            segments: self.segments,
            refusal: refusal.as_deref(),
            started: 0,
            failure: &mut self.failure,
            is_changed: &mut self.is_changed,
        };
        studio.started = studio.manifest.started_on_clock;
        self.reels.values_mut().for_each(|reel| then(reel, &mut studio));
    }

    /// Makes the folder, if that is possible now, and takes over what is told there of before.
    fn make_folder(&mut self) {
        match self.around.folder.make(&self.name) {
            Ok(folder) => {
                folder.hold();
                let before = Manifest::load(&folder).or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Err(error),
                    // What it tells of may still be read by somebody.
                    _ => Manifest::set_aside(&folder).and(Err(error)),
                });
                if let Ok(before) = before {
                    let participants = std::mem::take(&mut self.manifest.participants);
                    let is_new = !before.files.is_empty() || !before.participants.is_empty();
                    let state = State::Recording;
                    self.manifest = Manifest { interrupted: is_new, state, ended_at: None, ..before };
                    for one in participants {
                        let known = |other: &Participant| other.participant_id == one.participant_id;
                        if !self.manifest.participants.iter().any(known) {
                            self.manifest.add_participant(one);
                        }
                    }
                }
                self.folder = Some(Arc::new(folder));
                self.failure = None;
                self.save();
            }
            Err(error) => self.failure = Some(self.describe(&error)),
        }
    }

    fn describe(&self, error: &impl std::fmt::Display) -> String {
        format!("{}: {error}", self.around.folder.path().display())
    }

    fn note_failure(&mut self, now: Time) {
        let at_ms = self.elapsed_ms(now);
        let Some(reason) = self.failure.as_ref().or(self.unsaved.as_ref()) else { return };
        let is_new = self.manifest.failures.last().is_none_or(|last| {
            !reason.starts_with(&last.reason)
                || at_ms.saturating_sub(last.at_ms) > REFRESH_EVERY.as_millis() as u64
        });
        if is_new {
            self.manifest.add_failure(at_ms, reason);
        }
    }

    fn save_if_due(&mut self, now: Time) {
        if now < self.next_save {
            return;
        }
        self.unsaved = self.around.scribe.failure(&self.name).map(|error| self.describe(&error));
        self.is_changed |= self.unsaved.is_some();
        let is_due = now >= self.next_refresh || self.is_changed && now >= self.next_save;
        if !is_due {
            return;
        }
        (self.next_save, self.next_refresh) = (now + SAVE_EVERY, now + REFRESH_EVERY);
        if self.folder.is_none() {
            return self.make_folder();
        }
        self.save();
    }

    fn save(&mut self) {
        if let Some(folder) = &self.folder {
            self.around.scribe.give(&self.name, folder, self.manifest.clone());
            self.is_changed = false;
        }
    }

    fn elapsed_ms(&self, now: Time) -> u64 {
        let on_clock = self.around.unix_nanos_at_zero.saturating_add(now.as_nanos()) as i64;
        (on_clock - self.manifest.started_on_clock).max(0) as u64 / 1_000_000
    }
}
