//! What a recording consists of, as `manifest.json` in its folder tells: who, when, which files, and what
//! is missing in them. Times are milliseconds from the recording's beginning, unless they say otherwise.

mod bounds;
mod failed;

pub use bounds::MAX_FILES;

use crate::folder::{Name, Recording};
use serde::{Deserialize, Serialize};
use std::io;

/// What the manifest is called.
pub const FILE: &str = "manifest.json";

/// What stands beside it and never changes: which room, and since when.
pub const HEADING: &str = "heading.json";

/// The name of one that could not be read.
const UNREADABLE: &str = "manifest.unreadable";

/// Rises when the meaning of a field changes.
pub const VERSION: u32 = 1;

/// See the module.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The recording: the name of its folder.
    pub recording_id: String,
    /// Which room.
    pub room: Room,
    /// Milliseconds since 1970.
    pub started_at: u64,
    /// The same moment on the server's own clock, which nobody sets and all offsets are counted on; in
    /// nanoseconds.
    pub started_on_clock: i64,
    /// Milliseconds since 1970, once it is over.
    pub ended_at: Option<u64>,
    /// Whether it goes on.
    pub state: State,
    /// Whether its recorder died meanwhile: then something may be missing at that place.
    pub interrupted: bool,
    /// Everybody who was there.
    pub participants: Vec<Participant>,
    /// How many more there were: a manifest tells of 5,000.
    #[serde(default)]
    pub participants_left_out: u64,
    /// All files.
    pub files: Vec<File>,
    /// How many more would have been begun: a recording has 8,000 at most, and one source a hundred that
    /// follow from what its publisher changed.
    #[serde(default)]
    pub files_left_out: u64,
    /// How far it is on its way into the store, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadState>,
    /// Packets that the recorder was too slow for while this went on; some may have been another recording's.
    pub dropped_packets: u64,
    /// When nothing could be written, and why.
    pub failures: Vec<Failure>,
}

/// A room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Room {
    /// As pages call it.
    pub id: String,
    /// As people call it.
    pub name: String,
    /// Whether what people send is encrypted end to end: then files hold it as it came, sealed, and `volley
    /// recording decrypt` makes files that play of it for who has the passphrase.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub e2ee: bool,
}

/// How far a recording is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It goes on.
    Recording,
    /// All files are complete.
    Complete,
    /// It is over, and a file of it could not be completed: `failures` says why. It is tried again at the
    /// next start of the recorder.
    Failed,
}

/// Somebody who was there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Given by the server: names of files begin with it.
    pub participant_id: String,
    /// As they gave it.
    pub participant_name: String,
    /// Whom their token named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// When they came, or the recording began.
    pub from_ms: u64,
    /// When they left, if they did.
    pub to_ms: Option<u64>,
}

/// What a file shows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// Camera and microphone.
    Camera,
    /// A shared screen and its sound.
    Screen,
}

/// One file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Beside the manifest.
    pub name: String,
    /// Whose it is.
    pub participant_id: String,
    /// What it shows.
    pub shows: Shows,
    /// Which of several cameras, or screens, that somebody published at once: 1 is the first, and not told. Files of one
    /// number follow each other.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub number: u32,
    /// Where its beginning lies in the recording.
    pub offset_ms: i64,
    /// How long it plays, as far as is known.
    pub duration_ms: i64,
    /// How long it is.
    pub bytes: u64,
    /// Once the recording is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether its index and duration are written.
    pub is_finished: bool,
    /// Its pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<Video>,
    /// Its sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Audio>,
    /// Whether it goes on where the file before it ended, with nothing missing between: recordings may be
    /// cut into segments.
    #[serde(default)]
    pub continues: bool,
    /// Why it could not be completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How far it is on its way into the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Upload>,
    /// What is missing in it.
    pub gaps: Vec<Gap>,
    /// How many more gaps there are.
    #[serde(default)]
    pub gaps_left_out: u64,
}

/// How far something is on its way into the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UploadState {
    /// Nothing of it is there.
    #[default]
    Waiting,
    /// A part of it is.
    Uploading,
    /// All of it is.
    Done,
}

/// A file on its way into the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// How far it is.
    pub state: UploadState,
    /// How much of it is there.
    pub bytes: u64,
    /// Whether it is on this machine as well.
    pub is_local: bool,
}

/// The pictures of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Video {
    /// `VP8`, `VP9`, `AV1` or `H264`.
    pub codec: String,
    /// Of the first picture; others may be of another size.
    pub width: u16,
    /// The same.
    pub height: u16,
    /// How many.
    pub frames: u64,
}

/// The sound of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Audio {
    /// `opus`.
    pub codec: String,
    /// How many packets.
    pub frames: u64,
}

/// Something is missing in a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// From the file's beginning.
    pub at_ms: i64,
    /// How long.
    pub length_ms: i64,
    /// Of what: `audio` or `video`.
    pub of: String,
    /// Why.
    pub cause: Cause,
    /// Packets that never came.
    pub packets: u64,
}

/// Why something is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It never came from its publisher, or the recorder was too slow.
    Lost,
    /// It was muted.
    Muted,
    /// It could not be written.
    Disk,
    /// Its publisher changed codec or parameters too often: each change begins another file.
    Changes,
}

/// Nothing could be written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// When.
    pub at_ms: u64,
    /// Why.
    pub reason: String,
}

/// What never changes of a recording: enough to find those of a room without reading all manifests, and to
/// know whose a recording is whose manifest cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heading {
    /// Which room.
    pub room: Room,
    /// Milliseconds since 1970.
    pub started_at: u64,
}

impl Heading {
    /// What stands in a recording's folder; of those made before there were headings, what the manifest says.
    pub fn load(from: &Recording) -> io::Result<Heading> {
        match from.read_small(&own_name(HEADING)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let Manifest { room, started_at, .. } = Manifest::load(from)?;
                Ok(Heading { room, started_at })
            }
            Err(error) => Err(error),
        }
    }

    /// Puts it into the recording's folder.
    pub fn save(&self, to: &Recording) -> io::Result<()> {
        to.replace(&own_name(HEADING), &serde_json::to_vec(self)?)
    }

    /// Whether it stands there.
    pub fn is_in(folder: &Recording) -> bool {
        folder.read(&own_name(HEADING)).is_ok()
    }
}

impl File {
    /// One in which nothing is yet.
    pub fn begin(name: &Name, participant_id: &str, shows: Shows) -> File {
        File {
            name: name.as_str().to_owned(),
            participant_id: participant_id.to_owned(),
            shows,
            number: first(),
            offset_ms: 0,
            duration_ms: 0,
            bytes: 0,
            sha256: None,
            is_finished: false,
            video: None,
            audio: None,
            continues: false,
            failure: None,
            upload: None,
            gaps: Vec::new(),
            gaps_left_out: 0,
        }
    }
}

impl Manifest {
    /// Of a recording that begins, with nothing in it.
    pub fn begin(recording: &Name, room: Room, started_at: u64, started_on_clock: i64) -> Manifest {
        Manifest {
            version: VERSION,
            recording_id: recording.as_str().to_owned(),
            room,
            started_at,
            started_on_clock,
            ended_at: None,
            state: State::Recording,
            interrupted: false,
            participants: Vec::new(),
            participants_left_out: 0,
            files: Vec::new(),
            files_left_out: 0,
            upload: None,
            dropped_packets: 0,
            failures: Vec::new(),
        }
    }

    /// What stands in a recording's folder.
    pub fn load(from: &Recording) -> io::Result<Manifest> {
        let bytes = from.read_small(&own_name(FILE))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Keeps one that cannot be read from being overwritten.
    pub fn set_aside(folder: &Recording) -> io::Result<()> {
        folder.rename(&own_name(FILE), &own_name(UNREADABLE))
    }

    /// Puts it into the recording's folder.
    pub fn save(&self, to: &Recording) -> io::Result<()> {
        to.replace(&own_name(FILE), &self.to_bytes()?)
    }

    /// As it stands in its file.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// What of it never changes.
    pub fn heading(&self) -> Heading {
        Heading { room: self.room.clone(), started_at: self.started_at }
    }

    /// How many bytes all files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

fn own_name(name: &str) -> Name {
    Name::new(name).expect("it is a name")
}

fn first() -> u32 {
    1
}

fn is_first(number: &u32) -> bool {
    *number == first()
}
