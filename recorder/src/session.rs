//! One recording: who is there, what they show, and what has come of it.

#[cfg(test)]
mod tests;

use crate::desk::{Person, Progress, Published, Source};
use crate::folder::{Folder, Name, Recording};
use crate::manifest::{self, Failure, Manifest, Participant, Shows, State};
use crate::mux::Role;
use crate::output::Syncer;
use crate::reel::{Reel, Studio};
use crate::track::Track;
use std::collections::HashMap;
use std::io;
use std::time::Duration;
use volley::base::{Time, TrackId};
use volley::control::tap::{TapWish, Tapped};
use volley::control::types::Kind;

/// How often the manifest is written anew while things change.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// … and while nothing does, for what it says of bytes and lengths.
const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// Failures that are told.
const MAX_FAILURES: usize = 100;

/// What a session is given by its process.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where recordings go.
    pub folder: Folder,
    /// Who brings files to the disk.
    pub syncer: Syncer,
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
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    around: Surroundings,
    name: Name,
    /// `None` while it cannot be made.
    folder: Option<Recording>,
    manifest: Manifest,
    reels: Vec<Reel>,
    /// Whose the tracks are, by their place among the reels.
    tracks: HashMap<TrackId, usize>,
    failure: Option<String>,
    is_changed: bool,
    next_save: Time,
    next_refresh: Time,
}

impl Session {
    /// Begins a recording, or goes on with one that a recorder before this one began.
    pub fn begin(now: Time, around: Surroundings, begin: Begin) -> Session {
        let fresh = Manifest {
            version: manifest::VERSION,
            recording_id: begin.recording_id.as_str().to_owned(),
            room: begin.room,
            started_at: begin.started_at,
            started_on_clock: around.unix_nanos_at_zero.saturating_add(now.as_nanos()) as i64,
            ended_at: None,
            state: State::Recording,
            interrupted: false,
            participants: Vec::new(),
            files: Vec::new(),
            dropped_packets: 0,
            failures: Vec::new(),
        };
        let mut session = Session {
            around,
            name: begin.recording_id,
            folder: None,
            manifest: fresh,
            reels: Vec::new(),
            tracks: HashMap::new(),
            failure: None,
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
        let known =
            self.manifest.participants.iter_mut().find(|one| one.participant_id == person.participant_id);
        match known {
            Some(known) => known.to_ms = None,
            None => self.manifest.participants.push(Participant {
                participant_id: person.participant_id.clone(),
                participant_name: person.participant_name.clone(),
                identity: person.identity.clone(),
                from_ms,
                to_ms: None,
            }),
        }
        self.is_changed = true;
        let is_kept = |id: &TrackId| person.tracks.iter().any(|track| track.track_id == id.0);
        let owner = person.participant_id.as_str();
        let gone: Vec<TrackId> = self
            .tracks
            .iter()
            .filter(|(id, reel)| self.reels[**reel].is_owned_by(owner) && !is_kept(id))
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
        for place in 0..self.reels.len() {
            if self.reels[place].is_owned_by(participant_id) {
                self.with_reel(place, |reel, studio| reel.finish(now, studio));
                self.tracks.retain(|_, reel| *reel != place);
            }
        }
    }

    /// A worker tells something of a track of this recording.
    pub fn on_value(&mut self, now: Time, value: &Tapped, bytes: &[u8]) {
        let id = match value {
            Tapped::Packet(packet) => packet.track,
            Tapped::Report { track, .. }
            | Tapped::Restarted { track, .. }
            | Tapped::Muted { track, .. }
            | Tapped::Ended { track } => *track,
            Tapped::Began | Tapped::Lost { .. } => return,
        };
        let Some(reel) = self.tracks.get(&id).map(|&place| &mut self.reels[place]) else { return };
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

    /// Nothing comes of these tracks any more.
    pub fn on_worker_gone(&mut self, now: Time, tracks: &[TrackId]) {
        tracks.iter().for_each(|&id| self.end_track(now, id));
    }

    /// Whether a track is this recording's.
    pub fn has(&self, track: TrackId) -> bool {
        self.tracks.contains_key(&track)
    }

    /// Writes what is due at `now`, and says what is to be asked for.
    pub fn advance(&mut self, now: Time) -> Vec<TapWish> {
        let mut wishes = Vec::new();
        for place in 0..self.reels.len() {
            if self.folder.is_none() {
                self.reels[place].discard(now);
            }
            self.with_reel(place, |reel, studio| wishes.extend(reel.advance(now, studio)));
        }
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
            failure: self.failure.clone(),
        }
    }

    /// Writes everything; what is left is to complete the recording.
    pub fn finish(mut self, now: Time) -> (Name, Manifest) {
        for place in 0..self.reels.len() {
            self.with_reel(place, |reel, studio| reel.finish(now, studio));
        }
        self.manifest.ended_at = Some(self.manifest.started_at + self.elapsed_ms(now));
        self.save();
        (self.name, self.manifest)
    }

    /// How many packets and frames wait to be written.
    pub fn waiting(&self) -> usize {
        self.reels.iter().map(Reel::waiting).sum()
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
        let place = self.reels.iter().position(|reel| reel.is_of(owner, shows)).unwrap_or_else(|| {
            self.reels.push(Reel::new(owner.to_owned(), shows, self.around.patience));
            self.reels.len() - 1
        });
        let mut track = Track::new(id, kind, self.around.patience, self.around.unix_nanos_at_zero);
        track.muted = published.muted;
        self.reels[place].attach(role, track);
        self.tracks.insert(id, place);
    }

    fn end_track(&mut self, now: Time, id: TrackId) {
        if let Some(place) = self.tracks.remove(&id) {
            self.reels[place].detach(id, now);
        }
    }

    fn with_reel(&mut self, place: usize, then: impl FnOnce(&mut Reel, &mut Studio<'_>)) {
        let Some(folder) = &self.folder else { return };
        let mut studio = Studio {
            folder,
            manifest: &mut self.manifest,
            syncer: &self.around.syncer,
            started: 0,
            failure: &mut self.failure,
            is_changed: &mut self.is_changed,
        };
        studio.started = studio.manifest.started_on_clock;
        then(&mut self.reels[place], &mut studio);
    }

    /// Makes the folder, if that is possible now, and takes over what is told there of before.
    fn make_folder(&mut self) {
        match self.around.folder.make(&self.name) {
            Ok(folder) => {
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
                            self.manifest.participants.push(one);
                        }
                    }
                }
                self.folder = Some(folder);
                self.failure = None;
                self.save();
            }
            Err(error) => self.failure = Some(self.describe(&error)),
        }
    }

    fn describe(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.around.folder.path().display())
    }

    fn note_failure(&mut self, now: Time) {
        let at_ms = self.elapsed_ms(now);
        let Some(reason) = &self.failure else { return };
        let is_new = self.manifest.failures.last().is_none_or(|last| {
            last.reason != *reason || at_ms.saturating_sub(last.at_ms) > REFRESH_EVERY.as_millis() as u64
        });
        if is_new && self.manifest.failures.len() < MAX_FAILURES {
            self.manifest.failures.push(Failure { at_ms, reason: reason.clone() });
        }
    }

    fn save_if_due(&mut self, now: Time) {
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
        let Some(folder) = &self.folder else { return };
        match self.manifest.save(folder) {
            Ok(()) => self.is_changed = false,
            Err(error) => self.failure = self.failure.take().or(Some(self.describe(&error))),
        }
    }

    fn elapsed_ms(&self, now: Time) -> u64 {
        let on_clock = self.around.unix_nanos_at_zero.saturating_add(now.as_nanos()) as i64;
        (on_clock - self.manifest.started_on_clock).max(0) as u64 / 1_000_000
    }
}
