//! What signaling asks a recorder whose files it cannot see, since they are on another machine.
//!
//! Answered on a thread that waits for the disk, in parts that fit the desk.

use crate::desk::FromRecorder;
use crate::folder::Folder;
use crate::manifest::Manifest;
use crate::shelf::{self, Shelf};
use crate::store::kept_on_removal;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Bytes of an answer in one message: quoted again they are at most twice as many.
const PART: usize = 12 << 10;

/// Bytes of an answer; a list that would be longer is told in more parts.
const MOST_BYTES: usize = 8 << 20;
const MOST_LISTED: usize = 2 << 20;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Question {
    /// Which recordings there are of a room.
    List {
        /// Of which.
        room_id: String,
        /// Only those older than this.
        #[serde(default)]
        before: Option<String>,
        /// Most of them.
        limit: u16,
    },
    /// What there is of one.
    Show {
        /// Of which room.
        room_id: String,
        /// Which.
        recording_id: String,
    },
    /// To remove one that does not go on.
    Remove {
        /// Of which room.
        room_id: String,
        /// Which.
        recording_id: String,
    },
}

/// What is answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Answer {
    /// A part of a room's recordings.
    List {
        /// The newest first.
        recordings: Vec<Manifest>,
        /// Where the next part begins.
        next_cursor: Option<String>,
    },
    /// A recording.
    Shown {
        /// What it consists of.
        manifest: Box<Manifest>,
        /// In which folder all recordings are, on the recorder's machine.
        path: String,
    },
    /// It is gone.
    Removed,
    /// The room has no such recording.
    Missing,
    /// It is not complete yet.
    NotComplete,
    /// The folder cannot be read or changed.
    Unreadable {
        /// Why.
        why: String,
    },
    /// The recorder cannot be asked.
    Away {
        /// Why.
        why: String,
    },
}

impl Answer {
    /// As it travels.
    pub fn messages(&self, number: u64) -> Vec<FromRecorder> {
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut rest = json.as_str();
        let mut messages = Vec::new();
        loop {
            let mut end = rest.len().min(PART);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (part, behind) = rest.split_at(end);
            let is_last = behind.is_empty();
            messages.push(FromRecorder::Answer { number, part: part.to_owned(), is_last });
            if is_last {
                return messages;
            }
            rest = behind;
        }
    }
}

/// The thread that answers.
#[derive(Debug)]
pub(crate) struct Answerer {
    questions: Sender<(u64, Question)>,
    answers: Receiver<FromRecorder>,
}

impl Answerer {
    pub(crate) fn start(folder: Folder, has_store: bool) -> io::Result<Answerer> {
        let (questions, asked) = channel::<(u64, Question)>();
        let (tell, answers) = channel();
        thread::Builder::new().name(String::from("answers")).spawn(move || {
            let archive = Archive { folder, has_store, shelf: Shelf::default() };
            for (number, question) in asked {
                let messages = archive.answer(&question).messages(number);
                if messages.into_iter().any(|message| tell.send(message).is_err()) {
                    return;
                }
            }
        })?;
        Ok(Answerer { questions, answers })
    }

    pub(crate) fn ask(&self, number: u64, question: Question) {
        if self.questions.send((number, question)).is_err() {
            tracing::error!("nobody answers what signaling asks");
        }
    }

    pub(crate) fn next_said(&self) -> Option<FromRecorder> {
        self.answers.try_recv().ok()
    }
}

struct Archive {
    folder: Folder,
    has_store: bool,
    shelf: Shelf,
}

impl Archive {
    fn answer(&self, question: &Question) -> Answer {
        let answer = match question {
            Question::List { room_id, before, limit } => self.list(room_id, before.as_deref(), *limit),
            Question::Show { room_id, recording_id } => self.show(room_id, recording_id),
            Question::Remove { room_id, recording_id } => self.remove(room_id, recording_id),
        };
        answer.unwrap_or_else(|error| {
            tracing::error!(%error, "the recordings' folder cannot be read or changed");
            Answer::Unreadable { why: error.to_string() }
        })
    }

    fn list(&self, room: &str, before: Option<&str>, limit: u16) -> io::Result<Answer> {
        let before = before.and_then(crate::folder::Name::new);
        let part = self.shelf.part(&self.folder, room, before.as_ref(), usize::from(limit))?;
        let (mut recordings, mut bytes, mut last, mut is_cut) = (Vec::new(), 0, None, false);
        for name in &part.names {
            if bytes >= MOST_LISTED {
                is_cut = true;
                break;
            }
            last = Some(name.to_string());
            match self.folder.open(name).and_then(|recording| Manifest::load(&recording)) {
                Ok(manifest) => {
                    bytes += serde_json::to_vec(&manifest).map_or(0, |json| json.len());
                    recordings.push(manifest);
                }
                Err(error) => tracing::warn!(recording = %name, %error, "a recording is not listed"),
            }
        }
        Ok(Answer::List { recordings, next_cursor: last.filter(|_| part.has_more || is_cut) })
    }

    fn show(&self, room: &str, recording: &str) -> io::Result<Answer> {
        let Some(name) = self.shelf.find(&self.folder, room, recording) else { return Ok(Answer::Missing) };
        let manifest = Box::new(Manifest::load(&self.folder.open(&name)?)?);
        if serde_json::to_vec(&manifest)?.len() > MOST_BYTES {
            return Err(io::Error::other("the manifest is too long to be told"));
        }
        Ok(Answer::Shown { manifest, path: self.folder.path().display().to_string() })
    }

    fn remove(&self, room: &str, recording: &str) -> io::Result<Answer> {
        let Some(name) = self.shelf.find(&self.folder, room, recording) else { return Ok(Answer::Missing) };
        let keep = self.has_store.then(kept_on_removal);
        let is_removed = shelf::remove(&self.folder, &name, keep.as_ref())?;
        Ok(if is_removed { Answer::Removed } else { Answer::NotComplete })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::manifest::{Room, State};

    fn archive() -> (tempfile::TempDir, Archive) {
        let root = tempfile::tempdir().unwrap();
        let archive = Archive { folder: Folder::new(root.path()), has_store: false, shelf: Shelf::default() };
        for number in 1..=3 {
            let id = number.to_string();
            let recording = archive.folder.make(&fixture::name(&id)).unwrap();
            let room = Room { id: String::from("room"), name: String::from("Room"), e2ee: false };
            let mut manifest = Manifest::begin(&fixture::name(&id), room, number, 0);
            manifest.state = if number == 3 { State::Recording } else { State::Complete };
            manifest.save(&recording).unwrap();
        }
        (root, archive)
    }

    fn of(recording_id: &str) -> (String, String) {
        (String::from("room"), recording_id.to_owned())
    }

    #[test]
    fn recordings_elsewhere_are_listed_in_parts_shown_and_removed() {
        let (_root, archive) = archive();
        let list = |before: Option<&str>| {
            let before = before.map(str::to_owned);
            match archive.answer(&Question::List { room_id: String::from("room"), before, limit: 2 }) {
                Answer::List { recordings, next_cursor } => {
                    (recordings.into_iter().map(|one| one.recording_id).collect::<Vec<_>>(), next_cursor)
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(list(None), (vec![String::from("3"), String::from("2")], Some(String::from("2"))));
        assert_eq!(list(Some("2")), (vec![String::from("1")], None));
        let (room_id, recording_id) = of("1");
        let shown = archive.answer(&Question::Show { room_id, recording_id });
        assert!(matches!(shown, Answer::Shown { manifest, .. } if manifest.recording_id == "1"));
        let remove = |(room_id, recording_id)| archive.answer(&Question::Remove { room_id, recording_id });
        assert_eq!(remove(of("1")), Answer::Removed);
        assert_eq!(remove(of("1")), Answer::Missing);
        assert_eq!(remove((String::from("other"), String::from("2"))), Answer::Missing);
        assert_eq!(remove(of("3")), Answer::NotComplete, "it goes on");
    }

    #[test]
    fn a_long_answer_comes_in_parts_that_fit_and_is_whole_again() {
        let why = "\"\\ü\u{1f600}".repeat(9_000);
        let answer = Answer::Unreadable { why };
        let messages = answer.messages(7);
        assert!(messages.len() > 2);
        let mut whole = String::new();
        for (place, message) in messages.iter().enumerate() {
            let length = crate::desk::to_bytes(message).len();
            assert!(length <= volley::control::desk::MAX_MESSAGE, "{length}");
            let FromRecorder::Answer { number: 7, part, is_last } = message else { panic!("{message:?}") };
            assert_eq!(*is_last, place + 1 == messages.len());
            whole.push_str(part);
        }
        assert_eq!(serde_json::from_str::<Answer>(&whole).unwrap(), answer);
    }
}
