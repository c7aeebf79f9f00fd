//! The recordings' folder, and nothing outside it: a folder for each recording, files in each.
//!
//! All names are this server's own: letters, digits, `-` and `.`. Each step is opened by its name alone and
//! never through a symbolic link, so that neither a name that somebody asks for nor a link that somebody
//! planted leads anywhere else.

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Longest name: an id, and what it is of.
const MAX_NAME: usize = 96;

/// What is read whole at most. What grows in a manifest is bounded so that no manifest reaches it; one of a
/// day with a hundred people is some hundred kilobytes.
pub(crate) const MAX_SMALL_FILE: u64 = 64 << 20;

/// What the folder of a recording that was deleted is called until it is gone; no [`Name`] begins so.
const REMOVED: &str = ".removed-";

const FOLDER_MODE: Mode = Mode::from_raw_mode(0o750);
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

/// A name that may stand in the folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

impl Name {
    /// The name, if it is one.
    pub fn new(name: &str) -> Option<Name> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        let is_name = !name.is_empty()
            && name.len() <= MAX_NAME
            && !name.starts_with('.')
            && name.bytes().all(is_plain);
        is_name.then(|| Name(name.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of all recordings. It is opened anew each time, so it may be made, mounted or moved while the
/// server runs.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// The folder of one recording.
#[derive(Debug)]
pub struct Recording {
    folder: OwnedFd,
}

impl Folder {
    /// The folder at this path, whether it is there or not.
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder of a recording, or opens it when it is there.
    pub fn make(&self, recording: &Name) -> io::Result<Recording> {
        std::fs::create_dir_all(&self.path)?;
        let root = self.root()?;
        match mkdirat(&root, recording.as_str(), FOLDER_MODE) {
            Ok(()) | Err(Errno::EXIST) => open_folder(&root, recording.as_str()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the folder of a recording.
    pub fn open(&self, recording: &Name) -> io::Result<Recording> {
        open_folder(&self.root()?, recording.as_str())
    }

    /// Opens the folder of a recording and [holds](Recording::hold) it; waits for whoever removes it just now. Not for the
    /// thread that takes packets.
    pub fn open_held(&self, recording: &Name) -> io::Result<Recording> {
        let open = self.open(recording)?;
        // A file system may have no locks.
        let _ = flock(&open.folder, FlockOperation::LockShared);
        let (ours, there) = (fstat(&open.folder)?, fstat(&self.open(recording)?.folder)?);
        // It was removed before it was held.
        if ours.st_ino == there.st_ino { Ok(open) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// The same of one that was left behind; `None`: another process holds it, so it is not left.
    pub fn open_left(&self, recording: &Name) -> io::Result<Option<Recording>> {
        let open = self.open(recording)?;
        if flock(&open.folder, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Ok(None);
        }
        drop(open);
        self.open_held(recording).map(Some)
    }

    /// The names of all recordings; none where there is no folder.
    pub fn list(&self) -> io::Result<Vec<Name>> {
        self.folders(Name::new)
    }

    fn folders(&self, of: impl Fn(&str) -> Option<Name>) -> io::Result<Vec<Name>> {
        let entries = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_str().and_then(&of);
            names.extend(name.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir())));
        }
        names.sort();
        Ok(names)
    }

    /// Removes a recording with all its files, whatever stands in them. It is gone for everybody at once,
    /// also when its files cannot be removed now: [`removed`](Folder::removed) still knows it then, and as
    /// long as the file `keep` is in it. One that is held is not removed: [`io::ErrorKind::WouldBlock`].
    pub fn remove(&self, recording: &Name, keep: Option<&Name>) -> io::Result<()> {
        let root = self.root()?;
        let open = open_folder(&root, recording.as_str())?;
        // On a file system without locks nothing is held.
        if flock(&open.folder, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        renameat(&root, recording.as_str(), &root, format!("{REMOVED}{recording}"))?;
        self.purge(recording, keep)
    }

    /// The recordings that were removed and are not gone yet.
    pub fn removed(&self) -> io::Result<Vec<Name>> {
        self.folders(|name| name.strip_prefix(REMOVED).and_then(Name::new))
    }

    /// Opens the folder of a recording that was removed.
    pub fn open_removed(&self, recording: &Name) -> io::Result<Recording> {
        open_folder(&self.root()?, &format!("{REMOVED}{recording}"))
    }

    /// Removes what is left of a recording that was removed, but for the file `keep`.
    pub fn purge(&self, recording: &Name, keep: Option<&Name>) -> io::Result<()> {
        let root = self.root()?;
        let removed = format!("{REMOVED}{recording}");
        let folder = open_folder(&root, &removed)?;
        let (kept, gone): (Vec<_>, Vec<_>) = folder.list()?.into_iter().partition(|name| Some(name) == keep);
        for name in gone {
            unlinkat(&folder.folder, name.as_str(), AtFlags::empty())?;
        }
        if kept.is_empty() {
            unlinkat(&root, &removed, AtFlags::REMOVEDIR)?;
        }
        Ok(())
    }

    /// The folder itself may be a link: its path is the operator's word.
    fn root(&self) -> io::Result<OwnedFd> {
        Ok(rustix::fs::open(&self.path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())?)
    }
}

fn open_folder(root: &OwnedFd, name: &str) -> io::Result<Recording> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(Recording { folder: openat(root, name, flags, Mode::empty())? })
}

impl Recording {
    /// As long as this lives, and whatever becomes of its process no longer, nobody removes the recording.
    pub fn hold(&self) {
        // A file system may have no locks.
        let _ = flock(&self.folder, FlockOperation::NonBlockingLockShared);
    }

    /// Makes a file that is not there yet.
    pub fn create(&self, name: &Name) -> io::Result<File> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.folder, name.as_str(), flags, FILE_MODE)?.into())
    }

    /// Removes a file.
    pub fn remove(&self, name: &Name) -> io::Result<()> {
        Ok(unlinkat(&self.folder, name.as_str(), AtFlags::empty())?)
    }

    /// Opens a file to change it.
    pub fn change(&self, name: &Name) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.folder, name.as_str(), flags, Mode::empty())?.into())
    }

    /// Opens a file to read it; nothing but a plain file.
    pub fn read(&self, name: &Name) -> io::Result<File> {
        // Without NONBLOCK a planted pipe would be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.folder, name.as_str(), flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no plain file"));
        }
        Ok(file)
    }

    /// What stands in a small file.
    pub fn read_small(&self, name: &Name) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(name)?.take(MAX_SMALL_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_SMALL_FILE {
            let text = format!("{name} has more than {MAX_SMALL_FILE} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(bytes)
    }

    /// Puts a small file in place of the one before: whole, or not at all.
    pub fn replace(&self, name: &Name, bytes: &[u8]) -> io::Result<()> {
        let fresh = format!("{name}.new");
        let _ = unlinkat(&self.folder, fresh.as_str(), AtFlags::empty());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.folder, fresh.as_str(), flags, FILE_MODE)?);
        file.write_all(bytes)?;
        file.sync_data()?;
        renameat(&self.folder, fresh.as_str(), &self.folder, name.as_str())?;
        // Not every file system brings the name to the disk with what it names.
        Ok(rustix::fs::fsync(&self.folder)?)
    }

    /// Opens a file to write behind what is there; makes it when it is not there yet.
    pub fn append(&self, name: &Name) -> io::Result<File> {
        let flags = OFlags::CREATE | OFlags::APPEND | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.folder, name.as_str(), flags, FILE_MODE)?.into())
    }

    /// Gives a file another name, in place of what had it.
    pub fn rename(&self, from: &Name, to: &Name) -> io::Result<()> {
        Ok(renameat(&self.folder, from.as_str(), &self.folder, to.as_str())?)
    }

    /// The names of its files.
    pub fn list(&self) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.folder)? {
            names.extend(entry?.file_name().to_str().ok().and_then(Name::new));
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn name(name: &str) -> Name {
        Name::new(name).unwrap()
    }

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        let long = "a".repeat(MAX_NAME + 1);
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "a\0b",
            "%2e%2e%2f",
            "..%2f",
            ".hidden",
            "a b",
            "ä",
            "a\n",
            "~",
            "-/..",
            &long,
        ] {
            assert_eq!(Name::new(bad), None, "{bad:?}");
        }
        assert!(Name::new("1041-camera-1.webm").is_some());
    }

    #[test]
    fn a_link_that_somebody_planted_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        let recording = folder.make(&name("one")).unwrap();
        symlink(outside.path().join("secret"), root.path().join("one/file.webm")).unwrap();
        symlink(outside.path().join("new"), root.path().join("one/new.webm")).unwrap();
        symlink(outside.path(), root.path().join("two")).unwrap();
        assert!(recording.read(&name("file.webm")).is_err());
        assert!(recording.change(&name("file.webm")).is_err());
        assert!(recording.create(&name("new.webm")).is_err());
        assert!(folder.open(&name("two")).is_err() && folder.make(&name("two")).is_err());
        assert_eq!(folder.list().unwrap(), [name("one")]);
        folder.remove(&name("one"), None).unwrap();
        assert!(folder.remove(&name("two"), None).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1, "nothing was written or removed");
    }

    #[test]
    fn what_was_removed_is_seen_by_nobody_also_while_something_of_it_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        let recording = folder.make(&name("one")).unwrap();
        for file in ["a.webm", "kept"] {
            recording.create(&name(file)).unwrap();
        }
        folder.remove(&name("one"), Some(&name("kept"))).unwrap();
        assert_eq!((folder.list().unwrap(), folder.removed().unwrap()), (vec![], vec![name("one")]));
        assert!(folder.open(&name("one")).is_err());
        assert_eq!(folder.open_removed(&name("one")).unwrap().list().unwrap(), [name("kept")]);
        folder.purge(&name("one"), None).unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_held_is_not_removed_until_it_is_let_go() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        let held = folder.make(&name("one")).unwrap();
        held.hold();
        let also_held = folder.open_held(&name("one")).unwrap();
        assert!(folder.open_left(&name("one")).unwrap().is_none());
        drop(held);
        assert_eq!(folder.remove(&name("one"), None).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(also_held);
        assert!(folder.open_left(&name("one")).unwrap().is_some());
        folder.remove(&name("one"), None).unwrap();
        assert_eq!(folder.open_held(&name("one")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_too_large_to_be_read_whole_is_not_read_in_part() {
        let root = tempfile::tempdir().unwrap();
        let recording = Folder::new(root.path()).make(&name("one")).unwrap();
        recording.create(&name("manifest.json")).unwrap().set_len(MAX_SMALL_FILE + 1).unwrap();
        let error = recording.read_small(&name("manifest.json")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_small_file_is_replaced_as_a_whole() {
        let root = tempfile::tempdir().unwrap();
        let recording = Folder::new(root.path().join("made/when/needed")).make(&name("one")).unwrap();
        recording.replace(&name("manifest.json"), b"first").unwrap();
        recording.replace(&name("manifest.json"), b"second").unwrap();
        assert_eq!(recording.read_small(&name("manifest.json")).unwrap(), b"second");
        assert_eq!(recording.list().unwrap(), [name("manifest.json")]);
    }

    #[test]
    fn where_there_is_no_folder_there_are_no_recordings() {
        assert_eq!(Folder::new("/nowhere/at/all").list().unwrap(), []);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let recording = Folder::new(root.path()).make(&name("one")).unwrap();
        let flags = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, root.path().join("one/pipe"), flags, Mode::RWXU, 0).unwrap();
        assert!(recording.read(&name("pipe")).is_err());
    }
}
