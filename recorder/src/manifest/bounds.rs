//! What a manifest tells at most, so that it can always be read again: what is beyond is counted.

use super::{Failure, Gap, Manifest, Participant};

/// Most gaps told of one file: a link so bad has no use for more.
const MAX_GAPS: usize = 1_000;

/// Most gaps told of a recording.
const MAX_ALL_GAPS: usize = 16_000;

/// Most participants told of.
const MAX_PARTICIPANTS: usize = 5_000;

/// Most files of a recording.
pub const MAX_FILES: usize = 8_000;

/// Failures that are told.
const MAX_FAILURES: usize = 100;

/// Characters of a reason.
const MAX_REASON: usize = 300;

impl Manifest {
    /// Takes note of somebody, if they are not known yet.
    pub fn add_participant(&mut self, one: Participant) {
        if self.participants.len() < MAX_PARTICIPANTS {
            self.participants.push(one);
        } else {
            self.participants_left_out += 1;
        }
    }

    /// Whether there is room for another file.
    pub fn takes_files(&self) -> bool {
        self.files.len() < MAX_FILES
    }

    /// Takes note of something missing in the file at `place`.
    pub fn add_gap(&mut self, place: usize, gap: Gap) {
        let has_room = self.files.iter().map(|file| file.gaps.len()).sum::<usize>() < MAX_ALL_GAPS;
        let file = &mut self.files[place];
        if has_room && file.gaps.len() < MAX_GAPS {
            file.gaps.push(gap);
        } else {
            file.gaps_left_out += 1;
        }
    }

    /// Takes note that something could not be written.
    pub fn add_failure(&mut self, at_ms: u64, reason: &str) {
        if self.failures.len() < MAX_FAILURES {
            self.failures.push(Failure { at_ms, reason: reason.chars().take(MAX_REASON).collect() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use crate::fixture;
    use crate::folder::{Folder, MAX_SMALL_FILE};

    fn file() -> File {
        File {
            participant_id: u64::MAX.to_string(),
            shows: Shows::Screen,
            number: u32::MAX,
            offset_ms: i64::MIN,
            duration_ms: i64::MAX,
            bytes: u64::MAX,
            sha256: Some("f".repeat(64)),
            is_finished: true,
            video: Some(Video { codec: "H264".to_owned(), width: 9_999, height: 9_999, frames: u64::MAX }),
            audio: Some(Audio { codec: "opus".to_owned(), frames: u64::MAX }),
            continues: true,
            upload: Some(Upload { state: UploadState::Uploading, bytes: u64::MAX, is_local: false }),
            ..fixture::file(&"n".repeat(96))
        }
    }

    #[test]
    fn whatever_happens_in_a_recording_its_manifest_can_be_read_again() {
        let mut manifest = Manifest { upload: Some(UploadState::Uploading), ..fixture::manifest() };
        for _ in 0..MAX_PARTICIPANTS + 7 {
            manifest.add_participant(Participant {
                participant_id: u64::MAX.to_string(),
                participant_name: "\u{1}".repeat(256),
                identity: Some("\u{1}".repeat(1_024)),
                from_ms: u64::MAX,
                to_ms: Some(u64::MAX),
            });
        }
        while manifest.takes_files() {
            manifest.files.push(file());
        }
        let gap = Gap {
            at_ms: i64::MIN,
            length_ms: i64::MIN,
            of: "video".to_owned(),
            cause: Cause::Changes,
            packets: u64::MAX,
        };
        (0..2 * MAX_ALL_GAPS).for_each(|number| manifest.add_gap(number % 100, gap.clone()));
        (0..2 * MAX_FAILURES).for_each(|_| manifest.add_failure(u64::MAX, &"\u{1}".repeat(5_000)));
        assert_eq!(manifest.participants_left_out, 7);
        assert!(manifest.files[0].gaps_left_out > 0);
        assert!((manifest.to_bytes().unwrap().len() as u64) < MAX_SMALL_FILE);
    }

    #[test]
    fn a_heading_is_known_also_of_recordings_that_have_none() {
        let root = tempfile::tempdir().unwrap();
        let recording = Folder::new(root.path()).make(&own_name("rec-1")).unwrap();
        fixture::manifest().save(&recording).unwrap();
        assert_eq!(Heading::load(&recording).unwrap(), fixture::manifest().heading());
        fixture::manifest().heading().save(&recording).unwrap();
        recording.replace(&own_name(FILE), b"nonsense").unwrap();
        assert_eq!(Heading::load(&recording).unwrap(), fixture::manifest().heading());
    }
}
