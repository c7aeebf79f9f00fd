//! The files of a reel: how one is begun and called, and how it ends, whole or given up.

use super::part::{self, Part};
use super::{Queued, Reel, Studio};
use crate::depacketise::Frame;
use crate::folder::Name;
use crate::manifest::{Cause, File, Shows};
use crate::mux::{self, Role};
use std::io;
use std::time::Duration;
use volley::base::Time;
use volley::control::types::Codec;

/// After a failure to write so long nothing is tried.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Names that are tried for one file: those before may stand in the folder, and in no manifest, when a
/// recorder died.
const MOST_NAMES: usize = 50_000;

impl Reel {
    pub(super) fn open_part(&mut self, first: &Queued, studio: &mut Studio<'_>) -> io::Result<()> {
        if self.part.is_some() {
            return Ok(());
        }
        let of_picture = |queued: &&Queued| queued.role == Role::Video && queued.timed.frame.is_key;
        let picture = [first].into_iter().chain(self.queue.values()).find(of_picture).map(|queued| {
            let Frame { picture, .. } = &queued.timed.frame;
            let size = picture.size.unwrap_or((1, 1));
            mux::Video { codec: queued.timed.codec, size, parameters: picture.parameters.clone() }
        });
        let has_sound =
            self.audio.is_some() || self.queue.values().chain([first]).any(|one| one.role == Role::Audio);
        let sound = has_sound.then_some(mux::Audio { channels: 2 });
        let codec = picture.as_ref().map(|video| video.codec);
        let is_own =
            |file: &&File| self.is_of(&file.participant_id, file.shows) && file.number == self.number;
        let mut number = studio.manifest.files.iter().filter(is_own).count();
        let part = loop {
            number += 1;
            let what = part::Described {
                name: self.name(number, codec),
                owner: &self.owner,
                shows: (self.shows, self.number),
                continues: self.continues,
            };
            match Part::open(what, sound, picture.clone(), first.timed.at, studio) {
                // Left by a recorder that died before it could tell of it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_NAMES => {}
                opened => break opened?,
            }
        };
        self.part = Some(part);
        self.continues = false;
        Ok(())
    }

    fn name(&self, number: usize, codec: Option<Codec>) -> Name {
        let shows = match self.shows {
            Shows::Camera => "camera",
            Shows::Screen => "screen",
        };
        let which = if self.number == 1 { String::new() } else { self.number.to_string() };
        let name = format!("{}-{shows}{which}-{number}.{}", self.owner, mux::extension(codec));
        Name::new(&name).expect("ids are numbers of the server")
    }

    pub(super) fn close_part(&mut self, now: Time, studio: &mut Studio<'_>) {
        let Some(mut part) = self.part.take() else { return };
        if let Err(error) = part.close(studio) {
            self.fail(now, &error, studio);
        }
    }

    /// What was written stays, and is completed at the end.
    pub(super) fn fail(&mut self, now: Time, error: &io::Error, studio: &mut Studio<'_>) {
        if studio.failure.is_none() {
            tracing::error!(%error, recording = studio.manifest.recording_id, "the recording cannot be written; it is tried again");
        }
        *studio.failure = Some(error.to_string());
        if let Some(part) = self.part.take() {
            part.abandon(studio);
        }
        self.continues = false;
        self.blocked_until = Some(now + TRY_AGAIN);
        self.unwritten = [Some((Cause::Disk, 0)); 2];
        self.needs_key = self.video.is_some();
        if let Some(video) = &mut self.video {
            video.begin_anew();
        }
    }
}
