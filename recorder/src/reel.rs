//! What somebody shows of one kind, camera with microphone or screen with its sound, as one file.
//!
//! Sound and picture are put in step by their moments on the server's clock. A file is begun when it is
//! known what belongs into it; when that changes (a microphone comes later, another codec), when it could
//! not be written, or when it is as long as a segment may be, another one follows it.

mod files;
pub(crate) mod part;
mod place;

use crate::folder::Recording;
use crate::layer::{Came, Timed};
use crate::manifest::{Cause, Gap, Manifest, Shows};
use crate::mux::Role;
use crate::output::Syncer;
use crate::settings::Segments;
use crate::track::Track;
use part::Part;
use place::Place;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use volley::base::{Time, TrackId};
use volley::control::tap::TapWish;
use volley::control::types::Kind;

/// A frame waits so long for others that come before it: sound and picture of one moment arrive some
/// hundred milliseconds apart at most.
pub(crate) const HOLD: Duration = Duration::from_millis(250);

/// A camera that is off for a moment goes on in its file.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// What a reel works with.
#[derive(Debug)]
pub struct Studio<'a> {
    /// Where files go.
    pub folder: &'a Recording,
    /// Where they are told.
    pub manifest: &'a mut Manifest,
    /// Who brings them to the disk.
    pub syncer: &'a Syncer,
    /// How long a file may be.
    pub segments: Segments,
    /// Why nothing may be written now, whatever the disk says.
    pub refusal: Option<&'a str>,
    /// Nanoseconds since 1970 at which the recording began.
    pub started: i64,
    /// What keeps files from being written now.
    pub failure: &'a mut Option<String>,
    /// Whether the manifest has changed.
    pub is_changed: &'a mut bool,
}

#[derive(Debug)]
struct Queued {
    role: Role,
    timed: Timed,
    since: Time,
    /// Why it does not follow the frame before it, and how many packets are missing between.
    after: Option<(Cause, u64)>,
}

/// See the module.
#[derive(Debug)]
pub struct Reel {
    owner: String,
    shows: Shows,
    /// Which of several that its owner shows at once.
    number: u32,
    patience: Duration,
    audio: Option<Track>,
    video: Option<Track>,
    /// In the order of their moments.
    queue: BTreeMap<(i64, u64), Queued>,
    queued: u64,
    /// The moment of the last sound and the last picture that came.
    last_at: [Option<i64>; 2],
    part: Option<Part>,
    /// Nothing is tried before.
    blocked_until: Option<Time>,
    /// Pictures are of no use before a key frame.
    needs_key: bool,
    /// All that there is is being written: nothing is waited for.
    ends: bool,
    /// The next file goes on where the last one was cut.
    continues: bool,
    /// Files that began because of what its publisher changed.
    changes: u32,
    /// Something has no file, and will have none.
    is_left_out: bool,
    /// Since when it has no track.
    idle_since: Option<Time>,
    /// The same of the next frame that comes …
    broken: [Option<(Cause, u64)>; 2],
    /// … and of the next one that is written.
    unwritten: [Option<(Cause, u64)>; 2],
}

impl Reel {
    /// Of somebody, and of which of several that they show at once, with nothing in it. A missing packet is waited for
    /// as long as `patience`.
    pub fn new(owner: String, (shows, number): (Shows, u32), patience: Duration) -> Reel {
        Reel {
            owner,
            shows,
            number,
            patience,
            audio: None,
            video: None,
            queue: BTreeMap::new(),
            queued: 0,
            last_at: [None; 2],
            part: None,
            blocked_until: None,
            needs_key: false,
            ends: false,
            continues: false,
            changes: 0,
            is_left_out: false,
            idle_since: None,
            broken: [None; 2],
            unwritten: [None; 2],
        }
    }

    /// Whose it is, and what it shows.
    pub fn is_of(&self, owner: &str, shows: Shows) -> bool {
        self.owner == owner && self.shows == shows
    }

    /// Which of several that its owner shows at once: 1 is the first.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether it has no sound, or no picture, now.
    pub fn lacks(&self, role: Role) -> bool {
        match role {
            Role::Audio => self.audio.is_none(),
            Role::Video => self.video.is_none(),
        }
    }

    /// Whether it is theirs.
    pub fn is_owned_by(&self, owner: &str) -> bool {
        self.owner == owner
    }

    /// From now on this track is its sound, or its picture, which begins with a key frame by itself: what still waits of
    /// the one before is written.
    pub fn attach(&mut self, role: Role, track: Track) {
        *self.place(role) = Some(track);
    }

    /// The track of this id, if it has it.
    pub fn track_mut(&mut self, id: TrackId) -> Option<&mut Track> {
        [&mut self.audio, &mut self.video].into_iter().flatten().find(|track| track.id == id)
    }

    /// A track is muted, or no longer.
    pub fn on_muted(&mut self, id: TrackId, muted: bool) {
        let Some(track) = self.track_mut(id) else { return };
        let role = if track.kind == Kind::Audio { Role::Audio } else { Role::Video };
        if track.muted != muted {
            track.on_muted(muted);
            self.broken[place(role)] = Some((Cause::Muted, 0));
        }
    }

    /// Nothing comes of a track any more: what has come of it is written.
    pub fn detach(&mut self, id: TrackId, now: Time) {
        self.gather(now, now + self.patience + self.patience);
        for place in [&mut self.audio, &mut self.video] {
            if place.as_ref().is_some_and(|track| track.id == id) {
                *place = None;
            }
        }
    }

    /// How many packets and frames wait to be written.
    pub fn waiting(&self) -> usize {
        let tracks = [&self.audio, &self.video].into_iter().flatten();
        self.queue.len() + tracks.map(Track::waiting).sum::<usize>()
    }

    /// Whether nothing is left to be written, and nothing has come for a while.
    pub fn is_over(&mut self, now: Time) -> bool {
        if self.audio.is_some() || self.video.is_some() || !self.queue.is_empty() {
            self.idle_since = None;
            return false;
        }
        now.since(*self.idle_since.get_or_insert(now)) >= FORGOTTEN_AFTER
    }

    /// Writes what is due at `now`, and says what is needed.
    pub fn advance(&mut self, now: Time, studio: &mut Studio<'_>) -> Vec<TapWish> {
        self.gather(now, now);
        self.write_due(now, studio);
        if let Some(part) = &mut self.part
            && let Err(error) = part.settle(now, studio)
        {
            self.fail(now, &error, studio);
        }
        let wants_cut = self.is_cut_due(studio);
        let tracks = [&mut self.audio, &mut self.video].into_iter().flatten();
        let asked = |track: &mut Track| if wants_cut { track.ask(now) } else { None };
        tracks.filter_map(|track| track.wish(now).or_else(|| asked(track))).collect()
    }

    /// There is nowhere to write to: what has come is not kept.
    pub fn discard(&mut self, now: Time) {
        self.gather(now, now);
        self.queue.clear();
        self.unwritten = [Some((Cause::Disk, 0)); 2];
        self.needs_key = self.video.is_some();
    }

    /// Writes everything and completes the file.
    pub fn finish(&mut self, now: Time, studio: &mut Studio<'_>) {
        self.gather(now, now + self.patience + self.patience);
        self.ends = true;
        while let Some((_, queued)) = self.queue.pop_first() {
            self.write(now, queued, studio);
        }
        self.close_part(now, studio);
        self.ends = false;
    }

    /// Takes what its tracks can tell at `until`.
    fn gather(&mut self, now: Time, until: Time) {
        for role in [Role::Audio, Role::Video] {
            let Some(mut track) = self.place(role).take() else { continue };
            while let Some(came) = track.pull(until) {
                match came {
                    Came::Frame(timed) => self.enqueue(now, role, timed),
                    Came::Lost(packets) => {
                        let before = self.broken[place(role)].map_or(0, |(_, packets)| packets);
                        self.broken[place(role)] = Some((Cause::Lost, before + packets));
                    }
                }
            }
            *self.place(role) = Some(track);
        }
    }

    fn enqueue(&mut self, now: Time, role: Role, mut timed: Timed) {
        // Clocks of two encodings are some milliseconds apart: where one follows the other, its key frame is not to
        // stand before what came last of that.
        let last = &mut self.last_at[place(role)];
        timed.at = last.map_or(timed.at, |last| timed.at.max(last.saturating_add(1)));
        *last = Some(timed.at);
        self.queued += 1;
        let after = self.broken[place(role)].take();
        self.queue.insert((timed.at, self.queued), Queued { role, timed, since: now, after });
    }

    fn write_due(&mut self, now: Time, studio: &mut Studio<'_>) {
        let is_waiting = [&self.audio, &self.video].into_iter().flatten().any(Track::is_waiting);
        // What waited for packets of its own has no need to wait as long again for those of the other track.
        let longest = if is_waiting { self.patience + HOLD } else { HOLD };
        while let Some((_, first)) = self.queue.first_key_value() {
            let is_due = now.since(first.since) >= HOLD && now.since(first.timed.frame.received) >= longest;
            if !is_due || self.waits_for_picture(now, first) {
                return;
            }
            if let Some((_, queued)) = self.queue.pop_first() {
                self.write(now, queued, studio);
            }
        }
    }

    fn write(&mut self, now: Time, queued: Queued, studio: &mut Studio<'_>) {
        if self.blocked_until.is_some_and(|until| now < until) {
            self.unwritten[place(queued.role)] = Some((Cause::Disk, 0));
            return;
        }
        if let Some(refusal) = studio.refusal {
            let error = io::Error::other(refusal.to_owned());
            self.close_part(now, studio);
            return self.fail(now, &error, studio);
        }
        if self.is_cut_due(studio) && self.may_cut_before(&queued) {
            self.close_part(now, studio);
            self.continues = true;
        }
        let found = self.find_place(&queued, studio);
        if found == Place::Nowhere {
            self.leave_out(&queued, studio);
            return;
        }
        self.is_left_out = false;
        if found == Place::OtherFile && self.part.is_some() {
            self.close_part(now, studio);
            self.renew_picture(&queued);
            if self.waits_for_picture(now, &queued) {
                self.queued += 1;
                self.queue.insert((queued.timed.at, self.queued), queued);
                return;
            }
        }
        self.put(now, &queued, studio);
    }

    /// Writes what may be written now into the file where it belongs, which is begun where there is none.
    fn put(&mut self, now: Time, queued: &Queued, studio: &mut Studio<'_>) {
        let is_picture = queued.role == Role::Video;
        if is_picture && self.needs_key && !queued.timed.frame.is_key {
            self.unwritten[place(queued.role)] = queued.after.or(self.unwritten[place(queued.role)]);
            return;
        }
        let outcome = self.open_part(queued, studio).and_then(|()| self.append(now, queued, studio));
        match outcome {
            Ok(()) => {
                self.needs_key &= !is_picture;
                *studio.failure = None;
            }
            Err(error) => self.fail(now, &error, studio),
        }
    }

    fn append(&mut self, now: Time, queued: &Queued, studio: &mut Studio<'_>) -> io::Result<()> {
        let broken = queued.after.or(self.unwritten[place(queued.role)].take());
        let Some(part) = &mut self.part else { return Ok(()) };
        let before = part.last_ms(queued.role);
        let ms = part.append(now, queued.role, &queued.timed, studio)?;
        if let (Some((cause, packets)), Some(at_ms)) = (broken, before) {
            let of = if queued.role == Role::Audio { "audio" } else { "video" };
            let gap = Gap { at_ms, length_ms: ms - at_ms, of: of.to_owned(), cause, packets };
            studio.manifest.add_gap(part.entry(), gap);
        }
        Ok(())
    }

    fn place(&mut self, role: Role) -> &mut Option<Track> {
        match role {
            Role::Audio => &mut self.audio,
            Role::Video => &mut self.video,
        }
    }
}

fn place(role: Role) -> usize {
    usize::from(role == Role::Video)
}
