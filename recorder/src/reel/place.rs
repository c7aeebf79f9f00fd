//! Into which file a frame belongs: this one, another one that begins with it, or none, where too many have
//! begun.

use super::part::Fit;
use super::{Queued, Reel, Studio, place};
use crate::manifest::{Cause, MAX_FILES};
use crate::mux::Role;
use std::time::Duration;
use volley::base::Time;

/// Files that begin because a publisher changed codec or parameters: nobody does so often, but for harm.
const MOST_CHANGES: u32 = 100;

/// Segments are cut as long as a recording has fewer files: the rest is for those who come later.
const SEGMENTS_UP_TO: usize = MAX_FILES * 3 / 4;

/// A file that begins with sound alone waits so long for the first picture: a key frame that was asked for
/// takes half a second.
const WAIT_FOR_PICTURE: Duration = Duration::from_millis(2_500);

/// Where a frame belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    ThisFile,
    OtherFile,
    /// Too many files have begun already.
    Nowhere,
}

impl Reel {
    /// Where a frame belongs.
    pub(super) fn find_place(&mut self, queued: &Queued, studio: &Studio<'_>) -> Place {
        let fit = self.part.as_ref().map(|part| part.fit(queued.role, &queued.timed));
        let takes_files = studio.manifest.takes_files();
        match fit {
            Some(Fit::Whole) => Place::ThisFile,
            Some(Fit::OtherCodec | Fit::OtherParameters) if takes_files && self.changes < MOST_CHANGES => {
                self.changes += 1;
                Place::OtherFile
            }
            // The parameters stand in the frame as well, where most players look.
            Some(Fit::OtherParameters) => Place::ThisFile,
            Some(Fit::OtherCodec) => Place::Nowhere,
            Some(Fit::NoTrack) | None if takes_files => Place::OtherFile,
            Some(Fit::NoTrack) | None => Place::Nowhere,
        }
    }

    pub(super) fn leave_out(&mut self, queued: &Queued, studio: &mut Studio<'_>) {
        self.unwritten[place(queued.role)] = Some((Cause::Changes, 0));
        if !std::mem::replace(&mut self.is_left_out, true) {
            studio.manifest.files_left_out += 1;
            *studio.is_changed = true;
        }
    }

    pub(super) fn is_cut_due(&self, studio: &Studio<'_>) -> bool {
        let has_room = studio.manifest.files.len() < SEGMENTS_UP_TO;
        has_room && self.part.as_ref().is_some_and(|part| part.is_longer_than(studio.segments))
    }

    /// Whether a file may begin with this frame: with a picture where there is one.
    pub(super) fn may_cut_before(&self, queued: &Queued) -> bool {
        let waits = || self.queue.values().any(|queued| queued.role == Role::Video);
        match queued.role {
            Role::Video => queued.timed.frame.is_key,
            Role::Audio => !self.video.as_ref().is_some_and(|track| !track.muted) && !waits(),
        }
    }

    /// A file that would begin without a picture although one is on its way.
    pub(super) fn waits_for_picture(&self, now: Time, first: &Queued) -> bool {
        let comes = self.video.as_ref().is_some_and(|track| !track.muted);
        self.part.is_none()
            && !self.ends
            && comes
            && now.since(first.since) < WAIT_FOR_PICTURE
            && !self.queue.values().any(|queued| queued.role == Role::Video)
    }

    /// Another file begins: its pictures begin with a key frame.
    pub(super) fn renew_picture(&mut self, queued: &Queued) {
        let is_key = queued.role == Role::Video && queued.timed.frame.is_key;
        if !is_key && let Some(video) = &mut self.video {
            video.begin_anew();
            self.needs_key = true;
            self.queue.retain(|_, queued| queued.role == Role::Audio || queued.timed.frame.is_key);
        }
    }
}
