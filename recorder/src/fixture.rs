//! What tests of several modules begin with: a recording in which nothing has happened yet, and a file of it.

use crate::folder::Name;
use crate::manifest::{File, Manifest, Participant, Room, Shows};

/// A name, which it must be.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("it is a name")
}

/// Of the recording `rec-1`, which begins one millisecond after 1970.
pub(crate) fn manifest() -> Manifest {
    let room = Room { id: "room".to_owned(), name: "Room".to_owned(), e2ee: false };
    Manifest::begin(&name("rec-1"), room, 1, 0)
}

/// A camera's, with nothing in it.
pub(crate) fn file(called: &str) -> File {
    File::begin(&name(called), "41", Shows::Camera)
}

/// Somebody who is there from the beginning to the end.
pub(crate) fn participant(id: &str) -> Participant {
    Participant {
        participant_id: id.to_owned(),
        participant_name: format!("Person {id}"),
        identity: None,
        from_ms: 0,
        to_ms: None,
    }
}
