//! Which recordings are whose: read once from each one's heading, which never changes, so that a list costs
//! a look into the folder and the manifests that it shows, whatever else was ever recorded.

use crate::folder::{Folder, Name};
use crate::manifest::{self, Heading, Manifest};
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a recorder holds is not deleted. Of one that died the next takes up recordings within so long; what nobody holds
/// then will not be complete before the next start, and may be deleted.
const COMPLETING: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub struct Shelf {
    rooms: Mutex<HashMap<Name, Arc<str>>>,
}

/// A part of the recordings of a room.
#[derive(PartialEq, Eq, Debug)]
pub struct Part {
    /// The newest first.
    pub names: Vec<Name>,
    /// Whether there are older ones.
    pub has_more: bool,
}

impl Shelf {
    /// The room of a recording.
    pub fn room_of(&self, folder: &Folder, name: &Name) -> io::Result<Arc<str>> {
        if let Some(room) = self.rooms().get(name) {
            return Ok(Arc::clone(room));
        }
        let room: Arc<str> = Heading::load(&folder.open(name)?)?.room.id.into();
        self.rooms().insert(name.clone(), Arc::clone(&room));
        Ok(room)
    }

    /// At most `limit` of a room's, of those that are older than `before`. What has no heading yet, or none
    /// that can be read, is left out.
    pub fn part(&self, folder: &Folder, room: &str, before: Option<&Name>, limit: usize) -> io::Result<Part> {
        let mut names = folder.list()?;
        // What was deleted is not remembered.
        let there: HashSet<&Name> = names.iter().collect();
        self.rooms().retain(|name, _| there.contains(name));
        names.retain(|name| before.is_none_or(|before| name < before));
        let is_theirs = |name: &Name| self.room_of(folder, name).is_ok_and(|own| *own == *room);
        let mut names: Vec<Name> = names.into_iter().rev().filter(is_theirs).take(limit + 1).collect();
        let has_more = names.len() > limit;
        names.truncate(limit);
        Ok(Part { names, has_more })
    }

    /// The recording of that name, if it is that room's.
    pub fn find(&self, folder: &Folder, room: &str, recording: &str) -> Option<Name> {
        let name = Name::new(recording)?;
        folder.open(&name).ok()?;
        let own = self.room_of(folder, &name).ok()?;
        (*own == *room).then_some(name)
    }

    fn rooms(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Arc<str>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a recording, as [`Folder::remove`]. False: it goes on or is being completed, and nothing was done.
pub fn remove(folder: &Folder, name: &Name, keep: Option<&Name>) -> io::Result<bool> {
    if is_fresh(folder, name) {
        return Ok(false);
    }
    match folder.remove(name, keep) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// Whether a recording that is not over was written to a moment ago. One whose manifest cannot be read is left as it is:
/// it may go.
fn is_fresh(folder: &Folder, name: &Name) -> bool {
    let touched = || {
        let recording = folder.open(name)?;
        let is_open = Manifest::load(&recording)?.state == manifest::State::Recording;
        let file = Name::new(manifest::FILE).ok_or(io::ErrorKind::InvalidInput)?;
        let age = recording.read(&file)?.metadata()?.modified()?.elapsed().unwrap_or_default();
        io::Result::Ok(is_open && age < COMPLETING)
    };
    touched().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Room;

    fn name(name: &str) -> Name {
        Name::new(name).unwrap()
    }

    #[test]
    fn the_recordings_of_a_room_are_told_in_parts_the_newest_first() {
        let root = std::env::temp_dir().join(format!("volley-shelf-{}", std::process::id()));
        let folder = Folder::new(&root);
        for (number, room) in [(1, "a"), (2, "b"), (3, "a"), (4, "a")] {
            let heading = Heading {
                room: Room { id: room.to_owned(), name: room.to_owned(), e2ee: false },
                started_at: number,
            };
            heading.save(&folder.make(&name(&number.to_string())).unwrap()).unwrap();
        }
        folder.make(&name("5")).unwrap();
        let shelf = Shelf::default();
        let of = |room, before: Option<&str>, limit| {
            shelf.part(&folder, room, before.map(name).as_ref(), limit).unwrap()
        };
        assert_eq!(of("a", None, 2), Part { names: vec![name("4"), name("3")], has_more: true });
        assert_eq!(of("a", Some("3"), 2), Part { names: vec![name("1")], has_more: false });
        assert_eq!(of("b", None, 9), Part { names: vec![name("2")], has_more: false });
        folder.remove(&name("4"), None).unwrap();
        assert_eq!(of("a", None, 1), Part { names: vec![name("3")], has_more: true });
        assert_eq!(shelf.rooms().len(), 3, "what is gone is forgotten");
        std::fs::remove_dir_all(&root).unwrap();
    }
}
